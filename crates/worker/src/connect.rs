//! Opens a camera or a pipeline once, and reads the frame that proves it works.

use std::path::Path;
use std::time::Duration;

use framebus::clock::{monotonic_ns, wall_ns};
use framebus::redact::without_secrets;
use framebus::source::{SourceError, SourceSpec};
use framebus::stop::Stop;
use opencv::core::{Mat, Vector};
use opencv::videoio::{
    CAP_GSTREAMER, CAP_PROP_FPS, CAP_PROP_FRAME_HEIGHT, CAP_PROP_FRAME_WIDTH, CAP_V4L2,
    VideoCapture, VideoCaptureAPIs, VideoCaptureTrait, VideoCaptureTraitConst, has_backend,
};

use crate::call::{Call, Returned};
use crate::check;
use crate::convert::to_bgr8;
use crate::mat;
use crate::options::OpenOptions;

/// How many frames at the start of a pipeline that ends may be damaged.
const DAMAGED_AT_START: u32 = 50;
/// How many frames of a camera or a stream may be missing before it counts as dead.
pub(crate) const MISSES_OF_LIVE: u32 = 3;
/// A rate above this is a time base, not a rate.
const HIGHEST_FPS: f64 = 1000.0;

/// A source that has just been opened, and its first frame.
pub(crate) struct Connection {
    pub(crate) capture: VideoCapture,
    /// 8-bit BGR.
    pub(crate) first: Mat,
    pub(crate) capture_ns: u64,
    pub(crate) wall_ns: u64,
    pub(crate) fps: Option<f64>,
}

/// Opens the source and reads its first frame.
pub(crate) fn connect(spec: &SourceSpec, options: &OpenOptions) -> Result<Connection, SourceError> {
    let SourceSpec::Gst(pipeline) = spec else {
        return connect_unbounded(spec, options);
    };
    // GStreamer has no time-outs: a pipeline with a misspelt source waits for ever.
    let no_thread = |error| SourceError::Unusable(format!("{spec} cannot be opened: {error}"));
    let (spec_there, options_there) = (spec.clone(), options.clone());
    let call =
        Call::start(move || connect_unbounded(&spec_there, &options_there)).map_err(no_thread)?;
    let nobody = Stop::new().map_err(no_thread)?;
    match call
        .wait(&nobody, options.opening() + options.silence())
        .map_err(no_thread)?
    {
        Returned::Value(result) => result,
        Returned::NotYet(_) | Returned::Stopped(_) => Err(check::no_pipeline(pipeline)),
    }
}

/// Opens the source and reads its first frame; a GStreamer pipeline may keep it waiting for ever.
pub(crate) fn connect_unbounded(
    spec: &SourceSpec,
    options: &OpenOptions,
) -> Result<Connection, SourceError> {
    let mut capture = open_capture(spec, options)?;
    let tries = if spec.can_end() {
        DAMAGED_AT_START
    } else {
        MISSES_OF_LIVE
    };
    let started = monotonic_ns();
    for _ in 0..tries {
        let grabbed = capture.grab().unwrap_or(false);
        let (capture_ns, wall_ns) = (monotonic_ns(), wall_ns());
        if grabbed && let Ok(Some(frame)) = mat::retrieve(&mut capture) {
            let first = in_bgr(&frame, spec)?;
            let fps = fps(&capture);
            return Ok(Connection {
                capture,
                first,
                capture_ns,
                wall_ns,
                fps,
            });
        }
        if is_over(started, options.silence()) && !spec.can_end() {
            break;
        }
    }
    Err(no_frame(spec))
}

/// Makes 8-bit BGR of a frame that OpenCV has put into memory of its own.
pub(crate) fn in_bgr(frame: &Mat, spec: &SourceSpec) -> Result<Mat, SourceError> {
    let bgr = to_bgr8(frame).map_err(|error| {
        SourceError::Unusable(format!(
            "frames of {spec} cannot be converted to BGR: {}",
            error.message
        ))
    })?;
    if mat::geometry(&bgr).is_none() {
        return Err(SourceError::Unusable(format!(
            "{spec} has frames larger than a bus can carry (32768 a side)"
        )));
    }
    Ok(bgr)
}

/// Returns whether most of `timeout` has passed since `started_ns`: silence, not a frame that was damaged.
pub(crate) fn is_over(started_ns: u64, timeout: Duration) -> bool {
    u128::from(monotonic_ns() - started_ns) * 2 >= timeout.as_nanos()
}

fn open_capture(spec: &SourceSpec, options: &OpenOptions) -> Result<VideoCapture, SourceError> {
    match spec {
        SourceSpec::Camera(path) => {
            check::camera(path)?;
            let mut camera = opened(path, CAP_V4L2, "V4L2", &Vector::new())?
                .ok_or_else(|| check::camera_busy(path))?;
            request(&mut camera, options);
            Ok(camera)
        }
        SourceSpec::Gst(pipeline) => {
            let complete = complete_pipeline(pipeline);
            opened(
                Path::new(&complete),
                CAP_GSTREAMER,
                "GStreamer",
                &Vector::new(),
            )?
            .ok_or_else(|| check::no_pipeline(pipeline))
        }
        _ => Err(SourceError::Unusable(format!(
            "{spec} is neither a camera nor a pipeline"
        ))),
    }
}

/// The pipeline as OpenCV is given it: with a sink that hands out BGR frames, unless it has one.
///
/// The brackets keep it a pipeline even when a part of it cannot be built; OpenCV takes what is left for one.
fn complete_pipeline(pipeline: &str) -> String {
    if pipeline.contains("appsink") {
        return format!("pipeline.( {pipeline} )");
    }
    let sink = "videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=2";
    format!("pipeline.( {pipeline} ! {sink} )")
}

/// Opens with one backend: trying all of them is slow and noisy. `None` if it refuses, for which it gives no reason.
fn opened(
    name: &Path,
    backend: i32,
    title: &str,
    params: &Vector<i32>,
) -> Result<Option<VideoCapture>, SourceError> {
    let known = VideoCaptureAPIs::try_from(backend)
        .and_then(has_backend)
        .unwrap_or(false);
    if !known {
        return Err(SourceError::Unusable(format!(
            "{} cannot be opened: the installed OpenCV was built without {title}; install one that has it",
            without_secrets(&name.to_string_lossy())
        )));
    }
    let capture = VideoCapture::from_file_with_params(name, backend, params).ok();
    Ok(capture.filter(|capture| capture.is_opened().unwrap_or(false)))
}

/// Asks a camera for a size and a rate. It takes the nearest that it has, so a refusal is no error.
fn request(camera: &mut VideoCapture, options: &OpenOptions) {
    if let Some(size) = options.size {
        let _ = camera.set(CAP_PROP_FRAME_WIDTH, f64::from(size.width));
        let _ = camera.set(CAP_PROP_FRAME_HEIGHT, f64::from(size.height));
    }
    if let Some(fps) = options.fps {
        let _ = camera.set(CAP_PROP_FPS, fps);
    }
}

fn fps(capture: &VideoCapture) -> Option<f64> {
    let fps = capture.get(CAP_PROP_FPS).ok()?;
    (fps.is_finite() && fps > 0.0 && fps <= HIGHEST_FPS).then_some(fps)
}

fn no_frame(spec: &SourceSpec) -> SourceError {
    match spec {
        SourceSpec::Gst(pipeline) => check::no_pipeline(pipeline),
        _ => SourceError::Unusable(format!(
            "camera {spec} can be opened but sends no frame; another program may be using it; otherwise try another --size or cable"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_without_a_sink_gets_one_that_hands_out_bgr() {
        let complete = complete_pipeline("videotestsrc");
        assert!(complete.ends_with("! video/x-raw,format=BGR ! appsink drop=true max-buffers=2 )"));
        assert_eq!(complete_pipeline("a ! appsink"), "pipeline.( a ! appsink )");
    }
}
