//! The two clocks of a frame: monotonic for intervals, wall-clock for people.

use crate::system;

/// Returns the time of the monotonic clock (Linux: `CLOCK_MONOTONIC`) in nanoseconds: the same clock in every process of a machine.
#[must_use]
pub fn monotonic_ns() -> u64 {
    system::monotonic_ns()
}

/// Returns the wall-clock time in nanoseconds since 1970-01-01 UTC.
#[must_use]
pub fn wall_ns() -> u64 {
    system::wall_ns()
}

/// Returns when a time from now on is over, on the monotonic clock; `None` is never.
#[must_use]
pub fn deadline_ns(after: Option<std::time::Duration>) -> Option<u64> {
    let nanos = u64::try_from(after?.as_nanos()).unwrap_or(u64::MAX);
    Some(monotonic_ns().saturating_add(nanos))
}
