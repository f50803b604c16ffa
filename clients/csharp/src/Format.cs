namespace Framebus
{
    /// <summary>The formats of planes, each a fourcc; a test holds them to the library's table.</summary>
    public static class Format
    {
        /// <summary>"gray": the fourcc GREY.</summary>
        public const uint Gray = 0x59455247;
        /// <summary>"gray16": the fourcc Y16.</summary>
        public const uint Gray16 = 0x20363159;
        /// <summary>"bgr": the fourcc BGR3.</summary>
        public const uint Bgr = 0x33524742;
        /// <summary>"rgb": the fourcc RGB3.</summary>
        public const uint Rgb = 0x33424752;
        /// <summary>"nv12": the fourcc NV12.</summary>
        public const uint Nv12 = 0x3231564e;
        /// <summary>"i420": the fourcc YU12.</summary>
        public const uint I420 = 0x32315559;
        /// <summary>"yuyv": the fourcc YUYV.</summary>
        public const uint Yuyv = 0x56595559;
        /// <summary>"meta": the fourcc META.</summary>
        public const uint Meta = 0x4154454d;
    }
}
