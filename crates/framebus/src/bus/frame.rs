//! Frames under a lease, and what keeps their pixels where they are.

use std::ops::Deref;
use std::sync::Arc;

use thiserror::Error;

use super::consumer_options::ConsumerStats;
use super::handle::{HandleError, check_home};
use super::{BusName, NoPlane};
use crate::clock::monotonic_ns;
use crate::layout::{
    ConsumerRecord, Format, Geometry, Layout, Plane, PlaneSpec, Planes, RecordState,
};
use crate::lease::{LeaseMemory, Leased, clear, is_waited_for, release};
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
    /// How many numbers between the two no frame has: only where a publisher gives the numbers ([`super::Numbered`]).
    pub missing: u64,
    /// Whose number the sequence is: 0 for this bus's own.
    pub origin: u64,
    /// Bytes of its metadata.
    pub metadata_len: u32,
}

/// A consumer's hold on its index and on one generation of the segment. It ends when the consumer and every frame that
/// it has given out are gone: only then is the record left, the connection closed, and the memory unmapped.
#[derive(Debug)]
pub struct Attachment {
    pub(super) segment: ConsumerSegment,
    pub(super) waiter: Arc<Waiter>,
    /// Whether the producer may wait until frames are released.
    pub(super) lockstep: bool,
    bus: BusName,
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
    pub(super) fn new(segment: ConsumerSegment, waiter: Arc<Waiter>, bus: &BusName) -> Attachment {
        let lockstep = segment.regions().header().lockstep.load(Relaxed) != 0;
        Attachment {
            segment,
            waiter,
            lockstep,
            bus: bus.clone(),
        }
    }

    /// Whether this process is the one that attached: a forked child has a copy of all this, and no say in the record.
    pub(super) fn is_here(&self) -> bool {
        self.waiter.home().is_here()
    }

    /// Whether the segment can be read and written, by this process.
    pub(super) fn check(&self) -> Result<(), HandleError> {
        check_home(self.waiter.home(), "consumer", &self.bus)?;
        if self.segment.is_cut() {
            return Err(HandleError::CutShort {
                bus: self.bus.clone(),
            });
        }
        Ok(())
    }

    pub(super) fn words(&self) -> ConsumerWords<'_> {
        ConsumerWords {
            regions: self.segment.regions(),
            own: self.segment.own(),
        }
    }

    /// Notes how long the frame was held, and gives it back.
    fn release(&self, info: &FrameInfo, leased: Leased) {
        if !self.is_here() {
            return;
        }
        let own = self.segment.own();
        let release_ns = monotonic_ns();
        own.release_ns.store(release_ns, Relaxed);
        // All counting waits until the frame has been used.
        own.wait
            .record(info.wake_ns.saturating_sub(info.publish_ns));
        own.busy.record(release_ns.saturating_sub(info.wake_ns));
        own.total.record(release_ns.saturating_sub(info.capture_ns));
        release(&self.words(), self.segment.index(), leased);
        if self.lockstep {
            self.wake_producer();
        }
    }

    /// Wakes a producer that waits for its consumers. What this process has written before is seen by it then.
    pub(super) fn wake_producer(&self) {
        if is_waited_for::<Hardware>(&self.segment.regions().header().waiting) {
            self.waiter.tell();
        }
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        if !self.is_here() {
            return;
        }
        clear(&self.words(), self.segment.index());
        let own = self.segment.own();
        own.state.store(RecordState::DETACHED, Release);
    }
}

/// A leased frame.
#[derive(Debug)]
pub(super) struct Hold {
    info: FrameInfo,
    /// `None` once it is given back.
    leased: Option<Leased>,
}

impl Hold {
    pub(super) fn new(info: FrameInfo, leased: Leased) -> Hold {
        let leased = Some(leased);
        Hold { info, leased }
    }

    /// The lease, in the process that has it: nothing keeps the pixels as they are for a forked child.
    fn leased(&self, attachment: &Attachment) -> Option<&Leased> {
        self.leased.as_ref().filter(|_| attachment.is_here())
    }

    fn give_back(&mut self, attachment: &Attachment) {
        if let Some(leased) = self.leased.take() {
            attachment.release(&self.info, leased);
        }
    }
}

/// A frame under a lease: its pixels do not change. Dropped, it is given back. Its two names are [`Frame`], which borrows
/// from its consumer, and [`OwnedFrame`], which borrows from nobody.
#[derive(Debug)]
pub struct Held<A: Deref<Target = Attachment>> {
    attachment: A,
    hold: Hold,
    stats: ConsumerStats,
}

/// A frame that borrows from its consumer.
pub type Frame<'a> = Held<&'a Attachment>;

/// A frame that borrows from nobody: for languages in which a view outlives a scope.
///
/// Guarantees: its pixels do not change and stay where they are until it is dropped, on whatever thread, also when its
/// consumer or the producer goes first. While it lives its consumer takes no other frame ([`FrameHeld`]), and the index
/// stays claimed.
pub type OwnedFrame = Held<Arc<Attachment>>;

/// One image of a frame, or bytes that belong to it.
#[derive(Debug, Clone, Copy)]
pub struct PlaneView<'a> {
    /// What it is.
    pub plane: Plane,
    /// Its bytes: `height` rows of `stride` bytes (for 4:2:0 half as many more of chroma), or as many bytes as the frame's
    /// metadata has.
    pub data: &'a [u8],
}

impl<A: Deref<Target = Attachment>> Held<A> {
    pub(super) fn new(attachment: A, hold: Hold, stats: ConsumerStats) -> Held<A> {
        Held {
            attachment,
            hold,
            stats,
        }
    }

    /// Whether its pixels are what was published.
    ///
    /// # Errors
    /// Fails when the segment was cut short, or the process was forked from the one that took it.
    pub fn check(&self) -> Result<(), HandleError> {
        self.attachment.check()
    }

    /// What is known of it.
    #[must_use]
    pub fn info(&self) -> &FrameInfo {
        &self.hold.info
    }

    /// What its consumer had done when it took the frame.
    #[must_use]
    pub fn stats(&self) -> ConsumerStats {
        self.stats
    }

    fn layout(&self) -> &Layout {
        self.attachment.segment.regions().layout()
    }

    /// Its size.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.layout().geometry
    }

    /// Every plane of its bus, also one of which there is one image for all slots.
    #[must_use]
    pub fn bus_planes(&self) -> &Planes {
        &self.layout().planes
    }

    /// Its images, in the order of the bus's planes. None in a forked child, which has no lease on them.
    pub fn planes(&self) -> impl Iterator<Item = PlaneView<'_>> {
        (0..self.layout().planes.len()).filter_map(|index| self.plane_at(index))
    }

    /// The image of a format: that in the frame's own size where there is one, else the first.
    #[must_use]
    pub fn plane(&self, format: Format) -> Option<PlaneView<'_>> {
        self.plane_at(self.layout().planes.best(format, self.geometry())?)
    }

    /// The image of the plane that a format, in the frame's own size, or a name such as `gray/2` means.
    ///
    /// # Errors
    /// Fails when the bus has not that plane; the error says which there are. In a forked child it has none
    /// ([`Held::check`]).
    pub fn find(&self, spec: impl Into<PlaneSpec>) -> Result<PlaneView<'_>, NoPlane> {
        let (spec, layout) = (spec.into(), self.layout());
        let found = layout.planes.find(&spec, layout.geometry);
        found
            .and_then(|(index, _)| self.plane_at(index))
            .ok_or_else(|| NoPlane::new(&self.attachment.bus, layout, vec![spec]))
    }

    /// The gray image: `height` rows of `width` bytes. None on a bus without gray, and in a forked child.
    #[must_use]
    pub fn gray(&self) -> Option<&[u8]> {
        self.full(Format::GRAY8)
    }

    /// The BGR image: `height` rows of `3 * width` bytes, on a bus with colour.
    #[must_use]
    pub fn bgr(&self) -> Option<&[u8]> {
        self.full(Format::BGR8)
    }

    /// The frame's metadata: what its producer knows of it, as bytes that mean something to the two. Empty where it has none.
    #[must_use]
    pub fn metadata(&self) -> &[u8] {
        self.plane(Format::META).map_or(&[], |view| view.data)
    }

    fn full(&self, format: Format) -> Option<&[u8]> {
        let layout = self.layout();
        let index = layout.planes.iter().position(|plane| {
            plane.format == format && !plane.one_for_all && plane.size() == Some(layout.geometry)
        })?;
        Some(self.plane_at(index)?.data)
    }

    /// The image of the plane with this number among [`Held::bus_planes`]; `None` for one that has no image in every slot, and
    /// in a forked child.
    #[must_use]
    pub fn plane_at(&self, index: usize) -> Option<PlaneView<'_>> {
        let plane = *self.layout().planes.get(index)?;
        let leased = self.hold.leased(&self.attachment)?;
        let data = self.attachment.segment.image(leased, index)?;
        let data = match plane.format {
            Format::META => data.get(..self.hold.info.metadata_len as usize)?,
            _ => data,
        };
        Some(PlaneView { plane, data })
    }
}

impl<A: Deref<Target = Attachment>> Drop for Held<A> {
    fn drop(&mut self) {
        self.hold.give_back(&self.attachment);
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
