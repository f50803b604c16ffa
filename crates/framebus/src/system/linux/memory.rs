//! Shared memory that this process has made.

use std::io;
use std::ptr::NonNull;

use rustix::fs::{FallocateFlags, Mode, fallocate, fchmod, fchown, statvfs};
use rustix::mm::{Advice, madvise};
use shared_memory::{Shmem, ShmemConf, ShmemError};

use super::fault::Guard;
use super::object::{ObjectId, SHM_DIR, ShmObject, object_name, unlink_object};
use crate::layout::BusName;
use crate::system::kinds::{CreateSegmentError, Permissions};

/// A mapped object, reserved as a whole. Its name stays when it is dropped.
pub(crate) struct Memory {
    id: ObjectId,
    base: NonNull<u8>,
    // Dropped before the memory that it guards.
    guard: Guard,
    _shmem: Shmem,
}

// SAFETY: a shared mapping belongs to the process, not to a thread; `Shmem` keeps a pointer, a length and a descriptor.
unsafe impl Send for Memory {}
// SAFETY: as above; nothing of `Shmem` is used after creation but its `Drop`.
unsafe impl Sync for Memory {}

impl Memory {
    /// Makes the object of a bus with `len` bytes of zeros, and maps it for reading and writing.
    pub(crate) fn create(
        bus: &BusName,
        len: usize,
        permissions: Permissions,
    ) -> Result<Memory, CreateSegmentError> {
        let mut shmem = ShmemConf::new()
            .size(len)
            .os_id(object_name(bus))
            .create()
            .map_err(|error| match error {
                ShmemError::MappingIdExists => CreateSegmentError::NameTaken,
                ShmemError::MapCreateFailed(code) | ShmemError::UnknownOsError(code) => {
                    CreateSegmentError::System(io::Error::from_raw_os_error(code.cast_signed()))
                }
                other => CreateSegmentError::System(io::Error::other(other)),
            })?;
        let object = ShmObject::open(bus, true)?;
        // The crate would remove the name when it unmaps, which may be after a successor has taken it.
        shmem.set_owner(false);
        let base = reserve(&shmem, &object, permissions).inspect_err(|_| {
            let _ = unlink_object(bus);
        })?;
        // SAFETY: the crate has mapped the range for reading and writing, and unmaps it after the guard is dropped.
        let guard = unsafe { Guard::new(base, len, true) };
        Ok(Memory {
            id: object.id,
            base,
            guard,
            _shmem: shmem,
        })
    }

    /// Where it is mapped, on pages.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Which object it is.
    pub(crate) fn id(&self) -> ObjectId {
        self.id
    }

    /// Whether somebody has cut the object short.
    pub(crate) fn is_cut(&self) -> bool {
        self.guard.is_cut()
    }
}

/// Reserves and touches the pages, and lets others in.
fn reserve(
    memory: &Shmem,
    object: &ShmObject,
    permissions: Permissions,
) -> Result<NonNull<u8>, CreateSegmentError> {
    let len = memory.len();
    // Reserving first turns a full /dev/shm into an error here instead of a SIGBUS in the middle of a frame.
    match fallocate(object, FallocateFlags::empty(), 0, len as u64) {
        Ok(()) => {}
        Err(rustix::io::Errno::NOSPC) => {
            return Err(CreateSegmentError::Full {
                needed: len as u64,
                free: free_bytes(),
            });
        }
        Err(error) => return Err(CreateSegmentError::System(error.into())),
    }
    let base = NonNull::new(memory.as_ptr())
        .ok_or_else(|| io::Error::other("mmap returned a null pointer"))?;
    // SAFETY: the range is the whole mapping, whose bytes are all zero and nobody else's yet.
    let _ = unsafe { madvise(base.as_ptr().cast(), len, Advice::LinuxPopulateWrite) };
    if let Some(gid) = permissions.gid {
        fchown(object, None, Some(rustix::fs::Gid::from_raw(gid))).map_err(|error| {
            CreateSegmentError::Group {
                gid,
                source: error.into(),
            }
        })?;
    }
    fchmod(object, Mode::from_raw_mode(permissions.mode)).map_err(io::Error::from)?;
    Ok(base)
}

/// Bytes that are free in /dev/shm, without what a failed reservation took for a moment.
fn free_bytes() -> u64 {
    statvfs(SHM_DIR).map_or(0, |stat| stat.f_bavail.saturating_mul(stat.f_frsize))
}
