//! What a snapshot needs besides the segment: clocks, processes, room in shared memory. A test has its own.

use std::fmt::Debug;

use super::process::{Processes, Usage};
use crate::clock::{monotonic_ns, wall_ns};
use crate::system::{self, Load, shm_usage};

/// Where a sampler gets what is not in the segment.
pub trait World: Debug + Send {
    /// Now, on the clock that is in the segment: CLOCK_MONOTONIC ns.
    fn monotonic_ns(&self) -> u64;

    /// Now, for people: ns since 1970-01-01 UTC.
    fn wall_ns(&self) -> u64;

    /// Looks at these processes, given as pid and start time in clock ticks since boot.
    fn refresh(&mut self, pids: &[(u32, u64)]);

    /// What was seen of a process with the last look.
    fn usage(&self, pid: u32) -> Usage;

    /// Bytes of shared memory that are used, and how many there are; `None` where nobody can tell.
    fn shm_usage(&self) -> Option<(u64, u64)>;

    /// How many want to run, and how many can; `None` where nobody can tell.
    fn load(&self) -> Option<Load> {
        None
    }
}

/// The machine that this program runs on.
#[derive(Debug)]
pub(super) struct Machine {
    processes: Processes,
    load: Option<Load>,
    load_ns: u64,
}

/// The kernel averages every five seconds.
const LOAD_EVERY_NS: u64 = 5_000_000_000;

impl Machine {
    pub(super) fn new() -> Machine {
        Machine {
            processes: Processes::new(),
            load: None,
            load_ns: 0,
        }
    }
}

impl World for Machine {
    fn monotonic_ns(&self) -> u64 {
        monotonic_ns()
    }

    fn wall_ns(&self) -> u64 {
        wall_ns()
    }

    fn refresh(&mut self, pids: &[(u32, u64)]) {
        self.processes.refresh(pids);
        let now = monotonic_ns();
        if now.saturating_sub(self.load_ns) >= LOAD_EVERY_NS {
            (self.load, self.load_ns) = (system::load(), now);
        }
    }

    fn usage(&self, pid: u32) -> Usage {
        self.processes.usage(pid)
    }

    fn shm_usage(&self) -> Option<(u64, u64)> {
        shm_usage()
    }

    fn load(&self) -> Option<Load> {
        self.load
    }
}
