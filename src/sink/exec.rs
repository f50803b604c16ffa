//! A command of the user's: a process a frame, or one process that gets all of them as a stream.

use std::io;
use std::process::{Child, ExitStatus, Stdio};
use std::time::Duration;

use super::encode::{Encoding, encode};
use super::ended::Ended;
use super::pipe::Owned;
use super::process::{show, wait_for};
use super::{FrameView, Output, Plane, Sink, SinkError, StreamInfo, Summary, VideoSink};
use crate::system::{NOT_RUN, shell};
use framebus::stop::Stop;

/// How long a command may go on with its frame after a request to stop, before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// Runs a shell command for each frame: the frame as PGM (PPM in colour) on its standard input, what is known of it in
/// `FRAMEBUS_…` variables. The frame is held, and the next one waits, until the command has ended.
#[derive(Debug)]
pub struct ExecSink {
    command: String,
    plane: Plane,
    stop: Stop,
    bus: String,
    index: u8,
    generation: u64,
    epoch_ms: u64,
    image: Vec<u8>,
}

impl ExecSink {
    /// Runs `command` with `sh -c`.
    #[must_use]
    pub fn new(command: &str, plane: Plane, stop: &Stop) -> ExecSink {
        ExecSink {
            command: command.to_owned(),
            plane,
            stop: stop.clone(),
            bus: String::new(),
            index: 0,
            generation: 0,
            epoch_ms: 0,
            image: Vec::new(),
        }
    }

    fn spawn(&self, frame: &FrameView<'_>) -> Result<Child, SinkError> {
        let mut command = shell(&self.command);
        command
            .stdin(Stdio::piped())
            .env("FRAMEBUS_BUS", &self.bus)
            .env("FRAMEBUS_INDEX", self.index.to_string())
            .env("FRAMEBUS_GENERATION", self.generation.to_string())
            .env("FRAMEBUS_EPOCH_MS", self.epoch_ms.to_string())
            .env("FRAMEBUS_SEQ", frame.info.sequence.to_string())
            .env("FRAMEBUS_SLOT", frame.info.slot.to_string())
            .env("FRAMEBUS_SKIPPED", frame.info.skipped.to_string())
            .env("FRAMEBUS_SOURCE_FRAME", frame.info.source_frame.to_string())
            .env("FRAMEBUS_CAPTURE_NS", frame.info.capture_ns.to_string())
            .env("FRAMEBUS_PUBLISH_NS", frame.info.publish_ns.to_string())
            .env("FRAMEBUS_WALL_NS", frame.info.wall_ns.to_string())
            .env("FRAMEBUS_WIDTH", frame.geometry.width.to_string())
            .env("FRAMEBUS_HEIGHT", frame.geometry.height.to_string());
        command
            .spawn()
            .map_err(|source| failed(&self.command, source))
    }
}

impl Sink for ExecSink {
    fn begin(&mut self, stream: &StreamInfo) -> Result<(), SinkError> {
        self.bus.clone_from(&stream.bus);
        self.index = stream.index;
        self.generation = stream.generation;
        self.epoch_ms = stream.epoch_ms;
        Ok(())
    }

    fn frame(&mut self, frame: &FrameView<'_>) -> Result<(), SinkError> {
        self.image.clear();
        let pixels = self.plane.of(frame)?;
        encode(Encoding::Pgm, frame.geometry, pixels, &mut self.image)
            .map_err(|source| failed(&self.command, source))?;
        let mut child = self.spawn(frame)?;
        let written = pipe_to(&mut child, &self.command, &self.stop)
            .and_then(|mut output| output.write_frame(&[&self.image]));
        match written {
            // A command need not read its frame.
            Ok(()) | Err(SinkError::Closed | SinkError::Stopped) => {}
            Err(error) => return Err(error),
        }
        let ended = wait_for(&mut child, Some(GRACE), &self.stop)
            .map_err(|source| failed(&self.command, source))?;
        match ended {
            Ended::Killed => Err(SinkError::Stopped),
            Ended::Itself(status) if status.code().is_some_and(|code| NOT_RUN.contains(&code)) => {
                Err(unsuitable(&self.command, status))
            }
            Ended::Itself(status) if status.success() || self.stop.is_set() => Ok(()),
            Ended::Itself(status) => {
                let sequence = frame.info.sequence;
                tracing::warn!(
                    "'{}' ended with {} at frame {sequence}",
                    self.command,
                    show(status)
                );
                Ok(())
            }
        }
    }

    fn finish(&mut self, _summary: &Summary) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Runs one shell command that gets all frames as Y4M on its standard input.
#[derive(Debug)]
pub struct ExecStreamSink {
    command: String,
    stop: Stop,
    child: Child,
    /// `None` once the stream has ended.
    video: Option<VideoSink>,
}

impl ExecStreamSink {
    /// Starts `command` with `sh -c`.
    ///
    /// # Errors
    /// Fails when there is no shell.
    pub fn new(command: &str, plane: Plane, stop: &Stop) -> Result<ExecStreamSink, SinkError> {
        let mut child = shell(command)
            .stdin(Stdio::piped())
            .spawn()
            .map_err(|source| failed(command, source))?;
        let output = pipe_to(&mut child, command, stop)?;
        Ok(ExecStreamSink {
            command: command.to_owned(),
            stop: stop.clone(),
            child,
            video: Some(VideoSink::y4m(output, plane)?),
        })
    }

    /// What a command that has stopped reading wants to say: a success is a quiet end.
    fn explain(&mut self, error: SinkError) -> SinkError {
        if !matches!(error, SinkError::Closed) {
            return error;
        }
        self.video = None;
        match wait_for(&mut self.child, None, &self.stop) {
            Ok(Ended::Itself(status)) if !status.success() => unsuitable(&self.command, status),
            _ => SinkError::Closed,
        }
    }
}

impl Sink for ExecStreamSink {
    fn begin(&mut self, stream: &StreamInfo) -> Result<(), SinkError> {
        self.video
            .as_mut()
            .map_or(Ok(()), |video| video.begin(stream))
    }

    fn frame(&mut self, frame: &FrameView<'_>) -> Result<(), SinkError> {
        let written = self
            .video
            .as_mut()
            .map_or(Err(SinkError::Closed), |video| video.frame(frame));
        written.map_err(|error| self.explain(error))
    }

    fn tick(&mut self, now_ns: u64) -> Result<(), SinkError> {
        let ticked = self
            .video
            .as_mut()
            .map_or(Ok(()), |video| video.tick(now_ns));
        ticked.map_err(|error| self.explain(error))
    }

    fn finish(&mut self, _summary: &Summary) -> Result<(), SinkError> {
        // Its end of file: a command such as ffmpeg now writes the rest, for as long as that takes.
        if self.video.take().is_none() {
            return Ok(());
        }
        let status = self
            .child
            .wait()
            .map_err(|source| failed(&self.command, source))?;
        if status.success() || self.stop.is_set() {
            Ok(())
        } else {
            Err(unsuitable(&self.command, status))
        }
    }
}

impl Drop for ExecStreamSink {
    fn drop(&mut self) {
        self.video = None;
        let _ = wait_for(&mut self.child, Some(GRACE), &self.stop);
    }
}

fn pipe_to(child: &mut Child, command: &str, stop: &Stop) -> Result<Output, SinkError> {
    let stdin = child.stdin.take().map(Owned::from);
    let stdin = stdin.ok_or_else(|| failed(command, io::ErrorKind::BrokenPipe.into()))?;
    Output::from_fd(stdin, &format!("to '{command}'"), stop)
}

fn failed(command: &str, source: io::Error) -> SinkError {
    SinkError::Write {
        target: format!("to '{command}'"),
        source,
    }
}

fn unsuitable(command: &str, status: ExitStatus) -> SinkError {
    SinkError::Unsuitable(format!(
        "the command '{command}' ended with {}",
        show(status)
    ))
}
