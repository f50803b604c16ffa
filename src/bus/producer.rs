//! The producer: one a bus, never waiting for anybody.

use std::sync::Arc;

use super::create::{announce, make_segment, producer_pid, replace_stale};
use super::lease::{LeaseMemory, SlotBook, Ticket, claim, publish};
use super::lock::{BusLock, LockError};
use super::options::{CreateError, FrameMeta, ProducerOptions, ProducerStats};
use super::runtime::PipesDir;
use crate::clock::monotonic_ns;
use crate::layout::{ClaimState, Layout, SegmentState, SlotFlags};
use crate::shm::{OwnedSegment, Pixels, Regions};
use crate::source::FrameTarget;
use crate::sync::Ordering::{Relaxed, Release};
use crate::sync::{AtomicU64, Fence, Hardware, bump};
use crate::trigger::TriggerServer;

/// A bus with its producer, which is this process.
///
/// Guarantees: nothing here waits for a consumer; a consumer that is killed, stopped or lies costs at most its own
/// frames. Dropped, it ends the stream (consumers see the end, not a loss) and leaves no name behind.
#[derive(Debug)]
pub struct Producer {
    options: ProducerOptions,
    generation: u64,
    sequence: u64,
    book: SlotBook,
    /// A slot that [`Claim::keep`] has left claimed.
    kept: Option<u8>,
    // Dropped in this order: hang up, remove the pipes, remove the segment, free the lock.
    server: TriggerServer,
    pixels: Pixels,
    segment: Arc<OwnedSegment>,
    _pipes: PipesDir,
    lock: BusLock,
}

/// The words of the lease protocol as the producer reaches them.
pub(super) struct ProducerWords<'a>(pub(super) &'a Regions);

impl LeaseMemory for ProducerWords<'_> {
    type Word = AtomicU64;
    type Fence = Hardware;

    fn slots(&self) -> u8 {
        self.0.layout().slots
    }

    fn consumers(&self) -> u8 {
        self.0.layout().consumers
    }

    fn latest(&self) -> &AtomicU64 {
        &self.0.header().latest
    }

    fn sequence(&self, slot: u8) -> &AtomicU64 {
        &self.0.slot(slot).sequence
    }

    fn lease(&self, consumer: u8) -> &AtomicU64 {
        &self.0.record(consumer).lease
    }
}

impl Producer {
    /// Makes a bus, replacing what a dead producer left under its name.
    ///
    /// # Errors
    /// Fails when the bus has a producer, is another user's, or does not fit into shared memory.
    pub fn create(options: ProducerOptions) -> Result<Producer, CreateError> {
        let bus = options.bus.clone();
        let lock = BusLock::acquire(&bus).map_err(|error| match error {
            LockError::Held => CreateError::InUse {
                bus: bus.clone(),
                pid: producer_pid(&bus),
            },
            LockError::Foreign { uid } => CreateError::Foreign {
                bus: bus.clone(),
                uid,
            },
            LockError::System(source) => CreateError::System {
                bus: bus.clone(),
                source,
            },
        })?;
        let (generation, sequence) = replace_stale(&bus, &lock)?;
        let pipes = PipesDir::create(&bus, options.mode, options.gid)?;
        let pipes_path = pipes.path().display().to_string();
        let (segment, pixels) = make_segment(&options, generation, sequence, &pipes_path)?;
        let server = TriggerServer::start(
            pipes.path(),
            options.mode,
            options.gid,
            Arc::clone(&segment),
        )?;
        announce(&segment);
        let book = SlotBook::new(segment.regions().layout().slots);
        Ok(Producer {
            options,
            generation,
            sequence,
            book,
            kept: None,
            server,
            pixels,
            segment,
            _pipes: pipes,
            lock,
        })
    }

    /// Goes on with frames of another size (or other properties): the segment is retired and a new generation takes its
    /// name. Consumers stay attached and follow; sequences go on.
    ///
    /// # Errors
    /// Fails as [`Producer::create`] does; the bus is then ended.
    pub fn renew(&mut self, options: ProducerOptions) -> Result<(), CreateError> {
        let pipes_path = self.pipes_dir().display().to_string();
        let header = self.segment.regions().header();
        // SYNC(state): whoever sees "retired" finds the old frames complete, and looks for the new segment.
        header.state.store(SegmentState::Retired as u32, Release);
        self.generation += 1;
        self.lock.remember(self.generation, self.sequence);
        self.segment.unlink();
        let (segment, pixels) =
            make_segment(&options, self.generation, self.sequence, &pipes_path)?;
        self.server.switch(Arc::clone(&segment));
        self.book = SlotBook::new(segment.regions().layout().slots);
        self.kept = None;
        self.options = options;
        self.pixels = pixels;
        let old = std::mem::replace(&mut self.segment, segment);
        announce(&self.segment);
        // Those who only wait are told to look.
        self.server.notify(&self.segment);
        drop(old);
        Ok(())
    }

    /// Claims a slot for the next frame; `None` when every slot is leased, which is counted: the frame is lost, the
    /// producer goes on.
    pub fn claim(&mut self) -> Option<Claim<'_>> {
        self.kept = None;
        let regions = self.segment.regions();
        let header = regions.header();
        let Some(slot) = claim(&ProducerWords(regions), &mut self.book) else {
            bump(&header.dropped, 1);
            bump(&header.starved, 1);
            return None;
        };
        header.writing_slot.store(u32::from(slot) + 1, Relaxed);
        if regions.layout().bgr_offset.is_some() {
            header.bgr_sequence.store(0, Relaxed);
            // SYNC(observe): a copy of the BGR image that saw any of the pixels to come also sees this 0.
            Hardware::fence(crate::sync::Ordering::SeqCst);
        }
        Some(Claim {
            producer: self,
            slot,
        })
    }

    /// Takes up again the slot that [`Claim::keep`] has left claimed; `None` when there is none, such as after another
    /// [`Producer::claim`] or [`Producer::renew`], which give it back.
    pub fn kept_claim(&mut self) -> Option<Claim<'_>> {
        let slot = self.kept.take()?;
        Some(Claim {
            producer: self,
            slot,
        })
    }

    /// Counts a frame that came and could not be published.
    pub fn count_dropped(&mut self) {
        bump(&self.segment.regions().header().dropped, 1);
    }

    /// Says whether the source gives frames; consumers and observers see it.
    pub fn set_stalled(&mut self, stalled: bool) {
        let state = if stalled {
            SegmentState::Stalled
        } else {
            SegmentState::Running
        };
        self.segment
            .regions()
            .header()
            .state
            .store(state as u32, Release);
    }

    /// What has been done so far.
    #[must_use]
    pub fn stats(&self) -> ProducerStats {
        let header = self.segment.regions().header();
        ProducerStats {
            sequence: self.sequence,
            published: header.published.load(Relaxed),
            dropped: header.dropped.load(Relaxed),
            starved: header.starved.load(Relaxed),
        }
    }

    /// What the bus is.
    #[must_use]
    pub fn options(&self) -> &ProducerOptions {
        &self.options
    }

    /// Where the regions of the segment are.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        self.segment.regions().layout()
    }

    /// How many consumers are connected. Read from the claim records: the control thread's lock is not waited for.
    #[must_use]
    pub fn connected(&self) -> usize {
        let regions = self.segment.regions();
        (0..regions.layout().consumers)
            .map(|index| ClaimState::from_word(regions.claim(index).state.load(Relaxed)))
            .filter(|state| *state == ClaimState::Connected)
            .count()
    }

    /// The generation of the segment.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Bytes of the segment.
    #[must_use]
    pub fn segment_len(&self) -> u64 {
        self.layout().segment_len
    }

    /// The directory of the named pipes.
    #[must_use]
    pub fn pipes_dir(&self) -> &std::path::Path {
        self._pipes.path()
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // SYNC(state): whoever sees "ended" finds the last frame published.
        self.segment
            .regions()
            .header()
            .state
            .store(SegmentState::Ended as u32, Release);
    }
}

/// A slot that is being written. Dropped without [`Claim::publish`], it is given back and nothing is published.
#[derive(Debug)]
pub struct Claim<'a> {
    producer: &'a mut Producer,
    slot: u8,
}

impl Claim<'_> {
    /// The images to write.
    pub fn target(&mut self) -> FrameTarget<'_> {
        let geometry = self.producer.options.geometry;
        let pixels = self.producer.pixels.slot(self.slot);
        FrameTarget {
            geometry,
            gray: pixels.gray,
            bgr: pixels.bgr,
        }
    }

    /// The slot's number.
    #[must_use]
    pub fn slot(&self) -> u8 {
        self.slot
    }

    /// Ends the borrow and leaves the slot claimed, for somebody who writes it without one: its images stay this producer's
    /// until [`Producer::kept_claim`] takes it up again, or the next claim gives it back.
    pub fn keep(self) {
        let mut claim = std::mem::ManuallyDrop::new(self);
        claim.producer.kept = Some(claim.slot);
    }

    /// Publishes the frame and triggers the consumers. Returns its sequence.
    pub fn publish(self, meta: FrameMeta) -> u64 {
        let slot = self.slot;
        let producer = &mut *self.producer;
        let regions = producer.segment.regions();
        let (header, slot_header) = (regions.header(), regions.slot(slot));
        let publish_ns = monotonic_ns();
        producer.sequence += 1;
        let sequence = producer.sequence;
        slot_header.capture_ns.store(meta.capture_ns, Relaxed);
        slot_header.publish_ns.store(publish_ns, Relaxed);
        slot_header.wall_ns.store(meta.wall_ns, Relaxed);
        slot_header.source_frame.store(meta.source_frame, Relaxed);
        let color = regions.layout().color.is_some();
        slot_header
            .flags
            .store(if color { SlotFlags::COLOR } else { 0 }, Relaxed);
        if regions.layout().bgr_offset.is_some() {
            // SYNC(observe): the BGR image's pixels happen-before whoever copies it between two equal sequences.
            header.bgr_sequence.store(sequence, Release);
        }
        header.writing_slot.store(0, Relaxed);
        publish(
            &ProducerWords(regions),
            &mut producer.book,
            Ticket { sequence, slot },
        );
        header.sequence_futex.store(sequence as u32, Release);
        let previous_ns = header.publish_ns.load(Relaxed);
        header.publish_ns.store(publish_ns, Relaxed);
        bump(&header.published, 1);
        producer.server.notify(&producer.segment);
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
        self.producer
            .segment
            .regions()
            .header()
            .writing_slot
            .store(0, Relaxed);
    }
}

/// Brings Table 2 up to date for anybody who knows only that.
fn keep_table2(regions: &Regions, latest_slot: u8) {
    let layout = regions.layout();
    let mut users = [0u8; 256];
    for consumer in 0..layout.consumers {
        if let Some(ticket) = Ticket::unpack(regions.record(consumer).lease.load(Relaxed)) {
            users[usize::from(ticket.slot)] += 1;
        }
    }
    let table2 = regions.table2();
    for (cell, count) in table2
        .shared_buffers_idx_in_use
        .iter()
        .zip(users)
        .take(layout.slots.into())
    {
        if cell.load(Relaxed) != count {
            cell.store(count, Relaxed);
        }
    }
    table2
        .shared_latest_cam_buffer_idx
        .store(latest_slot, Relaxed);
}
