//! The producer: one a bus, never waiting for anybody.

use std::io;
use std::sync::Arc;

use thiserror::Error;

use super::BusName;
use super::lease::{LeaseMemory, SlotBook, Ticket, claim, latest, publish};
use super::lock::{BusLock, LockError};
use super::process::own_start_ticks;
use super::runtime::{PipesDir, RuntimeDirError};
use crate::clock::{monotonic_ns, wall_ns};
use crate::layout::{
    ABI, Geometry, HeaderFlags, Layout, MAX_SLOTS, Malformed, Request, SegmentState, SlotFlags,
    write_text,
};
use crate::shm::{
    CreateSegmentError, ObserverSegment, OpenSegmentError, OwnedSegment, Permissions, Pixels,
    Regions, mark_retired, unlink_object,
};
use crate::source::FrameTarget;
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::sync::{AtomicU64, Fence, Hardware, bump};
use crate::trigger::{ServerError, TriggerServer};

/// What a bus is to be.
#[derive(Debug, Clone, PartialEq)]
pub struct ProducerOptions {
    /// Its name.
    pub bus: BusName,
    /// The size of the frames.
    pub geometry: Geometry,
    /// How many consumers can be attached at a time, 1 to [`crate::layout::MAX_CONSUMERS`].
    pub consumers: u8,
    /// Slots beyond consumers + 2: how far a reader of every frame may fall behind.
    pub history: u8,
    /// Keep Table 2's BGR debugging image.
    pub bgr_image: bool,
    /// Put a BGR plane into every slot.
    pub color: bool,
    /// Gray is limited-range luma.
    pub limited_range: bool,
    /// Frames a second that the source announces.
    pub nominal_fps: Option<f64>,
    /// Mode bits of the segment and the named pipes.
    pub mode: u32,
    /// Their group.
    pub gid: Option<u32>,
    /// What is captured, as a person calls it.
    pub source: String,
}

impl ProducerOptions {
    /// A bus with the defaults: 4 consumers, no history, only for this user.
    #[must_use]
    pub fn new(bus: BusName, geometry: Geometry) -> ProducerOptions {
        ProducerOptions {
            bus,
            geometry,
            consumers: 4,
            history: 0,
            bgr_image: false,
            color: false,
            limited_range: false,
            nominal_fps: None,
            mode: 0o600,
            gid: None,
            source: String::new(),
        }
    }
}

/// Why a bus cannot be made.
#[derive(Debug, Error)]
pub enum CreateError {
    /// It has a producer.
    #[error("bus {bus} already has a producer{}", .pid.map_or(String::new(), |pid| format!(" (pid {pid})")))]
    InUse {
        /// The bus.
        bus: BusName,
        /// The other producer, where its segment tells.
        pid: Option<u32>,
    },
    /// It is another user's.
    #[error("bus {bus} belongs to user {uid}: choose another name with --bus")]
    Foreign {
        /// The bus.
        bus: BusName,
        /// That user.
        uid: u32,
    },
    /// The slots would be too many.
    #[error("{consumers} consumers and a history of {history} need {} slots, at most {MAX_SLOTS} are possible", u16::from(*.consumers) + 2 + u16::from(*.history))]
    TooManySlots {
        /// Consumers asked for.
        consumers: u8,
        /// History asked for.
        history: u8,
    },
    /// Shared memory is full.
    #[error(
        "bus {bus} needs {} of shared memory and /dev/shm has {} free: use a smaller size or history, or enlarge /dev/shm (mount -o remount,size=..., docker run --shm-size ...)",
        crate::units::show_bytes(*.needed), crate::units::show_bytes(*.free)
    )]
    Full {
        /// The bus.
        bus: BusName,
        /// Bytes it needs.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The group cannot be given.
    #[error("bus {bus} cannot be given to group {gid}: {source}")]
    Group {
        /// The bus.
        bus: BusName,
        /// The group.
        gid: u32,
        /// The cause.
        source: io::Error,
    },
    /// There is no place for the named pipes.
    #[error(transparent)]
    RuntimeDir(#[from] RuntimeDirError),
    /// A named pipe cannot be made.
    #[error(transparent)]
    Pipe(#[from] ServerError),
    /// The system says no.
    #[error("bus {bus} cannot be made: {source}")]
    System {
        /// The bus.
        bus: BusName,
        /// The cause.
        source: io::Error,
    },
}

/// What is known of a frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FrameMeta {
    /// When it was captured ([`crate::clock::monotonic_ns`]).
    pub capture_ns: u64,
    /// The same moment as wall-clock time ([`crate::clock::wall_ns`]).
    pub wall_ns: u64,
    /// Its number in the source.
    pub source_frame: u64,
}

/// What a producer has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProducerStats {
    /// Sequence of the newest frame.
    pub sequence: u64,
    /// Frames published in this generation.
    pub published: u64,
    /// Frames that came and were not published.
    pub dropped: u64,
    /// How many of those because every slot was leased.
    pub starved: u64,
}

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
struct ProducerWords<'a>(&'a Regions);

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
        let lock = BusLock::try_acquire(&bus).map_err(|error| match error {
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

    /// How many consumers are connected.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.server.connected()
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

/// The producer that a segment names, for a message.
fn producer_pid(bus: &BusName) -> Option<u32> {
    let segment = ObserverSegment::open(bus).ok()?;
    Some(segment.regions().header().producer_pid.load(Relaxed))
}

/// A generation or a sequence that cannot be real; the protocol has room for more.
const IMPLAUSIBLE: u64 = 1 << 50;

/// Removes what a dead producer left under the name; returns the generation and the sequence to go on from.
/// The caller holds the lock, so nobody alive owns it.
fn replace_stale(bus: &BusName, lock: &BusLock) -> Result<(u64, u64), CreateError> {
    let noted = lock.recall().unwrap_or((1, 0));
    let (generation, sequence) = match ObserverSegment::open(bus) {
        Ok(stale) => {
            let header = stale.regions().header();
            let newest =
                latest(&ProducerWords(stale.regions())).map_or(0, |ticket| ticket.sequence);
            let sequence = newest.max(header.base_sequence.load(Relaxed));
            tracing::info!(
                "replacing the segment that pid {} left",
                header.producer_pid.load(Relaxed)
            );
            let _ = mark_retired(bus);
            let generation = header.generation.load(Relaxed).saturating_add(1);
            (generation.max(noted.0), sequence.max(noted.1))
        }
        Err(OpenSegmentError::Absent | OpenSegmentError::Unfinished) => noted,
        Err(OpenSegmentError::Malformed(malformed)) => {
            warn_of_damage(bus, &malformed);
            noted
        }
        Err(OpenSegmentError::System(error)) => {
            tracing::warn!(
                "the segment that was left under the name of bus {bus} cannot be read, so it is replaced: {error}"
            );
            noted
        }
    };
    // No camera gets there: somebody has damaged what is left.
    let (generation, sequence) = match (generation, sequence) {
        (generation, sequence) if generation.max(sequence) < IMPLAUSIBLE => (generation, sequence),
        _ => (1, 0),
    };
    lock.remember(generation, sequence);
    match unlink_object(bus) {
        Ok(()) => Ok((generation, sequence)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((generation, sequence)),
        Err(source) => Err(CreateError::System {
            bus: bus.clone(),
            source,
        }),
    }
}

fn warn_of_damage(bus: &BusName, malformed: &Malformed) {
    tracing::warn!(
        "the segment that was left under the name of bus {bus} is replaced: {malformed}"
    );
}

/// Makes a segment and fills its header; it is not announced yet.
fn make_segment(
    options: &ProducerOptions,
    generation: u64,
    sequence: u64,
    pipes: &str,
) -> Result<(Arc<OwnedSegment>, Pixels), CreateError> {
    let bus = &options.bus;
    let request = Request {
        geometry: options.geometry,
        consumers: options.consumers,
        history: options.history,
        bgr_image: options.bgr_image,
        color: options.color,
    };
    let layout = Layout::plan(request).ok_or(CreateError::TooManySlots {
        consumers: options.consumers,
        history: options.history,
    })?;
    let permissions = Permissions {
        mode: options.mode,
        gid: options.gid,
    };
    let (segment, pixels) =
        OwnedSegment::create(bus, layout, permissions).map_err(|error| match error {
            CreateSegmentError::NameTaken => CreateError::InUse {
                bus: bus.clone(),
                pid: None,
            },
            CreateSegmentError::Full { needed, free } => CreateError::Full {
                bus: bus.clone(),
                needed,
                free,
            },
            CreateSegmentError::Group { gid, source } => CreateError::Group {
                bus: bus.clone(),
                gid,
                source,
            },
            CreateSegmentError::System(source) => CreateError::System {
                bus: bus.clone(),
                source,
            },
        })?;
    let header = segment.regions().header();
    layout.write(segment.regions().table2(), header);
    if options.limited_range {
        header.flags.store(
            header.flags.load(Relaxed) | HeaderFlags::LIMITED_RANGE,
            Relaxed,
        );
    }
    header.generation.store(generation, Relaxed);
    header.base_sequence.store(sequence, Relaxed);
    let millihertz = options
        .nominal_fps
        .map_or(0.0, |fps| (fps * 1000.0).round());
    header.nominal_millihertz.store(millihertz as u32, Relaxed);
    header.producer_pid.store(std::process::id(), Relaxed);
    header
        .producer_uid
        .store(rustix::process::geteuid().as_raw(), Relaxed);
    header
        .producer_start_ticks
        .store(own_start_ticks(), Relaxed);
    header.created_ns.store(monotonic_ns(), Relaxed);
    header.created_wall_ns.store(wall_ns(), Relaxed);
    header.heartbeat_ns.store(monotonic_ns(), Relaxed);
    header.state.store(SegmentState::Running as u32, Relaxed);
    write_text(&header.source, &options.source);
    write_text(&header.pipes, pipes);
    Ok((segment, pixels))
}

/// Stores the ready word: from here on the segment may be used.
fn announce(segment: &OwnedSegment) {
    let header = segment.regions().header();
    debug_assert_eq!(header.abi.load(Acquire), 0);
    // SYNC(ready): everything above happens-before whoever reads `abi`.
    header.abi.store(ABI, Release);
}
