//! Telling one process from another that was given the same pid later (Linux: /proc).

use std::fs;

/// The start time of a process in clock ticks since boot; `None` when it is not there or cannot be seen.
pub(crate) fn start_ticks(pid: u32) -> Option<u64> {
    state_and_ticks(pid).map(|(_, ticks)| ticks)
}

/// Whether a process that had this start time lives: it is there, has it still, and has not ended.
pub(crate) fn is_alive(pid: u32, ticks: u64) -> bool {
    // A process that has ended and that nobody has waited for keeps its pid and start time.
    let lives =
        |(state, now): (char, u64)| ticks != 0 && now == ticks && !matches!(state, 'Z' | 'X');
    state_and_ticks(pid).is_some_and(lives)
}

/// A process's state and start time.
fn state_and_ticks(pid: u32) -> Option<(char, u64)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command in parentheses and may hold anything; what follows the last one is plain.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    // Field 22, counted from 1; the rest begins with field 4.
    Some((state, fields.nth(18)?.parse().ok()?))
}

/// Whether a process calls itself by another number where it lives: a container has numbers of its own.
pub(crate) fn is_called(pid: u32, inside: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    numbers.is_some_and(|numbers| {
        let mut numbers = numbers.split_ascii_whitespace();
        numbers.any(|number| number.parse() == Ok(inside))
    })
}

/// The process that holds the flock on a file; `None` when nobody does, or somebody who cannot be seen from here.
pub(super) fn flock_holder(device: u64, inode: u64) -> Option<u32> {
    let file = format!(
        "{:02x}:{:02x}:{inode}",
        rustix::fs::major(device),
        rustix::fs::minor(device)
    );
    let locks = fs::read_to_string("/proc/locks").ok()?;
    // "1: FLOCK  ADVISORY  WRITE 4415 00:1a:77 0 EOF"; with an arrow after the number it is one that waits.
    locks.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let is_flock = words.next() == Some("FLOCK");
        let (pid, locked) = (words.nth(2)?, words.next()?);
        (is_flock && locked == file).then(|| pid.parse().ok())?
    })
}

/// The user whose rights this process has.
pub(crate) fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The start time of this process.
pub(crate) fn own_start_ticks() -> u64 {
    start_ticks(std::process::id()).unwrap_or(0)
}

/// How far this process's monotonic clock is ahead of another process's, in nanoseconds: not 0 when the two are in different
/// time namespaces. `None` when that cannot be told: the other is in a container that cannot be looked into, and this one's
/// clock was shifted.
pub(crate) fn clock_ahead_ns(pid: u32, ticks: u64) -> Option<i64> {
    // A kernel without time namespaces has one clock.
    let own = clock_offset_ns("self").unwrap_or(0);
    let is_visible = ticks != 0 && start_ticks(pid) == Some(ticks);
    let other = is_visible.then(|| clock_offset_ns(&pid.to_string()));
    match other.flatten() {
        Some(other) => own.checked_sub(other),
        None => (own == 0).then_some(0),
    }
}

/// What a process's time namespace adds to the machine's monotonic clock.
fn clock_offset_ns(pid: &str) -> Option<i64> {
    let offsets = fs::read_to_string(format!("/proc/{pid}/timens_offsets")).ok()?;
    let monotonic = offsets
        .lines()
        .find_map(|line| line.strip_prefix("monotonic"))?;
    let mut numbers = monotonic.split_ascii_whitespace();
    let seconds: i64 = numbers.next()?.parse().ok()?;
    let nanos: i64 = numbers.next()?.parse().ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_one_start_time_and_a_missing_one_has_none() {
        assert!(own_start_ticks() > 0);
        assert_eq!(start_ticks(std::process::id()), Some(own_start_ticks()));
        assert_eq!(start_ticks(u32::MAX), None);
    }

    #[test]
    fn a_process_is_not_ahead_of_itself() {
        let (pid, ticks) = (std::process::id(), own_start_ticks());
        assert_eq!(clock_ahead_ns(pid, ticks), Some(0));
    }
}
