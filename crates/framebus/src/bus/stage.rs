//! A real segment for tests of what looks at one: what a producer, its control thread and its consumers would have written
//! at a time that the test says. The lease protocol and the segment's making are the shipping code; processes, sockets
//! and clocks are not there.

use std::sync::Arc;

use super::create::{announce, make_segment};
use super::lock::Count;
use super::options::{CreateError, ProducerOptions};
use super::producer::ProducerWords;
use crate::layout::{
    ClaimState, ConsumerRecord, Format, RecordFlags, RecordState, SegmentState, TriggerKind,
    read_text, write_text,
};
use crate::lease::{
    LeaseMemory, SlotBook, Ticket, acquire_newest, acquire_next, claim, clear, latest, publish,
};
use crate::shm::{OwnedSegment, Pixels, Regions};
use crate::source::{FrameTarget, PatternSource};
use crate::sync::Ordering::{Relaxed, Release};
use crate::sync::bump;

/// Who attaches.
#[derive(Debug, Clone, Copy)]
pub struct Guest<'a> {
    pub name: &'a str,
    pub language: &'a str,
    pub pid: u32,
    pub every_frame: bool,
}

/// A bus whose peers are played. Dropped, its name is removed.
#[derive(Debug)]
pub struct Stage {
    options: ProducerOptions,
    book: SlotBook,
    sequence: u64,
    generation: u64,
    pattern: PatternSource,
    pixels: Pixels,
    segment: Arc<OwnedSegment>,
}

/// Where the named pipes are said to be: there are none.
const PIPES: &str = "/run/user/1000/framebus/stage";

impl Stage {
    /// Makes the segment as producer `pid` would at `now_ns`, going on after `sequence`.
    pub fn create(
        options: ProducerOptions,
        generation: u64,
        sequence: u64,
        pid: u32,
        now_ns: u64,
    ) -> Result<Stage, CreateError> {
        let (segment, pixels) = make_segment(
            &options,
            Count {
                generation,
                sequence,
                epoch_ms: 1_700_000_000_000,
            },
            PIPES,
        )?;
        let header = segment.regions().header();
        header.producer_pid.store(pid, Relaxed);
        header.producer_uid.store(1000, Relaxed);
        header.created_ns.store(now_ns, Relaxed);
        header.heartbeat_ns.store(now_ns, Relaxed);
        announce(&segment);
        Ok(Stage {
            book: SlotBook::new(segment.regions().layout().slots),
            sequence,
            generation,
            pattern: PatternSource::new(options.geometry, None),
            options,
            pixels,
            segment,
        })
    }

    fn regions(&self) -> &Regions {
        self.segment.regions()
    }

    /// The newest sequence and the generation, for whoever comes after.
    pub fn remembered(&self) -> (u64, u64) {
        (self.generation, self.sequence)
    }

    /// What the bus is.
    pub fn options(&self) -> &ProducerOptions {
        &self.options
    }

    /// Removes the name, as somebody would who tidies up /dev/shm.
    pub fn unlink(&self) {
        self.segment.unlink();
    }

    /// Shows that the producer lives.
    pub fn beat(&self, now_ns: u64) {
        self.regions().header().heartbeat_ns.store(now_ns, Relaxed);
    }

    /// What the producer says of itself.
    pub fn set_state(&self, state: SegmentState) {
        self.regions().header().state.store(state as u32, Release);
    }

    /// Publishes the next frame of the test picture and triggers everybody; returns whether a slot was free.
    pub fn publish(&mut self, capture_ns: u64, publish_ns: u64) -> bool {
        let regions = self.segment.regions();
        let header = regions.header();
        let Some(claimed) = claim(&ProducerWords(regions), &mut self.book) else {
            bump(&header.dropped, 1);
            bump(&header.starved, 1);
            return false;
        };
        self.sequence += 1;
        let sequence = self.sequence;
        let geometry = self.options.geometry;
        let mut target = FrameTarget {
            geometry,
            ..FrameTarget::default()
        };
        for (plane, pixels) in self.pixels.slot(&claimed).into_iter().flatten() {
            match plane.format {
                Format::GRAY8 => target.gray = Some(pixels),
                Format::BGR8 => target.bgr = Some(pixels),
                _ => {}
            }
        }
        self.pattern
            .draw_frame(sequence, &mut target)
            .expect("a picture of the size of the slots");
        let slot_header = regions.slot(claimed.slot());
        slot_header.capture_ns.store(capture_ns, Relaxed);
        slot_header.publish_ns.store(publish_ns, Relaxed);
        publish(&ProducerWords(regions), &mut self.book, claimed, sequence);
        let previous_ns = header.publish_ns.load(Relaxed);
        header.publish_ns.store(publish_ns, Relaxed);
        bump(&header.published, 1);
        if previous_ns != 0 {
            header.interval.record(publish_ns - previous_ns);
        }
        header.copy.record(publish_ns - capture_ns);
        for index in 0..self.options.consumers {
            let claim = regions.claim(index);
            if claim.state.load(Relaxed) == ClaimState::Connected as u32 {
                bump(&claim.triggers, 1);
            }
        }
        true
    }

    /// Lets a consumer attach.
    pub fn join(&self, index: u8, guest: Guest<'_>, now_ns: u64) {
        let (claim, record) = (self.regions().claim(index), self.regions().record(index));
        claim.pid.store(guest.pid, Relaxed);
        claim.uid.store(1000, Relaxed);
        claim.trigger.store(TriggerKind::Eventfd as u32, Relaxed);
        claim.connected_ns.store(now_ns, Relaxed);
        claim.triggers.store(0, Relaxed);
        claim.coalesced.store(0, Relaxed);
        bump(&claim.connections, 1);
        claim.state.store(ClaimState::Connected as u32, Release);
        record.clear();
        record.pid.store(guest.pid, Relaxed);
        record.attach_ns.store(now_ns, Relaxed);
        record.attach_sequence.store(self.sequence, Relaxed);
        record.last_sequence.store(self.sequence, Relaxed);
        if guest.every_frame {
            record.flags.store(RecordFlags::EVERY_FRAME, Relaxed);
        }
        write_text(&record.name, guest.name);
        write_text(&record.language, guest.language);
        record.state.store(RecordState::ATTACHED, Release);
    }

    /// Whether a consumer is attached.
    pub fn is_attached(&self, index: u8) -> bool {
        index < self.options.consumers
            && self.regions().record(index).state.load(Relaxed) == RecordState::ATTACHED
    }

    /// Whether a consumer holds a frame.
    pub fn holds(&self, index: u8) -> bool {
        let words = ProducerWords(self.regions());
        Ticket::unpack(words.lease(index).load(Relaxed)).is_some()
    }

    /// Whether there is a frame that a consumer has not taken.
    pub fn has_frame(&self, index: u8) -> bool {
        let last = self.regions().record(index).last_sequence.load(Relaxed);
        latest(&ProducerWords(self.regions())).is_some_and(|ticket| ticket.sequence > last)
    }

    /// Lets a consumer take the newest frame, or the next when it takes every frame; returns whether there was one that it had not taken.
    pub fn take(&self, index: u8, now_ns: u64) -> bool {
        let regions = self.regions();
        let record = regions.record(index);
        let after = record.last_sequence.load(Relaxed);
        let words = ProducerWords(regions);
        let every_frame = record.flags.load(Relaxed) & RecordFlags::EVERY_FRAME != 0;
        let ticket = if every_frame {
            acquire_next(&words, index, after)
        } else {
            acquire_newest(&words, index, after)
        };
        let Some(ticket) = ticket.map(|leased| leased.ticket()) else {
            return false;
        };
        let capture_ns = regions.slot(ticket.slot).capture_ns.load(Relaxed);
        record.wake_ns.store(now_ns, Relaxed);
        record.last_capture_ns.store(capture_ns, Relaxed);
        bump(&record.skipped, ticket.sequence - after - 1);
        bump(&record.taken, 1);
        record.last_sequence.store(ticket.sequence, Relaxed);
        true
    }

    /// Lets a consumer give back the frame that it holds; returns whether it held one.
    pub fn release(&self, index: u8, now_ns: u64) -> bool {
        let words = ProducerWords(self.regions());
        let Some(ticket) = Ticket::unpack(words.lease(index).load(Relaxed)) else {
            return false;
        };
        self.count(self.regions().record(index), ticket.slot, now_ns);
        clear(&words, index);
        true
    }

    fn count(&self, record: &ConsumerRecord, slot: u8, now_ns: u64) {
        let slot = self.regions().slot(slot);
        let wake_ns = record.wake_ns.load(Relaxed);
        record.release_ns.store(now_ns, Relaxed);
        record.wait.record(wake_ns - slot.publish_ns.load(Relaxed));
        record.busy.record(now_ns - wake_ns);
        record.total.record(now_ns - slot.capture_ns.load(Relaxed));
    }

    /// Lets a consumer say good-bye, which nobody has seen yet.
    pub fn detach(&self, index: u8) {
        let record = self.regions().record(index);
        clear(&ProducerWords(self.regions()), index);
        record.state.store(RecordState::DETACHED, Release);
    }

    /// Lets the producer see that a consumer is gone; its record and lease are cleared `cleared_ns` later.
    pub fn hang_up(&self, index: u8, now_ns: u64, cleared_ns: u64) {
        let (claim, record) = (self.regions().claim(index), self.regions().record(index));
        let died = record.state.load(Relaxed) == RecordState::ATTACHED;
        write_text(&claim.gone_name, &read_text(&record.name));
        write_text(&claim.gone_language, &read_text(&record.language));
        claim.gone_pid.store(claim.pid.load(Relaxed), Relaxed);
        record.clear();
        claim.gone_ns.store(now_ns, Relaxed);
        claim.cleared_ns.store(now_ns + cleared_ns, Relaxed);
        claim.pid.store(0, Relaxed);
        bump(&claim.deaths, u64::from(died));
        let state = if died {
            ClaimState::Died
        } else {
            ClaimState::Detached
        };
        claim.state.store(state as u32, Release);
    }
}
