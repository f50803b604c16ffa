//! Cameras and pictures over HTTP, which framebus reads itself.

use super::super::camera_words::Backend;
use super::super::config::device;
use super::{Opened, ProduceArgs};
use crate::source::mjpeg::{MjpegOptions, MjpegSource, OpenedUrl};
use crate::source::v4l2::{self, Settings, V4l2Source, Wish};
use framebus::redact::without_secrets;
use framebus::source::SourceError;
use framebus::stop::Stop;

/// How often the BGR debugging image is renewed where nobody says: making it costs more than the gray image does.
pub(super) const BGR_FPS: f64 = 2.0;

/// Whether framebus reads a source itself, as far as one can tell without opening it.
pub(super) fn is_native(args: &ProduceArgs) -> bool {
    args.backend != Some(Backend::Opencv) && (is_camera(args) || is_http(args))
}

/// Whether it may be pictures over HTTP; whether it is, the server says.
fn is_http(args: &ProduceArgs) -> bool {
    let scheme = args.source_text();
    let scheme = scheme.get(..7).unwrap_or("");
    scheme.eq_ignore_ascii_case("http://")
}

/// Whether it is a camera, whoever reads it.
pub(super) fn is_camera(args: &ProduceArgs) -> bool {
    args.source().to_str().and_then(device).is_some()
}

/// Opens it.
pub(super) fn open(args: &ProduceArgs, stop: &Stop) -> Result<Opened, SourceError> {
    if is_camera(args) {
        open_camera(args)
    } else {
        open_url(args, stop)
    }
}

fn open_url(args: &ProduceArgs, stop: &Stop) -> Result<Opened, SourceError> {
    let text = args.source_text();
    let options = MjpegOptions {
        fps: args.fps.filter(|fps| *fps > 0.0),
        range: args.range.unwrap_or_default(),
        open_timeout: args.open_timeout,
        read_timeout: args.read_timeout,
    };
    Ok(match MjpegSource::open(&text, options, stop)? {
        OpenedUrl::Source(source) => Opened::Source(source),
        OpenedUrl::Stopped => Opened::Stopped,
        // Its secrets are hidden where it is shown.
        OpenedUrl::Other(kind) => Opened::Elsewhere(format!(
            "{}, which is not Motion JPEG ({kind}),",
            without_secrets(&text)
        )),
    })
}

fn open_camera(args: &ProduceArgs) -> Result<Opened, SourceError> {
    let text = args.source_text();
    // A link is kept as it is: it finds the camera again when its number has changed.
    let path = match text.parse::<u32>() {
        Ok(number) => format!("/dev/video{number}").into(),
        Err(_) => std::path::PathBuf::from(args.source()),
    };
    let wish = Wish {
        size: args.size,
        fps: args.fps.filter(|fps| *fps > 0.0),
        fourcc: args.fourcc,
        range: args.range.unwrap_or_default(),
        settings: Settings(args.settings.clone()),
        read_timeout: args.read_timeout,
    };
    match V4l2Source::open(&path, wish)? {
        v4l2::Opened::Source(source) => {
            for note in source.notes() {
                tracing::warn!("{note}");
            }
            Ok(Opened::Source(source))
        }
        v4l2::Opened::Unknown(formats) => Ok(Opened::Elsewhere(format!(
            "camera {text}, which has only formats that OpenCV reads: {formats}"
        ))),
    }
}
