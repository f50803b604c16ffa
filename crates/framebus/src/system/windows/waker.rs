//! A flag that one process sets and another waits for: an event with a name.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};

use windows_sys::Win32::Foundation::{ERROR_ALREADY_EXISTS, GetLastError, HANDLE};
use windows_sys::Win32::System::Threading::{
    CreateEventW, OpenEventW, SYNCHRONIZATION_SYNCHRONIZE, SetEvent,
};

use super::access::Access;
use super::bell::owned;
use super::wide;

/// Set by its maker; each time wakes the one who waits for it, once.
#[derive(Debug)]
pub(crate) struct Waker {
    event: OwnedHandle,
    /// What its name has: sent over a connection.
    number: u32,
}

impl Waker {
    pub(crate) fn new() -> io::Result<Waker> {
        let access = Access::own()?;
        loop {
            let number = random() as u32;
            let name = name(number);
            // SAFETY: the name ends with a zero, and the access list is there for the time of the call.
            let event = unsafe { CreateEventW(access.attributes(), 0, 0, name.as_ptr()) };
            // SAFETY: reads this thread's last error.
            let error = unsafe { GetLastError() };
            let event = owned(event)?;
            // Somebody else's of that name is nothing to wait for.
            if error != ERROR_ALREADY_EXISTS {
                return Ok(Waker { event, number });
            }
        }
    }

    /// Opens the one that a producer of this user has made.
    pub(super) fn open(number: u32) -> Option<Waker> {
        let name = name(number);
        // SAFETY: the name ends with a zero.
        let event = unsafe { OpenEventW(SYNCHRONIZATION_SYNCHRONIZE, 0, name.as_ptr()) };
        let event = owned(event).ok()?;
        Some(Waker { event, number })
    }

    pub(super) fn number(&self) -> u32 {
        self.number
    }

    pub(super) fn raw(&self) -> HANDLE {
        self.event.as_raw_handle()
    }

    /// Sets it. Says whether the system took it.
    pub(crate) fn ring(&self) -> bool {
        // SAFETY: the handle is open.
        unsafe { SetEvent(self.raw()) != 0 }
    }
}

fn name(number: u32) -> Vec<u16> {
    wide(&format!("Local\\framebus-wake-{number:08x}"))
}

/// A number that nobody guesses: std seeds its hash tables with such.
pub(super) fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}
