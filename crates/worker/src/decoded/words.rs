//! What is said when a file or a stream cannot be read.

use framebus::source::{SourceError, SourceSpec};
use framebus_decoder::wire::Why;

use super::opening;
use crate::check;
use crate::options::OpenOptions;

/// Nothing came in time.
pub(super) fn silent(spec: &SourceSpec, options: &OpenOptions, opened: bool) -> SourceError {
    let limit = opening(options).as_secs_f64();
    match spec {
        SourceSpec::Url(url) if !opened => check::silent_url(url, options),
        _ => SourceError::Unusable(format!(
            "{spec} can be opened but sends no frame within {limit} s; a camera that is slower than that needs a longer \
             --open-timeout"
        )),
    }
}

/// It ended before it began.
pub(super) fn no_frame(spec: &SourceSpec) -> SourceError {
    match spec {
        SourceSpec::Url(_) => SourceError::Unusable(format!(
            "{spec} can be opened but sends no frame; check that its camera runs"
        )),
        _ => SourceError::Damaged(format!(
            "{spec} is damaged: none of its frames can be decoded; look at it with `ffprobe`"
        )),
    }
}

/// What the decoder has reported.
pub(super) fn failed(
    spec: &SourceSpec,
    options: &OpenOptions,
    why: Why,
    text: &str,
) -> SourceError {
    let said = |what: &str| SourceError::Unusable(format!("{spec} cannot be opened: {what}"));
    let url = match spec {
        SourceSpec::Url(url) => Some(url),
        _ => None,
    };
    match (why, url) {
        (Why::Unauthorized, _) => said(
            "the server wants another user or password (401 Unauthorized); write them into the URL, as in \
             rtsp://USER:PASSWORD@HOST/PATH",
        ),
        (Why::Forbidden, _) => said(
            "the server refuses this user (403 Forbidden); check the user, the password and the camera's settings",
        ),
        (Why::NotFound, _) => said("the server has nothing there (404 Not Found); check the path"),
        (Why::Refused, Some(url)) => check::url(url, options),
        (Why::NoDecoder, _) => SourceError::Unusable(format!(
            "{spec} cannot be decoded: the installed FFmpeg has no decoder for {text}"
        )),
        (Why::NoFrame, _) => no_frame(spec),
        (_, Some(url)) => check::url(url, options),
        (_, None) => match spec {
            SourceSpec::File(path) => check::no_video(path),
            _ => said(text),
        },
    }
}
