//! The clocks.

use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

use windows_sys::Win32::System::Performance::{QueryPerformanceCounter, QueryPerformanceFrequency};

const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// The performance counter: the same in every process of the machine.
pub(crate) fn monotonic_ns() -> u64 {
    static FREQUENCY: OnceLock<u128> = OnceLock::new();
    let frequency = *FREQUENCY.get_or_init(|| {
        let mut frequency = 0;
        // SAFETY: the place is writable.
        unsafe { QueryPerformanceFrequency(&raw mut frequency) };
        u128::from(frequency.max(1).cast_unsigned())
    });
    let mut count = 0;
    // SAFETY: the place is writable.
    unsafe { QueryPerformanceCounter(&raw mut count) };
    let nanos = u128::from(count.cast_unsigned()) * NANOS_PER_SECOND / frequency;
    u64::try_from(nanos).unwrap_or(u64::MAX)
}

pub(crate) fn wall_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}
