//! The named lock of a bus: exactly one producer, and nobody removes what is alive.
//!
//! It guards creation, replacement and removal, never a frame. Held for the producer's life; the kernel frees it when
//! the holder dies, however it dies. Its file stands beside the segment, because whoever shares /dev/shm must share the
//! lock: another TMPDIR, runtime directory or container does not make a second producer.
//!
//! Everybody may make files in /dev/shm. So the file is opened without following a link, must be this user's own, and is
//! locked, read and written through descriptors of that very file: its name may mean another one a moment later.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use named_lock::{NamedLock, NamedLockGuard};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;
use rustix::process::geteuid;
use thiserror::Error;

use super::BusName;
use super::process::flock_holder;
use crate::shm::SHM_DIR;

/// The lock of a bus, held; freed, and its file removed, when dropped.
#[derive(Debug)]
pub(crate) struct BusLock {
    path: PathBuf,
    /// Whether the file is there because of this value.
    made: bool,
    /// Freed after the file is removed (see `Drop`), and before `file` is closed, by whose number the crate knows it.
    _guard: NamedLockGuard,
    file: File,
}

/// What a producer goes on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    /// The generation of the segment.
    pub(crate) generation: u64,
    /// The newest sequence.
    pub(crate) sequence: u64,
    /// Since when they have been counted, ms since 1970-01-01 UTC.
    pub(crate) epoch_ms: u64,
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
pub(super) const LOOKS: u32 = 25;
pub(super) const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// No note is longer.
const NOTE_LEN: usize = 80;

impl BusLock {
    /// Where the lock of a bus has its file.
    pub(crate) fn path_of(bus: &BusName) -> PathBuf {
        Path::new(SHM_DIR).join(format!("framebus.{bus}.lock"))
    }

    /// Whether somebody holds the lock of a bus. Leaves its file as it is.
    pub(crate) fn is_held(bus: &BusName) -> Result<bool, LockError> {
        let path = Self::path_of(bus);
        let Some(file) = open(&path, OFlags::RDONLY)? else {
            return Ok(false);
        };
        // Shared, so that two who look do not see each other; freed when the file is closed.
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(Errno::WOULDBLOCK) => Ok(true),
            Err(error) => Err(LockError::System(error.into())),
        }
    }

    /// The process that holds the lock of a bus, where it can be seen from here.
    pub(crate) fn holder(bus: &BusName) -> Option<u32> {
        let metadata = fs::symlink_metadata(Self::path_of(bus)).ok()?;
        flock_holder(metadata.dev(), metadata.ino())
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
            // Made and removed by somebody else between the two.
            let Some((file, made)) = make_or_open(&path)? else {
                continue;
            };
            let uid = file.metadata().map_err(LockError::System)?.uid();
            if uid != geteuid().as_raw() {
                return Err(LockError::Foreign { uid });
            }
            // Dropped before `file`, by whose number the crate remembers it.
            let guard = lock(&file)?;
            // The holder before us removed the file when it ended: what we hold may be a file without a name, and
            // somebody else may hold the one that has the name now.
            let held = BusLock {
                path: path.clone(),
                made,
                _guard: guard,
                file,
            };
            if held.has_its_name() {
                return Ok(held);
            }
        }
        Err(LockError::Held)
    }

    /// Whether the file that is locked still has its name: nobody else can take this bus then.
    pub(crate) fn has_its_name(&self) -> bool {
        let (Ok(named), Ok(held)) = (fs::symlink_metadata(&self.path), self.file.metadata()) else {
            return false;
        };
        (named.dev(), named.ino()) == (held.dev(), held.ino())
    }

    /// Lets those see who holds the lock who may use the bus, and nobody else: whoever can open the file can lock it.
    /// Where the group cannot be given, making the segment says so.
    pub(crate) fn let_in(&self, mode: u32, gid: Option<u32>) {
        if gid.is_none_or(|gid| fchown(&self.file, None, Some(gid)).is_ok()) {
            let mode = fs::Permissions::from_mode(mode & 0o666);
            let _ = self.file.set_permissions(mode);
        }
    }

    /// Notes what to go on from, before the segment that says so is removed: whoever is killed
    /// before there is another one does not take them with it. As well as can be; a full disk does not stop a producer.
    pub(crate) fn remember(&self, count: Count) {
        let note = format!(
            "{} {} {}\n",
            count.generation, count.sequence, count.epoch_ms
        );
        if self.file.write_all_at(note.as_bytes(), 0).is_ok() {
            let _ = self.file.set_len(note.len() as u64);
        }
    }

    /// What a holder noted that was killed.
    pub(crate) fn recall(&self) -> Option<Count> {
        let mut note = [0; NOTE_LEN];
        let len = self.file.read_at(&mut note, 0).ok()?;
        let text = std::str::from_utf8(note.get(..len)?).ok()?;
        let mut numbers = text.strip_suffix('\n')?.split(' ').map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Count {
            generation: next()?,
            sequence: next()?,
            epoch_ms: next()?,
        })
    }

    /// Frees the lock and leaves its file as it was found, with the note in it.
    pub(crate) fn give_back(mut self) {
        if !self.made {
            self.path.clear();
        }
    }
}

impl Drop for BusLock {
    fn drop(&mut self) {
        // Removed while held: whoever opened it meanwhile sees, after locking, that the name is gone, and starts again.
        // Somebody may have removed it before (a login's end can empty /dev/shm): then the name may be a successor's.
        if self.has_its_name() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes the lock's file, or opens the one that is there; `None` when it has come and gone meanwhile. Says whether it was
/// made.
fn make_or_open(path: &Path) -> Result<Option<(File, bool)>, LockError> {
    // Not O_CREAT without O_EXCL: that follows a link, and in a sticky directory it is refused for a file of another user
    // with an error that does not tell why.
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    match rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR) {
        Ok(made) => Ok(Some((made.into(), true))),
        Err(Errno::EXIST) => Ok(open(path, OFlags::RDWR)?.map(|file| (file, false))),
        Err(error) => Err(refusal(path, error.into())),
    }
}

/// Opens the lock's file, if it is there and is a file.
fn open(path: &Path, access: OFlags) -> Result<Option<File>, LockError> {
    // At a named pipe, opening would wait for its other end.
    let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP | Errno::NXIO | Errno::ISDIR) => return Err(no_file(path)),
        Err(error) => return Err(refusal(path, error.into())),
    };
    if file.metadata().map_err(LockError::System)?.is_file() {
        Ok(Some(file))
    } else {
        Err(no_file(path))
    }
}

fn no_file(path: &Path) -> LockError {
    let path = path.display();
    LockError::System(io::Error::other(format!("{path} is not a file: remove it")))
}

/// Locks a file that is open, without going by its name again: the crate opens the descriptor's own entry in /proc.
fn lock(file: &File) -> Result<NamedLockGuard, LockError> {
    let entry = format!("/proc/self/fd/{}", file.as_raw_fd());
    let lock = NamedLock::with_path(&entry).map_err(|error| match error {
        named_lock::Error::CreateFailed(source) if source.kind() == io::ErrorKind::NotFound => {
            LockError::System(io::Error::other(format!(
                "{entry} is not there: mount /proc"
            )))
        }
        named_lock::Error::CreateFailed(source) => LockError::System(source),
        other => LockError::System(io::Error::other(other)),
    })?;
    match lock.try_lock() {
        Ok(guard) => Ok(guard),
        Err(named_lock::Error::WouldBlock) => Err(LockError::Held),
        Err(other) => Err(LockError::System(io::Error::other(other))),
    }
}

fn refusal(path: &Path, source: io::Error) -> LockError {
    let owner = fs::symlink_metadata(path).map(|metadata| metadata.uid());
    match owner {
        Ok(uid) if source.kind() == io::ErrorKind::PermissionDenied => LockError::Foreign { uid },
        _ => LockError::System(source),
    }
}

#[cfg(test)]
#[path = "lock_tests.rs"]
mod tests;
