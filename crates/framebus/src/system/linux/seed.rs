//! What the sample's programs attach to. A named mapping is an object in /dev/shm, a named mutex a file in /tmp that is locked by
//! flock, which the kernel frees when its holder is gone, and a named pipe a FIFO in /tmp.
//!
//! Everybody may make files in both directories. So each is opened without following a link, must be this user's own, and is used
//! through its descriptor from then on.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{
    CWD, FallocateFlags, FileType, FlockOperation, Mode, OFlags, fallocate, flock, mknodat, statvfs,
};
use rustix::io::{Errno, ioctl_fionread};

use super::directory::id_of;
use super::lock_file::{TRIES, make_or_open};
use super::mapping::Mapping;
use super::object::SHM_DIR;
use super::process::own_uid;
use crate::system::bytes::Bytes;
use crate::system::kinds::LockError;
use crate::system::seed_error::SeedError;

/// Where mutexes and pipes are, whatever TMPDIR says: programs are to find them without being told.
const DIR: &str = "/tmp";
/// How often a mutex that somebody holds is tried again: flock has no wait with a limit.
const TRY_AGAIN: Duration = Duration::from_micros(200);

/// Memory that programs map for writing. Whoever has it holds a lock on it, so that nobody else begins to write there.
#[derive(Debug)]
pub(crate) struct SeedMemory {
    bytes: Bytes,
    mapping: Mapping,
    own: Own,
}

/// Everything that has a name here; removed when dropped.
#[derive(Debug)]
struct Own {
    path: PathBuf,
    file: File,
}

impl SeedMemory {
    /// What messages call the mapping of this name.
    pub(crate) fn shown(name: &str) -> String {
        format!("{SHM_DIR}/{name}")
    }

    /// Makes it with `len` bytes of zeros, or takes over what a process that is gone has left, if that has as many.
    pub(crate) fn take(name: &str, len: usize) -> Result<SeedMemory, SeedError> {
        let path = Path::new(SHM_DIR).join(name);
        let failed = |error: io::Error| SeedError::system(path.display(), error);
        for _ in 0..TRIES {
            let Some(own) = Own::open(path.clone(), "a shared-memory object")? else {
                continue;
            };
            match flock(&own.file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => {
                    // Not ours to remove.
                    own.leave();
                    let name = path.display().to_string();
                    return Err(SeedError::InUse { name });
                }
                Err(error) => return Err(failed(error.into())),
            }
            if !own.has_its_name() {
                continue;
            }
            match own.file.metadata().map_err(failed)?.len() {
                0 => reserve(&own, len)?,
                found if found == len as u64 => {}
                // Of another size; programs that have it open keep it. Dropping it removes the name.
                _ => continue,
            }
            let mapping = Mapping::read_write(&own.file, 0, len).map_err(failed)?;
            // SAFETY: mapped for writing, dropped before the mapping is, and nobody else here has the mapping.
            let bytes = unsafe { Bytes::new(mapping.base(), len) };
            return Ok(SeedMemory {
                bytes,
                mapping,
                own,
            });
        }
        Err(failed(Errno::AGAIN.into()))
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Whether somebody has cut it short: what is mapped then is nobody else's.
    pub(crate) fn check(&self) -> Result<(), SeedError> {
        if self.mapping.is_cut() {
            let name = self.own.path.display().to_string();
            return Err(SeedError::Cut { name });
        }
        Ok(())
    }
}

/// Reserves every byte, so that a full /dev/shm is an error here and not a SIGBUS in the middle of a frame.
fn reserve(own: &Own, len: usize) -> Result<(), SeedError> {
    let name = || own.path.display().to_string();
    match fallocate(&own.file, FallocateFlags::empty(), 0, len as u64) {
        Ok(()) => Ok(()),
        Err(Errno::NOSPC) => Err(SeedError::Full {
            name: name(),
            needed: len as u64,
            free: statvfs(SHM_DIR).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize)),
            more: super::MORE_MEMORY,
        }),
        Err(error) => Err(SeedError::system(name(), error)),
    }
}

impl Own {
    /// Makes a file, or opens the one that is there; `None` when it has come and gone meanwhile.
    fn open(path: PathBuf, expected: &'static str) -> Result<Option<Own>, SeedError> {
        let name = || path.display().to_string();
        let made = make_or_open(&path).map_err(|error| match error {
            LockError::Foreign { .. } => SeedError::Foreign { name: name() },
            LockError::System(source) if source.kind() == io::ErrorKind::Other => {
                SeedError::NotThat {
                    name: name(),
                    expected,
                }
            }
            LockError::System(source) => SeedError::system(name(), source),
            LockError::Held => SeedError::InUse { name: name() },
        })?;
        let Some((file, _)) = made else {
            return Ok(None);
        };
        let metadata = file.metadata();
        let metadata = metadata.map_err(|error| SeedError::system(name(), error))?;
        if metadata.uid() != own_uid() {
            return Err(SeedError::Foreign { name: name() });
        }
        Ok(Some(Own { path, file }))
    }

    fn has_its_name(&self) -> bool {
        let (named, held) = (fs::symlink_metadata(&self.path), self.file.metadata());
        matches!((named, held), (Ok(named), Ok(held)) if id_of(&named) == id_of(&held))
    }

    /// Leaves it where it is.
    fn leave(mut self) {
        self.path.clear();
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if self.has_its_name() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A mutex that programs take by its name.
#[derive(Debug)]
pub(crate) struct SeedMutex {
    own: Own,
}

/// A mutex that is held.
#[derive(Debug)]
pub(crate) struct SeedGuard<'a> {
    mutex: &'a SeedMutex,
}

impl SeedMutex {
    /// Makes it, or uses the one that a process that is gone has left. Only whoever has the memory may.
    pub(crate) fn take(name: &str) -> Result<SeedMutex, SeedError> {
        let path = Path::new(DIR).join(format!("{name}.lock"));
        for _ in 0..TRIES {
            if let Some(own) = Own::open(path.clone(), "a file to lock")? {
                return Ok(SeedMutex { own });
            }
        }
        Err(SeedError::system(path.display(), Errno::AGAIN))
    }

    /// Takes it; `None` when somebody has held it for all of that time.
    pub(crate) fn lock(&self, limit: Duration) -> Result<Option<SeedGuard<'_>>, SeedError> {
        let due = Instant::now() + limit;
        loop {
            match flock(&self.own.file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Some(SeedGuard { mutex: self })),
                Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < due => sleep(TRY_AGAIN),
                Err(Errno::WOULDBLOCK | Errno::INTR) => return Ok(None),
                Err(error) => return Err(SeedError::system(self.own.path.display(), error)),
            }
        }
    }
}

impl SeedGuard<'_> {
    /// Whether a program has died with it: the kernel frees such a one, and says nothing.
    pub(crate) fn was_abandoned(&self) -> bool {
        false
    }
}

impl Drop for SeedGuard<'_> {
    fn drop(&mut self) {
        let _ = flock(&self.mutex.own.file, FlockOperation::Unlock);
    }
}

/// A named pipe from which one program reads triggers.
#[derive(Debug)]
pub(crate) struct SeedPipe {
    path: PathBuf,
    /// The FIFO itself, whatever its name means later.
    place: File,
    /// The end that is written to, while somebody has the other one open.
    writer: Option<OwnedFd>,
}

impl SeedPipe {
    /// Makes it, or uses the one that a process that is gone has left. Only whoever has the memory may.
    pub(crate) fn take(name: &str) -> Result<SeedPipe, SeedError> {
        let path = Path::new(DIR).join(name);
        let shown = || path.display().to_string();
        let failed = |error: io::Error| SeedError::system(path.display(), error);
        for _ in 0..TRIES {
            match mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(failed(error.into())),
            }
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let place: File = match rustix::fs::open(&path, flags, Mode::empty()) {
                Ok(place) => place.into(),
                Err(Errno::NOENT) => continue,
                Err(error) => return Err(failed(error.into())),
            };
            let metadata = place.metadata().map_err(failed)?;
            if metadata.uid() != own_uid() {
                return Err(SeedError::Foreign { name: shown() });
            }
            if FileType::from_raw_mode(metadata.mode()) != FileType::Fifo {
                return Err(SeedError::NotThat {
                    name: shown(),
                    expected: "a named pipe (FIFO)",
                });
            }
            return Ok(SeedPipe {
                path,
                place,
                writer: None,
            });
        }
        Err(failed(Errno::AGAIN.into()))
    }

    /// Whether a program has it open.
    pub(crate) fn is_connected(&mut self) -> bool {
        if let Some(writer) = &self.writer {
            let mut ends = [PollFd::new(writer, PollFlags::empty())];
            let looked = poll(&mut ends, Some(&Timespec::default()));
            if looked.is_ok() && ends[0].revents().contains(PollFlags::ERR) {
                self.writer = None;
            }
        }
        if self.writer.is_none() {
            // Not by its name again. Without a reader this is ENXIO, and one that waits in its open is woken by it.
            let entry = format!("/proc/self/fd/{}", self.place.as_raw_fd());
            let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
            self.writer = rustix::fs::open(entry, flags, Mode::empty()).ok();
        }
        self.writer.is_some()
    }

    /// Writes one trigger, if none waits there already; never waits itself.
    pub(crate) fn trigger(&mut self) -> bool {
        let Some(writer) = &self.writer else {
            return false;
        };
        if ioctl_fionread(writer).is_ok_and(|waiting| waiting > 0) {
            return false;
        }
        rustix::io::write(writer, &[1]).is_ok()
    }
}

impl Drop for SeedPipe {
    fn drop(&mut self) {
        let (named, held) = (fs::symlink_metadata(&self.path), self.place.metadata());
        if matches!((named, held), (Ok(named), Ok(held)) if id_of(&named) == id_of(&held)) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
