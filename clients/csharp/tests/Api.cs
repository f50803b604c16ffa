// What Framebus.dll adds to framebus.h. Exits with the number of what does not hold. usage: FRAMEBUS_BUS=… Api
using System;
using System.Threading;
using Framebus;

internal static class Api
{
    private static int failures;

    private static void Holds(bool claim, string what)
    {
        if (claim)
            return;
        failures++;
        Console.Error.WriteLine(what);
    }

    private static void Says(Result result, string text, Action action)
    {
        try
        {
            action();
            Holds(false, "no error: " + text);
        }
        catch (FramebusException error)
        {
            Holds(error.Result == result && error.Message.Contains(text), error.Message);
        }
    }

    private static void Publish(Producer producer, byte value)
    {
        var gray = new byte[64 * 48];
        for (var i = 0; i < gray.Length; i++)
            gray[i] = value;
        using (var slot = producer.Claim())
        {
            slot.CopyGray(gray);
            slot.Publish(value);
        }
    }

    private static bool Is(Frame frame, byte value)
    {
        foreach (var pixel in frame.CopyGray())
            if (pixel != value)
                return false;
        return true;
    }

    private static void Throws<E>(string what, Action action) where E : Exception
    {
        try
        {
            action();
            Holds(false, "no " + typeof(E).Name + ": " + what);
        }
        catch (E)
        {
        }
    }

    private static void AFrameThatIsKeptStaysItselfAndIsTheOnlyOne(Producer producer)
    {
        using (var consumer = new Consumer(new ConsumerOptions { Index = ConsumerOptions.AnyIndex }))
        {
            Publish(producer, 31);
            var kept = consumer.Next();
            var sequence = kept.Sequence;
            // Without a frame to take, and with one.
            Throws<FrameHeldException>("next, no frame", () => consumer.Next());
            Publish(producer, 32);
            Throws<FrameHeldException>("next", () => consumer.Next());
            Throws<FrameHeldException>("acquire", () => consumer.Acquire());
            Says(Result.Held, "is still held", () => consumer.Acquire());
            Holds(kept.Sequence == sequence && Is(kept, 31), "the frame that is kept");
            kept.Dispose();
            using (var next = consumer.Next())
                Holds(!ReferenceEquals(next, kept) && next.Sequence == sequence + 1 && Is(next, 32), "the next frame");
            Holds(kept.Sequence == sequence, "the frame that was kept");
            Throws<ObjectDisposedException>("pixels of a frame that was given back", () => kept.CopyGray());
        }
    }

    private static void AWaitKeepsNoOtherThreadWaiting(Producer producer)
    {
        using (var consumer = new Consumer())
        {
            var taken = consumer.Stats.Taken;
            var waiter = new Thread(() => Holds(consumer.Next() == null && consumer.End == Result.Interrupted, "the wait"));
            waiter.Start();
            // It would never end if the wait kept them: no frame comes, and the wait is interrupted only after them.
            for (var look = 0; look < 50; look++)
            {
                Thread.Sleep(1);
                Holds(consumer.Stats.Taken == taken && consumer.Width == 64, "asked while another thread waits");
            }
            consumer.Interrupt();
            waiter.Join();
            Publish(producer, 33);
            consumer.Interrupt();
            Holds(consumer.Next() == null && consumer.End == Result.Interrupted, "an interruption before a frame");
            using (var frame = consumer.Next())
                Holds(Is(frame, 33), "the frame after it");
        }
    }

    private static void WhatIsOutOfRangeIsSaid()
    {
        Throws<ArgumentOutOfRangeException>("index -1", () => new ConsumerOptions { Index = -1 });
        Throws<ArgumentOutOfRangeException>("index 250", () => new ConsumerOptions { Index = 250 });
        Says(Result.OutOfRange, "has consumers 0 to 1", () => new Consumer(new ConsumerOptions { Index = 249 }));
        Throws<ArgumentOutOfRangeException>("a time-out of -5 s", () => new Consumer(new ConsumerOptions { Timeout = TimeSpan.FromSeconds(-5) }));
        Throws<ArgumentOutOfRangeException>("-1 consumers", () => new Producer(new ProducerOptions { Width = 64, Height = 48, Consumers = -1 }));
    }

    private static void NumbersFromElsewhereAreKept(Producer producer)
    {
        using (var consumer = new Consumer())
        {
            var before = consumer.Stats.LastSequence;
            using (var slot = producer.Claim())
            {
                Says(Result.InvalidArgument, "is not above", () => slot.Publish(sequence: before));
                Holds(slot.Publish(sequence: before + 10, origin: 77) == before + 10, "the sequence");
            }
            using (var frame = consumer.Next())
                Holds(frame.Sequence == before + 10 && frame.Origin == 77 && frame.Skipped == 0 && frame.Missing == 9, "its number");
            Holds(consumer.Stats.Missing == 9, "what was left out");
        }
    }

    private static void ASlotThatWasReplacedIsNotWritten(Producer producer)
    {
        var first = producer.Claim();
        using (var second = producer.Claim())
        {
            Throws<ObjectDisposedException>("a slot that was given back", () => first.CopyGray(new byte[64 * 48]));
            Throws<ObjectDisposedException>("a slot that was given back", () => first.Publish());
            first.Dispose();
            second.CopyGray(new byte[64 * 48]);
            Holds(second.Publish() > 0, "the slot that is claimed");
        }
    }

    // What only a thread that has ended had is garbage.
    private static void Forget(Action make)
    {
        var thread = new Thread(() => make());
        thread.Start();
        thread.Join();
    }

    private static void Frees(string what, Func<IDisposable> open)
    {
        for (var tries = 0; tries < 300; tries++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            try
            {
                open().Dispose();
                return;
            }
            catch (FramebusException)
            {
                Thread.Sleep(10);
            }
        }
        Holds(false, what + " is not free");
    }

    private static void WhatIsCollectedWithAFrameOrASlotInHandFreesIt(Producer producer)
    {
        Forget(() =>
        {
            var consumer = new Consumer(new ConsumerOptions { Index = 1 });
            Publish(producer, 34);
            Holds(consumer.Next() != null, "a frame in hand");
        });
        Frees("index 1", () => new Consumer(new ConsumerOptions { Index = 1 }));
        var options = new ProducerOptions { Width = 64, Height = 48, Bus = Environment.GetEnvironmentVariable("FRAMEBUS_BUS") + "-2" };
        Forget(() => Holds(new Producer(options).Claim() != null, "a slot in hand"));
        Frees("the second bus", () => new Producer(options));
    }

    private static unsafe void PlanesAndMetadata()
    {
        var options = new ProducerOptions { Width = 64, Height = 48, Planes = "nv12,gray/2,meta/4" };
        Says(Result.InvalidArgument, "is no plane", () => new Producer(new ProducerOptions { Width = 64, Height = 48, Planes = "green" }));
        using (var producer = new Producer(options))
        {
            Throws<NoPlaneException>("needs", () => new Consumer(new ConsumerOptions { Needs = "gray,nv12" }));
            Says(Result.NoImage, "has no plane gray: it has nv12, gray/2, meta/4", () => new Consumer(new ConsumerOptions { Needs = "gray,nv12" }));
            using (var consumer = new Consumer(new ConsumerOptions { Needs = "nv12,gray/2" }))
            {
                var slot = producer.Claim();
                var nv12 = slot.Plane(Format.Nv12);
                var image = new byte[nv12.Length];
                for (var k = 0; k < image.Length; k++)
                    image[k] = 128;
                Holds(slot.GrayPointer == null && slot.Planes.Count == 3 && nv12.Range == ColorRange.Limited, "a slot without gray");
                Throws<NoPlaneException>("gray", () => slot.CopyGray(new byte[64 * 48]));
                Throws<InvalidOperationException>("metadata", () => slot.Plane("meta").Write(new byte[4]));
                Throws<ArgumentException>("too short", () => nv12.Write(new byte[1]));
                nv12.Write(image);
                slot.FillRest(nv12);
                Says(Result.InvalidArgument, "do not fit", () => slot.Publish(metadata: new byte[5]));
                slot.Publish(7, metadata: new byte[] { 1, 0, 2 });
                Throws<ObjectDisposedException>("a plane of a slot that is published", () => nv12.Write(image));
                var frame = consumer.Next();
                Holds(frame.GrayPointer == null && frame.Planes.Count == 3 && frame.Metadata.Length == 3 && frame.Metadata[2] == 2, "planes");
                var half = frame.Plane("gray/2");
                Holds(half.Width == 32 && half.Rows == 24 && half.Copy()[5] == 130 && half.Name == "gray/2", "gray/2");
                Says(Result.NoImage, "has no plane bgr", () => frame.Plane("bgr"));
                Throws<NoPlaneException>("gray", () => frame.CopyGray());
                Throws<InvalidOperationException>("written", () => half.Write(new byte[half.Length]));
                frame.Dispose();
                Throws<ObjectDisposedException>("a plane of a frame that was given back", () => half.Copy());
                Throws<ObjectDisposedException>("planes", () => frame.Plane("nv12"));
            }
        }
    }

    private static int Main()
    {
        Says(Result.NoBus, "there is no bus", () => new Consumer());
        var producer = new Producer(new ProducerOptions { Width = 64, Height = 48, Consumers = 2 });
        Says(Result.HasProducer, "already has a producer", () => new Producer(new ProducerOptions { Width = 64, Height = 48 }));
        WhatIsOutOfRangeIsSaid();
        AFrameThatIsKeptStaysItselfAndIsTheOnlyOne(producer);
        AWaitKeepsNoOtherThreadWaiting(producer);
        ASlotThatWasReplacedIsNotWritten(producer);
        NumbersFromElsewhereAreKept(producer);
        WhatIsCollectedWithAFrameOrASlotInHandFreesIt(producer);
        FramesAndWaits(producer);
        PlanesAndMetadata();
        return failures;
    }

    private static void FramesAndWaits(Producer producer)
    {
        var consumer = new Consumer(new ConsumerOptions { Index = 1 });
        Says(Result.InUse, "is in use by pid", () => new Consumer(new ConsumerOptions { Index = 1 }));
        Holds(consumer.Width == 64 && consumer.Height == 48 && consumer.Index == 1, "stream");
        Holds(consumer.Next(TimeSpan.FromMilliseconds(1)) == null && consumer.End == Result.TimedOut, "timed out");
        Publish(producer, 1);
        var frame = consumer.Next();
        Holds(Is(frame, 1) && frame.SourceFrame == 1, "frame 1");
        for (byte value = 2; value < 20; value++)
            Publish(producer, value);
        Holds(Is(frame, 1), "frame 1, held");
        frame.Dispose();
        frame = consumer.Next();
        Holds(Is(frame, 19) && frame.Skipped == 17, "frame 19");
        // A frame outlives its consumer.
        consumer.Dispose();
        Publish(producer, 20);
        Publish(producer, 21);
        Holds(Is(frame, 19), "frame 19, held");
        frame.Dispose();
        frame.Dispose();
        Throws<ObjectDisposedException>("a frame that was given back", () => frame.CopyGray());

        consumer = new Consumer(new ConsumerOptions { Timeout = TimeSpan.FromSeconds(5) });
        using (var source = new CancellationTokenSource(50))
        {
            Throws<OperationCanceledException>("cancelled", () => consumer.Next(source.Token));
        }
        new Thread(consumer.Interrupt).Start();
        Holds(consumer.Next() == null && consumer.End == Result.Interrupted, "interrupted");
        Publish(producer, 22);
        using (var next = consumer.Next())
            Holds(Is(next, 22), "goes on after both");
        producer.Claim().Dispose();
        Holds(producer.Stats.Dropped == 1, "dropped");
        producer.Dispose();
        Holds(consumer.Next() == null && consumer.End == Result.Ended, "ended");
        consumer.Dispose();
        CutShort();
    }

    // The runtime has a handler for SIGBUS of its own, and is not asked.
    private static void CutShort()
    {
        using (var producer = new Producer(new ProducerOptions { Width = 64, Height = 48, Consumers = 2 }))
        using (var consumer = new Consumer())
        {
            Publish(producer, 1);
            var frame = consumer.Next();
            var path = "/dev/shm/framebus." + Environment.GetEnvironmentVariable("FRAMEBUS_BUS");
            using (var file = System.IO.File.OpenWrite(path))
                file.SetLength(0);
            Holds(Is(frame, 0), "zeros");
            frame.Dispose();
            Says(Result.CutShort, "was cut short by somebody", () => consumer.Next());
            Says(Result.CutShort, "was cut short by somebody", () => producer.Claim());
        }
    }
}
