//! Compressed video in a container, which ffmpeg makes: MP4, Matroska, QuickTime, WebM.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};

use super::matroska::{self, Track};
use super::process::{Ended, show, wait_for};
use super::{FrameView, Output, Plane, Sink, SinkError, StreamInfo, Summary};
use framebus::layout::{Format, Geometry};
use framebus::stop::Stop;

/// Ticks a second of the file's times: what every codec takes, and all usual rates divide.
const TICKS: u64 = 60_000;
/// Two frames are never at the same time.
const LEAST_US: u64 = 1_000_000 / TICKS + 1;
/// How long ffmpeg may take for what it has, once somebody has asked to stop.
const GRACE: Duration = Duration::from_secs(60);
/// How much is read of what it says.
const MOST_WORDS: u64 = 1 << 16;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// MPEG-4.
    Mp4,
    /// Matroska.
    Mkv,
    /// QuickTime.
    Mov,
    /// WebM.
    Webm,
}

impl Container {
    /// FFmpeg's name for it.
    fn name(self) -> &'static str {
        match self {
            Container::Mp4 => "mp4",
            Container::Mkv => "matroska",
            Container::Mov => "mov",
            Container::Webm => "webm",
        }
    }
}

/// Writes a film: each frame has its capture time, counted from the first one.
///
/// - ffmpeg is started with the first frame. It is not in this process's group, so that Ctrl-C does not reach it: it ends the file when
///   its input ends, also when this process is killed.
/// - A film has one size: a stream that begins again with another one is refused.
#[derive(Debug)]
pub struct FilmSink {
    path: PathBuf,
    container: Container,
    plane: Plane,
    ffmpeg: Ffmpeg,
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
        let words = memfd_create("ffmpeg", MemfdFlags::CLOEXEC);
        let words = words.map_err(|error| self.failed(error.into()))?;
        let theirs = words.try_clone().map_err(|error| self.failed(error))?;
        let mut child = self
            .ffmpeg
            .command(&self.path, self.container, frame.geometry)
            .stderr(theirs)
            .spawn()
            .map_err(|error| self.failed(error))?;
        let stdin = child.stdin.take().map(OwnedFd::from);
        let stdin = stdin.ok_or_else(|| self.failed(io::ErrorKind::BrokenPipe.into()))?;
        let pipe = Output::from_fd(stdin, "to ffmpeg", &self.stop)?.with_grace(GRACE);
        pipe.expect_frames_of(frame.geometry.gray_len());
        self.running = Some(Running {
            child,
            pipe,
            words: words.into(),
        });
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

/// The program, and what it has.
#[derive(Debug)]
pub(crate) struct Ffmpeg {
    program: PathBuf,
    has_x264: bool,
    /// What was `-vsync` before FFmpeg 5.1.
    has_fps_mode: bool,
}

impl Ffmpeg {
    /// Looks for it in PATH, for a film that is to be written to `path`.
    ///
    /// # Errors
    /// One sentence that says where it is looked for.
    pub(crate) fn find(path: &Path) -> Result<Ffmpeg, SinkError> {
        let places = std::env::var_os("PATH").unwrap_or_default();
        let mut all = std::env::split_paths(&places).map(|place| place.join("ffmpeg"));
        let is_program = |path: &PathBuf| {
            fs::metadata(path)
                .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
        };
        let program = all.find(is_program).ok_or_else(|| {
            SinkError::Unsuitable(format!(
                "{} needs ffmpeg, which is not in PATH: install it (apt-get install ffmpeg), or write Y4M",
                path.display()
            ))
        })?;
        let said = |args: &[&str]| {
            let asked = Command::new(&program)
                .args(["-hide_banner", "-loglevel", "error"])
                .args(args)
                .stdin(Stdio::null())
                .output();
            let why = match asked {
                Ok(asked) if asked.status.success() => return Ok(asked.stdout),
                Ok(asked) => how(asked.status),
                Err(error) => error.to_string(),
            };
            let program = program.display();
            Err(SinkError::Unsuitable(format!(
                "{program} cannot be used: {why}"
            )))
        };
        let has = |text: &[u8], wanted: &str| {
            let text = String::from_utf8_lossy(text);
            text.split_whitespace().any(|word| word == wanted)
        };
        let has_x264 = has(&said(&["-encoders"])?, "libx264");
        let has_fps_mode = has(&said(&["-h", "long"])?, "-fps_mode");
        Ok(Ffmpeg {
            program,
            has_x264,
            has_fps_mode,
        })
    }

    /// ffmpeg, which makes a film of what comes on its standard input.
    fn command(&self, path: &Path, container: Container, size: Geometry) -> Command {
        let x264 = self.has_x264 && container != Container::Webm;
        // Half the colour in both directions is what every player takes; H.264 has no half of an odd number.
        let odd = size.width % 2 == 1 || size.height % 2 == 1;
        let pixels = if x264 && odd { "yuv444p" } else { "yuv420p" };
        // Times as they are: it would fill an MP4 with frames at an even rate.
        let times = if self.has_fps_mode {
            "-fps_mode"
        } else {
            "-vsync"
        };
        let mut command = Command::new(&self.program);
        command
            .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y"])
            // All that is to be known stands in the header.
            .args(["-f", "matroska", "-analyzeduration", "0", "-i", "pipe:0"])
            .args([times, "vfr", "-enc_time_base", &format!("1:{TICKS}")])
            // With the date, which it would leave out by itself.
            .args(["-map_metadata", "0"])
            .args(["-force_key_frames", "expr:gte(t,n_forced*2)"])
            .arg("-vf")
            .arg(format!(
                "scale=in_range=pc:out_range=tv:out_color_matrix=bt709,format={pixels}"
            ))
            .args(["-color_range", "tv", "-colorspace", "bt709"])
            .args(["-color_primaries", "bt709", "-color_trc", "bt709"]);
        match container {
            // It has to keep up with a camera.
            Container::Webm => command
                .args(["-c:v", "libvpx-vp9", "-crf", "24", "-b:v", "0"])
                .args(["-deadline", "realtime", "-cpu-used", "8", "-row-mt", "1"]),
            _ if x264 => command.args(["-c:v", "libx264", "-preset", "veryfast", "-crf", "18"]),
            _ => command.args(["-q:v", "3"]),
        };
        if matches!(container, Container::Mp4 | Container::Mov) {
            command.args(["-video_track_timescale", &TICKS.to_string()]);
        }
        // A name with a colon would be a URL, and one with a dash an option.
        let mut name = OsString::from("file:");
        name.push(path);
        command
            .args(["-f", container.name()])
            .arg(name)
            .env("AV_LOG_FORCE_NOCOLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .process_group(0);
        command
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

fn how(status: ExitStatus) -> String {
    format!("ffmpeg ended with {}", show(status))
}
