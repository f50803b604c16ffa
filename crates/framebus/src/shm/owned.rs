//! The producer's segment: created, reserved, written and in the end removed by it.

use std::io;
use std::ptr::NonNull;
use std::slice;
use std::sync::Arc;

use rustix::fs::{FallocateFlags, Mode, fallocate, fchmod, fchown, statvfs};
use rustix::mm::{Advice, madvise};
use shared_memory::{Shmem, ShmemConf, ShmemError};
use thiserror::Error;

use super::fault::Guard;
use super::home::Home;
use super::object::{ObjectId, SHM_DIR, ShmObject, object_name, unlink_object};
use super::regions::Regions;
use crate::layout::{BusName, Layout, Plane, Planes};
use crate::lease::Claimed;
use crate::sync::Ordering;

/// Who else may use a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Permissions {
    /// Mode bits.
    pub(crate) mode: u32,
    /// Group.
    pub(crate) gid: Option<u32>,
}

/// Why a segment cannot be made.
#[derive(Debug, Error)]
pub(crate) enum CreateSegmentError {
    #[error("the name is taken")]
    NameTaken,
    #[error("it needs {needed} bytes, {free} are free")]
    Full { needed: u64, free: u64 },
    #[error("group {gid}: {source}")]
    Group { gid: u32, source: io::Error },
    #[error(transparent)]
    System(#[from] io::Error),
}

/// A segment that this process has made. Dropped, its name is removed, if it still means this segment.
pub(crate) struct OwnedSegment {
    bus: BusName,
    regions: Regions,
    id: ObjectId,
    home: Home,
    // Dropped before the memory that it guards.
    guard: Guard,
    /// Owns the mapping and the name; `regions` points into it.
    _memory: Memory,
}

/// The crate's mapping, which is not `Send` only because it holds a raw pointer.
struct Memory(#[allow(dead_code, reason = "owns the mapping")] Shmem);

// SAFETY: a shared mapping belongs to the process, not to a thread; `Shmem` keeps a pointer, a length and a descriptor.
unsafe impl Send for Memory {}
// SAFETY: as above; nothing of it is used after creation but its `Drop`.
unsafe impl Sync for Memory {}

// SAFETY: `regions` gives out atomics only, and pixels only through the one `Pixels`.
unsafe impl Send for OwnedSegment {}
// SAFETY: as above.
unsafe impl Sync for OwnedSegment {}

impl std::fmt::Debug for OwnedSegment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnedSegment")
            .field("layout", self.regions.layout())
            .finish_non_exhaustive()
    }
}

impl OwnedSegment {
    /// Creates the object, reserves and touches its pages. The header is zero, `abi` too: not ready.
    /// The caller holds the bus's named lock.
    pub(crate) fn create(
        bus: &BusName,
        layout: Layout,
        permissions: Permissions,
    ) -> Result<(Arc<OwnedSegment>, Pixels), CreateSegmentError> {
        let len = usize::try_from(layout.segment_len).map_err(io::Error::other)?;
        let mut memory = ShmemConf::new()
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
        // The crate would remove the name when it unmaps, which may be after a successor has taken it: `unlink` does it.
        memory.set_owner(false);
        let unlink = |error| {
            let _ = unlink_object(bus);
            error
        };
        let base = reserve(&memory, &object, permissions).map_err(unlink)?;
        // SAFETY: `memory` maps `segment_len` bytes on pages, and lives as long as `regions`, beside which it is kept.
        let regions = unsafe { Regions::new(base, layout) };
        // SAFETY: the crate has mapped the range for reading and writing, and unmaps it after the guard is dropped.
        let guard = unsafe { Guard::new(base, len, true) };
        let segment = Arc::new(OwnedSegment {
            bus: bus.clone(),
            regions,
            id: object.id,
            home: Home::here(),
            guard,
            _memory: Memory(memory),
        });
        let pixels = Pixels {
            segment: Arc::clone(&segment),
        };
        Ok((segment, pixels))
    }

    pub(crate) fn regions(&self) -> &Regions {
        &self.regions
    }

    /// Whether the bus's name still means this segment.
    pub(crate) fn is_linked(&self) -> bool {
        ShmObject::current(&self.bus) == Some(self.id)
    }

    /// Whether somebody has cut the object short: what is written now reaches nobody.
    pub(crate) fn is_cut(&self) -> bool {
        // The word first: reading it may be what comes to a page that is gone. Filled up again, such pages are zero.
        let emptied = self.regions.header().abi.load(Ordering::Relaxed) == 0;
        emptied || self.guard.is_cut()
    }

    /// Removes the name, if it still means this segment. The caller holds the bus's named lock.
    pub(crate) fn unlink(&self) {
        if self.is_linked() {
            let _ = unlink_object(&self.bus);
        }
    }
}

impl Drop for OwnedSegment {
    fn drop(&mut self) {
        // A forked child has a copy of this value, and no say in the name.
        if self.home.is_here() {
            self.unlink();
        }
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

/// The right to write images of a segment; there is one for each segment, and it is the producer's.
#[derive(Debug)]
pub(crate) struct Pixels {
    segment: Arc<OwnedSegment>,
}

/// The images of one slot, for writing, beside what each of them is.
pub(crate) type SlotPixels<'a> = [Option<(Plane, &'a mut [u8])>; Planes::MAX];

impl Pixels {
    /// The images of a slot that the lease protocol has given to the producer: no valid lease names it, so no process
    /// reads it but observers, which copy and check. Of a plane that is one image for all slots, that one.
    pub(crate) fn slot(&mut self, claimed: &Claimed) -> SlotPixels<'_> {
        let slot = claimed.slot();
        let regions = &self.segment.regions;
        let planes = &regions.layout().planes;
        let mut images = [const { None }; Planes::MAX];
        for (image, plane) in images.iter_mut().zip(planes.iter()) {
            let place = regions.image(regions.place(plane, slot));
            // SAFETY: the image is inside the mapping, planes are different regions, and `&mut self` of the only `Pixels`
            // makes it the only slice over it.
            let pixels = unsafe { slice::from_raw_parts_mut(place.as_ptr(), plane.bytes()) };
            *image = Some((*plane, pixels));
        }
        images
    }
}
