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

    private static int Main()
    {
        Says(Result.NoBus, "there is no bus", () => new Consumer());
        var producer = new Producer(new ProducerOptions { Width = 64, Height = 48, Consumers = 2 });
        Says(Result.HasProducer, "already has a producer", () => new Producer(new ProducerOptions { Width = 64, Height = 48 }));
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
        frame = consumer.Next();
        Holds(Is(frame, 19) && frame.Skipped == 17, "frame 19");
        // A frame outlives its consumer.
        consumer.Dispose();
        Publish(producer, 20);
        Publish(producer, 21);
        Holds(Is(frame, 19), "frame 19, held");
        frame.Dispose();
        frame.Dispose();
        try
        {
            frame.CopyGray();
            Holds(false, "a frame that was given back was read");
        }
        catch (ObjectDisposedException)
        {
        }

        consumer = new Consumer(new ConsumerOptions { Timeout = TimeSpan.FromSeconds(5) });
        using (var source = new CancellationTokenSource(50))
        {
            try
            {
                consumer.Next(source.Token);
                Holds(false, "not cancelled");
            }
            catch (OperationCanceledException)
            {
            }
        }
        new Thread(consumer.Interrupt).Start();
        Holds(consumer.Next() == null && consumer.End == Result.Interrupted, "interrupted");
        Publish(producer, 22);
        Holds(Is(consumer.Next(), 22), "goes on after both");
        producer.Claim().Dispose();
        Holds(producer.Stats.Dropped == 1, "dropped");
        producer.Dispose();
        Holds(consumer.Next() == null && consumer.End == Result.Ended, "ended");
        consumer.Dispose();
        return failures;
    }
}
