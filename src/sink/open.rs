//! Which sink a person asked for.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::encode::Encoding;
use super::images::{FileName, ImageSink};
use super::report::ReportSink;
use super::seed::{Report, SeedSink};
use super::{
    Container, ExecSink, ExecStreamSink, FilmSink, NdjsonSink, Output, Plane, RecordingSink, Sink,
    SinkError, StatsSink, VideoSink,
};
use framebus::layout::Format as Image;
use framebus::seed::SeedOptions;
use framebus::stop::Stop;
use framebus_tools::stderr::Awaited;

/// How frames are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Format {
    /// Only gray pixels: width times height bytes per frame
    Raw,
    /// YUV4MPEG2 video, for ffmpeg and players
    Y4m,
    /// H.264 in MP4, through ffmpeg, with the frames' times
    Mp4,
    /// H.264 in Matroska, through ffmpeg, with the frames' times to the millisecond
    Mkv,
    /// H.264 in QuickTime, through ffmpeg, with the frames' times
    Mov,
    /// VP9 in WebM, through ffmpeg, with the frames' times to the millisecond
    Webm,
    /// PGM images; PPM with --color
    Pgm,
    /// PNG images
    Png,
    /// JPEG images; in one file they are an MJPEG stream
    Jpeg,
    /// Only BGR pixels, from a bus with colour
    Bgr,
    /// RGB pixels and nothing else, from a bus with that plane (produce --planes rgb)
    Rgb,
    /// 16-bit gray pixels, little-endian, from a bus with that plane
    Gray16,
    /// NV12 images: luma, then chroma in turns, from a bus with that plane
    Nv12,
    /// I420 images (yuv420p): luma, then two planes of chroma, from a bus with that plane
    I420,
    /// YUYV pixels (yuyv422), from a bus with that plane
    Yuyv,
}

impl Format {
    /// The plane that is written as it is.
    #[must_use]
    pub fn image(self) -> Option<Image> {
        Some(match self {
            Format::Raw => Image::GRAY8,
            Format::Bgr => Image::BGR8,
            Format::Rgb => Image::RGB8,
            Format::Gray16 => Image::GRAY16,
            Format::Nv12 => Image::NV12,
            Format::I420 => Image::I420,
            Format::Yuyv => Image::YUYV,
            _ => return None,
        })
    }

    /// The kind of file that ffmpeg makes.
    #[must_use]
    pub fn container(self) -> Option<Container> {
        match self {
            Format::Mp4 => Some(Container::Mp4),
            Format::Mkv => Some(Container::Mkv),
            Format::Mov => Some(Container::Mov),
            Format::Webm => Some(Container::Webm),
            _ => None,
        }
    }

    /// The format that writes a plane as it is.
    #[must_use]
    pub fn of_image(image: Image) -> Option<Format> {
        let mut all = Format::value_variants().iter().copied();
        all.find(|format| format.image() == Some(image))
    }

    /// Returns the format that a file's name asks for, such as Y4M for `run.y4m`.
    #[must_use]
    pub fn of_file(path: &Path) -> Option<Format> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "raw" | "gray" => Some(Format::Raw),
            "y4m" => Some(Format::Y4m),
            "mp4" | "m4v" => Some(Format::Mp4),
            "mkv" => Some(Format::Mkv),
            "mov" => Some(Format::Mov),
            "webm" => Some(Format::Webm),
            "pgm" | "ppm" => Some(Format::Pgm),
            "png" => Some(Format::Png),
            "jpg" | "jpeg" | "mjpg" | "mjpeg" => Some(Format::Jpeg),
            "bgr" => Some(Format::Bgr),
            "rgb" => Some(Format::Rgb),
            "nv12" => Some(Format::Nv12),
            "i420" | "yuv" => Some(Format::I420),
            "yuyv" => Some(Format::Yuyv),
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
    /// A line a second in the log.
    LoggedStats,
    /// A line of JSON a frame.
    Json(Target),
    /// Pixels.
    Frames(Target, Format, Plane),
    /// A Y4M file with a sidecar of sequences and times.
    Recording(PathBuf, Plane),
    /// A shell command.
    Exec(String, ExecMode, Plane),
    /// What the published sample's own programs attach to; with a line of JSON a frame, or without.
    Seed(SeedOptions, bool),
}

impl Kind {
    /// The file that it writes; with a number in its name where it is several.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        match self {
            Kind::Json(Target::File(path))
            | Kind::Frames(Target::File(path), ..)
            | Kind::Recording(path, _) => Some(path),
            _ => None,
        }
    }

    /// Whether each frame is an image of its own.
    #[must_use]
    pub fn is_images(&self) -> bool {
        matches!(
            self,
            Kind::Frames(_, Format::Pgm | Format::Png | Format::Jpeg, _)
        )
    }

    /// The same, in another file.
    #[must_use]
    pub fn into_file(self, path: PathBuf) -> Kind {
        match self {
            Kind::Json(Target::File(_)) => Kind::Json(Target::File(path)),
            Kind::Frames(Target::File(_), format, plane) => {
                Kind::Frames(Target::File(path), format, plane)
            }
            Kind::Recording(_, plane) => Kind::Recording(path, plane),
            other => other,
        }
    }
}

/// How a command gets frames.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ExecMode {
    /// One process per frame, with the frame as PGM on its stdin
    #[default]
    Frame,
    /// One process for all frames, as Y4M on its stdin
    Stream,
}

/// Makes a sink. What is wrong with its target shows here where that is possible, not with the first frame.
///
/// # Errors
/// Fails when the target cannot be opened, and refuses to write pixels to a terminal.
pub fn open(kind: &Kind, stop: &Stop) -> Result<Box<dyn Sink + Send>, SinkError> {
    let sink = open_sink(kind, stop)?;
    let target = match kind {
        Kind::Frames(Target::Stdout, ..) => "standard output".to_owned(),
        Kind::Frames(Target::File(path), ..) | Kind::Recording(path, _) => {
            path.display().to_string()
        }
        _ => return Ok(sink),
    };
    Ok(Box::new(ReportSink::new(target, sink)))
}

fn open_sink(kind: &Kind, stop: &Stop) -> Result<Box<dyn Sink + Send>, SinkError> {
    Ok(match kind {
        Kind::Stats => Box::new(StatsSink::new(Awaited)),
        Kind::LoggedStats => Box::new(StatsSink::logged()),
        Kind::Seed(options, as_json) => {
            let report = match *as_json {
                true => Report::Json(NdjsonSink::new(Output::stdout(stop)?)),
                false if framebus_tools::log::has_plain_lines() => {
                    Report::Stats(StatsSink::new(Awaited))
                }
                false => Report::Stats(StatsSink::logged()),
            };
            Box::new(SeedSink::new(options.clone(), report))
        }
        Kind::Json(target) => Box::new(NdjsonSink::new(stream(target, stop)?)),
        Kind::Recording(path, plane) => Box::new(RecordingSink::create(path, *plane, stop)?),
        Kind::Exec(command, ExecMode::Frame, plane) => {
            Box::new(ExecSink::new(command, *plane, stop))
        }
        Kind::Exec(command, ExecMode::Stream, plane) => {
            Box::new(ExecStreamSink::new(command, *plane, stop)?)
        }
        Kind::Frames(_, Format::Raw, Plane::Bgr) => {
            let reason = "--format raw is gray: for colour use --format bgr";
            return Err(SinkError::Unsuitable(reason.to_owned()));
        }
        Kind::Frames(target, Format::Y4m, plane) => {
            Box::new(VideoSink::y4m(stream(target, stop)?, *plane)?)
        }
        Kind::Frames(target, Format::Pgm, plane) => {
            Box::new(images(target, Encoding::Pgm, stop)?.of(*plane))
        }
        Kind::Frames(target, Format::Png, plane) => {
            Box::new(images(target, Encoding::Png, stop)?.of(*plane))
        }
        Kind::Frames(target, Format::Jpeg, plane) => {
            Box::new(images(target, Encoding::Jpeg, stop)?.of(*plane))
        }
        Kind::Frames(target, format, plane) => match (format.image(), format.container()) {
            (Some(image), _) => raw(target, image, stop)?,
            (None, Some(container)) => film(target, container, *plane, stop)?,
            (None, None) => return Err(SinkError::Unsuitable("it is no image".to_owned())),
        },
    })
}

/// Writes a plane as it is.
fn raw(target: &Target, plane: Image, stop: &Stop) -> Result<Box<dyn Sink + Send>, SinkError> {
    Ok(Box::new(VideoSink::raw(stream(target, stop)?, plane)?))
}

fn film(
    target: &Target,
    container: Container,
    plane: Plane,
    stop: &Stop,
) -> Result<Box<dyn Sink + Send>, SinkError> {
    match target {
        Target::File(path) => Ok(Box::new(FilmSink::create(path, container, plane, stop)?)),
        Target::Stdout => Err(SinkError::Unsuitable(
            "ffmpeg goes back in the film that it writes: give it a file; for a pipe take --format y4m".to_owned(),
        )),
    }
}

fn stream(target: &Target, stop: &Stop) -> Result<Output, SinkError> {
    match target {
        Target::Stdout => Output::stdout(stop),
        Target::File(path) => Output::file(path, stop),
    }
}

fn images(target: &Target, encoding: Encoding, stop: &Stop) -> Result<ImageSink, SinkError> {
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
            ("a.Mp4", Some(Format::Mp4)),
            ("a.avi", None),
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
        for format in [
            Image::RGB8,
            Image::GRAY16,
            Image::NV12,
            Image::I420,
            Image::YUYV,
        ] {
            let len = format.len(frame.geometry).expect("a length");
            frame.others.push((format, vec![0; len]));
        }
        let full = Target::File("/dev/full".into());
        // What ffmpeg writes is a file, and says so when it is opened.
        let formats = Format::value_variants().iter();
        let kinds = formats
            .filter(|format| format.container().is_none())
            .map(|format| Kind::Frames(full.clone(), *format, Plane::Gray));
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
                let error = open(
                    &Kind::Frames(Target::File(name.into()), format, Plane::Gray),
                    &stop,
                )
                .err()
                .expect(name);
                assert!(matches!(error, SinkError::Write { .. }), "{name}");
            }
        }
    }
}
