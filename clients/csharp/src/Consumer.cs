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

        /// <summary>For Index: the first that is free, which is also the default.</summary>
        public static readonly int? AnyIndex = null;

        private const int MaxConsumers = 250;
        private int? index = AnyIndex;

        /// <summary>The consumer index, 0 to 249; AnyIndex: the first that is free.</summary>
        public int? Index
        {
            get { return index; }
            set
            {
                if (value < 0 || value >= MaxConsumers)
                    throw new ArgumentOutOfRangeException("value", value, "an index is 0 to 249; ConsumerOptions.AnyIndex asks for the first that is free");
                index = value;
            }
        }

        /// <summary>What observers call it.</summary>
        public string Name { get; set; }

        /// <summary>How it waits.</summary>
        public Trigger Trigger { get; set; }

        /// <summary>Every frame in order, as far as the bus keeps them, instead of the newest.</summary>
        public bool EveryFrame { get; set; }

        /// <summary>
        /// The planes without which it is of no use, such as "gray,nv12": a bus that has them not is a NoPlaneException, when the
        /// consumer is opened and when the bus goes on without them.
        /// </summary>
        public string Needs { get; set; }

        /// <summary>How long to wait for the bus; Timeout.InfiniteTimeSpan: for as long as it takes.</summary>
        public TimeSpan Timeout { get; set; }
    }

    /// <summary>What a consumer has done: AttachSequence + Taken + Skipped + Missing == LastSequence.</summary>
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

        /// <summary>Numbers that no frame has; always 0 unless a publisher gives the numbers.</summary>
        public ulong Missing;
    }

    /// <summary>Takes frames from a bus.</summary>
    public sealed class Consumer : IDisposable
    {
        private readonly ConsumerHandle handle;
        private readonly IntPtr pointer;
        private readonly Action interrupt;
        private static readonly int InfoSize = Marshal.SizeOf(typeof(Native.FrameInfo));
        private volatile bool interrupted;
        private int open = 1;

        // Who needs the handle: this consumer until it is disposed, and the frame that it has given out. Counted here and not
        // in the handle, so that both can be collected with a frame in hand: the handle's finalizer then closes it.
        private int owners = 1;

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
                Needs = Native.ToNative(options.Needs),
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
                Marshal.FreeHGlobal(wanted.Needs);
            }
            handle = new ConsumerHandle(pointer);
            interrupt = () => Native.framebus_consumer_interrupt(handle);
        }

        /// <summary>
        /// Waits for the next frame and takes it. Null when the time is over or the stream ended, which End tells.
        /// The frame before must be disposed: it is a FrameHeldException otherwise.
        /// </summary>
        public Frame Next(TimeSpan timeout, CancellationToken cancellation = default(CancellationToken))
        {
            if (open == 0)
                throw new ObjectDisposedException("Consumer");
            var nanoseconds = Nanoseconds(timeout);
            // A frame that is held is an error at once, and not after a wait for one that cannot be taken.
            if (owners > 1)
            {
                var freed = Acquire();
                if (freed != null)
                    return freed;
            }
            var watch = System.Diagnostics.Stopwatch.StartNew();
            while (true)
            {
                cancellation.ThrowIfCancellationRequested();
                var left = nanoseconds < 0 ? -1 : Math.Max(0, nanoseconds - watch.Elapsed.Ticks * 100);
                End = Wait(left, cancellation);
                if (End == Result.Ok)
                {
                    var taken = Acquire();
                    if (taken != null)
                        return taken;
                }
                // An interruption that was meant for an earlier wait is none for this one.
                else if (End != Result.Renewed && !(End == Result.Interrupted && !interrupted))
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

        /// <summary>
        /// Takes a frame without waiting; null when there is none. The frame before must be disposed: it is a
        /// FrameHeldException otherwise.
        /// </summary>
        public Frame Acquire()
        {
            if (open == 0)
                throw new ObjectDisposedException("Consumer");
            var info = new Native.FrameInfo { Size = (uint)InfoSize };
            var result = Native.Check(Native.framebus_consumer_acquire(pointer, ref info));
            GC.KeepAlive(handle);
            if (result != Result.Ok)
                return null;
            // The lease outlives Dispose: the handle closes when the frame is given back.
            Interlocked.Increment(ref owners);
            return new Frame(this, ref info);
        }

        // The frame that asks is the one that is held, and keeps the handle.
        internal Plane PlaneOf(uint format, Action check)
        {
            var plane = Plane.Empty();
            Native.Check(Native.framebus_consumer_find_plane(pointer, format, ref plane));
            GC.KeepAlive(handle);
            return new Plane(ref plane, check, false);
        }

        internal Plane PlaneOf(string name, Action check)
        {
            var plane = Plane.Empty();
            var native = Native.ToNative(name);
            try
            {
                Native.Check(Native.framebus_consumer_named_plane(pointer, native, ref plane));
            }
            finally
            {
                Marshal.FreeHGlobal(native);
            }
            GC.KeepAlive(handle);
            return new Plane(ref plane, check, false);
        }

        internal Plane[] PlanesOf(uint count, Action check)
        {
            var planes = new List<Plane>();
            for (uint index = 0; index < count; index++)
            {
                var native = Plane.Empty();
                Native.Check(Native.framebus_consumer_plane(pointer, index, ref native));
                var plane = new Plane(ref native, check, false);
                if (!plane.OneForAll)
                    planes.Add(plane);
            }
            GC.KeepAlive(handle);
            return planes.ToArray();
        }

        internal void Release()
        {
            Native.framebus_consumer_release(pointer);
            GC.KeepAlive(handle);
            Leave();
        }

        private void Leave()
        {
            if (Interlocked.Decrement(ref owners) == 0)
                handle.Dispose();
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
                    Missing = stats.Missing,
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
            if (time == Timeout.InfiniteTimeSpan)
                return -1;
            if (time < TimeSpan.Zero)
                throw new ArgumentOutOfRangeException("timeout", time, "a time-out is 0 or more; Timeout.InfiniteTimeSpan is for as long as it takes");
            return time.Ticks > long.MaxValue / 100 ? long.MaxValue : time.Ticks * 100;
        }

        /// <summary>Leaves the bus, once the frame that it has given out is given back.</summary>
        public void Dispose()
        {
            if (Interlocked.Exchange(ref open, 0) == 1)
                Leave();
        }
    }
}
