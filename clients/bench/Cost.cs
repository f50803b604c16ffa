// What taking and releasing a frame costs in C#: for bin/bench-clients. Prints nanoseconds a frame.
using System;
using System.Diagnostics;
using Framebus;

internal static class Cost
{
    // Frames that are published before they are taken, so that the clock is read only around many.
    private const int Batch = 60;

    private static void Main()
    {
        var bus = "cost-cs-" + Process.GetCurrentProcess().Id;
        var costs = new double[2000];
        using (var producer = new Producer(new ProducerOptions { Bus = bus, Width = 64, Height = 48, Consumers = 1, History = Batch }))
        using (var consumer = new Consumer(new ConsumerOptions { Bus = bus, EveryFrame = true }))
        {
            for (var i = 0; i < costs.Length; i++)
            {
                for (var n = 0; n < Batch; n++)
                    using (var slot = producer.Claim())
                        slot.Publish();
                var begun = Stopwatch.GetTimestamp();
                for (var n = 0; n < Batch; n++)
                    consumer.Acquire().Dispose();
                costs[i] = (Stopwatch.GetTimestamp() - begun) * 1e9 / Stopwatch.Frequency / Batch;
            }
        }
        Array.Sort(costs);
        Console.WriteLine("{0:F0}", costs[costs.Length / 2]);
    }
}
