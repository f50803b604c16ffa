//! A flag to wait for: an event that stays set.

use std::io;
use std::os::windows::io::{AsHandle, AsRawHandle, BorrowedHandle, FromRawHandle, OwnedHandle};
use std::ptr::null;
use std::time::Duration;

use windows_sys::Win32::Foundation::{HANDLE, WAIT_FAILED, WAIT_OBJECT_0, WAIT_TIMEOUT};
use windows_sys::Win32::System::Threading::{
    CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, CreateEventW, CreateWaitableTimerExW, INFINITE,
    ResetEvent, SetEvent, SetWaitableTimer, TIMER_ALL_ACCESS, WaitForMultipleObjects,
};

use crate::system::kinds::Waited;

/// A flag that stays set until it is cleared, and wakes whoever waits for it.
#[derive(Debug)]
pub(crate) struct Bell(OwnedHandle);

impl Bell {
    pub(crate) fn new() -> io::Result<Bell> {
        // SAFETY: no name and no access list are given.
        let event = unsafe { CreateEventW(null(), 1, 0, null()) };
        owned(event).map(Bell)
    }

    /// Sets the flag. Says whether the system took it.
    pub(crate) fn ring(&self) -> bool {
        // SAFETY: the handle is open.
        unsafe { SetEvent(self.raw()) != 0 }
    }

    pub(crate) fn clear(&self) {
        // SAFETY: the handle is open.
        let _ = unsafe { ResetEvent(self.raw()) };
    }

    pub(super) fn raw(&self) -> HANDLE {
        self.0.as_raw_handle()
    }

    /// Waits until the flag is set, for at most `timeout`; may return early.
    pub(crate) fn wait(&self, timeout: Duration) {
        let _ = wait_any(&[self.raw()], Some(timeout));
    }

    /// Waits until another flag is set, or this one, which is a request to stop and counts only while `stopped` says so.
    pub(crate) fn wait_for(
        &self,
        other: &Bell,
        stopped: impl Fn() -> bool,
        timeout: Option<Duration>,
    ) -> io::Result<Waited> {
        self.wait_for_handle(other.as_handle(), stopped, timeout)
    }

    /// Waits for a handle, as [`Bell::wait_for`] does for a flag.
    pub(crate) fn wait_for_handle(
        &self,
        handle: BorrowedHandle<'_>,
        stopped: impl Fn() -> bool,
        timeout: Option<Duration>,
    ) -> io::Result<Waited> {
        let first = wait_any(&[self.raw(), handle.as_raw_handle()], timeout)?;
        Ok(match first {
            _ if stopped() => Waited::Stopped,
            Some(_) => Waited::Ready,
            None => Waited::TimedOut,
        })
    }
}

impl AsHandle for Bell {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.0.as_handle()
    }
}

/// A handle that a call has made, or the call's error.
pub(super) fn owned(handle: HANDLE) -> io::Result<OwnedHandle> {
    if handle.is_null() || handle == windows_sys::Win32::Foundation::INVALID_HANDLE_VALUE {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has just made it, and nobody else closes it.
    Ok(unsafe { OwnedHandle::from_raw_handle(handle) })
}

/// Waits until one of a few handles is set, for at most `timeout`; says which is the first that is.
///
/// A wait's own time has steps of 16 ms, too coarse for frames: where it matters a timer is waited for too.
pub(super) fn wait_any(handles: &[HANDLE], timeout: Option<Duration>) -> io::Result<Option<usize>> {
    let millis = timeout.map_or(INFINITE, |timeout| {
        let millis = timeout.as_nanos().div_ceil(1_000_000);
        u32::try_from(millis)
            .unwrap_or(INFINITE - 1)
            .min(INFINITE - 1)
    });
    let exact = timeout.filter(|timeout| !timeout.is_zero() && *timeout < Duration::from_secs(1));
    let timer = exact.and_then(timer);
    let mut all = [std::ptr::null_mut(); 8];
    let count = handles.len().min(all.len() - 1);
    all[..count].copy_from_slice(&handles[..count]);
    let mut waited = count;
    if let Some(timer) = &timer {
        all[count] = timer.as_raw_handle();
        waited += 1;
    }
    // SAFETY: as many handles as are said, which are open for the time of the call.
    let first = unsafe { WaitForMultipleObjects(waited as u32, all.as_ptr(), 0, millis) };
    match first {
        WAIT_FAILED => Err(io::Error::last_os_error()),
        WAIT_TIMEOUT => Ok(None),
        first => Ok(Some((first - WAIT_OBJECT_0) as usize).filter(|first| *first < count)),
    }
}

/// A timer that is set after a time from now on; `None` where the system has none of that resolution.
fn timer(after: Duration) -> Option<OwnedHandle> {
    let flags = CREATE_WAITABLE_TIMER_HIGH_RESOLUTION;
    // SAFETY: no name and no access list are given.
    let timer = unsafe { CreateWaitableTimerExW(null(), null(), flags, TIMER_ALL_ACCESS) };
    let timer = owned(timer).ok()?;
    // In steps of 100 ns; negative is from now on.
    let due = -i64::try_from(after.as_nanos().div_ceil(100)).ok()?;
    let raw = timer.as_raw_handle();
    // SAFETY: the handle is open, and nothing is called when the time is over.
    let set = unsafe { SetWaitableTimer(raw, &raw const due, 0, None, null(), 0) };
    (set != 0).then_some(timer)
}
