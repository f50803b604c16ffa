//! Processes and users.

use std::io;
use std::os::windows::io::{AsRawHandle, OwnedHandle};

use windows_sys::Win32::Foundation::{
    ERROR_NO_SYSTEM_RESOURCES, ERROR_TOO_MANY_OPEN_FILES, FILETIME, WAIT_TIMEOUT,
};
use windows_sys::Win32::System::ProcessStatus::{
    K32GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS, PROCESS_MEMORY_COUNTERS_EX,
};
use windows_sys::Win32::System::RemoteDesktop::ProcessIdToSessionId;
use windows_sys::Win32::System::Threading::{
    GetProcessTimes, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE,
    WaitForSingleObject,
};

use super::access::{number, own_number, user_of};
use super::bell::owned;
use crate::system::kinds::{Consumed, Load, TooFew};

/// A handle on a process; as long as it is open its pid is nobody else's.
fn open(pid: u32) -> Option<OwnedHandle> {
    let access = PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE;
    // SAFETY: asks only.
    owned(unsafe { OpenProcess(access, 0, pid) }).ok()
}

/// When a process was made, and how long it has computed; in steps of 100 ns.
fn times(process: &OwnedHandle) -> Option<(u64, u64)> {
    let mut times = [FILETIME::default(); 4];
    let [made, ended, kernel, user] = &mut times;
    let raw = process.as_raw_handle();
    // SAFETY: the handle is open, the places are writable.
    if unsafe { GetProcessTimes(raw, made, ended, kernel, user) } == 0 {
        return None;
    }
    let [made, _, kernel, user] =
        times.map(|time| u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime));
    Some((made, kernel.saturating_add(user)))
}

/// When a process was made; `None` when it is not there or cannot be seen.
pub(crate) fn start_ticks(pid: u32) -> Option<u64> {
    Some(times(&open(pid)?)?.0)
}

/// The same of this process.
pub(crate) fn own_start_ticks() -> u64 {
    start_ticks(std::process::id()).unwrap_or(0)
}

/// Whether a process that had this start time lives.
pub(crate) fn is_alive(pid: u32, ticks: u64) -> bool {
    let Some(process) = open(pid).filter(|_| ticks != 0) else {
        return false;
    };
    // SAFETY: the handle is open.
    let waited = unsafe { WaitForSingleObject(process.as_raw_handle(), 0) };
    waited == WAIT_TIMEOUT && times(&process).is_some_and(|(made, _)| made == ticks)
}

/// Whether a process calls itself by another number where it lives: there is one list of numbers here.
pub(crate) fn is_called(pid: u32, inside: u32) -> bool {
    pid == inside
}

/// How far this process's monotonic clock is ahead of another's: there is one here.
pub(crate) fn clock_ahead_ns(_pid: u32, _ticks: u64) -> Option<i64> {
    Some(0)
}

/// The user whose rights this process has, as a number: the last of its SID.
pub(crate) fn own_uid() -> u32 {
    own_number()
}

/// The user of a process, if it may be looked at.
pub(super) fn user_of_pid(pid: u32) -> Option<u32> {
    let process = open(pid)?;
    Some(number(&user_of(process.as_raw_handle()).ok()?))
}

/// Whether a process is in the same login as this one.
pub(super) fn is_of_this_session(pid: u32) -> bool {
    let session = |pid| {
        let mut session = 0;
        // SAFETY: the place is writable.
        let told = unsafe { ProcessIdToSessionId(pid, &raw mut session) };
        (told != 0).then_some(session)
    };
    session(pid).is_some() && session(pid) == session(std::process::id())
}

/// What a process has used so far; its children are not counted here.
pub(crate) fn consumed(
    pid: u32,
    start_ticks: u64,
    _other: impl Fn(u32) -> bool,
) -> Option<Consumed> {
    let process = open(pid)?;
    let (made, used) = times(&process)?;
    if made != start_ticks {
        return None;
    }
    let size = size_of::<PROCESS_MEMORY_COUNTERS_EX>() as u32;
    let mut memory = PROCESS_MEMORY_COUNTERS_EX {
        cb: size,
        ..PROCESS_MEMORY_COUNTERS_EX::default()
    };
    let place = (&raw mut memory).cast::<PROCESS_MEMORY_COUNTERS>();
    // SAFETY: the handle is open; the place is writable and has as many bytes as is said.
    let told = unsafe { K32GetProcessMemoryInfo(process.as_raw_handle(), place, size) };
    Some(Consumed {
        cpu_ns: used.saturating_mul(100),
        // 0 is what Wine says that does not know.
        rss_bytes: Some(memory.PrivateUsage as u64).filter(|bytes| told != 0 && *bytes > 0),
    })
}

/// How busy the machine is: nobody counts that here.
pub(crate) fn load() -> Option<Load> {
    None
}

/// Makes room for the handles of a bus: a process may have millions.
pub(crate) fn reserve(_consumers: u8) -> Result<(), TooFew> {
    Ok(())
}

/// How many handles a process may have, for a message.
pub(crate) fn limit() -> u64 {
    1 << 24
}

/// Whether the system or this process has no handle left.
pub(crate) fn is_exhaustion(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(i32::cast_unsigned),
        Some(ERROR_NO_SYSTEM_RESOURCES | ERROR_TOO_MANY_OPEN_FILES)
    )
}
