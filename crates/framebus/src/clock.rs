//! The two clocks of a frame: monotonic for intervals, wall-clock for people.

use rustix::time::{ClockId, clock_gettime};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Returns the time of `CLOCK_MONOTONIC` in nanoseconds: the same clock in every process of a machine.
#[must_use]
pub fn monotonic_ns() -> u64 {
    nanos(ClockId::Monotonic)
}

/// Returns the wall-clock time in nanoseconds since 1970-01-01 UTC.
#[must_use]
pub fn wall_ns() -> u64 {
    nanos(ClockId::Realtime)
}

fn nanos(clock: ClockId) -> u64 {
    let now = clock_gettime(clock);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    let fraction = u64::try_from(now.tv_nsec).unwrap_or(0);
    seconds
        .saturating_mul(NANOS_PER_SECOND)
        .saturating_add(fraction)
}

/// Returns when a time from now on is over, on the monotonic clock; `None` is never.
#[must_use]
pub fn deadline_ns(after: Option<std::time::Duration>) -> Option<u64> {
    let nanos = u64::try_from(after?.as_nanos()).unwrap_or(u64::MAX);
    Some(monotonic_ns().saturating_add(nanos))
}
