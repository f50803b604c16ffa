//! A slot between claim and publish.

use super::handle::HandleError;
use super::numbers::{Numbered, SequenceError};
use super::options::FrameMeta;
use super::producer::Producer;
use super::producer_words::ProducerWords;
use super::table2::keep_table2;
use crate::clock::monotonic_ns;
use crate::layout::SlotFlags;
use crate::lease::{Claimed, claim, publish};
use crate::source::FrameTarget;
use crate::sync::Ordering::{Relaxed, Release, SeqCst};
use crate::sync::{Fence, Hardware, bump};

impl Producer {
    /// Claims a slot for the next frame; `None` when every slot is leased, which is counted: the frame is lost, the
    /// producer goes on.
    ///
    /// # Errors
    /// Fails as [`Producer::check`] does: no frame reaches anybody any more.
    pub fn claim(&mut self) -> Result<Option<Claim<'_>>, HandleError> {
        self.check()?;
        self.kept = None;
        self.keep_names();
        let regions = self.held.segment.regions();
        let header = regions.header();
        let Some(claimed) = claim(&ProducerWords(regions), &mut self.book) else {
            bump(&header.dropped, 1);
            bump(&header.starved, 1);
            return Ok(None);
        };
        header
            .writing_slot
            .store(u32::from(claimed.slot()) + 1, Relaxed);
        if regions.layout().bgr_offset.is_some() {
            self.bgr_before = header.bgr_sequence.load(Relaxed);
            self.bgr_stays = None;
            header.bgr_sequence.store(0, Relaxed);
            // SYNC(observe): a copy of the BGR image that saw any of the pixels to come also sees this 0.
            Hardware::fence(SeqCst);
        }
        Ok(Some(Claim::new(self, claimed)))
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

/// A slot that is being written. Dropped without [`Claim::publish`], it is given back and nothing is published.
#[derive(Debug)]
pub struct Claim<'a> {
    producer: &'a mut Producer,
    /// `None` once it is published or kept.
    claimed: Option<Claimed>,
}

impl<'a> Claim<'a> {
    pub(super) fn new(producer: &'a mut Producer, claimed: Claimed) -> Claim<'a> {
        Claim {
            producer,
            claimed: Some(claimed),
        }
    }

    /// The images to write. Empty in a forked child.
    pub fn target(&mut self) -> FrameTarget<'_> {
        let geometry = self.producer.options.geometry;
        let here = self.producer.is_here();
        let Some(claimed) = self.claimed.as_ref().filter(|_| here) else {
            return FrameTarget {
                geometry,
                gray: &mut [],
                bgr: None,
            };
        };
        let pixels = self.producer.pixels.slot(claimed);
        FrameTarget {
            geometry,
            gray: pixels.gray,
            bgr: pixels.bgr,
        }
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
        let color = regions.layout().color.is_some();
        slot_header
            .flags
            .store(if color { SlotFlags::COLOR } else { 0 }, Relaxed);
        if regions.layout().bgr_offset.is_some() {
            // SYNC(observe): the BGR image's pixels happen-before whoever copies it between two equal sequences.
            let shown = producer.bgr_stays.take().unwrap_or(sequence);
            header.bgr_sequence.store(shown, Release);
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
