//! A lock with a name, as a file beside the segments: whoever shares /dev/shm must share the lock. Another TMPDIR, runtime
//! directory or container does not make a second producer.
//!
//! Everybody may make files in /dev/shm. So the file is opened without following a link, must be this user's own, and is
//! locked, read and written through descriptors of that very file: its name may mean another one a moment later.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use named_lock::{NamedLock, NamedLockGuard};
use rustix::fs::{FlockOperation, Mode, OFlags, flock};
use rustix::io::Errno;

use super::object::SHM_DIR;
use super::process::{flock_holder, own_uid};
use crate::layout::BusName;
use crate::system::kinds::{LockError, Permissions};

/// A lock that is held; freed, and its file removed, when dropped.
#[derive(Debug)]
pub(crate) struct LockFile {
    path: PathBuf,
    /// Whether the file is there because of this value.
    made: bool,
    /// Freed after the file is removed (see `Drop`), and before `file` is closed, by whose number the crate knows it.
    _guard: NamedLockGuard,
    file: File,
}

/// A file that is removed between opening and locking is opened again; this often.
pub(super) const TRIES: u32 = 100;

impl LockFile {
    /// Where the lock of a bus has its file.
    pub(crate) fn path_of(bus: &BusName) -> PathBuf {
        Path::new(SHM_DIR).join(format!("framebus.{bus}.lock"))
    }

    /// Whether there is anything of a lock.
    pub(crate) fn has_file(bus: &BusName) -> bool {
        Self::path_of(bus).exists()
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

    /// Takes the lock of a bus if it is free.
    pub(crate) fn try_acquire(bus: &BusName) -> Result<LockFile, LockError> {
        let path = Self::path_of(bus);
        for _ in 0..TRIES {
            // Made and removed by somebody else between the two.
            let Some((file, made)) = make_or_open(&path)? else {
                continue;
            };
            let uid = file.metadata().map_err(LockError::System)?.uid();
            if uid != own_uid() {
                return Err(LockError::Foreign { uid });
            }
            // Dropped before `file`, by whose number the crate remembers it.
            let guard = lock(&file)?;
            // The holder before us removed the file when it ended: what we hold may be a file without a name, and
            // somebody else may hold the one that has the name now.
            let held = LockFile {
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
    pub(crate) fn let_in(&self, permissions: Permissions) {
        let Permissions { mode, gid } = permissions;
        if gid.is_none_or(|gid| fchown(&self.file, None, Some(gid)).is_ok()) {
            let mode = fs::Permissions::from_mode(mode & 0o666);
            let _ = self.file.set_permissions(mode);
        }
    }

    /// Writes a note for the next holder, whole or not at all.
    pub(crate) fn write_note(&self, note: &[u8]) {
        if self.file.write_all_at(note, 0).is_ok() {
            let _ = self.file.set_len(note.len() as u64);
        }
    }

    /// Reads the note that is there, as far as it fits; returns its bytes.
    pub(crate) fn read_note(&self, note: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(note, 0)
    }

    /// Frees the lock and leaves its file as it was found, with the note in it.
    pub(crate) fn give_back(mut self) {
        if !self.made {
            self.path.clear();
        }
    }
}

impl Drop for LockFile {
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
pub(super) fn make_or_open(path: &Path) -> Result<Option<(File, bool)>, LockError> {
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
