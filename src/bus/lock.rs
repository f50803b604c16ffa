//! The named lock of a bus: exactly one producer, and nobody removes what is alive.
//!
//! It guards creation, replacement and removal, never a frame. Held for the producer's life; the kernel frees it when
//! the holder dies, however it dies. Its file stands beside the segment, because whoever shares /dev/shm must share the
//! lock: another TMPDIR, runtime directory or container does not make a second producer.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

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

/// How often a producer looks whether the lock is free, and how long it waits in between: longer than anybody looks.
const LOOKS: u32 = 25;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

impl BusLock {
    /// Where the lock of a bus has its file.
    pub(crate) fn path_of(bus: &BusName) -> PathBuf {
        Path::new(SHM_DIR).join(format!("framebus.{bus}.lock"))
    }

    /// Whether somebody holds the lock of a bus. Leaves its file as it is.
    pub(crate) fn is_held(bus: &BusName) -> Result<bool, LockError> {
        let path = Self::path_of(bus);
        let mut options = OpenOptions::new();
        // At a named pipe, opening would wait for its other end.
        let nonblock = rustix::fs::OFlags::NONBLOCK.bits() as i32;
        let file = match options.read(true).custom_flags(nonblock).open(&path) {
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

    /// Takes the lock of a bus, also if somebody is just looking at it: whoever lists buses or tidies up holds it for a
    /// moment, which must not keep a producer from starting.
    pub(crate) fn acquire(bus: &BusName) -> Result<BusLock, LockError> {
        for _ in 1..LOOKS {
            match Self::try_acquire(bus) {
                Err(LockError::Held) => std::thread::sleep(BETWEEN_LOOKS),
                taken => return taken,
            }
        }
        Self::try_acquire(bus)
    }

    /// Takes the lock of a bus if it is free.
    pub(crate) fn try_acquire(bus: &BusName) -> Result<BusLock, LockError> {
        let path = Self::path_of(bus);
        for _ in 0..TRIES {
            // At a named pipe, opening would wait for its other end.
            if fs::symlink_metadata(&path).is_ok_and(|metadata| !metadata.is_file()) {
                return Err(LockError::System(io::Error::other(format!(
                    "{} is not a file: remove it",
                    path.display()
                ))));
            }
            let lock = match NamedLock::with_path(&path) {
                Ok(lock) => lock,
                // It was there when it was to be made, and removed when it was to be opened; or it cannot be made, for a
                // reason that the crate does not tell.
                Err(named_lock::Error::CreateFailed(error))
                    if error.kind() == io::ErrorKind::NotFound =>
                {
                    let mut file = OpenOptions::new();
                    let made = file.write(true).create(true).truncate(false).open(&path);
                    made.map_err(|source| refusal(&path, source))?;
                    continue;
                }
                Err(named_lock::Error::CreateFailed(source)) => return Err(refusal(&path, source)),
                Err(other) => return Err(LockError::System(io::Error::other(other))),
            };
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

    /// Notes the generation and the sequence to go on from, before the segment that says so is removed: whoever is killed
    /// before there is another one does not take them with it. As well as can be; a full disk does not stop a producer.
    pub(crate) fn remember(&self, generation: u64, sequence: u64) {
        let _ = fs::write(&self.path, format!("{generation} {sequence}\n"));
    }

    /// What a holder noted that was killed.
    pub(crate) fn recall(&self) -> Option<(u64, u64)> {
        let text = fs::read_to_string(&self.path).ok()?;
        let (generation, sequence) = text.strip_suffix('\n')?.split_once(' ')?;
        Some((generation.parse().ok()?, sequence.parse().ok()?))
    }
}

impl Drop for BusLock {
    fn drop(&mut self) {
        // Removed while held: whoever opened it meanwhile sees, after locking, that the name is gone, and starts again.
        // Somebody may have removed it before (a login's end can empty /dev/shm): then the name may be a successor's.
        if is_held_by_name(&self.path) {
            let _ = fs::remove_file(&self.path);
        }
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
    fn a_lock_remembers_until_it_is_given_back() {
        let bus = bus("memory");
        let lock = BusLock::try_acquire(&bus).expect("free");
        assert_eq!(lock.recall(), None);
        lock.remember(3, 17);
        assert_eq!(lock.recall(), Some((3, 17)));
        fs::write(&lock.path, "3 1").expect("a torn note");
        assert_eq!(lock.recall(), None);
        drop(lock);
        assert_eq!(
            BusLock::try_acquire(&bus).expect("free again").recall(),
            None
        );
    }

    #[test]
    fn a_lock_that_has_lost_its_name_leaves_its_successor_alone() {
        let bus = bus("lost");
        let lock = BusLock::try_acquire(&bus).expect("free");
        fs::remove_file(&lock.path).expect("removed");
        fs::write(&lock.path, "somebody else's").expect("another file");
        let path = lock.path.clone();
        drop(lock);
        assert!(path.exists());
        fs::remove_file(path).expect("removed");
    }

    #[test]
    fn a_look_at_a_lock_does_not_keep_a_producer_from_starting() {
        let bus = bus("patience");
        let looker = BusLock::try_acquire(&bus).expect("free");
        let (ready, go) = std::sync::mpsc::channel();
        let other = bus.clone();
        let producer = std::thread::spawn(move || {
            ready.send(()).expect("a listener");
            BusLock::acquire(&other).map(drop)
        });
        go.recv().expect("a producer");
        drop(looker);
        producer.join().expect("thread").expect("the lock");
        assert!(!BusLock::path_of(&bus).exists());
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
