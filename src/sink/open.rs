//! Which sink a person asked for.

use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::images::{self, FileName, ImageSink};
use super::{NdjsonSink, Output, Sink, SinkError, StatsSink, VideoSink};
use crate::stop::Stop;

/// How frames are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Format {
    /// Gray pixels and nothing else: width times height bytes a frame
    Raw,
    /// Gray YUV4MPEG2 video, for ffmpeg and players
    Y4m,
    /// Gray PGM images
    Pgm,
    /// Gray PNG images
    Png,
    /// BGR pixels and nothing else, from a bus with colour
    Bgr,
}

impl Format {
    /// Returns the format that a file's name asks for, such as Y4M for `run.y4m`.
    #[must_use]
    pub fn of_file(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "raw" | "gray" => Some(Format::Raw),
            "y4m" => Some(Format::Y4m),
            "pgm" => Some(Format::Pgm),
            "png" => Some(Format::Png),
            "bgr" => Some(Format::Bgr),
            _ => None,
        }
    }
}

/// Where frames are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Standard output (`-`).
    Stdout,
    /// A file; for images a name with `%06d` is one file a frame, and one without always has the latest frame.
    File(PathBuf),
}

impl From<PathBuf> for Target {
    fn from(path: PathBuf) -> Target {
        if path.as_os_str() == "-" {
            Target::Stdout
        } else {
            Target::File(path)
        }
    }
}

/// What becomes of the frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A line a second on standard error.
    Stats,
    /// A line of JSON a frame.
    Json(Target),
    /// Pixels.
    Frames(Target, Format),
}

/// Makes a sink. What is wrong with its target shows here where that is possible, not with the first frame.
///
/// # Errors
/// Fails when the target cannot be opened, and refuses to write pixels to a terminal.
pub fn open(kind: &Kind, stop: &Stop) -> Result<Box<dyn Sink + Send>, SinkError> {
    Ok(match kind {
        Kind::Stats => Box::new(StatsSink::new(io::stderr())),
        Kind::Json(target) => Box::new(NdjsonSink::new(stream(target, stop)?)),
        Kind::Frames(target, Format::Raw) => Box::new(VideoSink::gray(stream(target, stop)?)?),
        Kind::Frames(target, Format::Bgr) => Box::new(VideoSink::bgr(stream(target, stop)?)?),
        Kind::Frames(target, Format::Y4m) => Box::new(VideoSink::y4m(stream(target, stop)?)?),
        Kind::Frames(target, Format::Pgm) => Box::new(images(target, images::Encoding::Pgm, stop)?),
        Kind::Frames(target, Format::Png) => Box::new(images(target, images::Encoding::Png, stop)?),
    })
}

fn stream(target: &Target, stop: &Stop) -> Result<Output, SinkError> {
    match target {
        Target::Stdout => Output::stdout(stop),
        Target::File(path) => Output::file(path, stop),
    }
}

fn images(
    target: &Target,
    encoding: images::Encoding,
    stop: &Stop,
) -> Result<ImageSink, SinkError> {
    let Target::File(path) = target else {
        return ImageSink::stream(Output::stdout(stop)?, encoding);
    };
    if let Some(name) = FileName::parse(path)? {
        return ImageSink::files(name, encoding);
    }
    // Renaming a file over a device or a named pipe would remove it: those are streams.
    if path
        .metadata()
        .is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
    {
        return ImageSink::stream(Output::file(path, stop)?, encoding);
    }
    ImageSink::latest(path, encoding)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::Summary;
    use crate::sink::testing::{Frame, stream};

    #[test]
    fn a_file_name_says_its_format() {
        for (name, format) in [
            ("a.y4m", Some(Format::Y4m)),
            ("a_%06d.PNG", Some(Format::Png)),
            ("a.mp4", None),
            ("a", None),
        ] {
            assert_eq!(Format::of_file(Path::new(name)), format, "{name}");
        }
    }

    #[test]
    fn a_dash_is_standard_output() {
        assert_eq!(Target::from(PathBuf::from("-")), Target::Stdout);
        assert_eq!(
            Target::from(PathBuf::from("./-")),
            Target::File("./-".into())
        );
    }

    #[test]
    fn every_format_ends_on_a_full_disk_with_one_sentence() {
        let stop = Stop::new().expect("eventfd");
        let mut frame = Frame::new(4, 2, 1);
        frame.bgr = Some(vec![0; 24]);
        let full = Target::File("/dev/full".into());
        let kinds = Format::value_variants()
            .iter()
            .map(|format| Kind::Frames(full.clone(), *format));
        for kind in kinds.chain([Kind::Json(full.clone())]) {
            let mut sink = open(&kind, &stop).expect("open");
            sink.begin(&stream(4, 2)).expect("begin");
            let error = sink.frame(&frame.view()).expect_err("full").to_string();
            let expected = "cannot write /dev/full: No space left on device (os error 28)";
            assert_eq!(error, expected, "{kind:?}");
            sink.finish(&Summary::default()).expect("finish");
        }
    }

    #[test]
    fn a_directory_that_is_not_there_shows_before_the_first_frame() {
        let stop = Stop::new().expect("eventfd");
        for format in [Format::Y4m, Format::Png] {
            for name in ["/nonexistent/a", "/nonexistent/a%06d", "/dev/null/a"] {
                let error = open(&Kind::Frames(Target::File(name.into()), format), &stop)
                    .err()
                    .expect(name);
                assert!(matches!(error, SinkError::Write { .. }), "{name}");
            }
        }
    }
}
