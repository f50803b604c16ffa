//! What a source is, from its text.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::SourceError;
use crate::redact::without_secrets;

const SCHEMES: [&str; 4] = ["rtsp", "rtsps", "http", "https"];

/// A source as a person names it.
///
/// It is parsed from text: `pattern` is the moving test picture, `-` standard input, a number or `/dev/videoN` a camera,
/// `gst:…` a GStreamer pipeline, `scheme://…` a URL, a file name that ends in `.y4m` a recording, one with `%04d` in it an
/// image sequence, as are a directory and a name with `*`, `?` or `[…]` that no file has; everything else is a video file. Its text
/// (`Display`) hides passwords.
///
/// ```
/// use framebus::source::{Opener, SourceSpec};
///
/// # fn main() -> Result<(), framebus::source::SourceError> {
/// let source: SourceSpec = "rtsp://me:secret@camera/1".parse()?;
/// assert_eq!(source.to_string(), "rtsp://me:***@camera/1");
/// assert_eq!(source.opener(), Opener::Worker);
/// assert_eq!(source.cannot_start_again(), Some("a stream"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SourceSpec {
    /// The moving test picture.
    Pattern,
    /// Y4M or raw video on standard input.
    Stdin,
    /// A Y4M file, with the times of its frames beside it where it was recorded by framebus.
    Recording(PathBuf),
    /// A V4L2 camera, by its device.
    Camera(PathBuf),
    /// A video file.
    File(PathBuf),
    /// Images: with numbers in their names, as in `img_%04d.png`, of a pattern such as `img*.png`, or all of a directory.
    Images(PathBuf),
    /// A stream or a file from the network.
    Url(String),
    /// A GStreamer pipeline, without the leading `gst:`.
    Gst(String),
}

/// Which program opens a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opener {
    /// The command itself, which needs no other library.
    Command,
    /// The headless worker, which has OpenCV and FFmpeg.
    Worker,
}

impl SourceSpec {
    /// Reads what a person has written. What is not UTF-8 can only be a file.
    ///
    /// # Errors
    /// As parsing a text does.
    pub fn of(source: &OsStr) -> Result<SourceSpec, SourceError> {
        match source.to_str() {
            Some(text) => text.parse(),
            None if is_recording(Path::new(source)) => Ok(SourceSpec::Recording(source.into())),
            None if Path::new(source).is_dir() => Ok(SourceSpec::Images(source.into())),
            None => Ok(SourceSpec::File(source.into())),
        }
    }

    /// Which program opens it.
    #[must_use]
    pub fn opener(&self) -> Opener {
        match self {
            SourceSpec::Pattern | SourceSpec::Stdin | SourceSpec::Recording(_) => Opener::Command,
            _ => Opener::Worker,
        }
    }

    /// What it is, where it ends and has no beginning to go back to. Over HTTP there are streams and files: it shows when
    /// it is open. The pattern goes on for ever, as a loop does.
    #[must_use]
    pub fn cannot_start_again(&self) -> Option<&'static str> {
        match self {
            SourceSpec::Stdin => Some("stdin"),
            SourceSpec::Camera(_) => Some("a camera"),
            SourceSpec::Url(url) if url.starts_with("rtsp") => Some("a stream"),
            _ => None,
        }
    }

    /// What it is, where its frames come at their own time and cannot be made to wait.
    #[must_use]
    pub fn cannot_wait(&self) -> Option<&'static str> {
        match self {
            SourceSpec::Camera(_) => Some("a camera"),
            SourceSpec::Url(_) => Some("a stream"),
            SourceSpec::Gst(_) if !self.can_end() => Some("a pipeline"),
            _ => None,
        }
    }

    /// Whether an end of the stream is an end, and not a device or a server that has vanished: only what is read from a file
    /// or is counted has an end of its own.
    #[must_use]
    pub fn can_end(&self) -> bool {
        match self {
            SourceSpec::Stdin
            | SourceSpec::Recording(_)
            | SourceSpec::File(_)
            | SourceSpec::Images(_) => true,
            SourceSpec::Gst(pipeline) => {
                let finite = ["num-buffers=", "filesrc", "file://"];
                finite.iter().any(|word| pipeline.contains(word))
            }
            SourceSpec::Pattern | SourceSpec::Camera(_) | SourceSpec::Url(_) => false,
        }
    }

    /// The device of a camera, also where it is named by a link: two sources with the same device are the same camera.
    #[must_use]
    pub fn device(&self) -> Option<PathBuf> {
        match self {
            SourceSpec::Camera(path) => Some(fs::canonicalize(path).unwrap_or(path.clone())),
            _ => None,
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
        match text {
            "pattern" => return Ok(SourceSpec::Pattern),
            "-" => return Ok(SourceSpec::Stdin),
            _ => {}
        }
        if let Some(pipeline) = text.strip_prefix("gst:") {
            return gst(pipeline);
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            return url(text, scheme, rest);
        }
        if is_recording(Path::new(text)) {
            return Ok(SourceSpec::Recording(text.into()));
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Ok(SourceSpec::Camera(format!("/dev/video{text}").into()));
        }
        if text.starts_with("/dev/video") || text.starts_with("/dev/v4l/") {
            return Ok(SourceSpec::Camera(text.into()));
        }
        if let Some(name) = NumberedName::of(text) {
            return images(text, &name);
        }
        let path = Path::new(text);
        if path.is_dir() || is_pattern(path) {
            return Ok(SourceSpec::Images(text.into()));
        }
        Ok(SourceSpec::File(text.into()))
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceSpec::Pattern => f.write_str("pattern"),
            SourceSpec::Stdin => f.write_str("-"),
            SourceSpec::Recording(path)
            | SourceSpec::Camera(path)
            | SourceSpec::File(path)
            | SourceSpec::Images(path) => path.display().fmt(f),
            SourceSpec::Url(url) => without_secrets(url).fmt(f),
            SourceSpec::Gst(pipeline) => write!(f, "gst:{}", without_secrets(pipeline)),
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
            without_secrets(text)
        )));
    }
    if rest.is_empty() || rest.starts_with('/') {
        return Err(unusable(&format!(
            "{} cannot be opened: it names no host",
            without_secrets(text)
        )));
    }
    Ok(SourceSpec::Url(format!("{scheme}://{rest}")))
}

fn images(text: &str, name: &NumberedName<'_>) -> Result<SourceSpec, SourceError> {
    if NumberedName::in_name(name.after).is_some() {
        return Err(unusable(&format!(
            "the images {text} cannot be opened: their name has two numbers such as %04d, and only one may count them"
        )));
    }
    Ok(SourceSpec::Images(text.into()))
}

/// Whether a name means several files. One that has such a name is that file.
fn is_pattern(path: &Path) -> bool {
    let name = path.to_str().unwrap_or("");
    let has = name.contains(['*', '?']) || (name.contains('[') && name.contains(']'));
    has && path.symlink_metadata().is_err()
}

/// Whether a file's name is that of a Y4M file.
fn is_recording(name: &Path) -> bool {
    let end = name.extension().and_then(|end| end.to_str());
    end.is_some_and(|end| end.eq_ignore_ascii_case("y4m"))
}

/// The file name of an image sequence, taken apart at its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberedName<'a> {
    /// What stands before the number.
    pub before: &'a str,
    /// What stands after it.
    pub after: &'a str,
}

impl NumberedName<'_> {
    /// Takes the file name of a path such as `img_%04d.png` apart, if it has a number.
    #[must_use]
    pub fn of(path: &str) -> Option<NumberedName<'_>> {
        NumberedName::in_name(Path::new(path).file_name()?.to_str()?)
    }

    /// Splits a name at the first `%d`, `%4d` or `%04d`.
    fn in_name(name: &str) -> Option<NumberedName<'_>> {
        name.match_indices('%').find_map(|(at, _)| {
            let rest = &name[at + 1..];
            let after = rest.strip_prefix('0').unwrap_or(rest);
            let after = after
                .strip_prefix(|c: char| c.is_ascii_digit())
                .unwrap_or(after)
                .strip_prefix('d')?;
            let before = &name[..at];
            Some(NumberedName { before, after })
        })
    }
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
    fn a_directory_and_a_pattern_are_images_and_a_file_with_such_a_name_is_a_file() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name).display().to_string();
        assert_eq!(spec(&path("")), SourceSpec::Images(path("").into()));
        for name in ["a*.png", "a?.png", "a[0-9].png"] {
            assert_eq!(spec(&path(name)), SourceSpec::Images(path(name).into()));
            // Windows has no names with * and ?.
            if let Err(error) = fs::write(path(name), "") {
                assert_eq!(error.kind(), std::io::ErrorKind::InvalidFilename);
                continue;
            }
            assert_eq!(spec(&path(name)), SourceSpec::File(path(name).into()));
        }
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
    fn the_command_opens_what_needs_no_other_library() {
        for text in ["pattern", "-", "run.y4m", "a/RUN.Y4M", "img_%04d.y4m"] {
            assert_eq!(spec(text).opener(), Opener::Command, "{text}");
        }
        assert_eq!(spec("run.y4m"), SourceSpec::Recording("run.y4m".into()));
        let elsewhere = [
            "0",
            "walk.avi",
            "a_%d.png",
            "http://cam/run.y4m",
            "gst:filesrc location=run.y4m",
            "pattern.avi",
        ];
        for text in elsewhere {
            assert_eq!(spec(text).opener(), Opener::Worker, "{text}");
        }
    }

    #[test]
    fn what_cannot_start_again_is_named() {
        let cannot = |text: &str| spec(text).cannot_start_again();
        assert_eq!(cannot("-"), Some("stdin"));
        assert_eq!(cannot("/dev/v4l/by-id/usb-x"), Some("a camera"));
        assert_eq!(cannot("RTSPS://cam/1"), Some("a stream"));
        for text in ["pattern", "run.y4m", "walk.avi", "http://cam/walk.avi"] {
            assert_eq!(cannot(text), None, "{text}");
        }
    }

    #[test]
    fn a_camera_has_a_device() {
        assert_eq!(spec("97").device(), Some("/dev/video97".into()));
        assert_eq!(spec("walk.avi").device(), None);
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
