// Takes frames from a bus and prints the mean gray value of each. usage: ConsumerExample [BUS [FRAMES]]
using System;
using System.Threading;
using Framebus;

internal static class ConsumerExample
{
    private static unsafe double Mean(Frame frame)
    {
        ulong sum = 0;
        for (var y = 0; y < frame.Height; y++)
        {
            var row = frame.GrayPointer + (long)y * frame.Stride;
            for (var x = 0; x < frame.Width; x++)
                sum += row[x];
        }
        return (double)sum / ((double)frame.Width * frame.Height);
    }

    private static int Main(string[] arguments)
    {
        var options = new ConsumerOptions
        {
            Bus = arguments.Length > 0 ? arguments[0] : null,
            Name = "mean",
            Timeout = TimeSpan.FromSeconds(10),
            Needs = "gray",
        };
        var left = arguments.Length > 1 ? long.Parse(arguments[1]) : long.MaxValue;
        var cancellation = new CancellationTokenSource();
        Console.CancelKeyPress += (sender, pressed) =>
        {
            pressed.Cancel = true;
            cancellation.Cancel();
        };
        try
        {
            using (var consumer = new Consumer(options))
            {
                foreach (var frame in consumer.Frames(cancellation.Token))
                {
                    Console.WriteLine("{0} {1}x{2} {3:F1}", frame.Sequence, frame.Width, frame.Height, Mean(frame));
                    if (--left <= 0)
                        break;
                }
            }
            return 0;
        }
        catch (OperationCanceledException)
        {
            return 130;
        }
        catch (FramebusException error)
        {
            Console.Error.WriteLine("ConsumerExample: " + error.Message);
            return 1;
        }
    }
}
