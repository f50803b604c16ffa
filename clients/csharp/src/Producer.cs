using System;
using System.Runtime.InteropServices;
using System.Threading;

namespace Framebus
{
    /// <summary>What a bus is to be.</summary>
    public sealed class ProducerOptions
    {
        /// <summary>The bus; null: $FRAMEBUS_BUS, else cam0.</summary>
        public string Bus { get; set; }

        /// <summary>Pixels in a row.</summary>
        public int Width { get; set; }

        /// <summary>Rows.</summary>
        public int Height { get; set; }

        /// <summary>How many consumers can be attached at a time; 0: 4.</summary>
        public int Consumers { get; set; }

        /// <summary>Slots beyond consumers + 2: how far a reader of every frame may fall behind.</summary>
        public int History { get; set; }

        /// <summary>
        /// The images of each frame, such as "gray,bgr", "nv12", "gray,gray/4" (a quarter of the width and of the height) or
        /// "gray,meta" (with metadata). Null: gray, and BGR with Color.
        /// </summary>
        public string Planes { get; set; }

        /// <summary>A BGR plane in every slot.</summary>
        public bool Color { get; set; }

        /// <summary>Frames a second that the source announces; 0: not known.</summary>
        public double NominalFps { get; set; }

        /// <summary>Mode bits: who else may use the bus; 0: only this user.</summary>
        public int Mode { get; set; }

        /// <summary>What is captured, as a person calls it.</summary>
        public string Source { get; set; }
    }

    /// <summary>What a producer has done.</summary>
    public struct ProducerStats
    {
        /// <summary>How many consumers are connected.</summary>
        public int Connected;

        /// <summary>Sequence of the newest frame.</summary>
        public ulong Sequence;

        /// <summary>Frames published.</summary>
        public ulong Published;

        /// <summary>Frames that came and were not published.</summary>
        public ulong Dropped;

        /// <summary>How many of those because every slot was leased.</summary>
        public ulong Starved;
    }

    /// <summary>A bus with its producer, which is this process. Disposed, it ends the stream.</summary>
    public sealed class Producer : IDisposable
    {
        private readonly ProducerHandle handle;
        private Slot claimed;
        private int open = 1;

        // This producer until it is disposed, and the slot that is claimed: see Consumer.
        private int owners = 1;

        /// <summary>Makes a bus.</summary>
        public Producer(ProducerOptions options)
        {
            if (options == null)
                throw new ArgumentNullException("options");
            var wanted = new Native.ProducerOptions
            {
                Size = (uint)Marshal.SizeOf(typeof(Native.ProducerOptions)),
                Width = Positive("Width", options.Width),
                Height = Positive("Height", options.Height),
                Consumers = Positive("Consumers", options.Consumers),
                History = Positive("History", options.History),
                Color = options.Color ? 1u : 0u,
                Mode = Positive("Mode", options.Mode),
                NominalFps = options.NominalFps,
                Bus = Native.ToNative(options.Bus),
                Source = Native.ToNative(options.Source),
                Planes = Native.ToNative(options.Planes),
            };
            IntPtr made;
            try
            {
                Native.Check(Native.framebus_producer_create(ref wanted, out made));
            }
            finally
            {
                Marshal.FreeHGlobal(wanted.Bus);
                Marshal.FreeHGlobal(wanted.Source);
                Marshal.FreeHGlobal(wanted.Planes);
            }
            handle = new ProducerHandle(made);
        }

        internal static uint Positive(string name, int value)
        {
            if (value < 0)
                throw new ArgumentOutOfRangeException(name, value, "it cannot be below 0");
            return (uint)value;
        }

        /// <summary>
        /// Claims a slot for the next frame; never waits. Null when every slot is leased: the frame is lost, and counted. A
        /// slot that was claimed before and not published is given back, and must not be written any more.
        /// </summary>
        public Slot Claim()
        {
            if (open == 0)
                throw new ObjectDisposedException("Producer");
            if (claimed != null)
                claimed.End();
            var target = new Native.Target { Size = (uint)Marshal.SizeOf(typeof(Native.Target)) };
            var result = Native.Check(Native.framebus_producer_claim(handle, ref target));
            if (result == Result.Starved)
                return null;
            Interlocked.Increment(ref owners);
            return claimed = new Slot(this, target);
        }

        internal Plane PlaneOf(uint format, Action check)
        {
            var plane = Plane.Empty();
            Native.Check(Native.framebus_producer_find_plane(handle, format, ref plane));
            return new Plane(ref plane, check, true);
        }

        internal Plane PlaneOf(string name, Action check)
        {
            var plane = Plane.Empty();
            var native = Native.ToNative(name);
            try
            {
                Native.Check(Native.framebus_producer_named_plane(handle, native, ref plane));
            }
            finally
            {
                Marshal.FreeHGlobal(native);
            }
            return new Plane(ref plane, check, true);
        }

        internal Plane[] PlanesOf(uint count, Action check)
        {
            var planes = new Plane[count];
            for (uint index = 0; index < count; index++)
            {
                var native = Plane.Empty();
                Native.Check(Native.framebus_producer_plane(handle, index, ref native));
                planes[index] = new Plane(ref native, check, true);
            }
            return planes;
        }

        internal void FillRest(uint[] written)
        {
            Native.Check(Native.framebus_producer_fill_rest(handle, written, (UIntPtr)written.Length));
        }

        internal ulong Publish(ref Native.Meta meta)
        {
            ulong sequence;
            Native.Check(Native.framebus_producer_publish(handle, ref meta, out sequence));
            return sequence;
        }

        internal void Abandon()
        {
            Native.framebus_producer_abandon(handle);
        }

        internal void Leave()
        {
            if (Interlocked.Decrement(ref owners) == 0)
                handle.Dispose();
        }

        /// <summary>What it has done so far.</summary>
        public ProducerStats Stats
        {
            get
            {
                var stats = new Native.ProducerStats { Size = (uint)Marshal.SizeOf(typeof(Native.ProducerStats)) };
                Native.Check(Native.framebus_producer_get_stats(handle, ref stats));
                return new ProducerStats
                {
                    Connected = (int)stats.Connected,
                    Sequence = stats.Sequence,
                    Published = stats.Published,
                    Dropped = stats.Dropped,
                    Starved = stats.Starved,
                };
            }
        }

        /// <summary>The clock of CaptureNs.</summary>
        public static ulong MonotonicNs
        {
            get { return Native.framebus_monotonic_ns(); }
        }

        /// <summary>Ends the stream and removes the bus, once the slot that it has given out is given back.</summary>
        public void Dispose()
        {
            if (Interlocked.Exchange(ref open, 0) == 1)
                Leave();
        }
    }

    /// <summary>A slot to write. Disposed without Publish, it is given back.</summary>
    public sealed unsafe class Slot : IDisposable
    {
        private readonly Producer producer;
        private readonly Native.Target target;
        private int claimed = 1;

        internal Slot(Producer producer, Native.Target target)
        {
            this.producer = producer;
            this.target = target;
        }

        /// <summary>Pixels in a row.</summary>
        public int Width
        {
            get { return (int)target.Width; }
        }

        /// <summary>Rows.</summary>
        public int Height
        {
            get { return (int)target.Height; }
        }

        /// <summary>Every plane of the bus: who publishes has written each, or calls FillRest.</summary>
        public System.Collections.Generic.IReadOnlyList<Plane> Planes
        {
            get
            {
                Check();
                return producer.PlanesOf(target.PlaneCount, Check);
            }
        }

        /// <summary>
        /// The plane of a name, to write: "nv12" in the frame's own size, "gray/2" in half of its width and height. A
        /// NoPlaneException on a bus without it.
        /// </summary>
        public Plane Plane(string name)
        {
            Check();
            return producer.PlaneOf(name, Check);
        }

        /// <summary>The plane of a format, such as Format.Nv12, to write.</summary>
        public Plane Plane(uint format)
        {
            Check();
            return producer.PlaneOf(format, Check);
        }

        /// <summary>
        /// Makes all other images from those that are written: gray from gray, else from BGR, or from another image in the frame's
        /// own size. A NoPlaneException where that cannot be.
        /// </summary>
        public void FillRest(params Plane[] written)
        {
            Check();
            producer.FillRest(Array.ConvertAll(written, plane => plane.Index));
        }

        /// <summary>
        /// The gray image to write: packed rows; null on a bus without gray. Not to be used after Publish or Dispose.
        /// </summary>
        public byte* GrayPointer
        {
            get
            {
                Check();
                return (byte*)target.Gray;
            }
        }

        /// <summary>The BGR image to write: packed rows; null on a bus without colour.</summary>
        public byte* BgrPointer
        {
            get
            {
                Check();
                return (byte*)target.Bgr;
            }
        }

#if FRAMEBUS_SPAN
        /// <summary>The gray image to write.</summary>
        public Span<byte> Gray
        {
            get { return GrayPointer == null ? default(Span<byte>) : new Span<byte>(GrayPointer, Width * Height); }
        }
#endif

        /// <summary>Copies a gray image of packed rows into the slot.</summary>
        public void CopyGray(byte[] gray)
        {
            if (gray == null || gray.Length != Width * Height)
                throw new ArgumentException("it must have Width * Height bytes", "gray");
            if (GrayPointer == null)
                Plane("gray").Write(gray);
            else
                Marshal.Copy(gray, 0, (IntPtr)GrayPointer, gray.Length);
        }

        /// <summary>
        /// Publishes the frame; captured now, unless captureNs says when. Returns its sequence. A frame that has a number
        /// elsewhere keeps it with sequence (above the last one) and origin (whose number that is). Metadata, on a bus with the
        /// plane "meta", are bytes that mean something to whoever reads them.
        /// </summary>
        public ulong Publish(ulong sourceFrame = 0, ulong captureNs = 0, ulong sequence = 0, ulong origin = 0, byte[] metadata = null)
        {
            Check();
            var meta = new Native.Meta
            {
                Size = (uint)Marshal.SizeOf(typeof(Native.Meta)),
                CaptureNs = captureNs,
                SourceFrame = sourceFrame,
                Sequence = sequence,
                Origin = origin,
            };
            ulong published;
            fixed (byte* bytes = metadata)
            {
                meta.Metadata = (IntPtr)bytes;
                meta.MetadataLen = metadata == null ? 0 : (ulong)metadata.Length;
                published = producer.Publish(ref meta);
            }
            End();
            return published;
        }

        /// <summary>Gives the slot back, unless it is published.</summary>
        public void Dispose()
        {
            if (claimed == 0)
                return;
            producer.Abandon();
            End();
        }

        // Published, given back, or replaced by the next claim.
        internal void End()
        {
            if (Interlocked.Exchange(ref claimed, 0) == 1)
                producer.Leave();
        }

        private void Check()
        {
            if (claimed == 0)
                throw new ObjectDisposedException("Slot");
        }
    }
}
