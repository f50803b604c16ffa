//! Frames under a lease, and what keeps their pixels where they are.

use std::sync::Arc;

use thiserror::Error;

use super::consumer::ConsumerStats;
use super::lease::{LeaseMemory, Ticket, release};
use crate::clock::monotonic_ns;
use crate::layout::{ConsumerRecord, Geometry, RecordState};
use crate::shm::{ConsumerSegment, Regions};
use crate::sync::Ordering::{Relaxed, Release};
use crate::sync::{AtomicU64, Hardware};
use crate::trigger::Waiter;

/// What is known of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameInfo {
    /// Its sequence: from 1, strictly increasing.
    pub sequence: u64,
    /// The slot it is in.
    pub slot: u8,
    /// When it was captured (monotonic ns).
    pub capture_ns: u64,
    /// When it was published (monotonic ns).
    pub publish_ns: u64,
    /// When this consumer had it (monotonic ns).
    pub wake_ns: u64,
    /// When it was captured (wall-clock ns since 1970).
    pub wall_ns: u64,
    /// Its number in the source.
    pub source_frame: u64,
    /// How many frames went by between the one this consumer took before and this one.
    pub skipped: u64,
}

/// A consumer's hold on its index and on one generation of the segment. It ends when the consumer and every frame that
/// it has given out are gone: only then is the record left, the connection closed, and the memory unmapped.
#[derive(Debug)]
pub(super) struct Attachment {
    pub(super) segment: ConsumerSegment,
    pub(super) waiter: Arc<Waiter>,
    /// A forked child has a copy of this value, and no say in the record.
    pid: u32,
}

/// The words of the lease protocol as a consumer reaches them: its own lease through the one page it may write.
pub(super) struct ConsumerWords<'a> {
    regions: &'a Regions,
    own: &'a ConsumerRecord,
}

impl LeaseMemory for ConsumerWords<'_> {
    type Word = AtomicU64;
    type Fence = Hardware;

    fn slots(&self) -> u8 {
        self.regions.layout().slots
    }

    fn consumers(&self) -> u8 {
        self.regions.layout().consumers
    }

    fn latest(&self) -> &AtomicU64 {
        &self.regions.header().latest
    }

    fn sequence(&self, slot: u8) -> &AtomicU64 {
        &self.regions.slot(slot).sequence
    }

    fn lease(&self, _consumer: u8) -> &AtomicU64 {
        &self.own.lease
    }
}

impl Attachment {
    pub(super) fn new(segment: ConsumerSegment, waiter: Arc<Waiter>) -> Attachment {
        Attachment {
            segment,
            waiter,
            pid: std::process::id(),
        }
    }

    pub(super) fn words(&self) -> ConsumerWords<'_> {
        ConsumerWords {
            regions: self.segment.regions(),
            own: self.segment.own(),
        }
    }

    /// Notes how long the frame was held, and gives it back.
    fn release(&self, info: &FrameInfo) {
        let own = self.segment.own();
        let release_ns = monotonic_ns();
        own.release_ns.store(release_ns, Relaxed);
        // All counting waits until the frame has been used.
        own.wait
            .record(info.wake_ns.saturating_sub(info.publish_ns));
        own.busy.record(release_ns.saturating_sub(info.wake_ns));
        own.total.record(release_ns.saturating_sub(info.capture_ns));
        release(&self.words(), self.segment.index());
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        if std::process::id() != self.pid {
            return;
        }
        let own = self.segment.own();
        own.lease.store(Ticket::NONE, Release);
        own.state.store(RecordState::DETACHED, Release);
    }
}

/// A frame under a lease: its pixels do not change. Dropped, it is given back.
#[derive(Debug)]
pub struct Frame<'a> {
    attachment: &'a Attachment,
    info: FrameInfo,
    stats: ConsumerStats,
}

impl<'a> Frame<'a> {
    pub(super) fn new(
        attachment: &'a Attachment,
        info: FrameInfo,
        stats: ConsumerStats,
    ) -> Frame<'a> {
        Frame {
            attachment,
            info,
            stats,
        }
    }

    /// What is known of it.
    #[must_use]
    pub fn info(&self) -> &FrameInfo {
        &self.info
    }

    /// Its size.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.attachment.segment.regions().layout().geometry
    }

    /// The gray image: `height` rows of `width` bytes.
    #[must_use]
    pub fn gray(&self) -> &[u8] {
        self.attachment.segment.gray(self.info.slot)
    }

    /// The BGR image: `height` rows of `3 * width` bytes, on a bus with colour.
    #[must_use]
    pub fn bgr(&self) -> Option<&[u8]> {
        self.attachment.segment.color(self.info.slot)
    }

    /// The consumer that has it.
    #[must_use]
    pub fn stats(&self) -> ConsumerStats {
        self.stats
    }
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        self.attachment.release(&self.info);
    }
}

/// Why no other frame can be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error(
    "frame {sequence} is still held: release it, and whatever looks into it, before the next one"
)]
pub struct FrameHeld {
    /// The frame.
    pub sequence: u64,
}

/// A frame under a lease that borrows from nobody: for languages in which a view outlives a scope.
///
/// Guarantees: its pixels do not change and stay where they are until it is dropped, on whatever thread, also when its
/// consumer or the producer goes first. While it lives its consumer takes no other frame ([`FrameHeld`]), and the index
/// stays claimed.
#[derive(Debug)]
pub struct OwnedFrame {
    attachment: Arc<Attachment>,
    info: FrameInfo,
}

impl OwnedFrame {
    pub(super) fn new(attachment: Arc<Attachment>, info: FrameInfo) -> OwnedFrame {
        OwnedFrame { attachment, info }
    }

    /// What is known of it.
    #[must_use]
    pub fn info(&self) -> &FrameInfo {
        &self.info
    }

    /// Its size.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.attachment.segment.regions().layout().geometry
    }

    /// The gray image: `height` rows of `width` bytes.
    #[must_use]
    pub fn gray(&self) -> &[u8] {
        self.attachment.segment.gray(self.info.slot)
    }

    /// The BGR image: `height` rows of `3 * width` bytes, on a bus with colour.
    #[must_use]
    pub fn bgr(&self) -> Option<&[u8]> {
        self.attachment.segment.color(self.info.slot)
    }
}

impl Drop for OwnedFrame {
    fn drop(&mut self) {
        if std::process::id() == self.attachment.pid {
            self.attachment.release(&self.info);
        }
    }
}
