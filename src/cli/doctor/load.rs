//! How busy the machine is: a consumer that is slow may only be waiting for its turn.

use std::thread::available_parallelism;

use sysinfo::{MemoryRefreshKind, System};

use super::super::units::show_bytes;
use super::Check;

/// With more processes than this for each core, everybody waits for most of the time.
const BUSY: f64 = 2.0;
/// With less memory than this, the next camera may be refused or somebody killed.
const LITTLE_MEMORY: u64 = 128 << 20;

pub(super) fn checks() -> Vec<Check> {
    let load = System::load_average().ok().map(|load| load.five);
    let cores = available_parallelism().map_or(1, usize::from);
    let mut system = System::new().ok();
    let memory = system.as_mut().map(|system| {
        system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        system.available_memory()
    });
    load.map(|load| busy(load, cores))
        .into_iter()
        .chain(memory.map(room))
        .collect()
}

fn busy(load: f64, cores: usize) -> Check {
    let many = if cores == 1 { "" } else { "s" };
    let text = format!("on average {load:.1} processes want {cores} core{many}");
    if load <= BUSY * cores as f64 {
        return Check::pass("load", text);
    }
    Check::warn(
        "load",
        format!("{text}: consumers may be slow because they wait for their turn"),
        "framebus top   # and look at CPU%",
    )
}

fn room(available: u64) -> Check {
    let text = format!("{} of memory are available", show_bytes(available));
    if available >= LITTLE_MEMORY {
        return Check::pass("memory", text);
    }
    Check::warn(
        "memory",
        format!("{text}: what takes more may be killed"),
        "ps -eo rss,pid,args --sort=-rss | head",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_is_too_busy_is_pointed_at() {
        assert!(busy(3.9, 2).mend.is_none());
        assert!(busy(4.1, 2).mend.is_some());
        assert!(room(1 << 30).mend.is_none());
        assert!(room(1 << 20).mend.is_some());
    }
}
