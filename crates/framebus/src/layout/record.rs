//! A consumer's page.

use super::{Histogram, PAGE, Text};
use crate::sync::{AtomicU32, AtomicU64};

layout! {
    /// One consumer, on a page of its own. Writer: that consumer; the producer clears it once the consumer is gone.
    struct ConsumerRecord[PAGE as usize] {
        /// 0 free, 1 attached, 2 detached. Release.
        0 state: AtomicU32,
        /// How it waits: 1 eventfd, 2 pipe, 3 spin. Relaxed, as all that follow but `lease`.
        4 trigger: AtomicU32,
        /// Its process, as it sees itself.
        8 pid: AtomicU32,
        /// Its user.
        12 uid: AtomicU32,
        /// Start time of its process in clock ticks since boot: tells a reused pid.
        16 start_ticks: AtomicU64,
        /// When it attached, CLOCK_MONOTONIC ns.
        24 attach_ns: AtomicU64,
        /// Sequence that was the latest when it attached: `attach_sequence + taken + skipped + missing == last_sequence`.
        32 attach_sequence: AtomicU64,
        /// Bit 0: takes every frame in order.
        40 flags: AtomicU32,
        /// Zero.
        44 reserved0: [AtomicU32; 5],
        /// Its hold on a frame: sequence << 8 | slot; 0 = none. The lease protocol's word.
        64 lease: AtomicU64,
        /// When it had its newest frame, CLOCK_MONOTONIC ns.
        72 wake_ns: AtomicU64,
        /// When it released a frame last, CLOCK_MONOTONIC ns.
        80 release_ns: AtomicU64,
        /// Frames taken since it attached.
        88 taken: AtomicU64,
        /// Frames that went by since it attached, counted when the next one is taken.
        96 skipped: AtomicU64,
        /// Sequence of the newest frame it took; `attach_sequence` before the first.
        104 last_sequence: AtomicU64,
        /// When that frame was captured, CLOCK_MONOTONIC ns.
        112 last_capture_ns: AtomicU64,
        /// How often a trigger woke it.
        120 wakes: AtomicU64,
        /// Numbers between those frames that no frame has: only where a publisher gives the numbers.
        128 missing: AtomicU64,
        /// Zero.
        136 reserved1: [AtomicU64; 7],
        /// The name it gave itself.
        192 name: Text<32>,
        /// What it is written in: rs, c, cpp, py, cs.
        224 language: Text<8>,
        /// Zero.
        232 reserved2: [AtomicU64; 3],
        /// Published → woken.
        256 wait: Histogram,
        /// Woken → released.
        1200 busy: Histogram,
        /// Captured → released.
        2144 total: Histogram,
        /// Zero.
        3088 reserved3: [AtomicU64; 126],
    }
}

/// Values of [`ConsumerRecord::state`].
pub(crate) struct RecordState;

impl RecordState {
    /// Nobody's.
    pub(crate) const FREE: u32 = 0;
    /// Filled in.
    pub(crate) const ATTACHED: u32 = 1;
    /// Its owner said goodbye.
    pub(crate) const DETACHED: u32 = 2;
}

/// Bits of [`ConsumerRecord::flags`].
pub(crate) struct RecordFlags;

impl RecordFlags {
    /// Takes every frame in order.
    pub(crate) const EVERY_FRAME: u32 = 1;
}

/// How a consumer waits for a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u32)]
pub enum TriggerKind {
    /// On an eventfd that the producer hands over: the quickest that does not burn a core.
    #[default]
    Eventfd = 1,
    /// On the trigger bytes of its named pipe: any language, any shell.
    Pipe = 2,
    /// Busy-polling the header: lowest latency, uses a whole core.
    Spin = 3,
}

impl TriggerKind {
    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Eventfd => "eventfd",
            Self::Pipe => "pipe",
            Self::Spin => "spin",
        }
    }

    /// Reads a value that another process wrote.
    pub(crate) const fn from_word(word: u32) -> Option<TriggerKind> {
        match word {
            1 => Some(Self::Eventfd),
            2 => Some(Self::Pipe),
            3 => Some(Self::Spin),
            _ => None,
        }
    }
}

impl ConsumerRecord {
    /// Empties the page; `lease` first, so that a slot is free as soon as may be.
    pub(crate) fn clear(&self) {
        use crate::sync::Ordering::{Relaxed, Release};
        self.lease.store(0, Release);
        self.state.store(RecordState::FREE, Release);
        for word in [&self.trigger, &self.pid, &self.uid, &self.flags] {
            word.store(0, Relaxed);
        }
        let words = [
            &self.start_ticks,
            &self.attach_ns,
            &self.attach_sequence,
            &self.wake_ns,
            &self.release_ns,
            &self.taken,
            &self.skipped,
            &self.missing,
            &self.last_sequence,
            &self.last_capture_ns,
            &self.wakes,
        ];
        for word in words {
            word.store(0, Relaxed);
        }
        super::write_text(&self.name, "");
        super::write_text(&self.language, "");
        for histogram in [&self.wait, &self.busy, &self.total] {
            histogram.clear();
        }
    }
}
