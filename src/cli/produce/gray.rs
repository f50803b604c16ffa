//! What gray is made of, as a flag has it.

use clap::ValueEnum;

use framebus_tools::production::GrayOf;

/// What gray is made of, in video that FFmpeg decodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum GrayFrom {
    /// bgr for files, luma for streams
    #[default]
    Auto,
    /// The video's own luma, stretched to full range: that costs least
    Luma,
    /// The colours: to the bit what OpenCV's VideoCapture and COLOR_BGR2GRAY give
    Bgr,
}

impl From<GrayFrom> for GrayOf {
    fn from(from: GrayFrom) -> GrayOf {
        match from {
            GrayFrom::Auto => GrayOf::Auto,
            GrayFrom::Luma => GrayOf::Luma,
            GrayFrom::Bgr => GrayOf::Colours,
        }
    }
}
