//! What a dead producer leaves behind: the segment, the named pipes and the file of the named lock.
//!
//! The kernel frees the named lock of a producer however it ends, and a producer holds it from before it makes anything
//! until after it has removed everything. So what is there while the lock is free is dead, unless somebody took the lock's
//! file away: what answers is alive, whatever names are gone.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::alive::{answers, places};
use super::lock::BusLock;
use super::{BusName, Observer};
use crate::layout::Malformed;
use crate::shm::{ObserverSegment, OpenSegmentError};
use crate::sync::Ordering::Relaxed;
use crate::system::{
    self, LockError, Place, is_alive, is_called, object_bytes, object_owner, own_uid, start_ticks,
    unlink_object,
};

/// What a dead producer left of a bus.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remains {
    /// The bus.
    pub bus: BusName,
    /// The producer that was, where its segment tells.
    pub pid: Option<u32>,
    /// Bytes of its segment; `None` when there is none.
    pub segment_bytes: Option<u64>,
    /// Named pipes that nobody listens to.
    pub pipes: Vec<PathBuf>,
    /// Whether the file of the named lock is there.
    pub lock_file: bool,
}

/// What a look at a bus found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Swept {
    /// It has a producer: nothing is touched.
    Alive,
    /// There is nothing of it.
    Nothing,
    /// This was left, and is removed if that was asked for.
    Dead(Remains),
}

/// Why remains cannot be looked at or removed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SweepError {
    /// They are another user's.
    #[error("what there is of bus {bus} belongs to user {uid}: it is left alone")]
    Foreign {
        /// The bus.
        bus: BusName,
        /// That user.
        uid: u32,
    },
    /// Its producer is dead, and somebody else holds its lock.
    #[error(
        "bus {bus} is left alone: its producer (pid {producer}) is dead, and pid {holder}, which is no producer of it, holds its named lock"
    )]
    Held {
        /// The bus.
        bus: BusName,
        /// The producer that was.
        producer: u32,
        /// Who holds the lock.
        holder: u32,
    },
    /// Whether it is dead cannot be proved.
    #[error("bus {bus} is left alone: {malformed}")]
    Unknown {
        /// The bus.
        bus: BusName,
        /// What the segment is.
        malformed: Malformed,
    },
    /// The system says no.
    #[error("what is left of bus {bus} cannot be removed: {source}")]
    System {
        /// The bus.
        bus: BusName,
        /// The cause.
        source: io::Error,
    },
}

/// Returns the buses that there is anything of: a segment, a lock's file, or a directory of named pipes.
#[must_use]
pub fn traces() -> Vec<BusName> {
    system::traces()
}

/// Looks at what is left of a bus, and with `remove` removes it, under its named lock.
///
/// # Errors
/// Fails when it is another user's, cannot be read, or cannot be removed.
pub fn sweep(bus: &BusName, remove: bool) -> Result<Swept, SweepError> {
    // A stranger's words are not read, and a stranger's names are not removed, also not by root.
    if let Some(uid) = object_owner(bus).filter(|uid| *uid != own_uid()) {
        let bus = bus.clone();
        return Err(SweepError::Foreign { bus, uid });
    }
    let lock_file = BusLock::has_file(bus);
    // Held until everything is gone; a look alone must not leave or remove the lock's file.
    let lock = if remove {
        match BusLock::try_acquire(bus) {
            Ok(lock) => Some(lock),
            Err(LockError::Held) => return held(bus),
            Err(error) => return Err(refused(bus, error)),
        }
    } else {
        match BusLock::is_held(bus) {
            Ok(true) => return held(bus),
            Ok(false) => None,
            Err(error) => return Err(refused(bus, error)),
        }
    };
    if answers(bus) {
        lock.into_iter().for_each(BusLock::give_back);
        return Ok(Swept::Alive);
    }
    let (segment, segment_bytes) = look(bus)?;
    let regions = segment.as_ref().map(ObserverSegment::regions);
    let places = places(bus, regions);
    let pipes = places.iter().flat_map(Place::paths);
    let remains = Remains {
        bus: bus.clone(),
        pid: regions.map(|regions| regions.header().producer_pid.load(Relaxed)),
        segment_bytes,
        pipes: pipes.collect(),
        lock_file,
    };
    if segment_bytes.is_none() && places.is_empty() && !lock_file {
        return Ok(Swept::Nothing);
    }
    if remove {
        clear(&remains, &places).map_err(|source| SweepError::System {
            bus: bus.clone(),
            source,
        })?;
    }
    Ok(Swept::Dead(remains))
}

impl Observer {
    /// Whether the producer's process is there, by its start time, or by the named lock or its sockets where it cannot be
    /// seen (in another container, or as another user).
    #[must_use]
    pub fn has_producer(&self) -> bool {
        let header = self.regions().header();
        let (pid, ticks) = (
            header.producer_pid.load(Relaxed),
            header.producer_start_ticks.load(Relaxed),
        );
        if ticks != 0 && start_ticks(pid) == Some(ticks) {
            return is_alive(pid, ticks);
        }
        // Whoever holds the lock may be the next producer, which is about to replace this segment.
        let is_holder = |holder| is_called(holder, pid);
        let held = BusLock::is_held(self.bus()).unwrap_or(true)
            && BusLock::holder(self.bus()).is_none_or(is_holder);
        held || places(self.bus(), Some(self.regions()))
            .iter()
            .any(Place::answers)
    }

    /// How long ago the producer gave its last sign of life, in nanoseconds. Where its clock cannot be compared with this
    /// process's (in another time namespace), since this observer was opened.
    #[must_use]
    pub fn heartbeat_age_ns(&self) -> u64 {
        let heartbeat_ns = self.regions().header().heartbeat_ns.load(Relaxed);
        self.on_its_clock(crate::clock::monotonic_ns())
            .saturating_sub(heartbeat_ns)
    }

    /// Frames published in this generation.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.regions().header().published.load(Relaxed)
    }
}

/// What it means that somebody holds the lock: nearly always that the bus has a producer.
fn held(bus: &BusName) -> Result<Swept, SweepError> {
    match stranger_at_lock(bus) {
        Some((holder, producer)) => Err(SweepError::Held {
            bus: bus.clone(),
            producer,
            holder,
        }),
        None => Ok(Swept::Alive),
    }
}

/// The process that holds the lock of a bus whose producer is dead, and that producer, where both can be seen from here.
pub(super) fn stranger_at_lock(bus: &BusName) -> Option<(u32, u32)> {
    let holder = BusLock::holder(bus)?;
    let segment = ObserverSegment::open(bus).ok()?;
    let producer = segment.regions().header().producer_pid.load(Relaxed);
    let stranger = !is_called(holder, producer) && !answers(bus);
    stranger.then_some((holder, producer))
}

/// The segment, if it can be read, and its bytes, if there is one.
fn look(bus: &BusName) -> Result<(Option<ObserverSegment>, Option<u64>), SweepError> {
    let bytes = object_bytes(bus);
    match ObserverSegment::open(bus) {
        Ok(segment) => Ok((Some(segment), bytes)),
        Err(OpenSegmentError::Malformed(
            malformed @ (Malformed::Foreign | Malformed::Version { .. }),
        )) => Err(SweepError::Unknown {
            bus: bus.clone(),
            malformed,
        }),
        Err(OpenSegmentError::System(source)) => Err(SweepError::System {
            bus: bus.clone(),
            source,
        }),
        Err(_) => Ok((None, bytes)),
    }
}

fn clear(remains: &Remains, places: &[Place]) -> io::Result<()> {
    for place in places {
        place.clear(&remains.bus)?;
    }
    if remains.segment_bytes.is_some() {
        unlink_object(&remains.bus)?;
    }
    Ok(())
}

fn refused(bus: &BusName, error: LockError) -> SweepError {
    let bus = bus.clone();
    match error {
        LockError::Foreign { uid } => SweepError::Foreign { bus, uid },
        LockError::System(source) => SweepError::System { bus, source },
        LockError::Held => SweepError::System {
            bus,
            source: io::ErrorKind::WouldBlock.into(),
        },
    }
}
