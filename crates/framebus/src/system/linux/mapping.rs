//! A mapped range of a shared-memory object.

use std::ffi::c_void;
use std::io;
use std::os::fd::AsFd;
use std::ptr::{NonNull, null_mut};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};

use super::fault::Guard;

/// A mapped range; unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<c_void>,
    len: usize,
    /// `None` only while it is being dropped.
    guard: Option<Guard>,
}

// SAFETY: the mapping belongs to the process, not to a thread; what is in it is reached through atomics only, or through
// slices whose exclusiveness `Pixels` and the lease protocol see to.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes from `offset`, read-only.
    pub(crate) fn read_only(fd: impl AsFd, offset: u64, len: usize) -> io::Result<Mapping> {
        Self::map(fd, offset, len, ProtFlags::READ)
    }

    /// Maps `len` bytes from `offset`, for reading and writing.
    pub(crate) fn read_write(fd: impl AsFd, offset: u64, len: usize) -> io::Result<Mapping> {
        Self::map(fd, offset, len, ProtFlags::READ | ProtFlags::WRITE)
    }

    fn map(fd: impl AsFd, offset: u64, len: usize, protection: ProtFlags) -> io::Result<Mapping> {
        // SAFETY: the kernel chooses the place, so nothing that exists is replaced.
        let base = unsafe { mmap(null_mut(), len, protection, MapFlags::SHARED, fd, offset) }?;
        let base =
            NonNull::new(base).ok_or_else(|| io::Error::other("mmap returned a null pointer"))?;
        let writable = protection.contains(ProtFlags::WRITE);
        // SAFETY: the range was mapped above with this protection, and the guard goes before it is unmapped.
        let guard = unsafe { Guard::new(base.cast(), len, writable) };
        Ok(Mapping {
            base,
            len,
            guard: Some(guard),
        })
    }

    /// Whether the object was cut short, and what is mapped now is zeros.
    pub(crate) fn is_cut(&self) -> bool {
        self.guard.as_ref().is_some_and(Guard::is_cut)
    }

    /// Has the kernel map the pages now, so that the first frames do not pay for it. Old kernels cannot; no harm.
    pub(crate) fn populate(&self) {
        // SAFETY: the range is the whole of this mapping; populating reads, and changes no byte.
        let _ = unsafe { madvise(self.base.as_ptr(), self.len, Advice::LinuxPopulateRead) };
    }

    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base.cast()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        self.guard = None;
        // SAFETY: the range was mapped by `map`, and every view of it borrows from this value.
        let _ = unsafe { munmap(self.base.as_ptr(), self.len) };
    }
}
