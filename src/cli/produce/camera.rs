//! Cameras and pictures over HTTP, which framebus reads itself.

use super::super::camera_words::Backend;
use super::{Opened, ProduceArgs, device};
use crate::source::mjpeg::{MjpegOptions, MjpegSource, OpenedUrl};
use framebus::redact::without_secrets;
use framebus::source::{SourceError, SourceSpec};
use framebus::stop::Stop;

/// How often the BGR debugging image is renewed where nobody says: making it costs more than the gray image does.
pub(super) const BGR_FPS: f64 = 2.0;

/// Whether framebus reads a source itself, as far as one can tell without opening it.
pub(super) fn is_native(args: &ProduceArgs, spec: &SourceSpec) -> bool {
    args.backend != Some(Backend::Opencv) && (is_camera(spec) || is_http(spec))
}

/// Whether it may be pictures over HTTP; whether it is, the server says.
pub(super) fn is_http(spec: &SourceSpec) -> bool {
    matches!(spec, SourceSpec::Url(url) if url.starts_with("http://") || url.starts_with("https://"))
}

/// Whether it is a camera, whoever reads it.
pub(super) fn is_camera(spec: &SourceSpec) -> bool {
    matches!(spec, SourceSpec::Camera(_))
}

/// Opens it.
pub(super) fn open(
    args: &ProduceArgs,
    spec: &SourceSpec,
    stop: &Stop,
) -> Result<Opened, SourceError> {
    match spec {
        SourceSpec::Camera(path) => device::open(args, path),
        _ => open_url(args, stop),
    }
}

fn open_url(args: &ProduceArgs, stop: &Stop) -> Result<Opened, SourceError> {
    let text = args.source_text();
    let options = MjpegOptions {
        fps: args.fps.filter(|fps| *fps > 0.0),
        range: args.range.unwrap_or_default(),
        open_timeout: args.open_timeout,
        read_timeout: args.read_timeout,
        ca: args.ca.clone(),
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
