//! A recording: a Y4M file whose frames come again when they came, by the times in the sidecar beside it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserialize;

use super::Y4mSource;
use crate::recording::sidecar;
use framebus::clock::{monotonic_ns, wall_ns};
use framebus::source::{
    Arrival, Filled, FrameMeta, FrameSource, FrameTarget, Range, SourceError, SourceInfo,
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
        }))
    }

    /// Sets the range of its luma, where its header lies about it.
    #[must_use]
    pub fn with_range(mut self, range: Range) -> ReplaySource {
        self.video = self.video.with_range(range);
        self
    }

    /// When a frame is due, in nanoseconds after the first.
    fn due_ns(&self, frame: u64) -> u64 {
        let known = self.times_ns.len() as u64;
        let recorded_ns = match self
            .times_ns
            .get(usize::try_from(frame).unwrap_or(usize::MAX))
        {
            Some(time_ns) => *time_ns,
            // Recorded, but its line was not written any more.
            None => {
                let last_ns = self.times_ns.last().copied().unwrap_or(0);
                let more = frame.saturating_add(1).saturating_sub(known);
                last_ns.saturating_add(more.saturating_mul(self.period_ns))
            }
        };
        match self.speed {
            Speed::Times(times) => (recorded_ns as f64 / times) as u64,
            Speed::Max => 0,
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
        let arrival = self.video.wait(stop)?;
        let Arrival::Frame(capture) = arrival else {
            return Ok(arrival);
        };
        if self.times_ns.is_empty() {
            return Ok(arrival);
        }
        if capture.source_frame == 0 {
            // A loop begins a frame's time after the last frame, not at once.
            let pause_ns = if self.start_ns == 0 {
                0
            } else {
                self.period_ns
            };
            self.start_ns = monotonic_ns().saturating_add(pause_ns);
        }
        let due_ns = self
            .start_ns
            .saturating_add(self.due_ns(capture.source_frame));
        if stop.sleep_until(due_ns) {
            return Ok(Arrival::Stopped);
        }
        Ok(Arrival::Frame(FrameMeta {
            capture_ns: monotonic_ns(),
            wall_ns: wall_ns(),
            ..capture
        }))
    }

    fn fill(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        self.video.fill(target)
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
mod tests {
    use std::fs;

    use super::*;

    fn line(sequence: u64, capture_ms: u64) -> String {
        format!(
            "{{\"schema\":1,\"sequence\":{sequence},\"capture_ns\":{}}}\n",
            capture_ms * 1_000_000
        )
    }

    #[test]
    fn times_are_from_the_first_frame_on_and_a_damaged_line_is_named() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("a.y4m.ndjson");
        assert!(read_times(&path).expect("no sidecar").is_empty());
        fs::write(&path, line(7, 100) + &line(8, 140) + &line(12, 300)).expect("write");
        assert_eq!(
            read_times(&path).expect("times"),
            [0, 40_000_000, 200_000_000]
        );
        fs::write(&path, line(7, 100) + "{\n").expect("write");
        let error = read_times(&path).expect_err("damaged").to_string();
        assert!(error.contains("line 2 is not a recorded frame"), "{error}");
    }

    #[test]
    fn numbers_near_the_end_of_their_range_do_not_wrap() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("a.y4m");
        fs::write(&path, "YUV4MPEG2 W1 H1 F1:4294967295 Cmono\nFRAME\nx").expect("write");
        let line = |sequence: u64, capture_ns: u64| {
            format!("{{\"sequence\":{sequence},\"capture_ns\":{capture_ns}}}\n")
        };
        let lines =
            line(u64::MAX - 1, 0) + &line(u64::MAX, u64::MAX) + &line(0, 5) + &line(u64::MAX, 9);
        fs::write(sidecar(&path), lines).expect("write");
        let times = read_times(&sidecar(&path)).expect("times");
        assert_eq!(times, [0, u64::MAX, u64::MAX, u64::MAX]);
        let stop = Stop::new().expect("eventfd");
        let source = ReplaySource::open(&path, Speed::Times(0.001), false, false, &stop);
        let source = source.expect("a recording").expect("nobody asks to stop");
        for frame in [0, 1, 3, 4, 5, u64::MAX] {
            assert!(frame == 0 || source.due_ns(frame) == u64::MAX, "{frame}");
        }
    }

    #[test]
    fn a_sidecar_that_is_no_file_or_has_no_lines_is_refused() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("a");
        std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
        let refusal = || read_times(&path).expect_err("refused").to_string();
        assert!(refusal().contains("it is a device, not a file"));
        fs::remove_file(&path).expect("removed");
        fs::write(&path, vec![b' '; 70_000]).expect("write");
        assert!(refusal().contains("line 1 is not a recorded frame"));
    }

    #[test]
    fn a_frame_is_due_when_it_was_recorded_divided_by_the_speed() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("a.y4m");
        fs::write(&path, "YUV4MPEG2 W1 H1 F10:1 Cmono\nFRAME\nxFRAME\nx").expect("write");
        fs::write(sidecar(&path), line(1, 50) + &line(2, 80)).expect("write");
        let stop = Stop::new().expect("eventfd");
        let open = |speed, even| {
            let source = ReplaySource::open(&path, speed, even, false, &stop).expect("a recording");
            source.expect("nobody asks to stop")
        };
        let source = open(Speed::Times(2.0), false);
        assert_eq!(
            [0, 1, 2].map(|frame| source.due_ns(frame)),
            [0, 15_000_000, 65_000_000]
        );
        assert!(source.info().live);
        assert_eq!(source.info().fps, Some(20.0));
        assert!(!open(Speed::Max, false).info().live);
        assert!(!open(Speed::default(), true).info().live);
    }
}
