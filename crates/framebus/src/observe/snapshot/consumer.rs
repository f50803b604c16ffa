//! What is known of a consumer.

#[cfg(any(feature = "serde", test))]
use serde::{Deserialize, Serialize};

use super::{Bucket, Percentiles};

/// A consumer.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(any(feature = "serde", test), derive(Serialize, Deserialize))]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "testing"), non_exhaustive)]
pub struct Consumer {
    /// Its index.
    pub index: u8,
    /// What it does now.
    pub state: ConsumerState,
    /// The name it gave itself.
    pub name: String,
    /// What it is written in: `rs`, `c`, `cpp`, `py`, `cs`, `-`.
    pub language: String,
    /// Its process.
    pub pid: u32,
    /// The user it runs as.
    pub uid: u32,
    /// How it waits: `eventfd`, `pipe`, `spin`.
    pub trigger: String,
    /// Seconds since it attached; seconds since it went for [`ConsumerState::Gone`].
    pub since_s: f64,
    /// Why it is gone: `detached` or `died`.
    pub gone: Option<String>,
    /// For a consumer that died: milliseconds from its death being seen to its lease being cleared.
    pub cleared_after_ms: Option<f64>,
    /// Frames a second over the interval.
    pub fps: Option<f64>,
    /// 100 * used / published over the interval.
    pub percent_of_camera: Option<f64>,
    /// Sequence of the newest frame when it attached: `attach_sequence + published + missing` is the newest now.
    pub attach_sequence: u64,
    /// Frames published since it attached: `published == taken + skipped + pending`.
    pub published: u64,
    /// Frames taken.
    pub taken: u64,
    /// Frames that went by, also while it holds one or hangs.
    pub skipped: u64,
    /// Numbers up to the last frame that it took which no frame has: only where a publisher gives the numbers. Those after it
    /// count as published and skipped until it takes the next.
    pub missing: u64,
    /// Frames that it has not taken and still may: the newest, or those that the slots keep for one that takes every frame.
    pub pending: u64,
    /// The last frame it took; 0 before the first.
    pub last_sequence: u64,
    /// Triggers sent to it.
    pub triggers: u64,
    /// Triggers sent to it, a second, over the frames of the interval as `fps`.
    pub triggers_per_s: Option<f64>,
    /// Triggers that found one still waiting.
    pub coalesced: u64,
    /// The slot it has leased.
    pub slot: Option<u8>,
    /// The frame it has leased.
    pub held_sequence: Option<u64>,
    /// How long it has had it, in milliseconds.
    pub held_ms: Option<f64>,
    /// The frame that it released last, where that is known: one look sees the last frame, not those between two looks.
    pub released: Option<Released>,
    /// Published → woken, in milliseconds.
    pub wait_ms: Percentiles,
    /// Woken → released, in milliseconds.
    pub busy_ms: Percentiles,
    /// How often it was how long from woken to released in the last 60 s: the buckets that are not empty, shortest first.
    pub busy_histogram: Vec<Bucket>,
    /// Captured → released, in milliseconds.
    pub total_ms: Percentiles,
    /// Median of BUSY over the producer's frame period: above 1 it cannot keep up.
    pub busy_per_period: Option<f64>,
    /// Milliseconds since the frame it took last was captured.
    pub age_ms: Option<f64>,
    /// CPU of one core, in percent; that of its children with it.
    pub cpu_percent: Option<f64>,
    /// Resident memory of its own in bytes, without shared memory such as the segment; that of its children with it.
    pub rss_bytes: Option<u64>,
}

/// A frame that a consumer had and gave back.
#[derive(Debug, Clone, Copy, PartialEq)]
#[cfg_attr(any(feature = "serde", test), derive(Serialize, Deserialize))]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(not(feature = "testing"), non_exhaustive)]
pub struct Released {
    /// Its sequence.
    pub sequence: u64,
    /// How long it was held, in milliseconds.
    pub held_ms: f64,
    /// How long ago it was given back, in milliseconds.
    pub ago_ms: f64,
}

/// What a consumer does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(any(feature = "serde", test), derive(Serialize, Deserialize))]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(any(feature = "serde", test), serde(rename_all = "kebab-case"))]
pub enum ConsumerState {
    /// It has a lease.
    Reading,
    /// It waits for a frame.
    Waiting,
    /// It takes longer than a frame period for a frame, which is allowed.
    Slow,
    /// It has had the same lease for too long.
    Stuck,
    /// It has no lease and takes no frames though frames come (stopped, or waiting for something else).
    Idle,
    /// It is only connected to its pipe: it gets triggers and keeps no record.
    PipeOnly,
    /// It went.
    Gone,
}

impl ConsumerState {
    /// The letter of column S.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::Reading => 'R',
            Self::Waiting => 'W',
            Self::Slow => 'S',
            Self::Stuck => 'K',
            Self::Idle => 'I',
            Self::PipeOnly => 'P',
            Self::Gone => 'D',
        }
    }
}
