//! Compressed video in a container, which ffmpeg makes: MP4, Matroska, QuickTime, WebM.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::Duration;

use super::ended::Ended;
use super::ffmpeg::{Container, Ffmpeg, TICKS, how};
use super::matroska::{self, Track};
use super::pipe::Owned;
use super::process::wait_for;
use super::{FrameView, Output, Plane, Sink, SinkError, StreamInfo, Summary};
use crate::system::nameless_file;
use framebus::layout::{Format, Geometry};
use framebus::stop::Stop;

/// Two frames are never at the same time.
const LEAST_US: u64 = 1_000_000 / TICKS + 1;
/// How long ffmpeg may take for what it has, once somebody has asked to stop.
const GRACE: Duration = Duration::from_secs(60);
/// How much is read of what it says.
const MOST_WORDS: u64 = 1 << 16;
/// How many bytes of its words are kept while it runs.
const MOST_KEPT: u64 = 16 * MOST_WORDS;

/// Writes a film: each frame has its capture time, counted from the first one.
///
/// - ffmpeg is started with the first frame. It is not in this process's group, so that Ctrl-C does not reach it: it ends the
///   file when its input ends, also when this process is killed.
/// - A film has one size: a stream that begins again with another one is refused.
#[derive(Debug)]
pub struct FilmSink {
    path: PathBuf,
    container: Container,
    plane: Plane,
    ffmpeg: &'static Ffmpeg,
    stop: Stop,
    /// Holds the place, and gives it back if there is no frame.
    _place: Output,
    stream: Option<(Geometry, Option<f64>)>,
    running: Option<Running>,
    /// Whether ffmpeg has ended with an error, which was said: the file is not whole.
    broken: bool,
    first_ns: u64,
    last_us: Option<u64>,
    /// What stands before an image, kept for its capacity.
    head: Vec<u8>,
}

/// ffmpeg at work.
#[derive(Debug)]
struct Running {
    child: Child,
    pipe: Output,
    /// What it says.
    words: File,
}

impl FilmSink {
    /// Creates the file.
    ///
    /// # Errors
    /// Fails where there is no ffmpeg, and when the file cannot be created.
    pub fn create(
        path: &Path,
        container: Container,
        plane: Plane,
        stop: &Stop,
    ) -> Result<FilmSink, SinkError> {
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Err(SinkError::Unsuitable(format!(
                "{} is not a file, and ffmpeg goes back in the film that it writes; for a pipe take --format y4m",
                path.display()
            )));
        }
        Ok(FilmSink {
            ffmpeg: Ffmpeg::find(path)?,
            _place: Output::file(path, stop)?,
            path: path.to_owned(),
            container,
            plane,
            stop: stop.clone(),
            stream: None,
            running: None,
            broken: false,
            first_ns: 0,
            last_us: None,
            head: Vec::new(),
        })
    }

    fn format(&self) -> (Format, [u8; 4]) {
        match self.plane {
            Plane::Gray => (Format::GRAY8, *b"Y800"),
            Plane::Bgr => (Format::BGR8, *b"BGR\x18"),
        }
    }

    fn start(&mut self, frame: &FrameView<'_>) -> Result<(), SinkError> {
        let words = nameless_file().map_err(|error| self.failed(error))?;
        let theirs = words.try_clone().map_err(|error| self.failed(error))?;
        let mut child = self
            .ffmpeg
            .command(&self.path, self.container, frame.geometry)
            .stderr(theirs)
            .spawn()
            .map_err(|error| self.failed(error))?;
        let stdin = child.stdin.take().map(Owned::from);
        let pipe = stdin
            .ok_or_else(|| self.failed(io::ErrorKind::BrokenPipe.into()))
            .and_then(|stdin| Output::from_fd(stdin, "to ffmpeg", &self.stop));
        let pipe = match pipe {
            Ok(pipe) => pipe.with_grace(GRACE),
            Err(error) => {
                // Its input is closed: it has nothing to do.
                let _ = child.kill();
                let _ = child.wait();
                return Err(error);
            }
        };
        pipe.expect_frames_of(frame.geometry.gray_len());
        self.running = Some(Running { child, pipe, words });
        self.first_ns = frame.info.capture_ns;
        self.head = matroska::header(&Track {
            geometry: frame.geometry,
            fourcc: self.format().1,
            fps: self.stream.and_then(|(_, fps)| fps),
            wall_ns: frame.info.wall_ns,
        });
        Ok(())
    }

    fn failed(&self, source: io::Error) -> SinkError {
        SinkError::Write {
            target: self.path.display().to_string(),
            source,
        }
    }

    /// Ends the input, and waits until the file is whole.
    fn end(&mut self) -> Result<(), SinkError> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        let Running {
            mut child,
            pipe,
            mut words,
        } = running;
        drop(pipe);
        let ended = wait_for(&mut child, Some(GRACE), &self.stop);
        match ended.map_err(|error| self.failed(error))? {
            Ended::Itself(status) if status.success() => Ok(()),
            Ended::Itself(status) => {
                let why = last_words(&mut words).unwrap_or_else(|| how(status));
                Err(self.failed(io::Error::other(why)))
            }
            Ended::Killed => Err(self.failed(io::Error::other(format!(
                "ffmpeg did not come to an end within {} s",
                GRACE.as_secs()
            )))),
        }
    }

    /// Why ffmpeg reads no more.
    fn explain(&mut self, error: SinkError) -> SinkError {
        if !matches!(error, SinkError::Closed) {
            return error;
        }
        self.broken = true;
        let early = || io::Error::other("ffmpeg has ended before the film");
        match self.end() {
            Ok(()) => self.failed(early()),
            Err(error) => error,
        }
    }
}

impl Sink for FilmSink {
    fn begin(&mut self, stream: &StreamInfo) -> Result<(), SinkError> {
        match self.stream {
            Some((begun, _)) if begun != stream.geometry => {
                return Err(SinkError::Unsuitable(format!(
                    "the frames of bus {} are now {}, but {} holds {begun} and a film has one size; write another file, or images",
                    stream.bus,
                    stream.geometry,
                    self.path.display()
                )));
            }
            _ => self.stream = Some((stream.geometry, stream.nominal_fps)),
        }
        Ok(())
    }

    fn frame(&mut self, frame: &FrameView<'_>) -> Result<(), SinkError> {
        let image = frame.wanted(self.format().0)?;
        self.head.clear();
        if self.running.is_none() {
            self.start(frame)?;
        }
        let time_us = frame.info.capture_ns.saturating_sub(self.first_ns) / 1000;
        let least_us = self.last_us.map_or(0, |last_us| last_us + LEAST_US);
        let time_us = time_us.max(least_us);
        self.last_us = Some(time_us);
        matroska::before_image(&mut self.head, time_us, image.len());
        let Some(running) = &mut self.running else {
            return Err(SinkError::Closed);
        };
        let written = running.pipe.write_frame(&[&self.head, image]);
        written.map_err(|error| self.explain(error))
    }

    fn tick(&mut self, _now_ns: u64) -> Result<(), SinkError> {
        if let Some(running) = &mut self.running {
            running.forget_old_words();
        }
        let there = match &self.running {
            Some(running) => running.pipe.check_reader(),
            None => Ok(()),
        };
        there.map_err(|error| self.explain(error))
    }

    fn finish(&mut self, _summary: &Summary) -> Result<(), SinkError> {
        match self.broken {
            true => Err(SinkError::Closed),
            false => self.end(),
        }
    }

    fn bytes(&self) -> u64 {
        self.path.metadata().map_or(0, |metadata| metadata.len())
    }
}

impl Drop for FilmSink {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

impl Running {
    /// What ffmpeg says is in memory: an encoder that complains for weeks is not to fill it.
    fn forget_old_words(&mut self) {
        let words = &mut self.words;
        if words.metadata().is_ok_and(|words| words.len() > MOST_KEPT) {
            // Its place in the file is ffmpeg's, too.
            let _ = words.set_len(0);
            let _ = words.rewind();
        }
    }
}

/// The last line that ffmpeg has written, without the name of the part that has.
fn last_words(words: &mut File) -> Option<String> {
    let mut bytes = Vec::new();
    let length = words.metadata().ok()?.len();
    words
        .seek(SeekFrom::Start(length.saturating_sub(MOST_WORDS)))
        .and_then(|_| words.take(MOST_WORDS).read_to_end(&mut bytes))
        .ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let last = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    let words = match last.split_once("] ") {
        Some((part, words)) if part.starts_with('[') => words,
        _ => last,
    };
    Some(format!("ffmpeg says: {words}"))
}
