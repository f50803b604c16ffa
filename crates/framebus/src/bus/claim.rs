//! A slot between claim and publish.

use super::BusName;
use super::handle::HandleError;
use super::numbers::{Numbered, SequenceError};
use super::producer::Producer;
use super::producer_words::ProducerWords;
use super::table2::keep_table2;
use crate::clock::monotonic_ns;
use crate::layout::{Format, Geometry, Plane, PlaneEntry};
use crate::lease::{Claimed, claim, publish};
use crate::shm::{Regions, SlotPixels};
use crate::source::{FrameMeta, FrameTarget};
use crate::sync::Ordering::{Relaxed, Release, SeqCst};
use crate::sync::{Fence, Hardware, bump};

impl Producer {
    /// Claims a slot for the next frame; `None` when every slot is leased, which is counted: the frame is lost, the
    /// producer goes on.
    ///
    /// # Errors
    /// Fails as [`Producer::check`] does: no frame reaches anybody any more.
    pub fn claim(&mut self) -> Result<Option<Claim<'_>>, HandleError> {
        let claimed = self.claim_or_starve()?;
        Ok(claimed.map(|claimed| Claim::new(self, claimed)))
    }

    /// Claims a slot as [`Producer::claim`] does, without the borrow.
    pub(crate) fn claim_or_starve(&mut self) -> Result<Option<ClaimedSlot>, HandleError> {
        let claimed = self.claim_slot()?;
        if claimed.is_none() {
            let header = self.held.segment.regions().header();
            bump(&header.dropped, 1);
            bump(&header.starved, 1);
        }
        Ok(claimed)
    }

    /// The same, and does not count when there is none.
    pub(crate) fn claim_slot(&mut self) -> Result<Option<ClaimedSlot>, HandleError> {
        self.check()?;
        self.kept = None;
        self.keep_names();
        let regions = self.held.segment.regions();
        let header = regions.header();
        let Some(claimed) = claim(&ProducerWords(regions), &mut self.book) else {
            return Ok(None);
        };
        header
            .writing_slot
            .store(u32::from(claimed.slot()) + 1, Relaxed);
        self.meta_len = 0;
        if let Some(image) = shared_image(regions) {
            self.bgr_before = image.sequence.load(Relaxed);
            self.bgr_stays = None;
            image.sequence.store(0, Relaxed);
            // SYNC(observe): a copy of the image that saw any of the pixels to come also sees this 0.
            Hardware::fence(SeqCst);
        }
        Ok(Some(claimed))
    }

    /// Takes up again the slot that [`Claim::keep`] has left claimed; `None` when there is none, such as after another
    /// [`Producer::claim`] or [`Producer::renew`], which give it back.
    pub fn kept_claim(&mut self) -> Option<Claim<'_>> {
        if !self.is_here() {
            return None;
        }
        let claimed = self.kept.take()?;
        Some(Claim::new(self, claimed))
    }
}

/// Why a frame's metadata cannot be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// The bus has no plane for it.
    #[error("the bus has no plane meta: ask for one, such as with --planes gray,meta")]
    NoPlane,
    /// It is longer than its plane.
    #[error("metadata of {len} bytes do not fit into a plane for {most}")]
    TooLong {
        /// Bytes of it.
        len: usize,
        /// The most bytes.
        most: usize,
    },
}

/// The right to write a slot, for whoever cannot borrow the producer.
pub(crate) type ClaimedSlot = Claimed;

/// The entry of the one image for all slots, where the bus has one.
fn shared_image(regions: &Regions) -> Option<&PlaneEntry> {
    let index = regions.layout().planes.one_for_all_index()?;
    regions.header().planes.get(index)
}

/// A slot that is being written. Dropped without [`Claim::publish`], it is given back and nothing is published.
#[derive(Debug)]
pub struct Claim<'a> {
    producer: &'a mut Producer,
    /// `None` once it is published or kept.
    claimed: Option<Claimed>,
}

impl<'a> Claim<'a> {
    pub(crate) fn new(producer: &'a mut Producer, claimed: Claimed) -> Claim<'a> {
        Claim {
            producer,
            claimed: Some(claimed),
        }
    }

    /// The gray and the BGR image in the frame's size, where the bus has them; the one BGR image for all slots where there
    /// is no other. Empty in a forked child.
    pub fn target(&mut self) -> FrameTarget<'_> {
        let geometry = self.geometry();
        let mut target = FrameTarget {
            geometry,
            ..FrameTarget::default()
        };
        for (plane, pixels) in self.images() {
            let is_full = plane.size() == Some(geometry);
            match plane.format {
                Format::GRAY8 if is_full && !plane.one_for_all => target.gray = Some(pixels),
                Format::BGR8 if is_full && (target.bgr.is_none() || !plane.one_for_all) => {
                    target.bgr = Some(pixels);
                }
                _ => {}
            }
        }
        target
    }

    /// Every plane of the bus and its image in this slot, in the order of [`crate::layout::Layout::planes`]: whoever
    /// publishes has written each of them. Nothing in a forked child.
    pub fn images(&mut self) -> impl Iterator<Item = (Plane, &mut [u8])> {
        self.slot_pixels().into_iter().flatten()
    }

    /// The image of a format: that in the frame's own size where there is one, else the first, else the one for all slots.
    pub fn plane(&mut self, format: Format) -> Option<&mut [u8]> {
        let (planes, geometry) = (self.bus_planes(), self.geometry());
        let index = planes.best(format, geometry);
        let index = index.or_else(|| planes.iter().position(|plane| plane.format == format))?;
        Some(self.images().nth(index)?.1)
    }

    pub(super) fn regions(&self) -> &Regions {
        self.producer.held.segment.regions()
    }

    pub(super) fn bus(&self) -> &BusName {
        &self.producer.options.bus
    }

    pub(super) fn slot_pixels(&mut self) -> SlotPixels<'_> {
        let here = self.producer.is_here();
        match self.claimed.as_ref().filter(|_| here) {
            Some(claimed) => self.producer.pixels.slot(claimed),
            None => [const { None }; _],
        }
    }

    /// Sets the frame's metadata: bytes that mean something to whoever reads them, such as JSON or CBOR.
    ///
    /// # Errors
    /// Fails when the bus has no plane of metadata, or one for fewer bytes.
    pub fn set_metadata(&mut self, bytes: &[u8]) -> Result<(), MetadataError> {
        let room = self.plane(Format::META).ok_or(MetadataError::NoPlane)?;
        let most = room.len();
        room.get_mut(..bytes.len())
            .ok_or(MetadataError::TooLong {
                len: bytes.len(),
                most,
            })?
            .copy_from_slice(bytes);
        self.producer.meta_len = bytes.len() as u32;
        Ok(())
    }

    /// The size of the frame.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.producer.options.geometry
    }

    /// The slot's number.
    #[must_use]
    pub fn slot(&self) -> u8 {
        self.claimed.as_ref().map_or(0, Claimed::slot)
    }

    /// Leaves the debugging BGR image as it was before this frame: only gray has been written.
    pub fn leave_bgr(&mut self) {
        self.producer.bgr_stays = Some(self.producer.bgr_before);
    }

    /// Ends the borrow and leaves the slot claimed, for somebody who writes it without one: its images stay this producer's
    /// until [`Producer::kept_claim`] takes it up again, or the next claim gives it back.
    pub fn keep(mut self) {
        self.producer.kept = self.claimed.take();
        self.producer.lent = true;
    }

    /// Publishes the frame and triggers the consumers. Returns its sequence: one more than that of the frame before; 0, and
    /// publishes nothing, in a forked child.
    pub fn publish(self, meta: FrameMeta) -> u64 {
        let sequence = self.producer.sequence + 1;
        self.publish_with(
            meta,
            Numbered {
                sequence,
                origin: 0,
            },
        )
    }

    /// Publishes the frame under the number that it has elsewhere, and triggers the consumers. Numbers that are left out are
    /// neither taken nor skipped by anybody: consumers see them as [`super::FrameInfo::missing`]. Returns 0, and publishes
    /// nothing, in a forked child.
    ///
    /// # Errors
    /// Fails when the sequence is not above that of the frame before, or above [`super::MAX_SEQUENCE`]; nothing is published
    /// then, and the slot is given back.
    pub fn publish_as(self, meta: FrameMeta, number: Numbered) -> Result<u64, SequenceError> {
        self.producer.check_sequence(number.sequence)?;
        Ok(self.publish_with(meta, number))
    }

    fn publish_with(mut self, meta: FrameMeta, Numbered { sequence, origin }: Numbered) -> u64 {
        let here = self.producer.is_here();
        let Some(claimed) = self.claimed.take().filter(|_| here) else {
            return 0;
        };
        let slot = claimed.slot();
        let producer = &mut *self.producer;
        let regions = producer.held.segment.regions();
        let (header, slot_header) = (regions.header(), regions.slot(slot));
        let publish_ns = monotonic_ns();
        producer.missing += sequence - producer.sequence - 1;
        producer.sequence = sequence;
        slot_header.capture_ns.store(meta.capture_ns, Relaxed);
        slot_header.publish_ns.store(publish_ns, Relaxed);
        slot_header.wall_ns.store(meta.wall_ns, Relaxed);
        slot_header.source_frame.store(meta.source_frame, Relaxed);
        slot_header.missing.store(producer.missing, Relaxed);
        slot_header.origin.store(origin, Relaxed);
        slot_header.meta_len.store(producer.meta_len, Relaxed);
        if let Some(image) = shared_image(regions) {
            // SYNC(observe): the image's pixels happen-before whoever copies it between two equal sequences.
            let shown = producer.bgr_stays.take().unwrap_or(sequence);
            image.sequence.store(shown, Release);
        }
        header.writing_slot.store(0, Relaxed);
        publish(
            &ProducerWords(regions),
            &mut producer.book,
            claimed,
            sequence,
        );
        header.sequence_futex.store(sequence as u32, Release);
        let previous_ns = header.publish_ns.load(Relaxed);
        header.publish_ns.store(publish_ns, Relaxed);
        bump(&header.published, 1);
        producer.held.server.notify(&producer.held.segment);
        // Bookkeeping waits until the consumers are on their way.
        keep_table2(regions, slot);
        if previous_ns != 0 {
            header
                .interval
                .record(publish_ns.saturating_sub(previous_ns));
        }
        header
            .copy
            .record(publish_ns.saturating_sub(meta.capture_ns));
        sequence
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if self.claimed.is_none() || !self.producer.is_here() {
            return;
        }
        self.producer
            .held
            .segment
            .regions()
            .header()
            .writing_slot
            .store(0, Relaxed);
    }
}
