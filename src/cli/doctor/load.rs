//! How busy the machine is: a consumer that is slow may only be waiting for its turn.

use std::fs;
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
        .chain([of_cores(cores, online())])
        .chain(governor(&|name| {
            let path = format!("/sys/devices/system/cpu/cpu0/cpufreq/{name}");
            fs::read_to_string(path).ok()
        }))
        .collect()
}

/// The cores that this machine has, as the kernel counts them: what a process may use can be fewer.
fn online() -> Option<usize> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let is_core = |line: &&str| {
        let number = line.strip_prefix("cpu");
        number.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    Some(text.lines().filter(is_core).count())
}

fn of_cores(usable: usize, online: Option<usize>) -> Check {
    let many = if usable == 1 { "" } else { "s" };
    let text = format!("{usable} core{many} for producer and consumers");
    match online {
        Some(online) if online > usable => Check::warn(
            "cores",
            format!("{text}, of {online}: an affinity or a quota keeps the others"),
            "taskset -cp $$; cat /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup)/cpu.max",
        ),
        _ if usable == 1 => Check::warn(
            "cores",
            format!("{text}: they take turns, and a slow one makes the others late"),
            "framebus top   # and look at CPU%",
        ),
        _ => Check::pass("cores", text),
    }
}

/// Drivers under which `powersave` only means that the processor chooses its speed itself.
const CHOOSE_THEMSELVES: [&str; 3] = ["intel_pstate", "amd-pstate-epp", "amd_pstate_epp"];

/// Judges how the speed of the cores is chosen; nothing where nobody tells, as in most virtual machines.
fn governor(read: &dyn Fn(&str) -> Option<String>) -> Option<Check> {
    let (governor, driver) = (read("scaling_governor")?, read("scaling_driver")?);
    let (governor, driver) = (governor.trim(), driver.trim());
    let text = format!("the speed of the cores is chosen by {governor} ({driver})");
    if governor != "powersave" || CHOOSE_THEMSELVES.contains(&driver) {
        return Some(Check::pass("governor", text));
    }
    Some(Check::warn(
        "governor",
        format!("{text}: they stay at their lowest, and every frame takes longer"),
        "sudo cpupower frequency-set -g schedutil",
    ))
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

    #[test]
    fn cores_that_are_kept_back_or_slow_are_pointed_at() {
        assert!(of_cores(4, Some(4)).mend.is_none());
        assert!(of_cores(4, None).mend.is_none());
        assert!(
            of_cores(2, Some(8))
                .text
                .contains("2 cores for producer and consumers, of 8")
        );
        assert!(of_cores(1, Some(1)).mend.is_some());
        let judged = |governor: &str, driver: &str| {
            let read = |name: &str| {
                let text = if name == "scaling_driver" {
                    driver
                } else {
                    governor
                };
                Some(format!("{text}\n"))
            };
            super::governor(&read).map(|check| check.mend.is_some())
        };
        assert_eq!(judged("powersave", "acpi-cpufreq"), Some(true));
        assert_eq!(judged("powersave", "intel_pstate"), Some(false));
        assert_eq!(judged("schedutil", "cpufreq-dt"), Some(false));
        assert!(super::governor(&|_| None).is_none());
    }
}
