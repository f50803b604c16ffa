// One end of the conformance test: see crates/capi/tests/clients/conformance.rs. usage: as clients/c/tests/conformance.c
using System;
using System.Diagnostics;
using System.Globalization;
using System.Linq;
using System.Threading;
using Framebus;

internal static class Conformance
{
    private static void Produce(string bus, int width, int height, double fps, int consumers, double seconds)
    {
        var options = new ProducerOptions { Bus = bus, Width = width, Height = height, Consumers = consumers, Color = true };
        using (var producer = new Producer(options))
        using (var pattern = new Pattern(width, height))
        {
            while (producer.Stats.Connected < consumers)
                Thread.Sleep(2);
            var watch = Stopwatch.StartNew();
            for (ulong number = 0; watch.Elapsed.TotalSeconds < seconds; number++)
            {
                var captured = Producer.MonotonicNs;
                using (var slot = producer.Claim())
                {
                    if (slot != null)
                    {
                        pattern.Draw(number, slot);
                        slot.Publish(number, captured);
                    }
                }
                var left = (number + 1) / fps - watch.Elapsed.TotalSeconds;
                if (left > 0)
                    Thread.Sleep(TimeSpan.FromSeconds(left));
            }
            var stats = producer.Stats;
            Console.WriteLine("{{\"published\": {0}, \"sequence\": {1}, \"starved\": {2}}}", stats.Published, stats.Sequence, stats.Starved);
        }
    }

    private static unsafe void Consume(string bus, int index, string mode, double timeout)
    {
        var options = new ConsumerOptions
        {
            Bus = bus, Index = index, Name = "conformance", EveryFrame = mode == "every", Timeout = TimeSpan.FromSeconds(timeout),
        };
        using (var consumer = new Consumer(options))
        {
            ulong torn = 0, backwards = 0, last = 0, number;
            foreach (var frame in consumer.Frames())
            {
                if (!Pattern.Verify(frame, out number) || number != frame.SourceFrame || frame.BgrPointer[3 * 8] != frame.GrayPointer[8])
                    torn++;
                if (frame.Sequence <= last)
                    backwards++;
                last = frame.Sequence;
                if (mode == "hold")
                {
                    Console.WriteLine("holding {0}", last);
                    Console.Out.Flush();
                    Thread.Sleep(Timeout.Infinite);
                }
            }
            var stats = consumer.Stats;
            Console.WriteLine(
                "{{\"attached\": {0}, \"taken\": {1}, \"skipped\": {2}, \"last\": {3}, \"torn\": {4}, \"backwards\": {5}, \"end\": \"{6}\"}}",
                stats.AttachSequence, stats.Taken, stats.Skipped, stats.LastSequence, torn, backwards,
                consumer.End == Result.Ended ? "ended" : "lost");
        }
    }

    // As in clients/c/tests/conformance.c.
    private const string Planes = "gray,bgr,nv12,gray/2,meta";

    private static byte[] BytesOf(int length, int index, ulong number)
    {
        var bytes = new byte[length];
        for (var k = 0; k < length; k++)
            bytes[k] = (byte)(k % 251 + 31 * index + (int)number);
        return bytes;
    }

    private static byte[] MetadataOf(ulong number)
    {
        return System.Text.Encoding.ASCII.GetBytes("frame " + number + new string('x', (int)(number % 7)));
    }

    private static void ProducePlanes(string bus, int consumers, int frames)
    {
        var options = new ProducerOptions { Bus = bus, Width = 64, Height = 48, Consumers = consumers, History = frames, Planes = Planes };
        using (var producer = new Producer(options))
        {
            while (producer.Stats.Connected < consumers)
                Thread.Sleep(2);
            for (ulong number = 0; number < (ulong)frames; number++)
            {
                Thread.Sleep(20);
                using (var slot = producer.Claim())
                {
                    for (var index = 0; index < slot.Planes.Count - 1; index++)
                        slot.Planes[index].Write(BytesOf(slot.Planes[index].Length, index, number));
                    slot.Publish(number, metadata: MetadataOf(number));
                }
            }
        }
        Console.WriteLine("{{\"published\": {0}}}", frames);
    }

    private static unsafe void ConsumePlanes(string bus, int index)
    {
        var options = new ConsumerOptions { Bus = bus, Index = index, EveryFrame = true, Timeout = TimeSpan.FromSeconds(60), Needs = Planes };
        int taken = 0, wrong = 0;
        var names = "";
        using (var consumer = new Consumer(options))
        {
            foreach (var frame in consumer.Frames())
            {
                taken++;
                names = string.Join(" ", frame.Planes.Select(plane => plane.Name));
                wrong += frame.Metadata.SequenceEqual(MetadataOf(frame.SourceFrame)) ? 0 : 1;
                for (var i = 0; i < frame.Planes.Count - 1; i++)
                    wrong += frame.Planes[i].Copy().SequenceEqual(BytesOf(frame.Planes[i].Length, i, frame.SourceFrame)) ? 0 : 1;
                wrong += frame.Plane("gray").Pointer == frame.GrayPointer && frame.Plane(Format.Bgr).Pointer == frame.BgrPointer ? 0 : 1;
                wrong += frame.Plane("nv12").Rows == 72 && frame.Plane("gray/2").Width == 32 ? 0 : 1;
            }
        }
        Console.WriteLine("{{\"taken\": {0}, \"wrong\": {1}, \"planes\": \"{2}\"}}", taken, wrong, names);
    }

    private static int Main(string[] a)
    {
        var plain = CultureInfo.InvariantCulture;
        try
        {
            if (a.Length == 7 && a[0] == "produce")
                Produce(a[1], int.Parse(a[2]), int.Parse(a[3]), double.Parse(a[4], plain), int.Parse(a[5]), double.Parse(a[6], plain));
            else if (a.Length == 5 && a[0] == "consume")
                Consume(a[1], int.Parse(a[2]), a[3], double.Parse(a[4], plain));
            else if (a.Length == 4 && a[0] == "produce-planes")
                ProducePlanes(a[1], int.Parse(a[2]), int.Parse(a[3]));
            else if (a.Length == 3 && a[0] == "consume-planes")
                ConsumePlanes(a[1], int.Parse(a[2]));
            else
                return 2;
            return 0;
        }
        catch (FramebusException error)
        {
            Console.Error.WriteLine(error.Message);
            return 1;
        }
    }
}
