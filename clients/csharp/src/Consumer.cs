using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using System.Threading;

namespace Framebus
{
    /// <summary>How a consumer waits for a frame.</summary>
    public enum Trigger
    {
        /// <summary>The default: on an eventfd.</summary>
        Default = 0,
        /// <summary>On an eventfd that the producer hands over.</summary>
        Eventfd = 1,
        /// <summary>On the bytes of its named pipe.</summary>
        Pipe = 2,
        /// <summary>By polling, for a core to spare.</summary>
        Spin = 3,
    }

    /// <summary>What a consumer wants.</summary>
    public sealed class ConsumerOptions
    {
        /// <summary>The bus; null: $FRAMEBUS_BUS, else cam0.</summary>
        public string Bus { get; set; }

        /// <summary>The consumer index; null: the first that is free.</summary>
        public int? Index { get; set; }

        /// <summary>What observers call it.</summary>
        public string Name { get; set; }

        /// <summary>How it waits.</summary>
        public Trigger Trigger { get; set; }

        /// <summary>Every frame in order, as far as the bus keeps them, instead of the newest.</summary>
        public bool EveryFrame { get; set; }

        /// <summary>How long to wait for the bus; Timeout.InfiniteTimeSpan: for as long as it takes.</summary>
        public TimeSpan Timeout { get; set; }
    }

    /// <summary>What a consumer has done: AttachSequence + Taken + Skipped == LastSequence.</summary>
    public struct ConsumerStats
    {
        /// <summary>The sequence that was the newest when it was opened.</summary>
        public ulong AttachSequence;

        /// <summary>Frames taken.</summary>
        public ulong Taken;

        /// <summary>Frames that went by.</summary>
        public ulong Skipped;

        /// <summary>The newest frame it took.</summary>
        public ulong LastSequence;
    }

    /// <summary>Takes frames from a bus.</summary>
    public sealed class Consumer : IDisposable
    {
        private readonly ConsumerHandle handle;
        private readonly IntPtr pointer;
        private readonly Frame frame;
        private readonly Action interrupt;
        private static readonly int InfoSize = Marshal.SizeOf(typeof(Native.FrameInfo));
        private volatile bool interrupted;
        private int open = 1;

        /// <summary>Opens a consumer of a bus.</summary>
        public Consumer(ConsumerOptions options = null)
        {
            options = options ?? new ConsumerOptions();
            var wanted = new Native.ConsumerOptions
            {
                Size = (uint)Marshal.SizeOf(typeof(Native.ConsumerOptions)),
                IndexPlus1 = (uint)(options.Index + 1 ?? 0),
                Bus = Native.ToNative(options.Bus),
                Name = Native.ToNative(options.Name),
                Language = Native.ToNative("cs"),
                Trigger = (uint)options.Trigger,
                EveryFrame = options.EveryFrame ? 1u : 0u,
                TimeoutNs = Nanoseconds(options.Timeout),
            };
            try
            {
                Native.Check(Native.framebus_consumer_open(ref wanted, out pointer));
            }
            finally
            {
                Marshal.FreeHGlobal(wanted.Bus);
                Marshal.FreeHGlobal(wanted.Name);
                Marshal.FreeHGlobal(wanted.Language);
            }
            handle = new ConsumerHandle(pointer);
            frame = new Frame(this);
            interrupt = () => Native.framebus_consumer_interrupt(handle);
        }

        /// <summary>
        /// Waits for the next frame and takes it. Null when the time is over or the stream ended, which End tells.
        /// The frame before is given back.
        /// </summary>
        public Frame Next(TimeSpan timeout, CancellationToken cancellation = default(CancellationToken))
        {
            if (open == 0)
                throw new ObjectDisposedException("Consumer");
            var watch = System.Diagnostics.Stopwatch.StartNew();
            while (true)
            {
                var taken = Acquire();
                if (taken != null)
                    return taken;
                cancellation.ThrowIfCancellationRequested();
                var left = timeout < TimeSpan.Zero ? -1 : Math.Max(0, Nanoseconds(timeout - watch.Elapsed));
                End = Wait(left, cancellation);
                // An interruption that was meant for an earlier wait is none for this one.
                if (End != Result.Ok && End != Result.Renewed && !(End == Result.Interrupted && !interrupted))
                {
                    interrupted = false;
                    return null;
                }
            }
        }

        /// <summary>Waits for the next frame for as long as it takes, and takes it.</summary>
        public Frame Next(CancellationToken cancellation = default(CancellationToken))
        {
            return Next(Timeout.InfiniteTimeSpan, cancellation);
        }

        /// <summary>The frames until the stream ends. Each is given back before the next is taken.</summary>
        public IEnumerable<Frame> Frames(CancellationToken cancellation = default(CancellationToken))
        {
            Frame taken;
            while ((taken = Next(cancellation)) != null)
            {
                using (taken)
                    yield return taken;
            }
        }

        /// <summary>Gives the frame before back, and takes one without waiting; null when there is none.</summary>
        public Frame Acquire()
        {
            if (open == 0)
                throw new ObjectDisposedException("Consumer");
            frame.Dispose();
            var info = new Native.FrameInfo { Size = (uint)InfoSize };
            if (Native.Check(Native.framebus_consumer_acquire(pointer, ref info)) != Result.Ok)
                return null;
            // The lease outlives Dispose: the handle closes when the frame is given back.
            var added = false;
            handle.DangerousAddRef(ref added);
            frame.Hold(ref info);
            return frame;
        }

        internal void Release()
        {
            Native.framebus_consumer_release(pointer);
            handle.DangerousRelease();
        }

        private Result Wait(long timeoutNs, CancellationToken cancellation)
        {
            if (!cancellation.CanBeCanceled)
                return Native.Check(Native.framebus_consumer_wait(handle, timeoutNs));
            Result result;
            using (cancellation.Register(interrupt))
                result = Native.Check(Native.framebus_consumer_wait(handle, timeoutNs));
            cancellation.ThrowIfCancellationRequested();
            return result;
        }

        /// <summary>Ends the Next that is under way, or the next one, with null; from any thread.</summary>
        public void Interrupt()
        {
            interrupted = true;
            Native.framebus_consumer_interrupt(handle);
        }

        /// <summary>Why the last Next had no frame.</summary>
        public Result End { get; private set; }

        /// <summary>What it has done so far.</summary>
        public ConsumerStats Stats
        {
            get
            {
                var stats = new Native.ConsumerStats { Size = (uint)Marshal.SizeOf(typeof(Native.ConsumerStats)) };
                Native.Check(Native.framebus_consumer_get_stats(handle, ref stats));
                return new ConsumerStats
                {
                    AttachSequence = stats.AttachSequence,
                    Taken = stats.Taken,
                    Skipped = stats.Skipped,
                    LastSequence = stats.LastSequence,
                };
            }
        }

        /// <summary>The index it has.</summary>
        public int Index
        {
            get { return (int)Stream().Index; }
        }

        /// <summary>Pixels in a row.</summary>
        public int Width
        {
            get { return (int)Stream().Width; }
        }

        /// <summary>Rows.</summary>
        public int Height
        {
            get { return (int)Stream().Height; }
        }

        private Native.Stream Stream()
        {
            var stream = new Native.Stream { Size = (uint)Marshal.SizeOf(typeof(Native.Stream)) };
            Native.Check(Native.framebus_consumer_stream(handle, ref stream));
            return stream;
        }

        internal static long Nanoseconds(TimeSpan time)
        {
            return time == Timeout.InfiniteTimeSpan ? -1 : checked(time.Ticks * 100);
        }

        /// <summary>Leaves the bus, once the frame that it has given out is given back.</summary>
        public void Dispose()
        {
            if (Interlocked.Exchange(ref open, 0) == 1)
                handle.Dispose();
        }
    }
}
