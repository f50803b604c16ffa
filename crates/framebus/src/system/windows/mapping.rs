//! A mapped range of a mapping object.

use std::ffi::c_void;
use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::ptr::NonNull;

use windows_sys::Win32::System::Memory::{
    FILE_MAP_READ, FILE_MAP_WRITE, MEMORY_MAPPED_VIEW_ADDRESS, MapViewOfFile, UnmapViewOfFile,
};

use super::object::ShmObject;
use crate::layout::PAGE;

/// A mapped range; unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<c_void>,
    len: usize,
    /// A name goes with the last handle, not with the last view.
    _handle: OwnedHandle,
}

// SAFETY: the mapping belongs to the process, not to a thread; what is in it is reached through atomics only, or through
// slices whose exclusiveness `Pixels` and the lease protocol see to.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps `len` bytes from `offset`, read-only.
    pub(crate) fn read_only(object: &ShmObject, offset: u64, len: usize) -> io::Result<Mapping> {
        Self::map(object, offset, len, FILE_MAP_READ)
    }

    /// Maps `len` bytes from `offset`, for reading and writing.
    pub(crate) fn read_write(object: &ShmObject, offset: u64, len: usize) -> io::Result<Mapping> {
        Self::map(object, offset, len, FILE_MAP_READ | FILE_MAP_WRITE)
    }

    fn map(object: &ShmObject, offset: u64, len: usize, access: u32) -> io::Result<Mapping> {
        let (high, low) = ((offset >> 32) as u32, offset as u32);
        let handle = object.handle().try_clone_to_owned()?;
        // SAFETY: the handle is open; the system chooses the place, so nothing that exists is replaced.
        let view = unsafe { MapViewOfFile(handle.as_raw_handle(), access, high, low, len) };
        let base = NonNull::new(view.Value).ok_or_else(io::Error::last_os_error)?;
        Ok(Mapping {
            base,
            len,
            _handle: handle,
        })
    }

    /// Whether the object was cut short: nobody can.
    pub(crate) fn is_cut(&self) -> bool {
        false
    }

    /// Touches the pages, so that the first frames do not pay for it.
    pub(crate) fn populate(&self) {
        for offset in (0..self.len).step_by(PAGE as usize) {
            // SAFETY: inside the mapping.
            let place = unsafe { self.base().as_ptr().add(offset) };
            // SAFETY: it is readable, and nothing is made of the byte.
            let _ = unsafe { place.read_volatile() };
        }
    }

    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base.cast()
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let view = MEMORY_MAPPED_VIEW_ADDRESS {
            Value: self.base.as_ptr(),
        };
        // SAFETY: the range was mapped by `map`, and every view of it borrows from this value.
        unsafe { UnmapViewOfFile(view) };
    }
}
