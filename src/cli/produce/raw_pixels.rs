//! Pixel formats of raw frames, as a flag has them.

use clap::ValueEnum;

use crate::source::RawFormat;

/// Pixel formats of raw frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RawPixels {
    /// 8-bit gray
    Gray,
    /// 8-bit blue, green, red
    Bgr,
    /// YUV 4:2:2, the format of many cameras
    Yuyv,
    /// 8-bit red, green, blue
    Rgb,
    /// YUV 4:2:0: luma, then chroma in turns
    Nv12,
    /// YUV 4:2:0: luma, then two planes of chroma (yuv420p)
    I420,
    /// 8-bit red, green, blue and alpha, which is left out
    Rgba,
    /// 8-bit blue, green, red and alpha, which is left out
    Bgra,
    /// YUV 4:2:2, chroma first
    Uyvy,
    /// 16-bit gray, little-endian; its high 8 bits become gray
    Gray16le,
}

impl From<RawPixels> for RawFormat {
    fn from(pixels: RawPixels) -> RawFormat {
        match pixels {
            RawPixels::Gray => RawFormat::Gray,
            RawPixels::Bgr => RawFormat::Bgr,
            RawPixels::Yuyv => RawFormat::Yuyv,
            RawPixels::Rgb => RawFormat::Rgb,
            RawPixels::Nv12 => RawFormat::Nv12,
            RawPixels::I420 => RawFormat::I420,
            RawPixels::Rgba => RawFormat::Rgba,
            RawPixels::Bgra => RawFormat::Bgra,
            RawPixels::Uyvy => RawFormat::Uyvy,
            RawPixels::Gray16le => RawFormat::Gray16le,
        }
    }
}
