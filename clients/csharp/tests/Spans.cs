// Takes ten frames and prints the mean gray value of each, through the span that only netstandard2.0 has.
// usage: Spans BUS
using System;
using System.Linq;
using System.Threading;
using Framebus;

internal static class Spans
{
    private static void Main(string[] arguments)
    {
        var options = new ConsumerOptions { Bus = arguments[0], Timeout = Timeout.InfiniteTimeSpan };
        using (var consumer = new Consumer(options))
        {
            foreach (var frame in consumer.Frames().Take(10))
            {
                ulong sum = 0;
                foreach (var pixel in frame.Gray)
                    sum += pixel;
                Console.WriteLine("{0} {1:F1}", frame.Sequence, (double)sum / frame.Gray.Length);
            }
        }
    }
}
