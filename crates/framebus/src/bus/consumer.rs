//! A consumer: takes frames without a copy, at its own rate.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::attach::{Wanted, producer_of};
use super::attach_error::AttachError;
use super::consumer_options::{ConsumerOptions, ConsumerStats, Stream, Waited};
use super::frame::{Attachment, Frame, FrameHeld, FrameInfo, Hold, OwnedFrame};
use super::numbers::{Place, between, newest};
use super::{BusName, HandleError, NoPlane};
use crate::clock::monotonic_ns;
use crate::layout::{RecordFlags, RecordState, SegmentState, write_text};
use crate::lease::{LeaseMemory, Ticket, acquire_newest, acquire_next, latest};
use crate::shm::{ConsumerSegment, OpenSegmentError};
use crate::stop::Stop;
use crate::sync::Ordering::{Acquire, Relaxed, Release, SeqCst};
use crate::sync::{Fence, Hardware, bump};
use crate::system::{Wake, is_exhaustion, own_start_ticks, own_uid};
use crate::trigger::Waiter;

/// One consumer of a bus.
///
/// Guarantees: sequences only grow; a frame does not change while it is held; holding it for ever, or dying with it,
/// costs nobody else anything. Frames that were published before it attached are not taken.
#[derive(Debug)]
pub struct Consumer {
    options: ConsumerOptions,
    /// Shared with the [`OwnedFrame`] it has given out, if any: more than one owner means that a frame is held.
    pub(super) attachment: Arc<Attachment>,
    stats: ConsumerStats,
    /// A value of `latest` that names a frame which is in no slot: somebody has damaged it. Not waited for again.
    unattainable: u64,
    /// What the newest frame it knows of says of numbers that no frame has, in this generation.
    missing: u64,
}

impl Consumer {
    /// Attaches to a bus, waiting for it for at most `timeout` (`None`: for as long as it takes). `waiting` is called each
    /// time that it is not there yet.
    ///
    /// # Errors
    /// Fails when the index is taken or out of range, the bus has not a plane that is needed, the segment cannot be read, or
    /// the time is over.
    pub fn attach(
        options: ConsumerOptions,
        timeout: Option<Duration>,
        stop: &Stop,
        waiting: impl FnMut(&AttachError),
    ) -> Result<Consumer, AttachError> {
        let wanted = Wanted {
            bus: &options.bus,
            index: options.index,
            trigger: options.trigger,
            needs: &options.needs,
            timeout,
            stop,
        };
        let (segment, connection) = wanted.attach(waiting)?;
        let waiter = Waiter::new(connection, stop)
            .map_err(|source| AttachError::system(options.bus.clone(), source))?;
        let newest = newest(segment.regions());
        // After a clean end, or a restart that could not read the old segment, sequences begin again, and there is nothing to
        // go on from.
        let epoch_ms = segment.regions().header().epoch_ms.load(Relaxed);
        let is_same = options.resume_epoch_ms.is_none_or(|of| of == epoch_ms);
        let from = options
            .resume_from
            .filter(|sequence| is_same && *sequence <= newest.sequence)
            .unwrap_or(newest.sequence);
        let stats = ConsumerStats {
            attach_sequence: from,
            last_sequence: from,
            ..ConsumerStats::default()
        };
        let mut consumer = Consumer {
            attachment: Arc::new(Attachment::new(segment, Arc::new(waiter), &options.bus)),
            options,
            stats,
            unattainable: Ticket::NONE,
            missing: newest.missing,
        };
        consumer.enter();
        if consumer.attachment.lockstep && from == newest.sequence {
            consumer.begin_at_newest();
        }
        consumer.attachment.wake_producer();
        Ok(consumer)
    }

    /// Fills in the record; `state` last.
    fn enter(&self) {
        let own = self.attachment.segment.own();
        own.clear();
        own.trigger
            .store(self.attachment.waiter.kind() as u32, Relaxed);
        own.pid.store(std::process::id(), Relaxed);
        own.uid.store(own_uid(), Relaxed);
        own.start_ticks.store(own_start_ticks(), Relaxed);
        own.attach_ns.store(monotonic_ns(), Relaxed);
        own.attach_sequence
            .store(self.stats.attach_sequence, Relaxed);
        own.taken.store(self.stats.taken, Relaxed);
        own.skipped.store(self.stats.skipped, Relaxed);
        own.missing.store(self.stats.missing, Relaxed);
        own.last_sequence.store(self.stats.last_sequence, Relaxed);
        own.flags.store(
            if self.options.every_frame {
                RecordFlags::EVERY_FRAME | RecordFlags::TELLS
            } else {
                RecordFlags::TELLS
            },
            Relaxed,
        );
        write_text(&own.name, &self.options.name);
        write_text(&own.language, &self.options.language);
        own.state.store(RecordState::ATTACHED, Release);
    }

    /// Begins at the frame that is the newest now that the producer sees it: those that were published meanwhile may be gone.
    fn begin_at_newest(&mut self) {
        // SYNC(lockstep): the producer's next look sees the record, or this one sees the frame that it published before.
        Hardware::fence(SeqCst);
        let place = newest(self.attachment.segment.regions());
        self.stats.attach_sequence = place.sequence;
        self.stats.last_sequence = place.sequence;
        self.missing = place.missing;
        let own = self.attachment.segment.own();
        own.attach_sequence.store(place.sequence, Relaxed);
        own.last_sequence.store(place.sequence, Relaxed);
    }

    /// The index it has.
    #[must_use]
    pub fn index(&self) -> u8 {
        self.attachment.segment.index()
    }

    /// The bus.
    #[must_use]
    pub fn bus(&self) -> &BusName {
        &self.options.bus
    }

    /// What the frames are, now.
    #[must_use]
    pub fn stream(&self) -> Stream {
        let header = self.attachment.segment.regions().header();
        let layout = self.attachment.segment.regions().layout();
        let millihertz = header.nominal_millihertz.load(Relaxed);
        Stream {
            geometry: layout.geometry,
            nominal_fps: (millihertz != 0).then(|| f64::from(millihertz) / 1000.0),
            generation: header.generation.load(Relaxed),
            epoch_ms: header.epoch_ms.load(Relaxed),
            planes: layout.planes,
        }
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> ConsumerStats {
        self.stats
    }

    /// Whether it can still be used.
    ///
    /// # Errors
    /// Fails when its segment was cut short, or the process was forked from the one that attached.
    pub fn check(&self) -> Result<(), HandleError> {
        self.attachment.check()
    }

    /// Waits for a frame that has not been taken yet, for at most `timeout`. A request to stop comes before a frame, so that
    /// it also reaches a consumer that is behind and always finds one.
    ///
    /// # Errors
    /// Fails when the system does, as [`Consumer::check`] does, and while the bus has not a plane that is needed
    /// ([`HandleError::of`] tells which).
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<Waited> {
        let deadline = timeout.map(|timeout| {
            monotonic_ns().saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX))
        });
        loop {
            self.check()?;
            if self.attachment.waiter.is_stopped() {
                return Ok(Waited::Stopped);
            }
            let header = self.attachment.segment.regions().header();
            let seen = header.latest.load(Acquire);
            if self.has_frame() {
                return Ok(Waited::Frame);
            }
            // SYNC(state): the last frame was looked for after the state was read.
            match SegmentState::from_word(header.state.load(Acquire)) {
                Some(SegmentState::Ended) if !self.has_frame() => return Ok(Waited::Ended),
                Some(SegmentState::Retired) if !self.has_frame() && self.follow()? => {
                    return Ok(Waited::Renewed);
                }
                _ => {}
            }
            let left = deadline
                .map(|deadline| Duration::from_nanos(deadline.saturating_sub(monotonic_ns())));
            let header = self.attachment.segment.regions().header();
            let retired = || {
                SegmentState::from_word(header.state.load(Acquire)) == Some(SegmentState::Retired)
            };
            match self
                .attachment
                .waiter
                .wait(&header.latest, seen, retired, left)?
            {
                Wake::Trigger => bump(&self.attachment.segment.own().wakes, 1),
                Wake::TimedOut => return Ok(Waited::TimedOut),
                Wake::Stopped => return Ok(Waited::Stopped),
                Wake::HangUp if self.has_frame() => return Ok(Waited::Frame),
                Wake::HangUp => {
                    let ended = self.how_it_ended();
                    // A producer whose segment was cut short goes, and its last word is lost.
                    self.check()?;
                    return Ok(ended);
                }
            }
        }
    }

    fn has_frame(&self) -> bool {
        latest(&self.attachment.words()).is_some_and(|ticket| {
            ticket.sequence > self.stats.last_sequence && ticket.pack() != self.unattainable
        })
    }

    fn how_it_ended(&self) -> Waited {
        match SegmentState::from_word(
            self.attachment
                .segment
                .regions()
                .header()
                .state
                .load(Acquire),
        ) {
            Some(SegmentState::Ended) => Waited::Ended,
            _ => Waited::Lost,
        }
    }

    /// Maps the segment that has replaced this one, if it is ready. The claim, which is the connection, is the same.
    fn follow(&mut self) -> io::Result<bool> {
        let segment = match ConsumerSegment::open(&self.options.bus, self.index()) {
            Ok(segment) => segment,
            // Waiting does not help against it.
            Err(OpenSegmentError::System(error)) if is_exhaustion(&error) => return Err(error),
            Err(_) => return Ok(false),
        };
        if segment.id() == self.attachment.segment.id()
            || segment.owner_uid() != self.attachment.segment.owner_uid()
        {
            return Ok(false);
        }
        let own = self.attachment.segment.regions();
        if producer_of(segment.regions()) != producer_of(own) {
            // Another producer: this connection is about to hang up.
            return Ok(false);
        }
        let (bus, layout) = (&self.options.bus, segment.regions().layout());
        NoPlane::check(bus, layout, &self.options.needs).map_err(HandleError::from)?;
        let waiter = Arc::clone(&self.attachment.waiter);
        self.attachment = Arc::new(Attachment::new(segment, waiter, &self.options.bus));
        // Every frame of the old generation is behind this consumer, and the new one begins to count.
        self.missing = 0;
        self.enter();
        Ok(true)
    }

    /// Leases a frame that has not been taken yet: the newest, or the next with `every_frame`. `None` when there is none, and
    /// while an [`OwnedFrame`] of this consumer is alive; none either when [`Consumer::check`] fails. Lock-free; never a
    /// system call.
    pub fn acquire(&mut self) -> Option<Frame<'_>> {
        if self.holds_frame() {
            return None;
        }
        let hold = self.lease()?;
        Some(Frame::new(&*self.attachment, hold, self.stats))
    }

    /// Leases a frame as [`Consumer::acquire`] does, for somebody who cannot borrow: the lease, the mapping and the claim on
    /// the index live until the [`OwnedFrame`] is dropped, even when the consumer goes first.
    ///
    /// # Errors
    /// Fails while the frame taken before is alive: a consumer has one lease. After [`Waited::Renewed`] a frame of the
    /// segment before does not count, as it is nobody else's any more.
    pub fn acquire_owned(&mut self) -> Result<Option<OwnedFrame>, FrameHeld> {
        if self.holds_frame() {
            return Err(FrameHeld {
                sequence: self.stats.last_sequence,
            });
        }
        let hold = self.lease();
        Ok(hold.map(|hold| OwnedFrame::new(Arc::clone(&self.attachment), hold, self.stats)))
    }

    /// Whether an [`OwnedFrame`] of this consumer is alive.
    #[must_use]
    pub fn holds_frame(&self) -> bool {
        if Arc::strong_count(&self.attachment) > 1 {
            return true;
        }
        // Whoever dropped the frame, perhaps on another thread, has left the record's words behind.
        Hardware::fence(Acquire);
        false
    }

    /// Names a frame in the lease, and counts it.
    fn lease(&mut self) -> Option<Hold> {
        if !self.attachment.is_here() || !self.has_frame() {
            return None;
        }
        let after = self.stats.last_sequence;
        let index = self.index();
        let words = self.attachment.words();
        let before = words.latest().load(Relaxed);
        let leased = if self.options.every_frame {
            acquire_next(&words, index, after)
        } else {
            acquire_newest(&words, index, after)
        };
        let Some(leased) = leased else {
            // The same word all the time, and no slot that has what it says: only damage does that.
            if words.latest().load(Relaxed) == before {
                self.unattainable = before;
            }
            return None;
        };
        let ticket = leased.ticket();
        let wake_ns = monotonic_ns();
        let slot = self.attachment.segment.regions().slot(ticket.slot);
        let place = Place {
            sequence: ticket.sequence,
            missing: slot.missing.load(Relaxed),
        };
        let before = Place {
            sequence: after,
            missing: self.missing,
        };
        let (skipped, missing) = between(before, place);
        self.missing = place.missing;
        self.stats.taken += 1;
        self.stats.skipped += skipped;
        self.stats.missing += missing;
        self.stats.last_sequence = ticket.sequence;
        let (capture_ns, publish_ns) =
            (slot.capture_ns.load(Relaxed), slot.publish_ns.load(Relaxed));
        let info = FrameInfo {
            sequence: ticket.sequence,
            slot: ticket.slot,
            capture_ns,
            publish_ns,
            wake_ns,
            wall_ns: slot.wall_ns.load(Relaxed),
            source_frame: slot.source_frame.load(Relaxed),
            skipped,
            missing,
            origin: slot.origin.load(Relaxed),
            metadata_len: slot.meta_len.load(Relaxed),
        };
        let own = self.attachment.segment.own();
        own.wake_ns.store(wake_ns, Relaxed);
        own.last_capture_ns.store(capture_ns, Relaxed);
        own.skipped.store(self.stats.skipped, Relaxed);
        own.missing.store(self.stats.missing, Relaxed);
        own.taken.store(self.stats.taken, Relaxed);
        own.last_sequence.store(self.stats.last_sequence, Relaxed);
        Some(Hold::new(info, leased))
    }
}
