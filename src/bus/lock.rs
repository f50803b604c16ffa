//! The named lock of a bus: exactly one producer, and nobody removes what is alive.
//!
//! It guards creation, replacement and removal, never a frame. Held for the producer's life; the kernel frees it when
//! the holder dies, however it dies. Its file stands beside the segment, because whoever shares /dev/shm must share the
//! lock: another TMPDIR, runtime directory or container does not make a second producer.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use named_lock::{NamedLock, NamedLockGuard};
use thiserror::Error;

use super::BusName;
use crate::shm::SHM_DIR;

/// The lock of a bus, held; freed, and its file removed, when dropped.
#[derive(Debug)]
pub(crate) struct BusLock {
    path: PathBuf,
    /// Freed after the file is removed: see `Drop`.
    _guard: NamedLockGuard,
}

/// Why the lock cannot be had.
#[derive(Debug, Error)]
pub(crate) enum LockError {
    /// Somebody holds it.
    #[error("it is held")]
    Held,
    /// It belongs to another user.
    #[error("it belongs to user {uid}")]
    Foreign { uid: u32 },
    /// The system says no.
    #[error(transparent)]
    System(io::Error),
}

/// A file that is removed between opening and locking is opened again; this often.
const TRIES: u32 = 100;

impl BusLock {
    /// Where the lock of a bus has its file.
    pub(crate) fn path_of(bus: &BusName) -> PathBuf {
        Path::new(SHM_DIR).join(format!("framebus.{bus}.lock"))
    }

    /// Whether somebody holds the lock of a bus. Leaves its file as it is.
    pub(crate) fn is_held(bus: &BusName) -> Result<bool, LockError> {
        let path = Self::path_of(bus);
        let file = match fs::File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(refusal(&path, error)),
        };
        // Shared, so that two who look do not see each other; freed when the file is closed.
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(true),
            Err(error) => Err(LockError::System(error.into())),
        }
    }

    /// Takes the lock of a bus if it is free.
    pub(crate) fn try_acquire(bus: &BusName) -> Result<BusLock, LockError> {
        let path = Self::path_of(bus);
        for _ in 0..TRIES {
            let lock = NamedLock::with_path(&path).map_err(|error| match error {
                named_lock::Error::CreateFailed(source) => refusal(&path, source),
                other => LockError::System(io::Error::other(other)),
            })?;
            let guard = match lock.try_lock() {
                Ok(guard) => guard,
                Err(named_lock::Error::WouldBlock) => return Err(LockError::Held),
                Err(other) => return Err(LockError::System(io::Error::other(other))),
            };
            // The holder before us removed the file when it ended: what we hold may be a file without a name, and
            // somebody else may hold the one that has the name now.
            if is_held_by_name(&path) {
                return Ok(BusLock {
                    path,
                    _guard: guard,
                });
            }
        }
        Err(LockError::Held)
    }
}

impl Drop for BusLock {
    fn drop(&mut self) {
        // Removed while held: whoever opened it meanwhile sees, after locking, that the name is gone, and starts again.
        let _ = fs::remove_file(&self.path);
    }
}

fn refusal(path: &Path, source: io::Error) -> LockError {
    let owner = fs::metadata(path).map(|metadata| metadata.uid());
    match owner {
        Ok(uid) if source.kind() == io::ErrorKind::PermissionDenied => LockError::Foreign { uid },
        _ => LockError::System(source),
    }
}

/// Whether one of this process's descriptors is the file that `path` means now. The crate does not show the descriptor
/// it has locked, /proc does.
fn is_held_by_name(path: &Path) -> bool {
    let Ok(named) = fs::metadata(path) else {
        return false;
    };
    let Ok(descriptors) = fs::read_dir("/proc/self/fd") else {
        return true;
    };
    descriptors
        .filter_map(|entry| fs::metadata(entry.ok()?.path()).ok())
        .any(|open| (open.dev(), open.ino()) == (named.dev(), named.ino()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bus(name: &str) -> BusName {
        format!("lock-{name}-{}", std::process::id())
            .parse()
            .expect("bus name")
    }

    #[test]
    fn a_bus_has_one_lock_and_it_leaves_no_file() {
        let bus = bus("one");
        let lock = BusLock::try_acquire(&bus).expect("free");
        assert!(matches!(BusLock::try_acquire(&bus), Err(LockError::Held)));
        let path = lock.path.clone();
        drop(lock);
        assert!(!path.exists());
        drop(BusLock::try_acquire(&bus).expect("free again"));
    }

    #[test]
    fn a_look_at_a_lock_changes_nothing() {
        let bus = bus("look");
        assert!(!BusLock::is_held(&bus).expect("no file"));
        let lock = BusLock::try_acquire(&bus).expect("free");
        assert!(BusLock::is_held(&bus).expect("held"));
        assert!(lock.path.exists());
        drop(lock);
        assert!(!BusLock::path_of(&bus).exists());
    }
}
