using System;

namespace Framebus
{
    /// <summary>The moving test picture of `framebus produce pattern`, which proves itself whole.</summary>
    public sealed unsafe class Pattern : IDisposable
    {
        private IntPtr handle;

        /// <summary>Prepares a test picture.</summary>
        public Pattern(int width, int height)
        {
            Native.Check(Native.framebus_pattern_open(Producer.Positive("width", width), Producer.Positive("height", height), out handle));
        }

        /// <summary>Draws a frame into a slot of its size.</summary>
        public void Draw(ulong number, Slot slot)
        {
            if (handle == IntPtr.Zero)
                throw new ObjectDisposedException("Pattern");
            Native.Check(Native.framebus_pattern_draw(handle, number, (IntPtr)slot.GrayPointer, (IntPtr)slot.BgrPointer));
        }

        /// <summary>Whether a frame is one whole frame of the test picture; and its number.</summary>
        public static bool Verify(Frame frame, out ulong number)
        {
            var result = Native.framebus_pattern_verify((uint)frame.Width, (uint)frame.Height, (IntPtr)frame.GrayPointer, out number);
            return result == 0;
        }

        /// <summary>Forgets the test picture.</summary>
        public void Dispose()
        {
            Native.framebus_pattern_close(handle);
            handle = IntPtr.Zero;
        }
    }
}
