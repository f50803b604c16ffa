//! What a dead producer leaves behind: the segment, the named pipes and the file of the named lock.
//!
//! The kernel frees the named lock of a producer however it ends, and a producer holds it from before it makes anything
//! until after it has removed everything. So what is there while the lock is free is dead, and nothing else is.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::lock::{BusLock, LockError};
use super::runtime::{pipes_dir, runtime_dir};
use super::{BusName, Observer, start_ticks};
use crate::layout::{Malformed, read_text};
use crate::shm::{ObserverSegment, OpenSegmentError, SHM_DIR, list_objects, unlink_object};
use crate::sync::Ordering::Relaxed;

/// What a dead producer left of a bus.
#[derive(Debug, Clone, PartialEq, Eq)]
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
pub enum SweepError {
    /// They are another user's.
    #[error("what is left of bus {bus} belongs to user {uid}")]
    Foreign {
        /// The bus.
        bus: BusName,
        /// That user.
        uid: u32,
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
    let names = |directory: &Path| {
        let entries = fs::read_dir(directory).into_iter().flatten();
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok())
    };
    let locks = names(Path::new(SHM_DIR)).filter_map(|name| {
        let bus = name.strip_prefix("framebus.")?.strip_suffix(".lock")?;
        bus.parse().ok()
    });
    let pipes = names(&runtime_dir().join("framebus")).filter_map(|name| name.parse().ok());
    let all: BTreeSet<BusName> = list_objects()
        .into_iter()
        .chain(locks)
        .chain(pipes)
        .collect();
    all.into_iter().collect()
}

/// Looks at what is left of a bus, and with `remove` removes it, under its named lock.
///
/// # Errors
/// Fails when it is another user's, cannot be read, or cannot be removed.
pub fn sweep(bus: &BusName, remove: bool) -> Result<Swept, SweepError> {
    let lock_file = BusLock::path_of(bus).exists();
    // Held until everything is gone; a look alone must not leave or remove the lock's file.
    let _lock = if remove {
        match BusLock::try_acquire(bus) {
            Ok(lock) => Some(lock),
            Err(LockError::Held) => return Ok(Swept::Alive),
            Err(error) => return Err(refused(bus, error)),
        }
    } else {
        match BusLock::is_held(bus) {
            Ok(true) => return Ok(Swept::Alive),
            Ok(false) => None,
            Err(error) => return Err(refused(bus, error)),
        }
    };
    let (pid, named, segment_bytes) = look(bus)?;
    let own = pipes_dir(&runtime_dir(), bus);
    let directory = named.unwrap_or(own);
    let pipes = sockets(&directory);
    if segment_bytes.is_none() && pipes.is_empty() && !directory.is_dir() && !lock_file {
        return Ok(Swept::Nothing);
    }
    let remains = Remains {
        bus: bus.clone(),
        pid,
        segment_bytes,
        pipes,
        lock_file,
    };
    if remove {
        clear(&remains, &directory).map_err(|source| SweepError::System {
            bus: bus.clone(),
            source,
        })?;
    }
    Ok(Swept::Dead(remains))
}

impl Observer {
    /// Whether the producer's process is there, by its start time, or by the named lock where it cannot be seen (in
    /// another container, or as another user).
    #[must_use]
    pub fn has_producer(&self) -> bool {
        let header = self.regions().header();
        let (pid, ticks) = (
            header.producer_pid.load(Relaxed),
            header.producer_start_ticks.load(Relaxed),
        );
        if ticks != 0 && start_ticks(pid) == Some(ticks) {
            return !is_zombie(pid);
        }
        BusLock::is_held(self.bus()).unwrap_or(true)
    }

    /// How long ago the producer gave its last sign of life, in nanoseconds.
    #[must_use]
    pub fn heartbeat_age_ns(&self) -> u64 {
        let heartbeat_ns = self.regions().header().heartbeat_ns.load(Relaxed);
        crate::clock::monotonic_ns().saturating_sub(heartbeat_ns)
    }

    /// Frames published in this generation.
    #[must_use]
    pub fn published(&self) -> u64 {
        self.regions().header().published.load(Relaxed)
    }
}

/// A process that has ended and that nobody has waited for keeps its pid and start time.
fn is_zombie(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, fields)| fields.trim_start().starts_with(['Z', 'X']))
}

/// The dead producer, the directory of its pipes and the bytes of its segment, as far as they are known.
#[allow(clippy::type_complexity)]
fn look(bus: &BusName) -> Result<(Option<u32>, Option<PathBuf>, Option<u64>), SweepError> {
    let bytes = fs::metadata(Path::new(SHM_DIR).join(format!("framebus.{bus}")))
        .map(|metadata| metadata.len())
        .ok();
    match ObserverSegment::open(bus) {
        Ok(segment) => {
            let header = segment.regions().header();
            let named = PathBuf::from(read_text(&header.pipes));
            // A header is anybody's word: only a directory that is this bus's by its name is looked into.
            let named = named.ends_with(Path::new("framebus").join(bus.as_str()));
            let path = PathBuf::from(read_text(&header.pipes));
            Ok((
                Some(header.producer_pid.load(Relaxed)),
                named.then_some(path),
                bytes,
            ))
        }
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
        Err(_) => Ok((None, None, bytes)),
    }
}

fn sockets(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let is_socket = entry.file_type().ok()?.is_socket();
            let name = entry.file_name();
            let index = name.to_str()?.strip_prefix("pipe")?;
            (is_socket && index.parse::<u8>().is_ok()).then(|| entry.path())
        })
        .collect();
    found.sort();
    found
}

fn clear(remains: &Remains, directory: &Path) -> io::Result<()> {
    for pipe in &remains.pipes {
        fs::remove_file(pipe)?;
    }
    // What somebody else still uses is not empty, and stays.
    if fs::remove_dir(directory).is_ok()
        && let Some(parent) = directory.parent()
    {
        let _ = fs::remove_dir(parent);
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
