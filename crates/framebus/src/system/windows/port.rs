//! A completion port: who has done something, of any number of pipes.

use std::collections::HashMap;
use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use windows_sys::Win32::Foundation::{HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::System::IO::{CreateIoCompletionPort, PostQueuedCompletionStatus};

use super::bell::owned;

/// The completion port, and what its keys are about.
#[derive(Debug)]
pub(super) struct Port {
    port: OwnedHandle,
    tokens: Mutex<HashMap<usize, u64>>,
    keys: AtomicUsize,
}

/// The key of what is about no pipe.
pub(super) const NO_PIPE: usize = 0;

impl Port {
    pub(super) fn new() -> io::Result<Port> {
        // SAFETY: makes a port without a file.
        let port = unsafe { CreateIoCompletionPort(INVALID_HANDLE_VALUE, null_mut(), 0, 1) };
        Ok(Port {
            port: owned(port)?,
            tokens: Mutex::default(),
            keys: AtomicUsize::new(NO_PIPE + 1),
        })
    }

    pub(super) fn raw(&self) -> HANDLE {
        self.port.as_raw_handle()
    }

    /// A key that no pipe has had.
    pub(super) fn key(&self) -> usize {
        self.keys.fetch_add(1, Ordering::Relaxed)
    }

    /// From now on the port is told of a pipe's operations.
    pub(super) fn add(&self, pipe: HANDLE, key: usize, token: u64) -> io::Result<()> {
        self.tokens().insert(key, token);
        // SAFETY: both handles are open.
        let port = unsafe { CreateIoCompletionPort(pipe, self.raw(), key, 0) };
        if port.is_null() {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    }

    /// Tells the port of something that has happened at once.
    pub(super) fn post(&self, key: usize) {
        // SAFETY: the port is open, and nobody looks at the structure that is not there.
        unsafe { PostQueuedCompletionStatus(self.raw(), 0, key, null_mut()) };
    }

    pub(super) fn tokens(&self) -> MutexGuard<'_, HashMap<usize, u64>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
