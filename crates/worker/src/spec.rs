//! What the source is, from its text.

use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use framebus::redact::without_secrets;
use framebus::source::SourceError;

const SCHEMES: [&str; 4] = ["rtsp", "rtsps", "http", "https"];

/// A source as a person names it.
///
/// It is parsed from text: a number or `/dev/videoN` is a camera, `gst:…` a GStreamer pipeline, `scheme://…` a URL, a
/// file name with `%04d` in it an image sequence, and everything else a video file. Its text (`Display`) hides passwords.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// A V4L2 camera, by its device.
    Camera(PathBuf),
    /// A video file.
    File(PathBuf),
    /// Images with numbers in their names, as in `img_%04d.png`.
    Images(PathBuf),
    /// A stream from the network.
    Url(String),
    /// A GStreamer pipeline, without the leading `gst:`.
    Gst(String),
}

impl SourceSpec {
    /// Reads what a person has written. What is not UTF-8 can only be a file.
    ///
    /// # Errors
    /// As parsing a text does.
    pub fn of(source: &OsStr) -> Result<SourceSpec, SourceError> {
        match source.to_str() {
            Some(text) => text.parse(),
            None => Ok(SourceSpec::File(source.into())),
        }
    }

    /// Returns the pipeline as OpenCV is given it: with a sink that hands out BGR frames, unless it has one.
    ///
    /// The brackets keep it a pipeline even when a part of it cannot be built; OpenCV takes what is left for one.
    pub(crate) fn complete_pipeline(pipeline: &str) -> String {
        if pipeline.contains("appsink") {
            return format!("pipeline.( {pipeline} )");
        }
        let sink = "videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=2";
        format!("pipeline.( {pipeline} ! {sink} )")
    }

    /// Returns whether an end of the stream is an end, and not a device or a server that has vanished.
    ///
    /// OpenCV tells of both in the same way. Only what is read from a file or is counted has an end of its own.
    pub(crate) fn can_end(&self) -> bool {
        match self {
            SourceSpec::File(_) | SourceSpec::Images(_) => true,
            SourceSpec::Gst(pipeline) => {
                let finite = ["num-buffers=", "filesrc", "file://"];
                finite.iter().any(|word| pipeline.contains(word))
            }
            SourceSpec::Camera(_) | SourceSpec::Url(_) => false,
        }
    }
}

impl FromStr for SourceSpec {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<SourceSpec, SourceError> {
        if text.trim().is_empty() {
            return Err(unusable(
                "the source is empty: give a camera, a file, a URL or gst:PIPELINE",
            ));
        }
        if let Some(pipeline) = text.strip_prefix("gst:") {
            return gst(pipeline);
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return url(text, scheme, rest);
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(SourceSpec::Camera(format!("/dev/video{text}").into()));
        }
        if text.starts_with("/dev/video") || text.starts_with("/dev/v4l/") {
            return Ok(SourceSpec::Camera(text.into()));
        }
        if let Some(pattern) = split_pattern(text) {
            return images(text, &pattern);
        }
        Ok(SourceSpec::File(text.into()))
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceSpec::Camera(path) | SourceSpec::File(path) | SourceSpec::Images(path) => {
                path.display().fmt(f)
            }
            SourceSpec::Url(url) => without_passwords(url).fmt(f),
            SourceSpec::Gst(pipeline) => write!(f, "gst:{}", without_passwords(pipeline)),
        }
    }
}

fn gst(pipeline: &str) -> Result<SourceSpec, SourceError> {
    let pipeline = pipeline.trim();
    if pipeline.is_empty() {
        return Err(unusable(
            "the pipeline is empty: give one such as gst:videotestsrc",
        ));
    }
    Ok(SourceSpec::Gst(pipeline.to_owned()))
}

fn url(text: &str, scheme: &str, rest: &str) -> Result<SourceSpec, SourceError> {
    let scheme = scheme.to_ascii_lowercase();
    if !SCHEMES.contains(&scheme.as_str()) {
        return Err(unusable(&format!(
            "{} cannot be opened: {scheme}:// is not a kind of source; use rtsp://, rtsps://, http:// or https://, or gst: \
             with a pipeline that reads it",
            without_passwords(text)
        )));
    }
    if rest.is_empty() || rest.starts_with('/') {
        return Err(unusable(&format!(
            "{} cannot be opened: it names no host",
            without_passwords(text)
        )));
    }
    Ok(SourceSpec::Url(format!("{scheme}://{rest}")))
}

fn images(text: &str, pattern: &Pattern<'_>) -> Result<SourceSpec, SourceError> {
    if split_number(pattern.after).is_some() {
        return Err(unusable(&format!(
            "the images {text} cannot be opened: their name has two numbers such as %04d, and only one may count them"
        )));
    }
    Ok(SourceSpec::Images(text.into()))
}

/// An image sequence's file name, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pattern<'a> {
    pub(crate) before: &'a str,
    pub(crate) after: &'a str,
}

/// Splits the file name of `img_%04d.png` at its number, if it has one.
pub(crate) fn split_pattern(text: &str) -> Option<Pattern<'_>> {
    split_number(Path::new(text).file_name()?.to_str()?)
}

/// Splits a name at the first `%d`, `%4d` or `%04d`.
fn split_number(name: &str) -> Option<Pattern<'_>> {
    name.match_indices('%').find_map(|(at, _)| {
        let rest = &name[at + 1..];
        let after = rest.strip_prefix('0').unwrap_or(rest);
        let after = after
            .strip_prefix(|c: char| c.is_ascii_digit())
            .unwrap_or(after)
            .strip_prefix('d')?;
        let before = &name[..at];
        Some(Pattern { before, after })
    })
}

/// Hides the secrets of a text, as every message does.
pub(crate) fn without_passwords(text: &str) -> String {
    without_secrets(text).into_owned()
}

fn unusable(text: &str) -> SourceError {
    SourceError::Unusable(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(text: &str) -> SourceSpec {
        text.parse().expect("a source")
    }

    fn error(text: &str) -> String {
        text.parse::<SourceSpec>()
            .expect_err("no source")
            .to_string()
    }

    #[test]
    fn every_kind_of_source_is_told_by_its_text() {
        assert_eq!(spec("0"), SourceSpec::Camera("/dev/video0".into()));
        assert_eq!(
            spec("/dev/video12"),
            SourceSpec::Camera("/dev/video12".into())
        );
        assert_eq!(
            spec("/dev/v4l/by-id/usb-x"),
            SourceSpec::Camera("/dev/v4l/by-id/usb-x".into())
        );
        assert_eq!(spec("walk.avi"), SourceSpec::File("walk.avi".into()));
        assert_eq!(
            spec("/dev/shm/walk.avi"),
            SourceSpec::File("/dev/shm/walk.avi".into())
        );
        assert_eq!(spec("100%.avi"), SourceSpec::File("100%.avi".into()));
        assert_eq!(
            spec("a/img_%04d.png"),
            SourceSpec::Images("a/img_%04d.png".into())
        );
        for sequence in ["%d.png", "a%s/img_%04d.png", "50%_%d.jpg"] {
            assert_eq!(spec(sequence), SourceSpec::Images(sequence.into()));
        }
        assert_eq!(spec("RTSP://cam/1"), SourceSpec::Url("rtsp://cam/1".into()));
        assert_eq!(
            spec("gst: videotestsrc "),
            SourceSpec::Gst("videotestsrc".into())
        );
    }

    #[test]
    fn a_text_that_cannot_be_a_source_is_refused_in_one_sentence() {
        assert!(error(" ").contains("is empty"));
        assert!(error("gst: ").contains("pipeline is empty"));
        assert!(error("ftp://host/x").contains("ftp:// is not a kind of source"));
        assert!(error("http:///x").contains("names no host"));
        assert!(error("a/%d_%04d.png").contains("has two numbers"));
    }

    #[test]
    fn a_pipeline_without_a_sink_gets_one_that_hands_out_bgr() {
        let complete = SourceSpec::complete_pipeline("videotestsrc");
        assert!(complete.ends_with("! video/x-raw,format=BGR ! appsink drop=true max-buffers=2 )"));
        assert_eq!(
            SourceSpec::complete_pipeline("a ! appsink"),
            "pipeline.( a ! appsink )"
        );
    }

    #[test]
    fn passwords_are_not_shown() {
        assert_eq!(
            spec("rtsp://me:s3/cret@cam:554/1?token=abc").to_string(),
            "rtsp://me:***@cam:554/1?token=***"
        );
        assert_eq!(spec("rtsp://me@cam/1").to_string(), "rtsp://me@cam/1");
        assert_eq!(
            spec("gst:rtspsrc location=\"rtsp://me:a@b@cam\" ! x").to_string(),
            "gst:rtspsrc location=\"rtsp://me:***@cam\" ! x"
        );
        assert!(!error("ftp://me:s3cret@host/x").contains("s3cret"));
    }
}
