//! The program ffmpeg: where it is, what it has, and how it is told to make a film.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use super::SinkError;
use super::process::show;
use crate::system::{apart, find_program};
use framebus::layout::Geometry;

/// Ticks a second of the file's times: what every codec takes, and all usual rates divide.
pub(super) const TICKS: u64 = 60_000;

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

/// The program, and what it has.
#[derive(Debug)]
pub(crate) struct Ffmpeg {
    program: PathBuf,
    has_x264: bool,
    /// What was `-vsync` before FFmpeg 5.1.
    has_fps_mode: bool,
}

impl Ffmpeg {
    /// Looks for it in PATH, for a film that is to be written to `path`. It is asked what it has, which takes a moment, once.
    ///
    /// # Errors
    /// One sentence that says where it is looked for.
    pub(crate) fn find(path: &Path) -> Result<&'static Ffmpeg, SinkError> {
        static FOUND: OnceLock<Ffmpeg> = OnceLock::new();
        match FOUND.get() {
            Some(found) => Ok(found),
            None => Ffmpeg::look(path).map(|found| FOUND.get_or_init(|| found)),
        }
    }

    fn look(path: &Path) -> Result<Ffmpeg, SinkError> {
        let program = find_program("ffmpeg").ok_or_else(|| {
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
            // Newer ones write what an option is for behind it: `-fps_mode[:<stream_spec>]`.
            text.split_whitespace()
                .any(|word| word.split('[').next() == Some(wanted))
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
    pub(super) fn command(&self, path: &Path, container: Container, size: Geometry) -> Command {
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
            .stdout(Stdio::null());
        apart(&mut command);
        command
    }
}

/// How it has ended, in words.
pub(super) fn how(status: ExitStatus) -> String {
    format!("ffmpeg ended with {}", show(status))
}
