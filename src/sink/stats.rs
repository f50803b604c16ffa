//! A line a second about how a consumer keeps up.

use std::fmt;
use std::io::{self, Write};

use framebus_tools::stderr::Awaited;

use framebus::seed::Counts;

use super::{FrameView, Sink, SinkError, StreamInfo, Summary};

/// Ticks come about once a second; one that comes earlier than this belongs to the same line.
const SHORTEST_INTERVAL_NS: u64 = 900_000_000;
/// Times kept of one interval: more than a second of frames at any rate that a person reads statistics of.
const MOST_SAMPLES: usize = 1 << 16;

/// Writes what a person wants to know of a consumer, a line a second and a last one at the end.
///
/// - `fps`: frames taken a second; `skipped`: frames published and not taken.
/// - `wait`: from the publish to the moment when this consumer had the frame.
/// - `busy`: from there to the moment when it released the frame.
///
/// Percentiles are exact: the times of one second are kept and sorted.
#[derive(Debug)]
pub struct StatsSink<W> {
    /// `None`: the lines go where log lines go.
    output: Option<W>,
    bus: String,
    index: u8,
    interval: Interval,
    total: Total,
    seed: Option<Counts>,
}

/// What has happened since the last line.
#[derive(Debug, Default)]
struct Interval {
    frames: u64,
    skipped: u64,
    waits_ns: Vec<u64>,
    busy_ns: Vec<u64>,
}

/// What has happened since the first frame.
#[derive(Debug, Default)]
struct Total {
    /// When the first frame came; rates count from here on, without that frame.
    start_ns: Option<u64>,
    line_ns: u64,
    last_ns: u64,
    /// When the frame that is being worked on was there.
    wake_ns: Option<u64>,
    frames: u64,
    skipped: u64,
    sequence: u64,
}

impl<W: Write> StatsSink<W> {
    /// Writes the lines to `output`, which is standard error but for tests.
    #[must_use]
    pub fn new(output: W) -> StatsSink<W> {
        StatsSink {
            output: Some(output),
            bus: String::new(),
            index: 0,
            interval: Interval::default(),
            total: Total::default(),
            seed: None,
        }
    }

    /// Says this, too, from the next line on.
    pub(super) fn also(&mut self, seed: Counts) {
        self.seed = Some(seed);
    }

    /// What is said of the sample's programs, behind everything else.
    fn of_seed(&self) -> String {
        let text = self.seed.map(|counts| format!("; seed: {counts}"));
        text.unwrap_or_default()
    }

    fn write_line(&mut self, text: &str) -> Result<(), SinkError> {
        let line = format!("{}/{}: {text}\n", self.bus, self.index);
        let Some(output) = &mut self.output else {
            return Ok(());
        };
        output
            .write_all(line.as_bytes())
            .and_then(|()| output.flush())
            .map_err(|source| match source.kind() {
                io::ErrorKind::BrokenPipe => SinkError::Closed,
                _ => SinkError::Write {
                    target: "standard error".to_owned(),
                    source,
                },
            })
    }
}

impl StatsSink<Awaited> {
    /// Logs the lines instead, with their numbers as fields: in the form of the log, and silent where it is.
    #[must_use]
    pub fn logged() -> Self {
        let mut sink = StatsSink::new(Awaited);
        sink.output = None;
        sink
    }
}

impl<W: Write> Sink for StatsSink<W> {
    fn begin(&mut self, stream: &StreamInfo) -> Result<(), SinkError> {
        self.bus.clone_from(&stream.bus);
        self.index = stream.index;
        Ok(())
    }

    fn frame(&mut self, frame: &FrameView<'_>) -> Result<(), SinkError> {
        let total = &mut self.total;
        total.skipped += frame.info.skipped;
        total.sequence = frame.info.sequence;
        total.last_ns = frame.info.wake_ns;
        total.wake_ns = Some(frame.info.wake_ns);
        self.interval.skipped += frame.info.skipped;
        keep(
            &mut self.interval.waits_ns,
            frame.info.wake_ns.saturating_sub(frame.info.publish_ns),
        );
        if total.start_ns.is_none() {
            total.start_ns = Some(frame.info.wake_ns);
            total.line_ns = frame.info.wake_ns;
        } else {
            total.frames += 1;
            self.interval.frames += 1;
        }
        Ok(())
    }

    fn released(&mut self, now_ns: u64) {
        if let Some(wake_ns) = self.total.wake_ns.take() {
            keep(&mut self.interval.busy_ns, now_ns.saturating_sub(wake_ns));
            self.total.last_ns = self.total.last_ns.max(now_ns);
        }
    }

    fn tick(&mut self, now_ns: u64) -> Result<(), SinkError> {
        let elapsed = now_ns.saturating_sub(self.total.line_ns);
        if self.total.start_ns.is_none() || elapsed < SHORTEST_INTERVAL_NS {
            return Ok(());
        }
        self.total.line_ns = now_ns;
        self.total.last_ns = self.total.last_ns.max(now_ns);
        let (fps, skipped) = (rate(self.interval.frames, elapsed), self.interval.skipped);
        let wait = Percentiles::of(&mut self.interval.waits_ns);
        let busy = Percentiles::of(&mut self.interval.busy_ns);
        let (all, sequence) = (self.total.skipped, self.total.sequence);
        let text = format!(
            "{fps:.1} fps, skipped {skipped} ({all} in all), wait {wait}, busy {busy}, sequence {sequence}{}",
            self.of_seed()
        );
        self.interval.frames = 0;
        self.interval.skipped = 0;
        if self.output.is_none() {
            tracing::info!(
                bus = self.bus,
                consumer = self.index,
                fps,
                skipped,
                skipped_in_all = all,
                wait_p50_ms = wait.p50_ms,
                wait_p99_ms = wait.p99_ms,
                busy_p50_ms = busy.p50_ms,
                busy_p99_ms = busy.p99_ms,
                sequence,
                seed_programs = self.seed.map(|seed| seed.connected),
                seed_copied = self.seed.map(|seed| seed.copied),
                seed_no_buffer = self.seed.map(|seed| seed.no_buffer),
                seed_mutex_held = self.seed.map(|seed| seed.mutex_held),
                seed_triggered = self.seed.map(|seed| seed.triggered),
                seed_coalesced = self.seed.map(|seed| seed.coalesced),
                seed_given_back = self.seed.map(|seed| seed.given_back),
                seed_abandoned = self.seed.map(|seed| seed.abandoned),
                "{text}"
            );
        }
        self.write_line(&text)
    }

    fn finish(&mut self, summary: &Summary) -> Result<(), SinkError> {
        let (bus, consumer) = (self.bus.as_str(), self.index);
        let logged = self.output.is_none();
        let Some(start_ns) = self.total.start_ns else {
            let text = "no frame taken";
            if logged {
                tracing::info!(bus, consumer, taken = 0, "{text}");
            }
            return self.write_line(text);
        };
        let duration_ns = self.total.last_ns.saturating_sub(start_ns);
        let (taken, skipped) = (summary.taken, summary.skipped);
        let (seconds, fps) = (seconds(duration_ns), rate(self.total.frames, duration_ns));
        let text = format!(
            "taken {taken}, skipped {skipped} in {seconds:.1} s, {fps:.1} fps on average{}",
            self.of_seed()
        );
        if logged {
            tracing::info!(bus, consumer, taken, skipped, seconds, fps, "{text}");
        }
        self.write_line(&text)
    }
}

fn keep(samples: &mut Vec<u64>, sample: u64) {
    if samples.len() < MOST_SAMPLES {
        samples.push(sample);
    }
}

/// The times of an interval; `None` without any.
#[derive(Debug, Clone, Copy)]
struct Percentiles {
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
}

impl Percentiles {
    /// Counts the samples, and empties them.
    fn of(samples: &mut Vec<u64>) -> Percentiles {
        samples.sort_unstable();
        let at = |percent| nearest_rank(samples, percent).map(millis);
        let percentiles = Percentiles {
            p50_ms: at(50),
            p99_ms: at(99),
        };
        samples.clear();
        percentiles
    }
}

impl fmt::Display for Percentiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.p50_ms, self.p99_ms) {
            (Some(p50), Some(p99)) => write!(f, "p50 {p50:.2} ms p99 {p99:.2} ms"),
            _ => f.write_str("-"),
        }
    }
}

/// Returns the smallest sample that `percent` of all are not above (the nearest-rank definition).
fn nearest_rank(sorted: &[u64], percent: usize) -> Option<u64> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.checked_sub(1)?).copied()
}

fn rate(frames: u64, elapsed_ns: u64) -> f64 {
    if elapsed_ns == 0 {
        0.0
    } else {
        frames as f64 / seconds(elapsed_ns)
    }
}

fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

fn millis(nanos: u64) -> f64 {
    seconds(nanos) * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::testing::{Frame, stream};

    const MS: u64 = 1_000_000;

    /// Feeds frames `first..=last` at 10 fps from 1 s on: had 1 ms after the publish, released `busy_ms` later.
    fn feed(sink: &mut StatsSink<Vec<u8>>, frames: std::ops::RangeInclusive<u64>, busy_ms: u64) {
        for sequence in frames {
            let mut frame = Frame::new(4, 2, sequence);
            frame.publish_ns = 900 * MS + sequence * 100 * MS;
            frame.wake_ns = frame.publish_ns + MS;
            sink.frame(&frame.view()).expect("frame");
            sink.released(frame.wake_ns + busy_ms * MS);
        }
    }

    fn text(sink: StatsSink<Vec<u8>>) -> String {
        String::from_utf8(sink.output.expect("an output")).expect("text")
    }

    #[test]
    fn a_second_is_one_line_and_the_end_another() {
        let mut sink = StatsSink::new(Vec::new());
        sink.begin(&stream(4, 2)).expect("begin");
        feed(&mut sink, 1..=11, 5);
        sink.tick(2001 * MS).expect("tick");
        feed(&mut sink, 14..=21, 7);
        sink.tick(3001 * MS).expect("tick");
        sink.finish(&Summary {
            taken: 19,
            skipped: 2,
        })
        .expect("finish");
        insta::assert_snapshot!(text(sink), @r"
        cam0/2: 10.0 fps, skipped 0 (0 in all), wait p50 1.00 ms p99 1.00 ms, busy p50 5.00 ms p99 5.00 ms, sequence 11
        cam0/2: 8.0 fps, skipped 2 (2 in all), wait p50 1.00 ms p99 1.00 ms, busy p50 7.00 ms p99 7.00 ms, sequence 21
        cam0/2: taken 19, skipped 2 in 2.0 s, 9.0 fps on average
        ");
    }

    #[test]
    fn a_second_without_frames_is_a_line_too() {
        let mut sink = StatsSink::new(Vec::new());
        sink.begin(&stream(4, 2)).expect("begin");
        sink.tick(1000 * MS).expect("tick");
        feed(&mut sink, 1..=1, 5);
        sink.tick(2001 * MS).expect("tick");
        sink.tick(2002 * MS).expect("a tick too early");
        sink.tick(3001 * MS).expect("tick");
        insta::assert_snapshot!(text(sink), @r"
        cam0/2: 0.0 fps, skipped 0 (0 in all), wait p50 1.00 ms p99 1.00 ms, busy p50 5.00 ms p99 5.00 ms, sequence 1
        cam0/2: 0.0 fps, skipped 0 (0 in all), wait -, busy -, sequence 1
        ");
    }

    #[test]
    fn a_consumer_without_a_frame_says_so() {
        let mut sink = StatsSink::new(Vec::new());
        sink.begin(&stream(4, 2)).expect("begin");
        sink.finish(&Summary::default()).expect("finish");
        assert_eq!(text(sink), "cam0/2: no frame taken\n");
    }

    #[test]
    fn percentiles_are_samples() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(nearest_rank(&hundred, 50), Some(50));
        assert_eq!(nearest_rank(&hundred, 99), Some(99));
        assert_eq!(nearest_rank(&[7], 50), Some(7));
        assert_eq!(nearest_rank(&[7], 99), Some(7));
        assert_eq!(nearest_rank(&[], 50), None);
    }
}
