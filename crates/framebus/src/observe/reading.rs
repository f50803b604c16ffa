//! One look at a segment, and what it is compared with.

use super::Percentiles;
use super::findings::Thresholds;
use super::percentiles::Counts;
use super::process::Usage;
use super::window::CountWindow;
use super::world::World;
use crate::bus::Observer;
use crate::layout::Histogram;
use crate::sync::Ordering::Relaxed;

const NS_PER_MS: f64 = 1e6;

/// Where percentiles begin to count, until a window of 60 s is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// With the first snapshot: what happens while somebody looks.
    FirstLook,
    /// With the attaching of each consumer: for a single look.
    Start,
}

/// One look at a segment.
pub(super) struct Reading<'a> {
    pub(super) observer: &'a Observer,
    pub(super) now_ns: u64,
    pub(super) baseline: Baseline,
    pub(super) thresholds: &'a Thresholds,
    /// Whether processes are looked at.
    pub(super) processes: bool,
}

impl Reading<'_> {
    /// How long something was ago, in milliseconds.
    pub(super) fn age_ms(&self, then_ns: u64) -> f64 {
        self.now_ns.saturating_sub(then_ns) as f64 / NS_PER_MS
    }

    /// What a process uses; nothing is known where nobody looks.
    pub(super) fn usage(&self, world: &dyn World, pid: u32) -> Usage {
        if self.processes {
            world.usage(pid)
        } else {
            Usage::default()
        }
    }

    /// What a histogram counted in the window that ends now.
    pub(super) fn counts(&self, window: &mut CountWindow, histogram: &Histogram) -> Counts {
        let from_start = self.baseline == Baseline::Start;
        window.update(self.now_ns, Counts(histogram.counts()), from_start)
    }

    /// Percentiles of what a histogram counted in the window that ends now.
    pub(super) fn percentiles(
        &self,
        window: &mut CountWindow,
        histogram: &Histogram,
    ) -> Percentiles {
        self.counts(window, histogram)
            .percentiles(histogram.max_ns.load(Relaxed))
    }
}
