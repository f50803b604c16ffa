//! A recording: a Y4M file whose frames come again when they came, by the times in the sidecar beside it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::Y4mSource;
use crate::recording::sidecar;
use framebus::clock::{monotonic_ns, wall_ns};
use framebus::source::{
    Arrival, Filled, FrameMeta, FrameSource, FrameTarget, Progress, Range, SourceError, SourceInfo,
};
use framebus::stop::Stop;
use framebus_tools::file;

/// How fast a recording is replayed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// This many times as fast as it was recorded.
    Times(f64),
    /// As fast as possible.
    Max,
}

impl Default for Speed {
    fn default() -> Self {
        Speed::Times(1.0)
    }
}

/// The part of a recording that is all of it.
const WHOLE: (u64, u64) = (0, u64::MAX);
/// A replay that is this late is not hurried after: it goes on from now.
const LATE_NS: u64 = 1_000_000_000;
/// How long a line of the sidecar may be; those of a recording have some 300 bytes.
const LONGEST_LINE: u64 = 64 * 1024;

/// A line of the sidecar, as far as a replay needs it.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Line {
    sequence: u64,
    capture_ns: u64,
}

/// Replays a Y4M file. With a sidecar, frames come at the recorded times; without one, or with an even pace asked for,
/// the producer paces them.
#[derive(Debug)]
pub struct ReplaySource {
    video: Y4mSource<File>,
    speed: Speed,
    /// Nanoseconds from the first frame on, a frame each; empty when they are not used.
    times_ns: Vec<u64>,
    /// What a frame that the sidecar does not know takes.
    period_ns: u64,
    start_ns: u64,
    /// The part of the recording that is wanted, in ns from its first frame.
    part_ns: (u64, u64),
    looped: bool,
    /// Whether no frame of this round has been given.
    fresh: bool,
    /// The frame that was announced last.
    at: u64,
}

impl ReplaySource {
    /// Opens a recording; `None` when somebody asks to stop meanwhile. With `even`, the recorded times are not used.
    ///
    /// # Errors
    /// Fails when the file cannot be read or is not Y4M, and when its sidecar is damaged.
    pub fn open(
        path: &Path,
        speed: Speed,
        even: bool,
        looped: bool,
        stop: &Stop,
    ) -> Result<Option<ReplaySource>, SourceError> {
        let name = path.display().to_string();
        let file = file::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::PermissionDenied => {
                SourceError::Permission(format!("cannot open {name}: {error}"))
            }
            // A stream of Y4M from a pipe is no recording.
            io::ErrorKind::InvalidInput => SourceError::Unusable(format!(
                "cannot open {name}: {error}; a stream is read with `framebus produce - < {name}`"
            )),
            _ => SourceError::Unusable(format!("cannot open {name}: {error}")),
        })?;
        let Some(video) = Y4mSource::open(file, &name, looped, stop)? else {
            return Ok(None);
        };
        let times_ns = if even || speed == Speed::Max {
            Vec::new()
        } else {
            read_times(&sidecar(path))?
        };
        let fps = video.info().fps.unwrap_or(25.0);
        Ok(Some(ReplaySource {
            video,
            speed,
            times_ns,
            period_ns: (1e9 / fps) as u64,
            start_ns: 0,
            part_ns: WHOLE,
            looped,
            fresh: true,
            at: 0,
        }))
    }

    /// Sets the range of its luma, where its header lies about it.
    #[must_use]
    pub fn with_range(mut self, range: Range) -> ReplaySource {
        self.video = self.video.with_range(range);
        self
    }

    /// Gives only the frames from `start` on, and before `end`, as they were recorded.
    #[must_use]
    pub fn part(mut self, start: Option<Duration>, end: Option<Duration>) -> ReplaySource {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.part_ns = (start.map_or(0, nanos), end.map_or(u64::MAX, nanos));
        self
    }

    /// When a frame is due, in nanoseconds after the first that is wanted.
    fn due_ns(&self, frame: u64) -> u64 {
        let after_ns = self.recorded_ns(frame).saturating_sub(self.part_ns.0);
        match self.speed {
            Speed::Times(times) => (after_ns as f64 / times) as u64,
            Speed::Max => 0,
        }
    }

    /// When a frame was recorded, in nanoseconds after the first.
    fn recorded_ns(&self, frame: u64) -> u64 {
        let known = self.times_ns.len() as u64;
        if known == 0 {
            return frame.saturating_mul(self.period_ns);
        }
        let number = usize::try_from(frame).unwrap_or(usize::MAX);
        match self.times_ns.get(number) {
            Some(time_ns) => *time_ns,
            // Recorded, but its line was not written any more.
            None => {
                let last_ns = self.times_ns.last().copied().unwrap_or(0);
                let more = frame.saturating_add(1).saturating_sub(known);
                last_ns.saturating_add(more.saturating_mul(self.period_ns))
            }
        }
    }
}

impl FrameSource for ReplaySource {
    fn info(&self) -> SourceInfo {
        let info = self.video.info();
        let times = match self.speed {
            Speed::Times(times) => times,
            Speed::Max => 1.0,
        };
        SourceInfo {
            fps: info.fps.map(|fps| fps * times),
            live: !self.times_ns.is_empty(),
            ..info
        }
    }

    fn wait(&mut self, stop: &Stop) -> Result<Arrival, SourceError> {
        let (arrival, capture) = loop {
            let arrival = self.video.wait(stop)?;
            let Arrival::Frame(capture) = arrival else {
                return Ok(arrival);
            };
            self.fresh |= capture.source_frame == 0;
            let recorded_ns = self.recorded_ns(capture.source_frame);
            // What is not asked for is passed over.
            if recorded_ns >= self.part_ns.1 && !self.looped {
                return Ok(Arrival::End);
            }
            if (self.part_ns.0..self.part_ns.1).contains(&recorded_ns) {
                break (arrival, capture);
            }
        };
        self.at = capture.source_frame;
        if self.times_ns.is_empty() {
            return Ok(arrival);
        }
        if std::mem::take(&mut self.fresh) {
            // A loop begins a frame's time after the last frame, not at once.
            let pause_ns = if self.start_ns == 0 {
                0
            } else {
                self.period_ns
            };
            self.start_ns = monotonic_ns().saturating_add(pause_ns);
        }
        let after_ns = self.due_ns(capture.source_frame);
        let due_ns = self.start_ns.saturating_add(after_ns);
        if stop.sleep_until(due_ns) {
            return Ok(Arrival::Stopped);
        }
        let now_ns = monotonic_ns();
        let late_ns = now_ns.saturating_sub(due_ns);
        // The frame's own time, not when this process woke up. Who is that late goes on from now, and does not hurry after it.
        let capture_ns = if late_ns > LATE_NS {
            self.start_ns = now_ns.saturating_sub(after_ns);
            now_ns
        } else {
            due_ns
        };
        Ok(Arrival::Frame(FrameMeta {
            capture_ns,
            wall_ns: wall_ns().saturating_sub(now_ns.saturating_sub(capture_ns)),
            ..capture
        }))
    }

    fn fill(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        self.video.fill(target)
    }

    fn progress(&self) -> Option<Progress> {
        let (start_ns, end_ns) = self.part_ns;
        let of_file = self.video.progress();
        let all_ns = match (self.times_ns.last(), of_file) {
            (Some(last_ns), _) => *last_ns,
            (None, Some(Progress::Frames { of, .. })) if self.part_ns != WHOLE => {
                of.saturating_mul(self.period_ns)
            }
            _ => return of_file,
        };
        let after = |ns: u64| Duration::from_nanos(ns.saturating_sub(start_ns));
        Some(Progress::Time {
            at: after(self.recorded_ns(self.at)),
            of: after(all_ns.min(end_ns)),
        })
    }
}

/// Reads the times of a recording, and says where frames are missing; none without a sidecar.
fn read_times(path: &Path) -> Result<Vec<u64>, SourceError> {
    let name = path.display();
    let failed = |error: io::Error| SourceError::Unusable(format!("cannot read {name}: {error}"));
    let mut file = match file::open(path) {
        Ok(file) => BufReader::new(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut times = Times::default();
    let mut text = String::new();
    for number in 1.. {
        text.clear();
        let read = (&mut file).take(LONGEST_LINE).read_line(&mut text);
        if read.map_err(failed)? == 0 {
            break;
        }
        let line = serde_json::from_str(&text).map_err(|error| {
            SourceError::Damaged(format!(
                "{name} line {number} is not a recorded frame: {error}"
            ))
        })?;
        times.take(line);
    }
    if times.gaps > 0 {
        let (gaps, lost) = (times.gaps, times.lost);
        tracing::warn!("the recording has {gaps} gaps: {lost} frames are missing in it");
    }
    Ok(times.times_ns)
}

/// What is known of a sidecar's lines so far. Their numbers may be any.
#[derive(Default)]
struct Times {
    times_ns: Vec<u64>,
    first_ns: u64,
    before: Option<u64>,
    gaps: u64,
    lost: u64,
}

impl Times {
    fn take(&mut self, line: Line) {
        match self.before {
            None => self.first_ns = line.capture_ns,
            // Smaller ones are another producer's: sequences may begin again.
            Some(before) => {
                let lost = line.sequence.saturating_sub(before).saturating_sub(1);
                self.gaps += u64::from(lost > 0);
                self.lost = self.lost.saturating_add(lost);
            }
        }
        let after_first = line.capture_ns.saturating_sub(self.first_ns);
        let last_ns = self.times_ns.last().copied().unwrap_or(0);
        self.times_ns.push(after_first.max(last_ns));
        self.before = Some(line.sequence);
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
