// Publishes a moving gradient, 30 frames a second. usage: ProducerExample [BUS [FRAMES]]
using System;
using System.Threading;
using Framebus;

internal static class ProducerExample
{
    private static unsafe void Draw(Slot slot, ulong number)
    {
        var pixel = slot.GrayPointer;
        for (var y = 0; y < slot.Height; y++)
            for (var x = 0; x < slot.Width; x++)
                *pixel++ = unchecked((byte)(x + y + (int)number));
    }

    private static int Main(string[] arguments)
    {
        var options = new ProducerOptions
        {
            Bus = arguments.Length > 0 ? arguments[0] : null,
            Width = 640,
            Height = 480,
            NominalFps = 30,
            Source = "gradient",
        };
        var frames = arguments.Length > 1 ? ulong.Parse(arguments[1]) : ulong.MaxValue;
        try
        {
            using (var producer = new Producer(options))
            {
                for (ulong number = 0; number < frames; number++)
                {
                    var captured = Producer.MonotonicNs;
                    // Null: every slot is leased, and this frame is lost.
                    using (var slot = producer.Claim())
                    {
                        if (slot != null)
                        {
                            Draw(slot, number);
                            slot.Publish(number, captured);
                        }
                    }
                    Thread.Sleep(1000 / 30);
                }
            }
            return 0;
        }
        catch (FramebusException error)
        {
            Console.Error.WriteLine("ProducerExample: " + error.Message);
            return 1;
        }
    }
}
