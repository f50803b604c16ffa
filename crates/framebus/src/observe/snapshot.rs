//! One moment of a bus as owned data: what `top` draws and what `--json` prints.
//!
//! Units are in the names. `None` (JSON `null`) is "not known", 0 is measured. Keys are added, never renamed, so structures are
//! `#[non_exhaustive]`; only the tests of the workspace write some themselves. States are not: a view must know all of them.

#[cfg(any(feature = "serde", test))]
use serde::{Deserialize, Serialize};

use super::planes::PlaneInfo;

mod consumer;

pub use consumer::{Consumer, ConsumerState, Released};

/// The version of the JSON form.
pub const SCHEMA: u32 = 1;

/// One moment of a bus.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(any(feature = "serde", test), derive(Serialize, Deserialize))]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "testing"), non_exhaustive)]
pub struct Snapshot {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The bus.
    pub bus: String,
    /// When it was taken: milliseconds since 1970-01-01 UTC.
    pub time_ms: u64,
    /// The same moment on the monotonic clock, in nanoseconds.
    pub monotonic_ns: u64,
    /// Seconds that rates and percentiles are over; `None` in the first snapshot of a bus, which has no rates.
    pub interval_s: Option<f64>,
    /// Whether there is a bus, and how it is.
    pub state: BusState,
    /// One sentence on `state`, where there is more to say ("waiting for bus cam0", "layout 2.0, this framebus reads 1.x").
    pub message: Option<String>,
    /// The segment; `None` when there is none.
    pub segment: Option<Segment>,
    /// The producer; `None` when there is no segment.
    pub producer: Option<Producer>,
    /// The slots, by number.
    pub slots: Vec<Slot>,
    /// Slots that nobody uses now (neither latest, nor written, nor leased).
    pub slots_free: u32,
    /// The fewest free slots seen in the last 60 s.
    pub slots_free_min: Option<u32>,
    /// The consumers that are attached, and those that went in the last 10 s, by index.
    pub consumers: Vec<Consumer>,
    /// What an expert would point at, worst first.
    pub findings: Vec<Finding>,
    /// The latest gray frame, when one was asked for and could be copied whole.
    #[cfg_attr(any(feature = "serde", test), serde(skip))]
    pub picture: Option<Picture>,
}

/// How a bus is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(any(feature = "serde", test), derive(Serialize, Deserialize))]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(any(feature = "serde", test), serde(rename_all = "kebab-case"))]
pub enum BusState {
    /// There is no segment of this name.
    Absent,
    /// There is one, and its producer has not finished it.
    Starting,
    /// It has a layout that this program cannot read, is damaged, or may not be read by this user.
    Unreadable,
    /// Frames are published.
    Running,
    /// The producer lives, its source gives nothing.
    Stalled,
    /// The producer ended.
    Ended,
    /// The producer gives no sign of life: killed or stopped.
    Gone,
}

/// The segment.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(any(feature = "serde", test), derive(Serialize, Deserialize))]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "testing"), non_exhaustive)]
pub struct Segment {
    /// The name of the shared-memory object, with its slash.
    pub name: String,
    /// Layout version, `major.minor`.
    pub abi: String,
    /// Generation: 1 more at every producer start and every change of size.
    pub generation: u64,
    /// Since when sequences have been counted, ms since 1970-01-01 UTC: another one when they have begun at 1 again, as after
    /// a clean end of the producer. 0 where the producer does not say.
    pub epoch_ms: u64,
    /// Its size in bytes.
    pub bytes: u64,
    /// Image width in pixels.
    pub width: u32,
    /// Image height in pixels.
    pub height: u32,
    /// The planes of every frame in one word: `gray8`, `gray8+bgr`, `nv12+gray8/4`.
    pub format: String,
    /// What images there are for every frame.
    pub planes: Vec<PlaneInfo>,
    /// How many consumers can be attached.
    pub max_consumers: u32,
    /// Slots beyond consumers + 2, kept for readers of every frame.
    pub history: u32,
    /// Whether the name is gone from /dev/shm (or names another segment) while the producer runs.
    pub unlinked: bool,
    /// Where the named pipes are.
    pub pipes: String,
}

/// The producer.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(any(feature = "serde", test), derive(Serialize, Deserialize))]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "testing"), non_exhaustive)]
pub struct Producer {
    /// Its process.
    pub pid: u32,
    /// The user it runs as.
    pub uid: u32,
    /// What it captures, as a person calls it.
    pub source: String,
    /// Seconds since the segment was made.
    pub uptime_s: f64,
    /// Milliseconds since its last sign of life.
    pub heartbeat_age_ms: f64,
    /// Sequence of the newest frame; 0 before the first.
    pub sequence: u64,
    /// The slot of the newest frame.
    pub latest_slot: Option<u8>,
    /// Frames a second it announced.
    pub nominal_fps: Option<f64>,
    /// Frames a second over the interval.
    pub fps: Option<f64>,
    /// Milliseconds since the newest frame was captured.
    pub age_ms: Option<f64>,
    /// Frames published.
    pub published: u64,
    /// Frames that came and were not published (damaged, or no slot was free).
    pub dropped: u64,
    /// How many of those because every slot was leased.
    pub starved: u64,
    /// Frames that the source lost by itself, before the producer had them.
    pub source_dropped: u64,
    /// Why the source gives no frames, while it gives none.
    pub stall_reason: Option<String>,
    /// Milliseconds between frames.
    pub interval_ms: Percentiles,
    /// Milliseconds from capture to published: decoding, conversion, copy.
    pub copy_ms: Percentiles,
    /// CPU of one core, in percent; that of its children with it.
    pub cpu_percent: Option<f64>,
    /// Resident memory of its own in bytes, without shared memory such as the segment; that of its children with it.
    pub rss_bytes: Option<u64>,
    /// Whose pace it is, where it waits for its consumers (`produce --lockstep`); `None` = it waits for nobody.
    pub lockstep: Option<Lockstep>,
}

/// Whom a producer in lockstep waits for.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(any(feature = "serde", test), derive(Serialize, Deserialize))]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "testing"), non_exhaustive)]
pub struct Lockstep {
    /// The consumer that it waited for longest over the interval; `None` when it waited for nobody.
    pub consumer: Option<u8>,
    /// For how much of the interval it waited for that one.
    pub waited_percent: Option<f64>,
}

/// Percentiles over the last 60 s, from histograms with buckets at most 12.5 % wide; `None` where nothing was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[cfg_attr(any(feature = "serde", test), derive(Serialize, Deserialize))]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "testing"), non_exhaustive)]
pub struct Percentiles {
    /// How many values.
    pub count: u64,
    /// Half of them are not above it.
    pub p50: Option<f64>,
    /// 90 % of them are not above it.
    pub p90: Option<f64>,
    /// 99 % of them are not above it.
    pub p99: Option<f64>,
    /// None is above it.
    pub max: Option<f64>,
}

/// A bucket of a histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(any(feature = "serde", test), derive(Serialize, Deserialize))]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "testing"), non_exhaustive)]
pub struct Bucket {
    /// The shortest duration in it, in milliseconds.
    pub from_ms: f64,
    /// The shortest duration that is too long for it, in milliseconds; at most 12.5 % more, from 256 ns on.
    pub to_ms: f64,
    /// How many durations.
    pub count: u32,
}

/// A slot.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(any(feature = "serde", test), derive(Serialize, Deserialize))]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "testing"), non_exhaustive)]
pub struct Slot {
    /// Its number.
    pub slot: u8,
    /// What it is used for.
    pub state: SlotState,
    /// How many consumers have leased it.
    pub references: u32,
    /// The frame in it; `None` while it is written or when it never was.
    pub sequence: Option<u64>,
    /// Milliseconds since that frame was captured.
    pub age_ms: Option<f64>,
    /// The consumers that have leased it.
    pub holders: Vec<u8>,
}

/// What a slot is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(any(feature = "serde", test), derive(Serialize, Deserialize))]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(any(feature = "serde", test), serde(rename_all = "kebab-case"))]
pub enum SlotState {
    /// The next frames may go here.
    Free,
    /// The producer is writing.
    Writing,
    /// Consumers have it.
    Held,
    /// It is the newest frame.
    Latest,
}

/// Something to look at.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(any(feature = "serde", test), derive(Serialize, Deserialize))]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "testing"), non_exhaustive)]
pub struct Finding {
    /// Its name, such as `stuck-consumer`; an entry of that name is in `docs/top.md`.
    pub kind: String,
    /// How bad it is.
    pub severity: Severity,
    /// The consumer it is about.
    pub consumer: Option<u8>,
    /// One sentence with numbers.
    pub text: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(any(feature = "serde", test), derive(Serialize, Deserialize))]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(any(feature = "serde", test), serde(rename_all = "kebab-case"))]
pub enum Severity {
    /// Good to know.
    Info,
    /// Look at it.
    Warning,
    /// Frames are lost.
    Critical,
}

/// A copy of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The slot it was in.
    pub slot: u8,
    /// Its sequence.
    pub sequence: u64,
    /// The gray image, packed rows.
    pub gray: Vec<u8>,
    /// The same frame in blue, green and red, where it was asked for and the bus keeps it.
    pub bgr: Option<Vec<u8>>,
    /// What its producer knows of the frame; empty where the bus has no metadata.
    pub metadata: Vec<u8>,
}
