//! A new generation for a segment whose name is gone: consumers follow it as they follow a change of size.

use std::sync::Arc;

use super::create::{announce, make_segment};
use super::lock::Count;
use super::producer::Producer;
use crate::clock::monotonic_ns;
use crate::layout::SegmentState;
use crate::lease::SlotBook;
use crate::shm::{OwnedSegment, Pixels};
use crate::sync::Ordering::Release;
use crate::system::unlink_object;

/// How long a producer that could not make its segment again waits before it tries once more.
const TRY_EVERY_NS: u64 = 1_000_000_000;

impl Producer {
    /// Makes the segment again, as a new generation, when somebody has removed its name: nobody could attach any more. Does
    /// nothing, and costs nothing, otherwise. [`Producer::claim`] does this too; a source that gives no frames for long does
    /// well to call it now and then.
    pub fn keep_names(&mut self) {
        if self.held.names.is_segment_lost() {
            self.restore();
        }
    }

    /// The process that has the bus now: it started while every name of this producer's was gone and nothing answered. This
    /// producer's consumers still get its frames, nobody else can.
    #[must_use]
    pub fn taken_by(&self) -> Option<u32> {
        self.held.names.taken_by()
    }

    #[cold]
    fn restore(&mut self) {
        // Whoever writes a slot without a borrow writes it in the segment that it was claimed in.
        if self.kept.is_some() || monotonic_ns() < self.restore_after_ns {
            return;
        }
        let names = Arc::clone(&self.held.names);
        let lock = names.lock();
        if !lock.has_its_name() || self.held.segment.is_linked() {
            return;
        }
        let bus = self.options.bus.clone();
        // What else has the name is nobody's: the lock is held.
        let _ = unlink_object(&bus);
        let count = Count {
            generation: self.generation + 1,
            ..self.count()
        };
        lock.remember(count);
        let pipes = names.pipes_dir().display().to_string();
        match make_segment(&self.options, count, &pipes) {
            Ok((segment, pixels)) => {
                self.generation += 1;
                self.restore_after_ns = 0;
                names.segment_is_back();
                let old = self.go_on_with(segment, pixels);
                if self.lent {
                    // Addresses in it have been given out.
                    self.lent_segments.push(old);
                }
                tracing::info!(
                    "bus {bus} has a segment again: generation {}",
                    self.generation
                );
            }
            Err(error) => {
                if self.restore_after_ns == 0 {
                    tracing::warn!(
                        "nobody can attach to bus {bus} until its segment can be made again: {error}"
                    );
                }
                self.restore_after_ns = monotonic_ns() + TRY_EVERY_NS;
            }
        }
    }

    /// What a next generation goes on from.
    pub(super) fn count(&self) -> Count {
        Count {
            generation: self.generation,
            sequence: self.sequence,
            epoch_ms: self.epoch_ms,
        }
    }

    /// Goes on with a segment that has just been made, and returns the one before, which it retires.
    pub(super) fn go_on_with(
        &mut self,
        segment: Arc<OwnedSegment>,
        pixels: Pixels,
    ) -> Arc<OwnedSegment> {
        let header = self.held.segment.regions().header();
        // SYNC(state): whoever sees "retired" finds the old frames complete, and looks for the new segment.
        header.state.store(SegmentState::Retired as u32, Release);
        if let Some(lockstep) = &mut self.lockstep {
            lockstep.leave(self.held.segment.regions());
        }
        self.held.server.switch(Arc::clone(&segment));
        if let Some(lockstep) = &self.lockstep {
            lockstep.enter(segment.regions());
        }
        self.book = SlotBook::new(segment.regions().layout().slots);
        self.kept = None;
        self.missing = 0;
        self.pixels = pixels;
        let old = std::mem::replace(&mut self.held.segment, segment);
        announce(&self.held.segment);
        // Those who only wait are told to look.
        self.held.server.notify(&self.held.segment);
        old
    }
}
