//! Cameras, as the kernel has them.

use std::path::Path;

use super::{Opened, ProduceArgs};
use crate::source::v4l2::{self, Settings, V4l2Source, Wish};
use framebus::source::SourceError;

/// A link is kept as it is: it finds the camera again when its number has changed.
pub(super) fn open(args: &ProduceArgs, path: &Path) -> Result<Opened, SourceError> {
    let wish = Wish {
        size: args.size,
        fps: args.fps.filter(|fps| *fps > 0.0),
        fourcc: args.fourcc,
        range: args.range.unwrap_or_default(),
        settings: Settings(args.settings.clone()),
        read_timeout: args.read_timeout,
    };
    match V4l2Source::open(path, wish)? {
        v4l2::Opened::Source(source) => {
            for note in source.notes() {
                tracing::warn!("{note}");
            }
            Ok(Opened::Source(source))
        }
        v4l2::Opened::Unknown(formats) => Ok(Opened::Elsewhere(format!(
            "camera {}, which has only formats that OpenCV reads: {formats}",
            path.display()
        ))),
    }
}
