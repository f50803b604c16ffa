//! Waiting for conditions: generous, and never a statement about speed.

use std::time::{Duration, Instant};

/// What takes longer than this hangs.
const DEADLINE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Looks until it is so.
pub(crate) fn until(what: &str, mut look: impl FnMut() -> bool) {
    let start = Instant::now();
    while !look() {
        assert!(start.elapsed() < DEADLINE, "waited in vain until {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}
