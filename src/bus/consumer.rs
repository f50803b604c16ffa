//! A consumer: takes frames without a copy, at its own rate.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use super::BusName;
use super::attach::{AttachError, IndexChoice, Wanted};
use super::lease::{LeaseMemory, Ticket, acquire_newest, acquire_next, latest, release};
use super::process::own_start_ticks;
use crate::clock::monotonic_ns;
use crate::layout::{
    ConsumerRecord, Geometry, HeaderFlags, RecordFlags, RecordState, SegmentState, TriggerKind,
    write_text,
};
use crate::shm::{ConsumerSegment, Regions};
use crate::stop::Stop;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::sync::{AtomicU64, Hardware, bump};
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
    segment: ConsumerSegment,
    waiter: Waiter,
    stats: ConsumerStats,
}

/// The words of the lease protocol as a consumer reaches them: its own lease through the one page it may write.
struct ConsumerWords<'a> {
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
            segment,
            waiter,
            stats,
        };
        consumer.enter();
        Ok(consumer)
    }

    /// Fills in the record; `state` last.
    fn enter(&self) {
        let own = self.segment.own();
        own.clear();
        own.trigger.store(self.waiter.kind() as u32, Relaxed);
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

    fn words(&self) -> ConsumerWords<'_> {
        ConsumerWords {
            regions: self.segment.regions(),
            own: self.segment.own(),
        }
    }

    /// The index it has.
    #[must_use]
    pub fn index(&self) -> u8 {
        self.segment.index()
    }

    /// What the frames are, now.
    #[must_use]
    pub fn stream(&self) -> Stream {
        let header = self.segment.regions().header();
        let layout = self.segment.regions().layout();
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
        self.waiter.as_fd()
    }

    /// Waits for a frame that has not been taken yet, for at most `timeout`.
    ///
    /// # Errors
    /// Fails only when the system does.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<Waited> {
        let deadline = timeout.map(|timeout| {
            monotonic_ns().saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX))
        });
        loop {
            let header = self.segment.regions().header();
            let seen = header.latest.load(Acquire);
            if latest(&self.words())
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
            let header = self.segment.regions().header();
            let retired = || {
                SegmentState::from_word(header.state.load(Acquire)) == Some(SegmentState::Retired)
            };
            match self.waiter.wait(&header.latest, seen, retired, left)? {
                Wake::Trigger => bump(&self.segment.own().wakes, 1),
                Wake::TimedOut => return Ok(Waited::TimedOut),
                Wake::Stopped => return Ok(Waited::Stopped),
                Wake::HangUp if self.has_frame() => return Ok(Waited::Frame),
                Wake::HangUp => return Ok(self.how_it_ended()),
            }
        }
    }

    fn has_frame(&self) -> bool {
        latest(&self.words()).is_some_and(|ticket| ticket.sequence > self.stats.last_sequence)
    }

    fn how_it_ended(&self) -> Waited {
        match SegmentState::from_word(self.segment.regions().header().state.load(Acquire)) {
            Some(SegmentState::Ended) => Waited::Ended,
            _ => Waited::Lost,
        }
    }

    /// Maps the segment that has replaced this one, if it is ready. The claim, which is the connection, is the same.
    fn follow(&mut self) -> io::Result<bool> {
        let Ok(segment) = ConsumerSegment::open(&self.options.bus, self.index()) else {
            return Ok(false);
        };
        if segment.id() == self.segment.id() || segment.owner_uid() != self.segment.owner_uid() {
            return Ok(false);
        }
        if producer_of(segment.regions()) != producer_of(self.segment.regions()) {
            // Another producer: this connection is about to hang up.
            return Ok(false);
        }
        self.segment = segment;
        self.enter();
        Ok(true)
    }

    /// Leases a frame that has not been taken yet: the newest, or the next with `every_frame`. `None` when there is none.
    /// Lock-free; never a system call.
    pub fn acquire(&mut self) -> Option<Frame<'_>> {
        let after = self.stats.last_sequence;
        let index = self.index();
        let words = self.words();
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
        let slot = self.segment.regions().slot(ticket.slot);
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
        let own = self.segment.own();
        own.wake_ns.store(wake_ns, Relaxed);
        own.last_capture_ns.store(capture_ns, Relaxed);
        own.skipped.store(self.stats.skipped, Relaxed);
        own.taken.store(self.stats.taken, Relaxed);
        own.last_sequence.store(self.stats.last_sequence, Relaxed);
        own.wait.record(wake_ns.saturating_sub(publish_ns));
        Some(Frame {
            consumer: self,
            info,
        })
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        let own = self.segment.own();
        own.lease.store(Ticket::NONE, Release);
        own.state.store(RecordState::DETACHED, Release);
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

/// A frame under a lease: its pixels do not change. Dropped, it is given back.
#[derive(Debug)]
pub struct Frame<'a> {
    consumer: &'a mut Consumer,
    info: FrameInfo,
}

impl Frame<'_> {
    /// What is known of it.
    #[must_use]
    pub fn info(&self) -> &FrameInfo {
        &self.info
    }

    /// Its size.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.consumer.segment.regions().layout().geometry
    }

    /// The gray image: `height` rows of `width` bytes.
    #[must_use]
    pub fn gray(&self) -> &[u8] {
        self.consumer.segment.gray(self.info.slot)
    }

    /// The BGR image: `height` rows of `3 * width` bytes, on a bus with colour.
    #[must_use]
    pub fn bgr(&self) -> Option<&[u8]> {
        self.consumer.segment.color(self.info.slot)
    }

    /// The consumer that has it.
    #[must_use]
    pub fn stats(&self) -> ConsumerStats {
        self.consumer.stats
    }
}

impl Drop for Frame<'_> {
    fn drop(&mut self) {
        let own = self.consumer.segment.own();
        let release_ns = monotonic_ns();
        own.release_ns.store(release_ns, Relaxed);
        own.busy
            .record(release_ns.saturating_sub(self.info.wake_ns));
        own.total
            .record(release_ns.saturating_sub(self.info.capture_ns));
        release(&self.consumer.words(), self.consumer.index());
    }
}
