//! `framebus produce /dev/video0`: cameras are ffmpeg's here.

use std::path::Path;

use crate::cli::produce::{Opened, ProduceArgs};
use framebus::source::SourceError;

/// # Errors
/// Says how a camera comes in.
pub(super) fn open(_args: &ProduceArgs, path: &Path) -> Result<Opened, SourceError> {
    Err(SourceError::Unusable(format!(
        "camera {}: framebus opens cameras on Linux only; here let ffmpeg open it, as in 'ffmpeg -f dshow -i video=NAME -f yuv4mpegpipe -pix_fmt yuv420p - | framebus produce -'",
        path.display()
    )))
}
