using System;
using System.Runtime.InteropServices;
using System.Text;

namespace Framebus
{
    /// <summary>framebus.h, as far as it is used here.</summary>
    internal static class Native
    {
        // With its prefix on Windows too, where framebus.dll would be Framebus.dll, this assembly.
        private const string Library = "libframebus";

        [StructLayout(LayoutKind.Sequential)]
        internal struct ConsumerOptions
        {
            internal uint Size;
            internal uint IndexPlus1;
            internal IntPtr Bus;
            internal IntPtr Name;
            internal IntPtr Language;
            internal uint Trigger;
            internal uint EveryFrame;
            internal long TimeoutNs;
            internal ulong ResumeFrom;
            internal IntPtr Needs;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct FrameInfo
        {
            internal uint Size;
            internal uint Width;
            internal uint Height;
            internal uint Stride;
            internal IntPtr Gray;
            internal IntPtr Bgr;
            internal uint BgrStride;
            internal uint Slot;
            internal ulong Sequence;
            internal ulong Skipped;
            internal ulong SourceFrame;
            internal ulong CaptureNs;
            internal ulong PublishNs;
            internal ulong WakeNs;
            internal ulong WallNs;
            internal ulong Missing;
            internal ulong Origin;
            internal uint PlaneCount;
            internal uint MetadataLen;
            internal IntPtr Metadata;
        }

        // framebus_plane and framebus_target_plane, which differ in whether the image may be written.
        [StructLayout(LayoutKind.Sequential)]
        internal unsafe struct Plane
        {
            internal uint Size;
            internal uint Format;
            internal uint Width;
            internal uint Height;
            internal uint Stride;
            internal uint Range;
            internal uint Matrix;
            internal uint OneForAll;
            internal uint Rows;
            internal uint Channels;
            internal uint SampleBytes;
            internal uint Index;
            internal fixed byte Name[16];
            internal IntPtr Data;
            internal ulong Len;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct Stream
        {
            internal uint Size;
            internal uint Width;
            internal uint Height;
            internal uint Color;
            internal uint LimitedRange;
            internal uint Index;
            internal ulong Generation;
            internal double NominalFps;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct ConsumerStats
        {
            internal uint Size;
            internal uint Reserved;
            internal ulong AttachSequence;
            internal ulong Taken;
            internal ulong Skipped;
            internal ulong LastSequence;
            internal ulong Missing;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct ProducerOptions
        {
            internal uint Size;
            internal uint Width;
            internal uint Height;
            internal uint Consumers;
            internal uint History;
            internal uint Color;
            internal uint LimitedRange;
            internal uint Mode;
            internal double NominalFps;
            internal IntPtr Bus;
            internal IntPtr Source;
            internal IntPtr Planes;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct Target
        {
            internal uint Size;
            internal uint Width;
            internal uint Height;
            internal uint Stride;
            internal IntPtr Gray;
            internal IntPtr Bgr;
            internal uint BgrStride;
            internal uint Slot;
            internal uint PlaneCount;
            internal uint Reserved;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct Meta
        {
            internal uint Size;
            internal uint Reserved;
            internal ulong CaptureNs;
            internal ulong WallNs;
            internal ulong SourceFrame;
            internal ulong Sequence;
            internal ulong Origin;
            internal IntPtr Metadata;
            internal ulong MetadataLen;
        }

        [StructLayout(LayoutKind.Sequential)]
        internal struct ProducerStats
        {
            internal uint Size;
            internal uint Connected;
            internal ulong Sequence;
            internal ulong Published;
            internal ulong Dropped;
            internal ulong Starved;
        }

        [DllImport(Library)]
        private static extern IntPtr framebus_last_error();

        [DllImport(Library)]
        internal static extern ulong framebus_monotonic_ns();

        [DllImport(Library)]
        internal static extern int framebus_consumer_open(ref ConsumerOptions options, out IntPtr consumer);

        [DllImport(Library)]
        internal static extern int framebus_consumer_wait(ConsumerHandle consumer, long timeoutNs);

        // A plain pointer: the consumer keeps the handle alive meanwhile, and this is called once a frame.
        [DllImport(Library)]
        internal static extern int framebus_consumer_acquire(IntPtr consumer, ref FrameInfo frame);

        [DllImport(Library)]
        internal static extern int framebus_consumer_release(IntPtr consumer);

        [DllImport(Library)]
        internal static extern int framebus_consumer_plane(IntPtr consumer, uint index, ref Plane plane);

        [DllImport(Library)]
        internal static extern int framebus_consumer_find_plane(IntPtr consumer, uint format, ref Plane plane);

        [DllImport(Library)]
        internal static extern int framebus_consumer_named_plane(IntPtr consumer, IntPtr name, ref Plane plane);

        [DllImport(Library)]
        internal static extern int framebus_consumer_stream(ConsumerHandle consumer, ref Stream stream);

        [DllImport(Library)]
        internal static extern int framebus_consumer_get_stats(ConsumerHandle consumer, ref ConsumerStats stats);

        [DllImport(Library)]
        internal static extern int framebus_consumer_interrupt(ConsumerHandle consumer);

        [DllImport(Library)]
        internal static extern void framebus_consumer_close(IntPtr consumer);

        [DllImport(Library)]
        internal static extern int framebus_producer_create(ref ProducerOptions options, out IntPtr producer);

        [DllImport(Library)]
        internal static extern int framebus_producer_claim(ProducerHandle producer, ref Target target);

        [DllImport(Library)]
        internal static extern int framebus_producer_publish(ProducerHandle producer, ref Meta meta, out ulong sequence);

        [DllImport(Library)]
        internal static extern int framebus_producer_plane(ProducerHandle producer, uint index, ref Plane plane);

        [DllImport(Library)]
        internal static extern int framebus_producer_find_plane(ProducerHandle producer, uint format, ref Plane plane);

        [DllImport(Library)]
        internal static extern int framebus_producer_named_plane(ProducerHandle producer, IntPtr name, ref Plane plane);

        [DllImport(Library)]
        internal static extern int framebus_producer_fill_rest(ProducerHandle producer, uint[] written, UIntPtr count);

        [DllImport(Library)]
        internal static extern int framebus_producer_abandon(ProducerHandle producer);

        [DllImport(Library)]
        internal static extern int framebus_producer_get_stats(ProducerHandle producer, ref ProducerStats stats);

        [DllImport(Library)]
        internal static extern void framebus_producer_close(IntPtr producer);

        [DllImport(Library)]
        internal static extern int framebus_pattern_open(uint width, uint height, out IntPtr pattern);

        [DllImport(Library)]
        internal static extern int framebus_pattern_draw(IntPtr pattern, ulong number, IntPtr gray, IntPtr bgr);

        [DllImport(Library)]
        internal static extern void framebus_pattern_close(IntPtr pattern);

        [DllImport(Library)]
        internal static extern int framebus_pattern_verify(uint width, uint height, IntPtr gray, out ulong number);

        /// <summary>Throws what is an error, and returns what is a state.</summary>
        internal static Result Check(int result)
        {
            if (result < 0)
                throw FramebusException.Of((Result)result, Text(framebus_last_error()));
            return (Result)result;
        }

        private static string Text(IntPtr text)
        {
            var length = 0;
            while (Marshal.ReadByte(text, length) != 0)
                length++;
            var bytes = new byte[length];
            Marshal.Copy(text, bytes, 0, length);
            return Encoding.UTF8.GetString(bytes);
        }

        /// <summary>A text for the library; free it with Marshal.FreeHGlobal.</summary>
        internal static IntPtr ToNative(string text)
        {
            if (string.IsNullOrEmpty(text))
                return IntPtr.Zero;
            var bytes = Encoding.UTF8.GetBytes(text);
            var native = Marshal.AllocHGlobal(bytes.Length + 1);
            Marshal.Copy(bytes, 0, native, bytes.Length);
            Marshal.WriteByte(native, bytes.Length, 0);
            return native;
        }
    }

    /// <summary>A handle of the library: 0 is none.</summary>
    internal abstract class Handle : SafeHandle
    {
        protected Handle(IntPtr handle) : base(IntPtr.Zero, true)
        {
            SetHandle(handle);
        }

        public override bool IsInvalid
        {
            get { return handle == IntPtr.Zero; }
        }
    }

    /// <summary>The library's consumer: closed when nobody holds it any more, a frame included.</summary>
    internal sealed class ConsumerHandle : Handle
    {
        internal ConsumerHandle(IntPtr handle) : base(handle)
        {
        }

        protected override bool ReleaseHandle()
        {
            Native.framebus_consumer_close(handle);
            return true;
        }
    }

    /// <summary>The library's producer.</summary>
    internal sealed class ProducerHandle : Handle
    {
        internal ProducerHandle(IntPtr handle) : base(handle)
        {
        }

        protected override bool ReleaseHandle()
        {
            Native.framebus_producer_close(handle);
            return true;
        }
    }
}
