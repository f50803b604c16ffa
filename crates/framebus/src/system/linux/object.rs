//! Names of shared-memory objects on Linux, and opening them without the right to write.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{FileType, Mode, Stat, fstat, lstat};
use rustix::shm;

use crate::layout::BusName;

/// Where POSIX shared-memory objects are files.
pub(super) const SHM_DIR: &str = "/dev/shm";

const PREFIX: &str = "framebus.";

/// Which object a name meant when it was opened: tells a replaced segment from the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ObjectId {
    device: u64,
    inode: u64,
}

/// An open shared-memory object.
#[derive(Debug)]
pub(crate) struct ShmObject {
    fd: OwnedFd,
    pub(crate) id: ObjectId,
    pub(crate) len: u64,
    pub(crate) owner_uid: u32,
}

/// The name of a bus's object, with its slash.
pub(crate) fn object_name(bus: &BusName) -> String {
    format!("/{PREFIX}{bus}")
}

/// The file of a bus's object.
fn object_path(bus: &BusName) -> PathBuf {
    PathBuf::from(SHM_DIR).join(format!("{PREFIX}{bus}"))
}

impl ShmObject {
    /// Opens the object of a bus; `write` only where a page of it will be mapped for writing.
    pub(crate) fn open(bus: &BusName, write: bool) -> io::Result<ShmObject> {
        let flags = if write {
            shm::OFlags::RDWR
        } else {
            shm::OFlags::RDONLY
        };
        // What somebody has put under the name may be a named pipe, at which a plain open waits for its other end.
        let nonblock = shm::OFlags::from_bits_retain(rustix::fs::OFlags::NONBLOCK.bits());
        let fd = shm::open(object_name(bus), flags | nonblock, Mode::empty())?;
        let stat = fstat(&fd)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is not a shared-memory object",
            ));
        }
        Ok(ShmObject {
            fd,
            id: ObjectId::of(&stat),
            len: u64::try_from(stat.st_size).unwrap_or(0),
            owner_uid: stat.st_uid,
        })
    }

    /// Which object the name means now, if it means one that may be opened.
    pub(crate) fn current(bus: &BusName) -> Option<ObjectId> {
        let stat = rustix::fs::stat(object_path(bus)).ok()?;
        Some(ObjectId::of(&stat))
    }
}

impl ObjectId {
    fn of(stat: &Stat) -> ObjectId {
        ObjectId {
            device: stat.st_dev,
            inode: stat.st_ino,
        }
    }
}

impl AsFd for ShmObject {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// The user who owns what a bus's name means; `None` when it means nothing.
pub(crate) fn object_owner(bus: &BusName) -> Option<u32> {
    Some(lstat(object_path(bus)).ok()?.st_uid)
}

/// Bytes of what a bus's name means; `None` when it means nothing.
pub(crate) fn object_bytes(bus: &BusName) -> Option<u64> {
    u64::try_from(lstat(object_path(bus)).ok()?.st_size).ok()
}

/// Removes the name of a bus's object; who has it mapped keeps it.
pub(crate) fn unlink_object(bus: &BusName) -> io::Result<()> {
    Ok(shm::unlink(object_name(bus))?)
}

/// The buses that have an object on this machine, sorted.
pub(crate) fn list_objects() -> Vec<BusName> {
    let Ok(entries) = std::fs::read_dir(SHM_DIR) else {
        return Vec::new();
    };
    let mut buses: Vec<BusName> = entries
        .filter_map(|entry| {
            entry
                .ok()?
                .file_name()
                .to_str()?
                .strip_prefix(PREFIX)?
                .parse()
                .ok()
        })
        .collect();
    buses.sort();
    buses
}

/// Whether a bus's object was made by somebody this user has nothing to do with: not by itself or root, nor for a group that
/// it is in. Such a one says what its owner likes.
pub(crate) fn is_foreign(bus: &BusName) -> bool {
    let Ok(stat) = lstat(object_path(bus)) else {
        return false;
    };
    let own = stat.st_uid == 0 || stat.st_uid == rustix::process::geteuid().as_raw();
    let shared = || {
        let groups = rustix::process::getgroups().unwrap_or_default();
        let in_group = |gid: u32| {
            gid == rustix::process::getegid().as_raw()
                || groups.iter().any(|group| group.as_raw() == gid)
        };
        stat.st_mode & 0o040 != 0 && in_group(stat.st_gid)
    };
    !own && !shared()
}

/// Bytes used and bytes in all of /dev/shm; `None` where it is not there.
#[must_use]
pub fn shm_usage() -> Option<(u64, u64)> {
    let stat = rustix::fs::statvfs(SHM_DIR).ok()?;
    let total = stat.f_blocks.saturating_mul(stat.f_frsize);
    Some((
        total.saturating_sub(stat.f_bavail.saturating_mul(stat.f_frsize)),
        total,
    ))
}
