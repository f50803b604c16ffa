//! Reading and writing of a named pipe that goes on while its thread does something else.
//!
//! The system keeps the addresses of the structure and of the bytes until an operation is over. Both are in a box that is
//! only freed after that.

use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{
    ERROR_IO_INCOMPLETE, ERROR_IO_PENDING, ERROR_OPERATION_ABORTED, HANDLE,
};
use windows_sys::Win32::Storage::FileSystem::{ReadFile, WriteFile};
use windows_sys::Win32::System::IO::{CancelIoEx, GetOverlappedResult, OVERLAPPED};
use windows_sys::Win32::System::Pipes::ConnectNamedPipe;
use windows_sys::Win32::System::Threading::{CreateEventW, ResetEvent};

use super::bell::owned;

/// Bytes of one operation: more than an answer has.
pub(super) const LEN: usize = 64;

/// One operation at a time on one pipe.
#[derive(Debug)]
pub(super) struct Operation {
    inner: Box<Inner>,
    pending: bool,
    /// What has been read and not been taken.
    taken: usize,
    have: usize,
}

struct Inner {
    overlapped: OVERLAPPED,
    bytes: [u8; LEN],
    event: OwnedHandle,
    /// Kept open for as long as the operation may be under way.
    pipe: HANDLE,
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").finish_non_exhaustive()
    }
}

// SAFETY: handles and the addresses in the structure belong to the process, not to a thread; it is used by one at a time.
unsafe impl Send for Operation {}

impl Operation {
    /// For a pipe that is open until this value is dropped. `quietly`: a completion port is not told when it is over.
    pub(super) fn new(pipe: HANDLE, quietly: bool) -> io::Result<Operation> {
        // SAFETY: no name and no access list are given.
        let event = owned(unsafe { CreateEventW(null(), 1, 0, null()) })?;
        let mut overlapped = OVERLAPPED::default();
        // The lowest bit says so (GetQueuedCompletionStatus).
        let tag = usize::from(quietly);
        overlapped.hEvent = event.as_raw_handle().map_addr(|address| address | tag);
        Ok(Operation {
            inner: Box::new(Inner {
                overlapped,
                bytes: [0; LEN],
                event,
                pipe,
            }),
            pending: false,
            taken: 0,
            have: 0,
        })
    }

    /// Set when the operation is over.
    pub(super) fn event(&self) -> HANDLE {
        self.inner.event.as_raw_handle()
    }

    pub(super) fn is_pending(&self) -> bool {
        self.pending
    }

    /// Begins to wait for somebody who connects; `true` when somebody is there already, which nobody is told then.
    pub(super) fn connect(&mut self) -> io::Result<bool> {
        self.begin();
        let inner = &mut *self.inner;
        // SAFETY: the pipe is open, and the structure stays where it is until the operation is over.
        let done = unsafe { ConnectNamedPipe(inner.pipe, &raw mut inner.overlapped) };
        self.begun(done)
    }

    /// Begins to read, unless that is under way or there is something that has not been taken.
    pub(super) fn read(&mut self) -> io::Result<()> {
        if self.pending || self.taken < self.have {
            return Ok(());
        }
        self.begin();
        let inner = &mut *self.inner;
        let (place, structure) = (inner.bytes.as_mut_ptr(), &raw mut inner.overlapped);
        // SAFETY: the pipe is open, and bytes and structure stay where they are until the operation is over.
        let done = unsafe { ReadFile(inner.pipe, place, LEN as u32, null_mut(), structure) };
        self.begun(done).map(drop)
    }

    /// Writes some bytes, if the write before is over; never waits.
    pub(super) fn write(&mut self, bytes: &[u8]) -> bool {
        if self.pending && self.finish().is_none() {
            return false;
        }
        let Some(place) = self.inner.bytes.get_mut(..bytes.len()) else {
            return false;
        };
        place.copy_from_slice(bytes);
        self.begin();
        let inner = &mut *self.inner;
        let (place, structure) = (inner.bytes.as_ptr(), &raw mut inner.overlapped);
        let len = bytes.len() as u32;
        // SAFETY: the pipe is open, and bytes and structure stay where they are until the operation is over.
        let done = unsafe { WriteFile(inner.pipe, place, len, null_mut(), structure) };
        self.begun(done).is_ok()
    }

    fn begin(&mut self) {
        (self.taken, self.have) = (0, 0);
        // SAFETY: the event is open.
        unsafe { ResetEvent(self.event()) };
    }

    /// Whether an operation that was begun has failed at once.
    fn begun(&mut self, done: i32) -> io::Result<bool> {
        const PIPE_CONNECTED: i32 = 535;
        if done == 0 {
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(PIPE_CONNECTED) => return Ok(true),
                Some(code) if code.cast_unsigned() == ERROR_IO_PENDING => {}
                _ => return Err(error),
            }
        }
        self.pending = true;
        Ok(false)
    }

    /// How an operation that is under way has ended; `None` when it has not.
    pub(super) fn finish(&mut self) -> Option<io::Result<usize>> {
        let result = self.result(false);
        if let Err(error) = &result
            && error.raw_os_error() == Some(ERROR_IO_INCOMPLETE.cast_signed())
        {
            return None;
        }
        self.pending = false;
        if let Ok(count) = &result {
            (self.taken, self.have) = (0, *count);
        }
        Some(result)
    }

    /// As [`Operation::finish`], of a read. The system cancels what a thread has begun when that thread ends, and this says
    /// nothing of the pipe: then nothing has been read, and who wants to know begins anew.
    pub(super) fn finish_read(&mut self) -> Option<io::Result<usize>> {
        const CANCELLED: i32 = ERROR_OPERATION_ABORTED.cast_signed();
        match self.finish()? {
            Err(error) if error.raw_os_error() == Some(CANCELLED) => Some(Ok(0)),
            result => Some(result),
        }
    }

    fn result(&mut self, wait: bool) -> io::Result<usize> {
        let mut count = 0;
        let inner = &*self.inner;
        let (pipe, structure) = (inner.pipe, &raw const inner.overlapped);
        // SAFETY: the structure is that of the operation, and the place for the count is writable.
        let done = unsafe { GetOverlappedResult(pipe, structure, &raw mut count, wait.into()) };
        if done == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(count as usize)
    }

    /// Takes of what has been read as much as fits.
    pub(super) fn take(&mut self, bytes: &mut [u8]) -> usize {
        let left = self.inner.bytes.get(self.taken..self.have).unwrap_or(&[]);
        let count = left.len().min(bytes.len());
        bytes[..count].copy_from_slice(&left[..count]);
        self.taken += count;
        count
    }

    /// Whether there is something that has been read and not been taken.
    pub(super) fn has_bytes(&self) -> bool {
        self.taken < self.have
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        if self.pending {
            // SAFETY: the structure is that of the operation.
            unsafe { CancelIoEx(self.inner.pipe, &raw const self.inner.overlapped) };
            let _ = self.result(true);
        }
    }
}
