//! Making a segment: after what a dead producer left is gone, and before anybody may use it.

use std::io;
use std::sync::Arc;

use super::BusName;
use super::lease::latest;
use super::lock::BusLock;
use super::options::{CreateError, ProducerOptions};
use super::process::own_start_ticks;
use super::producer::ProducerWords;
use crate::clock::{monotonic_ns, wall_ns};
use crate::layout::{ABI, HeaderFlags, Layout, Malformed, Request, SegmentState, write_text};
use crate::shm::{
    CreateSegmentError, ObserverSegment, OpenSegmentError, OwnedSegment, Permissions, Pixels,
    mark_retired, unlink_object,
};
use crate::sync::Ordering::{Acquire, Relaxed, Release};

/// The producer that a segment names, for a message.
pub(super) fn producer_pid(bus: &BusName) -> Option<u32> {
    let segment = ObserverSegment::open(bus).ok()?;
    Some(segment.regions().header().producer_pid.load(Relaxed))
}

/// A generation or a sequence that cannot be real; the protocol has room for more.
const IMPLAUSIBLE: u64 = 1 << 50;

/// Removes what a dead producer left under the name; returns the generation and the sequence to go on from.
/// The caller holds the lock, so nobody alive owns it.
pub(super) fn replace_stale(bus: &BusName, lock: &BusLock) -> Result<(u64, u64), CreateError> {
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
pub(super) fn make_segment(
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
pub(super) fn announce(segment: &OwnedSegment) {
    let header = segment.regions().header();
    debug_assert_eq!(header.abi.load(Acquire), 0);
    // SYNC(ready): everything above happens-before whoever reads `abi`.
    header.abi.store(ABI, Release);
}
