//! What the sample's programs attach to: a named file mapping and a named mutex of this login, and named pipes.

use std::io;
use std::marker::PhantomData;
use std::os::windows::io::{AsRawHandle, OwnedHandle};
use std::ptr::{NonNull, null_mut};
use std::time::Duration;

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_ALREADY_EXISTS, ERROR_COMMITMENT_LIMIT, ERROR_NOT_ENOUGH_MEMORY,
    GetLastError, WAIT_ABANDONED, WAIT_OBJECT_0, WAIT_TIMEOUT,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_FLAG_FIRST_PIPE_INSTANCE, FILE_FLAG_OVERLAPPED, PIPE_ACCESS_DUPLEX,
};
use windows_sys::Win32::System::Memory::{
    FILE_MAP_READ, FILE_MAP_WRITE, MEMORY_MAPPED_VIEW_ADDRESS, MapViewOfFile, UnmapViewOfFile,
};
use windows_sys::Win32::System::Pipes::{
    CreateNamedPipeW, DisconnectNamedPipe, PIPE_READMODE_BYTE, PIPE_REJECT_REMOTE_CLIENTS,
    PIPE_TYPE_BYTE, PIPE_UNLIMITED_INSTANCES, PIPE_WAIT, PeekNamedPipe,
};
use windows_sys::Win32::System::Threading::{CreateMutexW, ReleaseMutex, WaitForSingleObject};

use super::access::{Access, owner_of};
use super::bell::owned;
use super::memory::{create_mapping, shm_usage};
use super::object::SYSTEM;
use super::overlapped::Operation;
use super::process::own_uid;
use super::wide;
use crate::system::bytes::Bytes;
use crate::system::seed_error::SeedError;

/// Memory that programs map for writing. It lives until the last of them is gone; whoever has it here also has an object that
/// nobody else opens, so that no other process begins to write there.
#[derive(Debug)]
pub(crate) struct SeedMemory {
    bytes: Bytes,
    _view: View,
    _handle: OwnedHandle,
    _alone: OwnedHandle,
}

/// A mapped range; unmapped when dropped.
#[derive(Debug)]
struct View(NonNull<u8>);

// SAFETY: a mapping belongs to the process, not to a thread.
unsafe impl Send for View {}

impl Drop for View {
    fn drop(&mut self) {
        let view = MEMORY_MAPPED_VIEW_ADDRESS {
            Value: self.0.as_ptr().cast(),
        };
        // SAFETY: mapped by `take`, and nobody uses it any more.
        unsafe { UnmapViewOfFile(view) };
    }
}

impl SeedMemory {
    /// What messages call the mapping of this name.
    pub(crate) fn shown(name: &str) -> String {
        format!("the mapping {name}")
    }

    /// Makes it with `len` bytes of zeros, or uses the one that programs still have open, if that is large enough.
    pub(crate) fn take(name: &str, len: usize) -> Result<SeedMemory, SeedError> {
        let shown = || Self::shown(name);
        let failed = |error: io::Error| SeedError::system(shown(), error);
        // On the whole machine, as pipes are.
        let (alone, is_new) = mutex(&format!("Global\\framebus.seed.{name}")).map_err(|error| {
            match code(&error) {
                ERROR_ACCESS_DENIED => SeedError::InUse { name: shown() },
                _ => failed(error),
            }
        })?;
        if !is_new {
            return Err(SeedError::InUse { name: shown() });
        }
        let access = Access::own().map_err(failed)?;
        let (made, error) = create_mapping(name, len, &access);
        let was_there = error == ERROR_ALREADY_EXISTS;
        let handle = made.map_err(|error| match code(&error) {
            ERROR_ACCESS_DENIED => SeedError::Foreign { name: shown() },
            ERROR_COMMITMENT_LIMIT | ERROR_NOT_ENOUGH_MEMORY => SeedError::Full {
                name: shown(),
                needed: len as u64,
                free: shm_usage().map_or(0, |(used, total)| total - used),
                more: super::MORE_MEMORY,
            },
            _ => failed(error),
        })?;
        let owner = owner_of(handle.as_raw_handle());
        if was_there && owner != own_uid() && !SYSTEM.contains(&owner) {
            return Err(SeedError::Foreign { name: shown() });
        }
        let access = FILE_MAP_READ | FILE_MAP_WRITE;
        // SAFETY: the handle is open; the system chooses the place.
        let view = unsafe { MapViewOfFile(handle.as_raw_handle(), access, 0, 0, len) };
        let Some(base) = NonNull::new(view.Value.cast::<u8>()) else {
            let error = io::Error::last_os_error();
            // A view cannot be larger than what is mapped.
            return Err(match was_there {
                true => SeedError::TooSmall { name: shown() },
                false => failed(error),
            });
        };
        let view = View(base);
        // SAFETY: mapped for writing, dropped before the view is, and nobody else here has the mapping.
        let bytes = unsafe { Bytes::new(base, len) };
        Ok(SeedMemory {
            bytes,
            _view: view,
            _handle: handle,
            _alone: alone,
        })
    }

    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Whether somebody has cut it short: nobody can.
    pub(crate) fn check(&self) -> Result<(), SeedError> {
        Ok(())
    }
}

fn code(error: &io::Error) -> u32 {
    error.raw_os_error().map_or(0, i32::cast_unsigned)
}

/// Makes a mutex that is not held, or opens the one that has the name; says whether it was made.
fn mutex(name: &str) -> io::Result<(OwnedHandle, bool)> {
    let access = Access::own()?;
    let name = wide(name);
    // SAFETY: the name ends with a zero, and the access list is there for the time of the call.
    let handle = unsafe { CreateMutexW(access.attributes(), 0, name.as_ptr()) };
    // SAFETY: reads this thread's last error.
    let error = unsafe { GetLastError() };
    Ok((owned(handle)?, error != ERROR_ALREADY_EXISTS))
}

/// A mutex that programs take by its name.
#[derive(Debug)]
pub(crate) struct SeedMutex {
    handle: OwnedHandle,
    name: String,
}

/// A mutex that is held, by this thread.
#[derive(Debug)]
pub(crate) struct SeedGuard<'a> {
    mutex: &'a SeedMutex,
    abandoned: bool,
    /// Only the thread that has it can give it back.
    _thread: PhantomData<*const ()>,
}

impl SeedMutex {
    /// Makes it, or uses the one that programs still have open.
    pub(crate) fn take(name: &str) -> Result<SeedMutex, SeedError> {
        let shown = format!("the mutex {name}");
        let (handle, _) = mutex(name).map_err(|error| match code(&error) {
            ERROR_ACCESS_DENIED => SeedError::Foreign {
                name: shown.clone(),
            },
            _ => SeedError::system(&shown, error),
        })?;
        Ok(SeedMutex {
            handle,
            name: shown,
        })
    }

    /// Takes it; `None` when somebody has held it for all of that time.
    pub(crate) fn lock(&self, limit: Duration) -> Result<Option<SeedGuard<'_>>, SeedError> {
        let millis = u32::try_from(limit.as_millis()).unwrap_or(1000);
        // SAFETY: the handle is open.
        let result = unsafe { WaitForSingleObject(self.handle.as_raw_handle(), millis) };
        match result {
            WAIT_OBJECT_0 | WAIT_ABANDONED => Ok(Some(SeedGuard {
                mutex: self,
                abandoned: result == WAIT_ABANDONED,
                _thread: PhantomData,
            })),
            WAIT_TIMEOUT => Ok(None),
            _ => Err(SeedError::system(&self.name, io::Error::last_os_error())),
        }
    }
}

impl SeedGuard<'_> {
    /// Whether a program has died with it.
    pub(crate) fn was_abandoned(&self) -> bool {
        self.abandoned
    }
}

impl Drop for SeedGuard<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and this thread has the mutex.
        unsafe { ReleaseMutex(self.mutex.handle.as_raw_handle()) };
    }
}

/// Bytes that wait in a pipe: one trigger says as much as many.
const QUEUE: u32 = 1;

/// A named pipe from which one program reads triggers.
#[derive(Debug)]
pub(crate) struct SeedPipe {
    // Dropped before the pipe: what is under way ends first.
    connecting: Operation,
    writing: Operation,
    pipe: OwnedHandle,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody can come.
    Shut,
    /// Somebody is waited for.
    Open,
    /// A program is there.
    Connected,
}

impl SeedPipe {
    /// Makes it and waits for a program, which is told in time. A program keeps the pipe of a killed process as long as it has it
    /// open: then this is another one of that name.
    pub(crate) fn take(name: &str) -> Result<SeedPipe, SeedError> {
        let path = format!("\\\\.\\pipe\\{name}");
        let failed = |error: io::Error| SeedError::system(&path, error);
        let pipe = match make(&path, FILE_FLAG_FIRST_PIPE_INSTANCE) {
            Ok(pipe) => pipe,
            Err(_) => {
                let foreign = || SeedError::Foreign { name: path.clone() };
                let pipe = make(&path, 0).map_err(|error| match code(&error) {
                    ERROR_ACCESS_DENIED => foreign(),
                    _ => failed(error),
                })?;
                if owner_of(pipe.as_raw_handle()) != own_uid() {
                    return Err(foreign());
                }
                pipe
            }
        };
        let operation = || Operation::new(pipe.as_raw_handle(), false).map_err(failed);
        let mut pipe = SeedPipe {
            connecting: operation()?,
            writing: operation()?,
            pipe,
            state: State::Shut,
        };
        pipe.is_connected();
        Ok(pipe)
    }

    /// Whether a program has it open; lets the next one in when that is gone.
    pub(crate) fn is_connected(&mut self) -> bool {
        match self.state {
            State::Connected if self.is_whole() => {}
            State::Open => match self.connecting.finish() {
                None => {}
                Some(Ok(_)) => self.state = State::Connected,
                Some(Err(_)) => self.shut(),
            },
            State::Connected => self.shut(),
            State::Shut => {}
        }
        if self.state == State::Shut {
            match self.connecting.connect() {
                Ok(true) => self.state = State::Connected,
                Ok(false) => self.state = State::Open,
                // It came and went: the next look lets another one in.
                Err(_) => self.shut(),
            }
        }
        self.state == State::Connected
    }

    fn is_whole(&self) -> bool {
        let pipe = self.pipe.as_raw_handle();
        let (bytes, count) = (null_mut(), null_mut());
        // SAFETY: the pipe is open, and nothing is asked for but whether the other end is.
        let there = unsafe { PeekNamedPipe(pipe, bytes, 0, count, null_mut(), null_mut()) };
        there != 0
    }

    fn shut(&mut self) {
        // SAFETY: the pipe is open. What is under way ends with this.
        unsafe { DisconnectNamedPipe(self.pipe.as_raw_handle()) };
        self.state = State::Shut;
    }

    /// Writes one trigger, if there is room; never waits.
    pub(crate) fn trigger(&mut self) -> bool {
        self.state == State::Connected && self.writing.write(&[1])
    }
}

fn make(path: &str, first: u32) -> io::Result<OwnedHandle> {
    let access = Access::own()?;
    let name = wide(path);
    let mode = PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS;
    // SAFETY: the name ends with a zero, and the access list is there for the time of the call.
    owned(unsafe {
        CreateNamedPipeW(
            name.as_ptr(),
            PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | first,
            mode,
            PIPE_UNLIMITED_INSTANCES,
            QUEUE,
            QUEUE,
            0,
            access.attributes(),
        )
    })
}
