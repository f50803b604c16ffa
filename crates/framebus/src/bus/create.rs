//! Making a segment: after what a dead producer left is gone, and before anybody may use it.

use std::io;
use std::sync::Arc;

use super::BusName;
use super::alive::answers;
use super::lock::{BETWEEN_LOOKS, BusLock, Count, LOOKS};
use super::numbers::MAX_SEQUENCE;
use super::options::{CreateError, ProducerOptions};
use super::producer::ProducerWords;
use super::remains::stranger_at_lock;
use crate::clock::{monotonic_ns, wall_ns};
use crate::layout::{ABI, Layout, Malformed, Request, SegmentState, write_text};
use crate::lease::latest;
use crate::redact::without_secrets;
use crate::shm::{ObserverSegment, OpenSegmentError, OwnedSegment, Pixels, Regions, mark_retired};
use crate::sync::Ordering::{Acquire, Relaxed, Release};
use crate::system::{
    CreateSegmentError, LockError, is_lost, own_start_ticks, own_uid, reserve, unlink_object,
};

/// Makes room for the descriptors of all consumers, before any of them comes.
pub(super) fn make_room(options: &ProducerOptions) -> Result<(), CreateError> {
    reserve(options.consumers).map_err(|few| CreateError::Descriptors {
        bus: options.bus.clone(),
        consumers: options.consumers,
        needed: few.needed,
        limit: few.limit,
    })
}

/// Takes the lock of a bus for a producer, if nobody answers as one already.
pub(super) fn take_lock(options: &ProducerOptions) -> Result<BusLock, CreateError> {
    let bus = &options.bus;
    let mut looks = 0;
    loop {
        let lock = BusLock::acquire(bus).map_err(|error| refused(bus, error))?;
        // Somebody may have taken the lock's file away under a producer that lives.
        if !answers(bus) {
            lock.let_in(options.permissions());
            return Ok(lock);
        }
        looks += 1;
        if looks == LOOKS {
            let (bus, pid) = (bus.clone(), producer_pid(bus));
            return Err(CreateError::InUse { bus, pid });
        }
        // It may also be about to end: the kernel frees a lock a moment before it closes the sockets.
        lock.give_back();
        std::thread::sleep(BETWEEN_LOOKS);
    }
}

fn refused(bus: &BusName, error: LockError) -> CreateError {
    let stranger = matches!(error, LockError::Held).then(|| stranger_at_lock(bus));
    let bus = bus.clone();
    match (error, stranger.flatten()) {
        (LockError::Held, Some((holder, producer))) => CreateError::LockTaken {
            bus,
            holder,
            producer,
        },
        (LockError::Held, None) => CreateError::InUse {
            pid: BusLock::holder(&bus).or_else(|| producer_pid(&bus)),
            bus,
        },
        (LockError::Foreign { uid }, _) => CreateError::Foreign { bus, uid },
        (LockError::System(source), _) => CreateError::System { bus, source },
    }
}

/// The producer that a segment names, for a message.
fn producer_pid(bus: &BusName) -> Option<u32> {
    let segment = ObserverSegment::open(bus).ok()?;
    Some(segment.regions().header().producer_pid.load(Relaxed))
}

/// A generation or a sequence that cannot be real; the protocol has room for more.
const IMPLAUSIBLE: u64 = MAX_SEQUENCE + 1;

/// Removes what a dead producer left under the name; returns what to go on from.
/// The caller holds the lock, so nobody alive owns it.
pub(super) fn replace_stale(bus: &BusName, lock: &BusLock) -> Result<Count, CreateError> {
    let new = Count {
        generation: 1,
        sequence: 0,
        epoch_ms: wall_ns() / 1_000_000,
    };
    let noted = lock.recall().unwrap_or(new);
    let count = match ObserverSegment::open(bus) {
        Ok(stale) => {
            let header = stale.regions().header();
            tracing::info!(
                "replacing the segment that pid {} left",
                header.producer_pid.load(Relaxed)
            );
            let _ = mark_retired(bus);
            go_on_after(stale.regions(), noted)
        }
        // What it counted to is lost: sequences begin anew, and say so by their epoch.
        Err(OpenSegmentError::Absent) if is_lost(bus) => Count {
            generation: noted.generation.saturating_add(1),
            ..new
        },
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
    let plausible = count.generation.max(count.sequence) < IMPLAUSIBLE;
    let count = if plausible { count } else { new };
    lock.remember(count);
    match unlink_object(bus) {
        Ok(()) => Ok(count),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(count),
        Err(source) => Err(CreateError::System {
            bus: bus.clone(),
            source,
        }),
    }
}

/// What to go on from after a segment that was left, or after what its producer had noted, if that is more.
fn go_on_after(stale: &Regions, noted: Count) -> Count {
    let header = stale.header();
    let newest = latest(&ProducerWords(stale)).map_or(0, |ticket| ticket.sequence);
    let sequence = newest.max(header.base_sequence.load(Relaxed));
    let generation = header.generation.load(Relaxed).saturating_add(1);
    let epoch_ms = header.epoch_ms.load(Relaxed);
    Count {
        generation: generation.max(noted.generation),
        sequence: sequence.max(noted.sequence),
        // 0 is what a damaged one may have.
        epoch_ms: if epoch_ms == 0 {
            noted.epoch_ms
        } else {
            epoch_ms
        },
    }
}

fn warn_of_damage(bus: &BusName, malformed: &Malformed) {
    tracing::warn!(
        "the segment that was left under the name of bus {bus} is replaced: {malformed}"
    );
}

/// Makes a segment and fills its header; it is not announced yet.
pub(super) fn make_segment(
    options: &ProducerOptions,
    count: Count,
    pipes: &str,
) -> Result<(Arc<OwnedSegment>, Pixels), CreateError> {
    let bus = &options.bus;
    let request = Request {
        geometry: options.geometry,
        consumers: options.consumers,
        history: options.history,
        planes: &options.planes,
    };
    let layout = Layout::plan(request)?;
    let permissions = options.permissions();
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
    header.generation.store(count.generation, Relaxed);
    header.base_sequence.store(count.sequence, Relaxed);
    header.epoch_ms.store(count.epoch_ms, Relaxed);
    let millihertz = options
        .nominal_fps
        .map_or(0.0, |fps| (fps * 1000.0).round());
    header.nominal_millihertz.store(millihertz as u32, Relaxed);
    header.lockstep.store(options.lockstep.into(), Relaxed);
    header.producer_pid.store(std::process::id(), Relaxed);
    header.producer_uid.store(own_uid(), Relaxed);
    header
        .producer_start_ticks
        .store(own_start_ticks(), Relaxed);
    header.created_ns.store(monotonic_ns(), Relaxed);
    header.created_wall_ns.store(wall_ns(), Relaxed);
    header.heartbeat_ns.store(monotonic_ns(), Relaxed);
    header.state.store(SegmentState::Running as u32, Relaxed);
    // Anybody who may look at the bus reads it.
    write_text(&header.source, &without_secrets(&options.source));
    write_text(&header.pipes, pipes);
    Ok((segment, pixels))
}

/// Stores the ready word: from here on the segment may be used.
pub(super) fn announce(segment: &OwnedSegment) {
    let header = segment.regions().header();
    debug_assert_eq!(header.abi.load(Acquire), 0);
    // SYNC(ready): everything above happens-before whoever reads `abi`.
    header.abi.store(ABI, Release);
}
