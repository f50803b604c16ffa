using System;
using System.Runtime.InteropServices;
using System.Text;

namespace Framebus
{
    /// <summary>Which numbers of a plane mean black and white.</summary>
    public enum ColorRange
    {
        /// <summary>Not known, or no image.</summary>
        Unknown = 0,
        /// <summary>0 is black, 255 white.</summary>
        Full = 1,
        /// <summary>Luma from 16 to 235, chroma from 16 to 240.</summary>
        Limited = 2,
    }

    /// <summary>How YCbCr becomes RGB.</summary>
    public enum Matrix
    {
        /// <summary>Not known, or not YCbCr.</summary>
        Unknown = 0,
        /// <summary>ITU-R BT.601.</summary>
        Bt601 = 1,
        /// <summary>ITU-R BT.709.</summary>
        Bt709 = 2,
    }

    /// <summary>
    /// An image of a frame or of a slot, or its metadata: a view of shared memory, without a copy. It is of no use any more
    /// when its frame is disposed, or its slot is published or given back.
    /// </summary>
    public sealed unsafe class Plane
    {
        private readonly Native.Plane native;
        private readonly Action check;
        private readonly bool writable;

        internal Plane(ref Native.Plane native, Action check, bool writable)
        {
            this.native = native;
            this.check = check;
            this.writable = writable;
            var bytes = new byte[16];
            fixed (byte* name = native.Name)
                Marshal.Copy((IntPtr)name, bytes, 0, bytes.Length);
            Name = Encoding.ASCII.GetString(bytes, 0, Array.IndexOf(bytes, (byte)0));
        }

        internal static Native.Plane Empty()
        {
            return new Native.Plane { Size = (uint)Marshal.SizeOf(typeof(Native.Plane)) };
        }

        internal bool OneForAll
        {
            get { return native.OneForAll != 0; }
        }

        internal uint Index
        {
            get { return native.Index; }
        }

        /// <summary>What it is called: "nv12", or "gray/2" for one of half the width and height.</summary>
        public string Name { get; private set; }

        /// <summary>What its bytes mean: a constant of Format.</summary>
        public uint Format
        {
            get { return native.Format; }
        }

        /// <summary>Pixels in a row; of metadata the most bytes that a frame can have.</summary>
        public int Width
        {
            get { return (int)native.Width; }
        }

        /// <summary>Rows of pixels.</summary>
        public int Height
        {
            get { return (int)native.Height; }
        }

        /// <summary>Bytes from row to row.</summary>
        public int Stride
        {
            get { return (int)native.Stride; }
        }

        /// <summary>Rows of Stride bytes: Height, or half as many again with the chroma of NV12 and I420.</summary>
        public int Rows
        {
            get { return (int)native.Rows; }
        }

        /// <summary>Numbers for each pixel in a row.</summary>
        public int Channels
        {
            get { return (int)native.Channels; }
        }

        /// <summary>Bytes of each number: 2 for 16-bit gray, else 1.</summary>
        public int SampleBytes
        {
            get { return (int)native.SampleBytes; }
        }

        /// <summary>Which numbers are black and white.</summary>
        public ColorRange Range
        {
            get { return (ColorRange)native.Range; }
        }

        /// <summary>How YCbCr becomes RGB.</summary>
        public Matrix Matrix
        {
            get { return (Matrix)native.Matrix; }
        }

        /// <summary>Bytes of it.</summary>
        public int Length
        {
            get { return checked((int)native.Len); }
        }

        /// <summary>
        /// The image: Rows rows, Stride apart. Of a frame it is read only: the pages are, and writing to them is a fault.
        /// </summary>
        public byte* Pointer
        {
            get
            {
                check();
                return (byte*)native.Data;
            }
        }

#if FRAMEBUS_SPAN
        /// <summary>Its bytes.</summary>
        public ReadOnlySpan<byte> Bytes
        {
            get { return new ReadOnlySpan<byte>(Pointer, native.Data == IntPtr.Zero ? 0 : Length); }
        }
#endif

        /// <summary>Copies its bytes.</summary>
        public byte[] Copy()
        {
            var pointer = (IntPtr)Pointer;
            var copy = new byte[pointer == IntPtr.Zero ? 0 : Length];
            if (copy.Length > 0)
                Marshal.Copy(pointer, copy, 0, copy.Length);
            return copy;
        }

        /// <summary>Writes the image of a slot: Length bytes.</summary>
        public void Write(byte[] bytes)
        {
            if (!writable)
                throw new InvalidOperationException("a plane of a frame is read only");
            var pointer = (IntPtr)Pointer;
            if (pointer == IntPtr.Zero)
                throw new InvalidOperationException("metadata are given to Publish");
            if (bytes == null || bytes.Length != Length)
                throw new ArgumentException("it must have " + Length + " bytes", "bytes");
            Marshal.Copy(bytes, 0, pointer, bytes.Length);
        }
    }
}
