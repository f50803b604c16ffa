//! Telling one process from another that was given the same pid later (Linux: /proc).

use std::fs;

/// The start time of a process in clock ticks since boot; `None` when it is not there or cannot be seen.
pub(crate) fn start_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command in parentheses and may hold anything; what follows the last one is plain.
    let (_, fields) = stat.rsplit_once(')')?;
    // Field 22, counted from 1; the rest begins with field 3.
    fields.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// The start time of this process.
pub(crate) fn own_start_ticks() -> u64 {
    start_ticks(std::process::id()).unwrap_or(0)
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
}
