//! Single images: one after another in a stream, one file a frame, or one file with the latest frame.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::encode::{Encoding, encode};
use super::{FrameView, Output, Plane, Sink, SinkError, StreamInfo, Summary};

/// Writes each frame as an image of its own; the size may change on the way.
///
/// Files are written under a temporary name in the same directory and then renamed, so a program that watches the
/// directory or reads the file at any moment sees whole images only, and a full disk leaves no partial one.
#[derive(Debug)]
pub struct ImageSink {
    destination: Destination,
    encoding: Encoding,
    plane: Plane,
    /// The encoded image, kept for its capacity.
    image: Vec<u8>,
    /// Of the images so far.
    bytes: u64,
}

#[derive(Debug)]
enum Destination {
    Stream(Output),
    Files(FileName, Numbers),
    Latest(PathBuf),
}

/// The numbers of files: the frames' sequences, and never one that this run has used. Where sequences begin again, as after a producer
/// that kept none of the one before it, they go on from the last number, with the same gaps.
#[derive(Debug, Default)]
struct Numbers {
    last: u64,
    /// What is added to a sequence.
    ahead: u64,
}

impl Numbers {
    fn of(&mut self, sequence: u64) -> u64 {
        let number = sequence.saturating_add(self.ahead);
        if number <= self.last {
            self.ahead += (self.last - number).saturating_add(1);
        }
        self.last = sequence.saturating_add(self.ahead);
        self.last
    }
}

impl ImageSink {
    /// Writes the images one after another.
    ///
    /// # Errors
    /// Refuses a terminal.
    pub(super) fn stream(output: Output, encoding: Encoding) -> Result<ImageSink, SinkError> {
        output.refuse_terminal("images")?;
        Ok(ImageSink::new(Destination::Stream(output), encoding))
    }

    /// Writes one file a frame, named by its sequence; a file of this run is never replaced.
    ///
    /// # Errors
    /// Fails when the directory is not there.
    pub(super) fn files(name: FileName, encoding: Encoding) -> Result<ImageSink, SinkError> {
        check_directory(&name.path(1))?;
        let numbers = Numbers::default();
        Ok(ImageSink::new(Destination::Files(name, numbers), encoding))
    }

    /// Keeps the latest frame in `path`, replaced at once by each frame. A symbolic link stays one.
    ///
    /// # Errors
    /// Fails when the directory is not there.
    pub(super) fn latest(path: &Path, encoding: Encoding) -> Result<ImageSink, SinkError> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        check_directory(&path)?;
        Ok(ImageSink::new(Destination::Latest(path), encoding))
    }

    fn new(destination: Destination, encoding: Encoding) -> ImageSink {
        ImageSink {
            destination,
            encoding,
            plane: Plane::Gray,
            image: Vec::new(),
            bytes: 0,
        }
    }

    /// Writes that plane of the frames instead of the gray one.
    #[must_use]
    pub(super) fn of(mut self, plane: Plane) -> ImageSink {
        self.plane = plane;
        self
    }
}

impl Sink for ImageSink {
    fn begin(&mut self, stream: &StreamInfo) -> Result<(), SinkError> {
        if let Destination::Stream(output) = &self.destination {
            output.expect_frames_of(stream.geometry.gray_len());
        }
        Ok(())
    }

    fn frame(&mut self, frame: &FrameView<'_>) -> Result<(), SinkError> {
        let target = match &mut self.destination {
            Destination::Stream(output) => PathBuf::from(output.target()),
            Destination::Files(name, numbers) => name.path(numbers.of(frame.info.sequence)),
            Destination::Latest(path) => path.clone(),
        };
        self.image.clear();
        let pixels = self.plane.of(frame)?;
        encode(self.encoding, frame.geometry, pixels, &mut self.image)
            .map_err(|source| write_error(&target, source))?;
        match &mut self.destination {
            Destination::Stream(output) => output.write_frame(&[&self.image])?,
            Destination::Files(..) | Destination::Latest(_) => replace_file(&target, &self.image)?,
        }
        self.bytes += self.image.len() as u64;
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn tick(&mut self, _now_ns: u64) -> Result<(), SinkError> {
        match &self.destination {
            Destination::Stream(output) => output.check_reader(),
            Destination::Files(..) | Destination::Latest(_) => Ok(()),
        }
    }

    fn finish(&mut self, _summary: &Summary) -> Result<(), SinkError> {
        match &mut self.destination {
            Destination::Stream(output) => output.finish(),
            Destination::Files(..) | Destination::Latest(_) => Ok(()),
        }
    }
}

/// A file name with a place for a number, the frame's sequence or the event's, such as `frames/img_%06d.png`.
///
/// `%d` is the number, `%6d` fills with spaces and `%06d` with zeros, as in `printf`; any other percent sign is itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileName {
    before: String,
    width: usize,
    zeros: bool,
    after: String,
}

impl FileName {
    /// Reads a pattern; `None` is a name without one, which is an ordinary file.
    ///
    /// # Errors
    /// [`SinkError::Unsuitable`] for a name with two numbers, and for a number with more digits than there are.
    pub fn parse(path: &Path) -> Result<Option<FileName>, SinkError> {
        let Some(text) = path.to_str() else {
            return Ok(None);
        };
        let mut places = text
            .match_indices('%')
            .filter_map(|(at, _)| number_place(&text[at..]).map(|place| (at, place)));
        let Some((at, place)) = places.next() else {
            return Ok(None);
        };
        let refused =
            |why| SinkError::Unsuitable(format!("the file name {text} {why}; write %06d once"));
        if places.next().is_some() {
            return Err(refused("has two places for a number"));
        }
        let digits = &place[1..place.len() - 1];
        let width = if digits.is_empty() {
            0
        } else {
            digits.parse().unwrap_or(usize::MAX)
        };
        if width > 20 {
            return Err(refused("asks for more digits than a number has"));
        }
        Ok(Some(FileName {
            before: text[..at].to_owned(),
            width,
            zeros: digits.starts_with('0'),
            after: text[at + place.len()..].to_owned(),
        }))
    }

    /// Returns the path for a number.
    #[must_use]
    pub fn path(&self, sequence: u64) -> PathBuf {
        let FileName {
            before,
            width,
            zeros,
            after,
        } = self;
        let width = *width;
        let number = if *zeros {
            format!("{sequence:0width$}")
        } else {
            format!("{sequence:width$}")
        };
        format!("{before}{number}{after}").into()
    }
}

/// Returns the `%d`, `%6d` or `%06d` that `text` starts with.
fn number_place(text: &str) -> Option<&str> {
    let behind = text
        .strip_prefix('%')?
        .trim_start_matches(|c: char| c.is_ascii_digit());
    behind
        .starts_with('d')
        .then(|| &text[..=text.len() - behind.len()])
}

/// Puts an image into `path` in one step: whoever reads it sees the one before or this one.
pub(crate) fn replace_file(path: &Path, image: &[u8]) -> Result<(), SinkError> {
    let temporary = temporary_name(path);
    let written = File::create(&temporary)
        .and_then(|mut file| file.write_all(image))
        .and_then(|()| fs::rename(&temporary, path));
    written.map_err(|source| {
        // Best effort: the error of the write is the one to report.
        let _ = fs::remove_file(&temporary);
        write_error(path, source)
    })
}

/// Returns `.NAME.PID.tmp` beside `path`: hidden from patterns such as `*.png`, on the same file system, and ours alone.
fn temporary_name(path: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    path.with_file_name(name)
}

/// Fails now, and not with the first frame, when a file cannot be created at `path`.
fn check_directory(path: &Path) -> Result<(), SinkError> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    match fs::metadata(directory) {
        Ok(metadata) if metadata.is_dir() && path.is_dir() => {
            Err(write_error(path, io::ErrorKind::IsADirectory.into()))
        }
        Ok(metadata) if metadata.is_dir() => Ok(()),
        Ok(_) => Err(write_error(path, io::ErrorKind::NotADirectory.into())),
        Err(source) => Err(write_error(path, source)),
    }
}

fn write_error(path: &Path, source: io::Error) -> SinkError {
    SinkError::Write {
        target: path.display().to_string(),
        source,
    }
}

#[cfg(test)]
#[path = "images_tests.rs"]
mod tests;
