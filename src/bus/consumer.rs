//! A consumer: takes frames without a copy, at its own rate.

use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

use super::BusName;
use super::attach::{AttachError, IndexChoice, Wanted};
use super::frame::{Attachment, Frame, FrameHeld, FrameInfo, OwnedFrame};
use super::lease::{Ticket, acquire_newest, acquire_next, latest};
use super::process::own_start_ticks;
use crate::clock::monotonic_ns;
use crate::layout::{
    Geometry, HeaderFlags, RecordFlags, RecordState, SegmentState, TriggerKind, write_text,
};
use crate::shm::{ConsumerSegment, Regions};
use crate::stop::Stop;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::sync::{Fence, Hardware, bump};
use crate::trigger::{Waiter, Wake};

/// What a consumer wants.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsumerOptions {
    /// The bus.
    pub bus: BusName,
    /// The index.
    pub index: IndexChoice,
    /// How to wait.
    pub trigger: TriggerKind,
    /// Take every frame in order, as far as the slots reach back, instead of the newest.
    pub every_frame: bool,
    /// What observers call it; at most 32 bytes are kept.
    pub name: String,
    /// What it is written in: `rs`, `c`, `cpp`, `py`, `cs`.
    pub language: String,
    /// Go on from this sequence, of an earlier attachment: what was published since counts as skipped.
    pub resume_from: Option<u64>,
}

impl ConsumerOptions {
    /// The first free index of a bus, newest frames, woken by an eventfd.
    #[must_use]
    pub fn new(bus: BusName) -> ConsumerOptions {
        ConsumerOptions {
            bus,
            index: IndexChoice::Any,
            trigger: TriggerKind::default(),
            every_frame: false,
            name: String::new(),
            language: "rs".to_owned(),
            resume_from: None,
        }
    }
}

/// How a wait for a frame ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// There is a frame to acquire.
    Frame,
    /// The segment was replaced (another size, or other properties) and the consumer has followed: look at
    /// [`Consumer::stream`] again, then wait again.
    Renewed,
    /// The time is over.
    TimedOut,
    /// The producer ended; every frame has been taken or skipped.
    Ended,
    /// The producer died.
    Lost,
    /// Somebody asked to stop.
    Stopped,
}

/// What a consumer has done since it attached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConsumerStats {
    /// Sequence that was the newest when it attached: `attach_sequence + taken + skipped == last_sequence`.
    pub attach_sequence: u64,
    /// Frames taken.
    pub taken: u64,
    /// Frames that went by.
    pub skipped: u64,
    /// The newest frame it took; `attach_sequence` before the first.
    pub last_sequence: u64,
}

/// What the frames of a bus are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stream {
    /// Their size.
    pub geometry: Geometry,
    /// Frames a second that the source announces.
    pub nominal_fps: Option<f64>,
    /// Generation of the segment.
    pub generation: u64,
    /// Whether frames have a BGR plane.
    pub color: bool,
    /// Whether gray is limited-range luma.
    pub limited_range: bool,
}

/// One consumer of a bus.
///
/// Guarantees: sequences only grow; a frame does not change while it is held; holding it for ever, or dying with it,
/// costs nobody else anything. Frames that were published before it attached are not taken.
#[derive(Debug)]
pub struct Consumer {
    options: ConsumerOptions,
    /// Shared with the [`OwnedFrame`] it has given out, if any: more than one owner means that a frame is held.
    attachment: Arc<Attachment>,
    stats: ConsumerStats,
}

impl Consumer {
    /// Attaches to a bus, waiting for it for at most `timeout` (`None`: for as long as it takes). `waiting` is called each
    /// time that it is not there yet.
    ///
    /// # Errors
    /// Fails when the index is taken or out of range, the segment cannot be read, or the time is over.
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
            timeout,
            stop,
        };
        let (segment, connection) = wanted.attach(waiting)?;
        let waiter = Waiter::new(connection, stop).map_err(|source| AttachError::System {
            bus: options.bus.clone(),
            source,
        })?;
        let newest = newest_sequence(segment.regions());
        // After a restart that could not read the old segment, sequences begin again, and there is nothing to go on from.
        let from = options
            .resume_from
            .filter(|sequence| *sequence <= newest)
            .unwrap_or(newest);
        let stats = ConsumerStats {
            attach_sequence: from,
            taken: 0,
            skipped: 0,
            last_sequence: from,
        };
        let consumer = Consumer {
            options,
            attachment: Arc::new(Attachment::new(segment, Arc::new(waiter))),
            stats,
        };
        consumer.enter();
        Ok(consumer)
    }

    /// Fills in the record; `state` last.
    fn enter(&self) {
        let own = self.attachment.segment.own();
        own.clear();
        own.trigger
            .store(self.attachment.waiter.kind() as u32, Relaxed);
        own.pid.store(std::process::id(), Relaxed);
        own.uid.store(rustix::process::geteuid().as_raw(), Relaxed);
        own.start_ticks.store(own_start_ticks(), Relaxed);
        own.attach_ns.store(monotonic_ns(), Relaxed);
        own.attach_sequence
            .store(self.stats.attach_sequence, Relaxed);
        own.taken.store(self.stats.taken, Relaxed);
        own.skipped.store(self.stats.skipped, Relaxed);
        own.last_sequence.store(self.stats.last_sequence, Relaxed);
        own.flags.store(
            if self.options.every_frame {
                RecordFlags::EVERY_FRAME
            } else {
                0
            },
            Relaxed,
        );
        write_text(&own.name, &self.options.name);
        write_text(&own.language, &self.options.language);
        own.state.store(RecordState::ATTACHED, Release);
    }

    /// The index it has.
    #[must_use]
    pub fn index(&self) -> u8 {
        self.attachment.segment.index()
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
            color: layout.color.is_some(),
            limited_range: header.flags.load(Relaxed) & HeaderFlags::LIMITED_RANGE != 0,
        }
    }

    /// What it has done so far.
    #[must_use]
    pub fn stats(&self) -> ConsumerStats {
        self.stats
    }

    /// One descriptor for an event loop: readable when [`Consumer::wait`] would return at once.
    #[must_use]
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.attachment.waiter.as_fd()
    }

    /// Waits for a frame that has not been taken yet, for at most `timeout`. A request to stop comes before a frame, so that
    /// it also reaches a consumer that is behind and always finds one.
    ///
    /// # Errors
    /// Fails only when the system does.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<Waited> {
        let deadline = timeout.map(|timeout| {
            monotonic_ns().saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX))
        });
        loop {
            if self.attachment.waiter.is_stopped() {
                return Ok(Waited::Stopped);
            }
            let header = self.attachment.segment.regions().header();
            let seen = header.latest.load(Acquire);
            if latest(&self.attachment.words())
                .is_some_and(|ticket| ticket.sequence > self.stats.last_sequence)
            {
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
                Wake::HangUp => return Ok(self.how_it_ended()),
            }
        }
    }

    fn has_frame(&self) -> bool {
        latest(&self.attachment.words())
            .is_some_and(|ticket| ticket.sequence > self.stats.last_sequence)
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
        let Ok(segment) = ConsumerSegment::open(&self.options.bus, self.index()) else {
            return Ok(false);
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
        let waiter = Arc::clone(&self.attachment.waiter);
        self.attachment = Arc::new(Attachment::new(segment, waiter));
        self.enter();
        Ok(true)
    }

    /// Leases a frame that has not been taken yet: the newest, or the next with `every_frame`. `None` when there is none, and
    /// while an [`OwnedFrame`] of this consumer is alive. Lock-free; never a system call.
    pub fn acquire(&mut self) -> Option<Frame<'_>> {
        if self.holds_frame() {
            return None;
        }
        let info = self.lease()?;
        Some(Frame::new(&self.attachment, info, self.stats))
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
        let info = self.lease();
        Ok(info.map(|info| OwnedFrame::new(Arc::clone(&self.attachment), info)))
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
    fn lease(&mut self) -> Option<FrameInfo> {
        let after = self.stats.last_sequence;
        let index = self.index();
        let words = self.attachment.words();
        let ticket = if self.options.every_frame {
            acquire_next(&words, index, after)
        } else {
            acquire_newest(&words, index, after)
        }?;
        let wake_ns = monotonic_ns();
        let skipped = ticket.sequence - after - 1;
        self.stats.taken += 1;
        self.stats.skipped += skipped;
        self.stats.last_sequence = ticket.sequence;
        let slot = self.attachment.segment.regions().slot(ticket.slot);
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
        };
        let own = self.attachment.segment.own();
        own.wake_ns.store(wake_ns, Relaxed);
        own.last_capture_ns.store(capture_ns, Relaxed);
        own.skipped.store(self.stats.skipped, Relaxed);
        own.taken.store(self.stats.taken, Relaxed);
        own.last_sequence.store(self.stats.last_sequence, Relaxed);
        Some(info)
    }
}

/// Which process writes a segment: its pid, which in a container is often the same again, and its start time.
pub(super) fn producer_of(regions: &Regions) -> (u32, u64) {
    let header = regions.header();
    (
        header.producer_pid.load(Relaxed),
        header.producer_start_ticks.load(Relaxed),
    )
}

fn newest_sequence(regions: &Regions) -> u64 {
    let header = regions.header();
    Ticket::unpack(header.latest.load(Acquire))
        .map_or(header.base_sequence.load(Relaxed), |ticket| ticket.sequence)
}
