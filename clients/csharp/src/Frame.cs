using System;
using System.Runtime.InteropServices;

namespace Framebus
{
    /// <summary>
    /// A frame under a lease: a view of shared memory, without a copy, that does not change until it is disposed. Dispose it
    /// (using) before the next is taken: its consumer takes no other meanwhile.
    /// The pages are read-only: writing through the pointer is a fault.
    /// </summary>
    public sealed unsafe class Frame : IDisposable
    {
        private readonly Consumer consumer;
        private Plane[] planes;
        private readonly Native.FrameInfo info;
        private int held = 1;

        internal Frame(Consumer consumer, ref Native.FrameInfo info)
        {
            this.consumer = consumer;
            this.info = info;
        }

        /// <summary>Pixels in a row.</summary>
        public int Width
        {
            get { return (int)info.Width; }
        }

        /// <summary>Rows.</summary>
        public int Height
        {
            get { return (int)info.Height; }
        }

        /// <summary>Bytes from row to row of the gray image; 0 on a bus without gray.</summary>
        public int Stride
        {
            get { return (int)info.Stride; }
        }

        /// <summary>Its sequence: from 1, strictly increasing.</summary>
        public ulong Sequence
        {
            get { return info.Sequence; }
        }

        /// <summary>How many frames went by between the one taken before and this one.</summary>
        public ulong Skipped
        {
            get { return info.Skipped; }
        }

        /// <summary>How many numbers between the two no frame has: only where a publisher gives the numbers.</summary>
        public ulong Missing
        {
            get { return info.Missing; }
        }

        /// <summary>Whose number the sequence is: 0 for this bus's own.</summary>
        public ulong Origin
        {
            get { return info.Origin; }
        }

        /// <summary>Its number in the source.</summary>
        public ulong SourceFrame
        {
            get { return info.SourceFrame; }
        }

        /// <summary>When it was captured, ns of CLOCK_MONOTONIC.</summary>
        public ulong CaptureNs
        {
            get { return info.CaptureNs; }
        }

        /// <summary>When it was captured, ns since 1970-01-01 UTC.</summary>
        public ulong WallNs
        {
            get { return info.WallNs; }
        }

        /// <summary>Every plane of the bus that a frame has an image, or metadata, of.</summary>
        public System.Collections.Generic.IReadOnlyList<Plane> Planes
        {
            get
            {
                Check();
                if (planes == null)
                    planes = consumer.PlanesOf(info.PlaneCount, Check);
                return planes;
            }
        }

        /// <summary>
        /// The plane of a name: "nv12" in the frame's own size, "gray/2" in half of its width and height. A NoPlaneException that
        /// says what there is on a bus without it.
        /// </summary>
        public Plane Plane(string name)
        {
            Check();
            return consumer.PlaneOf(name, Check);
        }

        /// <summary>The plane of a format, such as Format.Nv12: in the frame's own size where there is one, else the first.</summary>
        public Plane Plane(uint format)
        {
            Check();
            return consumer.PlaneOf(format, Check);
        }

        /// <summary>A copy of what its producer says of it; empty on a bus without metadata.</summary>
        public byte[] Metadata
        {
            get
            {
                Check();
                var copy = new byte[info.Metadata == IntPtr.Zero ? 0 : info.MetadataLen];
                if (copy.Length > 0)
                    Marshal.Copy(info.Metadata, copy, 0, copy.Length);
                return copy;
            }
        }

        /// <summary>
        /// The gray image, Height rows of Width bytes, Stride apart; null on a bus without gray. Not to be used after Dispose.
        /// </summary>
        public byte* GrayPointer
        {
            get
            {
                Check();
                return (byte*)info.Gray;
            }
        }

        /// <summary>The BGR image, Height rows of 3 * Width bytes; null on a bus without colour.</summary>
        public byte* BgrPointer
        {
            get
            {
                Check();
                return (byte*)info.Bgr;
            }
        }

#if FRAMEBUS_SPAN
        /// <summary>The gray image as packed rows; empty on a bus without gray.</summary>
        public ReadOnlySpan<byte> Gray
        {
            get { return GrayPointer == null ? default(ReadOnlySpan<byte>) : new ReadOnlySpan<byte>(GrayPointer, Stride * Height); }
        }

        /// <summary>The BGR image as packed rows; empty on a bus without colour.</summary>
        public ReadOnlySpan<byte> Bgr
        {
            get { return BgrPointer == null ? default(ReadOnlySpan<byte>) : new ReadOnlySpan<byte>(BgrPointer, 3 * Width * Height); }
        }
#endif

        /// <summary>Copies the gray image; a NoPlaneException on a bus without gray.</summary>
        public byte[] CopyGray()
        {
            if (GrayPointer == null)
                return Plane("gray").Copy();
            var copy = new byte[Stride * Height];
            Marshal.Copy((IntPtr)GrayPointer, copy, 0, copy.Length);
            return copy;
        }

        /// <summary>Gives the frame back. Once is enough, and more does no harm.</summary>
        public void Dispose()
        {
            if (System.Threading.Interlocked.Exchange(ref held, 0) == 1)
                consumer.Release();
        }

        private void Check()
        {
            if (held == 0)
                throw new ObjectDisposedException("Frame");
        }
    }
}
