//! Shared memory that this process has made.

use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::ptr::NonNull;

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_ALREADY_EXISTS, ERROR_COMMITMENT_LIMIT, ERROR_NOT_ENOUGH_MEMORY,
    GetLastError, INVALID_HANDLE_VALUE,
};
use windows_sys::Win32::System::Memory::{
    CreateFileMappingW, FILE_MAP_READ, FILE_MAP_WRITE, MEMORY_MAPPED_VIEW_ADDRESS, MapViewOfFile,
    PAGE_READWRITE, UnmapViewOfFile,
};
use windows_sys::Win32::System::SystemInformation::{GlobalMemoryStatusEx, MEMORYSTATUSEX};

use super::access::Access;
use super::bell::owned;
use super::names::dir_for;
use super::object::{ObjectId, announce, mapping_name};
use super::waker::random;
use super::wide;
use crate::layout::{BusName, PAGE};
use crate::system::kinds::{CreateSegmentError, Permissions};

/// A mapped object, whose memory the system has promised as a whole. It lives until its last handle is closed.
#[derive(Debug)]
pub(crate) struct Memory {
    id: ObjectId,
    base: NonNull<u8>,
    _handle: OwnedHandle,
}

// SAFETY: a shared mapping belongs to the process, not to a thread.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// Makes the object of a bus with `len` bytes of zeros, maps it for reading and writing, and says which one the bus has.
    pub(crate) fn create(
        bus: &BusName,
        len: usize,
        permissions: Permissions,
    ) -> Result<Memory, CreateSegmentError> {
        let id = ObjectId(random());
        let mut name = mapping_name("Local", bus, id);
        let mut made = None;
        if permissions.mode & 0o077 != 0 {
            // Others may be in other sessions. Not everybody may make what is seen there.
            let global = mapping_name("Global", bus, id);
            made = make(&global, len, permissions).ok();
            if made.is_some() {
                name = global;
            }
        }
        let handle = match made {
            Some(handle) => handle,
            None => make(&name, len, permissions)?,
        };
        let access = FILE_MAP_READ | FILE_MAP_WRITE;
        // SAFETY: the handle is open; the system chooses the place.
        let view = unsafe { MapViewOfFile(handle.as_raw_handle(), access, 0, 0, len) };
        let base = NonNull::new(view.Value.cast::<u8>()).ok_or_else(io::Error::last_os_error)?;
        let memory = Memory {
            id,
            base,
            _handle: handle,
        };
        for offset in (0..len).step_by(PAGE as usize) {
            // SAFETY: inside the mapping, which nobody else knows yet.
            let place = unsafe { base.as_ptr().add(offset) };
            // SAFETY: it is writable, and zero already.
            unsafe { place.write_volatile(0) };
        }
        announce(&dir_for(permissions), bus, &name)?;
        Ok(memory)
    }

    /// Where it is mapped, on pages.
    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Which object it is.
    pub(crate) fn id(&self) -> ObjectId {
        self.id
    }

    /// Whether somebody has cut the object short: nobody can.
    pub(crate) fn is_cut(&self) -> bool {
        false
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let view = MEMORY_MAPPED_VIEW_ADDRESS {
            Value: self.base.as_ptr().cast(),
        };
        // SAFETY: mapped by `create`, and every view of it borrows from this value.
        unsafe { UnmapViewOfFile(view) };
    }
}

/// Makes a mapping of so many bytes, or opens the one of this name; beside it the system's last word on that, which is
/// `ERROR_ALREADY_EXISTS` where there was one.
pub(super) fn create_mapping(
    name: &str,
    len: usize,
    access: &Access,
) -> (io::Result<OwnedHandle>, u32) {
    let name = wide(name);
    let (high, low) = ((len as u64 >> 32) as u32, len as u32);
    // SAFETY: the name ends with a zero, and the access list is there for the time of the call.
    let handle = unsafe {
        CreateFileMappingW(
            INVALID_HANDLE_VALUE,
            access.attributes(),
            PAGE_READWRITE,
            high,
            low,
            name.as_ptr(),
        )
    };
    // SAFETY: reads this thread's last error.
    let error = unsafe { GetLastError() };
    (owned(handle), error)
}

fn make(
    name: &str,
    len: usize,
    permissions: Permissions,
) -> Result<OwnedHandle, CreateSegmentError> {
    let access = Access::of(permissions)?;
    let (made, error) = create_mapping(name, len, &access);
    match (made, error) {
        (Ok(_), ERROR_ALREADY_EXISTS) => Err(CreateSegmentError::NameTaken),
        (Ok(handle), _) => Ok(handle),
        (Err(_), ERROR_COMMITMENT_LIMIT | ERROR_NOT_ENOUGH_MEMORY) => {
            Err(CreateSegmentError::Full {
                needed: len as u64,
                free: free_bytes(),
            })
        }
        (Err(source), ERROR_ACCESS_DENIED) => Err(CreateSegmentError::System(source)),
        (Err(source), _) => match permissions.gid {
            Some(gid) => Err(CreateSegmentError::Group { gid, source }),
            None => Err(CreateSegmentError::System(source)),
        },
    }
}

fn status() -> Option<MEMORYSTATUSEX> {
    let mut status = MEMORYSTATUSEX {
        dwLength: size_of::<MEMORYSTATUSEX>() as u32,
        ..MEMORYSTATUSEX::default()
    };
    // SAFETY: the place is writable, and its length is in it.
    let told = unsafe { GlobalMemoryStatusEx(&raw mut status) };
    (told != 0).then_some(status)
}

/// Bytes that the system can still promise.
fn free_bytes() -> u64 {
    status().map_or(0, |status| status.ullAvailPageFile)
}

/// Bytes of memory that the system has promised, and bytes that it can promise altogether.
#[must_use]
pub fn shm_usage() -> Option<(u64, u64)> {
    let status = status()?;
    let total = status.ullTotalPageFile;
    Some((total.saturating_sub(status.ullAvailPageFile), total))
}
