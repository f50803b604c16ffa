//! A connection over a named pipe.

use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_BROKEN_PIPE, ERROR_FILE_NOT_FOUND, ERROR_NO_DATA, ERROR_PIPE_BUSY,
    ERROR_PIPE_NOT_CONNECTED, GENERIC_READ, GENERIC_WRITE, HANDLE,
};
use windows_sys::Win32::Storage::FileSystem::{
    CreateFileW, FILE_FLAG_OVERLAPPED, OPEN_EXISTING, SECURITY_IDENTIFICATION,
    SECURITY_SQOS_PRESENT,
};
use windows_sys::Win32::System::Pipes::{DisconnectNamedPipe, GetNamedPipeClientProcessId};

use super::bell::{Bell, owned, wait_any};
use super::overlapped::Operation;
use super::process::{is_of_this_session, own_uid, user_of_pid};
use super::waker::Waker;
use crate::system::kinds::{ConnectRefusal, Peer, Waited};

/// Where the number of a flag is in an answer: the place of a pid, which a welcome has none of.
const WAKER_AT: std::ops::Range<usize> = 4..8;

/// One end of a connection. Nothing here waits but [`Line::wait`].
#[derive(Debug)]
pub(crate) struct Line {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    // Dropped before the pipe: what is under way ends first.
    reading: Mutex<Operation>,
    writing: Mutex<Operation>,
    /// What a completion port calls the pipe.
    pub(super) key: usize,
    pipe: OwnedHandle,
}

impl Line {
    /// A pipe that is connected; `key` is what a completion port calls it.
    pub(super) fn new(pipe: OwnedHandle, key: usize) -> io::Result<Line> {
        let raw = pipe.as_raw_handle();
        Ok(Line {
            inner: Arc::new(Inner {
                reading: Mutex::new(Operation::new(raw, false)?),
                writing: Mutex::new(Operation::new(raw, true)?),
                key,
                pipe,
            }),
        })
    }

    /// Connects to the named pipe at `path`.
    pub(crate) fn connect(path: &Path) -> Result<Line, ConnectRefusal> {
        let name: Vec<u16> = path.as_os_str().encode_wide().chain([0]).collect();
        // Who listens may know this user, and do nothing in its name.
        let flags = FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION;
        // SAFETY: the name ends with a zero; no access list and no template are given.
        let pipe = unsafe {
            CreateFileW(
                name.as_ptr(),
                GENERIC_READ | GENERIC_WRITE,
                0,
                null(),
                OPEN_EXISTING,
                flags,
                null_mut(),
            )
        };
        let pipe =
            owned(pipe).map_err(|error| match error.raw_os_error().map(i32::cast_unsigned) {
                Some(ERROR_FILE_NOT_FOUND) => ConnectRefusal::Nobody,
                Some(ERROR_PIPE_BUSY) => ConnectRefusal::Busy,
                Some(ERROR_ACCESS_DENIED) => ConnectRefusal::Denied,
                _ => ConnectRefusal::System(error),
            })?;
        Line::new(pipe, 0).map_err(ConnectRefusal::System)
    }

    fn raw(&self) -> HANDLE {
        self.inner.pipe.as_raw_handle()
    }

    pub(super) fn reading(&self) -> MutexGuard<'_, Operation> {
        self.inner.reading()
    }

    /// Sends all of it, or nothing while what was sent before is under way.
    pub(crate) fn send(&self, bytes: &[u8]) -> bool {
        let writing = self.inner.writing.lock();
        writing.unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    /// Sends an answer and the right to wait for a flag: its number, in the place of a pid.
    pub(crate) fn send_with(&self, answer: &[u8], waker: &Waker) -> bool {
        let mut answer = answer.to_vec();
        let Some(place) = answer.get_mut(WAKER_AT) else {
            return false;
        };
        place.copy_from_slice(&waker.number().to_le_bytes());
        self.send(&answer)
    }

    /// The flag that an answer is about.
    pub(crate) fn waker_of(&self, answer: &[u8], _came: Option<Waker>) -> Option<Waker> {
        let number = answer.get(WAKER_AT)?.try_into().ok()?;
        Waker::open(u32::from_le_bytes(number))
    }

    /// Reads what is there; `WouldBlock` is nothing yet, and an end an error.
    pub(crate) fn receive(&self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut reading = self.reading();
        if reading.is_pending() {
            reading
                .finish_read()
                .unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))?;
        }
        let count = reading.take(bytes);
        if count == 0 {
            // An end that came with nothing to tell of it is found by reading on.
            reading.read()?;
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(count)
    }

    /// Reads what is there. What comes with an answer is found in it.
    pub(crate) fn receive_with(&self, bytes: &mut [u8]) -> io::Result<(usize, Option<Waker>)> {
        match self.receive(bytes) {
            Ok(count) => Ok((count, None)),
            Err(error) if is_end(&error) => Ok((0, None)),
            Err(error) => Err(error),
        }
    }

    /// Waits until something can be read (an end counts), or `stop` is set.
    pub(crate) fn wait(
        &self,
        stop: &Bell,
        stopped: impl Fn() -> bool,
        timeout: Duration,
    ) -> io::Result<Waited> {
        let event = {
            let mut reading = self.reading();
            match reading.read() {
                // What is read next says so.
                Err(error) if is_end(&error) => return Ok(Waited::Ready),
                begun => begun?,
            }
            if reading.has_bytes() {
                return Ok(Waited::Ready);
            }
            reading.event()
        };
        let first = wait_any(&[stop.raw(), event], Some(timeout))?;
        Ok(match first {
            _ if stopped() => Waited::Stopped,
            Some(_) => Waited::Ready,
            None => Waited::TimedOut,
        })
    }

    /// The other process.
    pub(crate) fn peer(&self) -> Peer {
        let mut pid = 0;
        // SAFETY: the pipe is open, the place writable.
        let known = unsafe { GetNamedPipeClientProcessId(self.raw(), &raw mut pid) } != 0;
        let pid = if known { pid } else { 0 };
        let uid = user_of_pid(pid).unwrap_or(u32::MAX);
        Peer {
            pid,
            uid,
            // A flag's name is only known in its session.
            is_trusted: uid == own_uid() && is_of_this_session(pid),
        }
    }

    /// Ends the connection. What has not been read is lost; on the other end it ends with its handle.
    pub(crate) fn hang_up(&self) {
        // SAFETY: the pipe is open. On a client's end it does nothing.
        unsafe { DisconnectNamedPipe(self.raw()) };
    }
}

impl Inner {
    pub(super) fn reading(&self) -> MutexGuard<'_, Operation> {
        self.reading.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an error says that the other end is gone.
pub(super) fn is_end(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(i32::cast_unsigned),
        Some(ERROR_BROKEN_PIPE | ERROR_PIPE_NOT_CONNECTED | ERROR_NO_DATA)
    )
}
