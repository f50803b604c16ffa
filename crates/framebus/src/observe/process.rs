//! CPU and memory of the processes of a bus, each with its children, and of no others .
//!
//! `consume --exec` and a shell that wraps a program leave the work to children: what these use counts as the consumer's. A child
//! that has ended has left its time with the one who waited for it.

use std::collections::HashMap;

use crate::clock::monotonic_ns;
use crate::system::consumed;

/// Below this, CPU use cannot be told from noise: the kernel counts it in steps of 10 ms.
const REFRESH_EVERY_NS: u64 = 200_000_000;

/// What a process uses.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Usage {
    /// Of one core, since the look before.
    pub cpu_percent: Option<f64>,
    /// Memory of its own: without what it shares, such as the segment.
    pub rss_bytes: Option<u64>,
}

/// Looks at processes by pid. One that is in another container, or whose pid was given to another process, is not known.
#[derive(Debug, Default)]
pub(super) struct Processes {
    refreshed_ns: u64,
    seen: HashMap<u32, Seen>,
}

/// A process at the last look.
#[derive(Debug, Clone, Copy)]
struct Seen {
    start_ticks: u64,
    cpu_ns: u64,
    at_ns: u64,
    usage: Usage,
}

impl Processes {
    pub(super) fn new() -> Processes {
        Processes::default()
    }

    /// Looks at these processes: pid and start time.
    pub(super) fn refresh(&mut self, pids: &[(u32, u64)]) {
        let now = monotonic_ns();
        if now.saturating_sub(self.refreshed_ns) < REFRESH_EVERY_NS {
            return;
        }
        self.refreshed_ns = now;
        let before = std::mem::take(&mut self.seen);
        for &(pid, start_ticks) in pids.iter().filter(|(pid, _)| *pid != 0) {
            // One that is on the bus itself is not counted as another's child.
            let Some(sum) = consumed(pid, start_ticks, |kin| {
                pids.iter().any(|(pid, _)| *pid == kin)
            }) else {
                continue;
            };
            let last = before
                .get(&pid)
                .filter(|last| last.start_ticks == start_ticks);
            // A child that ends while somebody looks may be missed once.
            let cpu_ns = last.map_or(sum.cpu_ns, |last| sum.cpu_ns.max(last.cpu_ns));
            let at_ns = monotonic_ns();
            let cpu_percent = last.filter(|last| at_ns > last.at_ns).map(|last| {
                let used_ns = cpu_ns - last.cpu_ns;
                100.0 * used_ns as f64 / (at_ns - last.at_ns) as f64
            });
            let usage = Usage {
                cpu_percent,
                rss_bytes: sum.rss_bytes,
            };
            let seen = Seen {
                start_ticks,
                cpu_ns,
                at_ns,
                usage,
            };
            self.seen.insert(pid, seen);
        }
    }

    /// What was seen of a process.
    pub(super) fn usage(&self, pid: u32) -> Usage {
        self.seen
            .get(&pid)
            .map_or_else(Usage::default, |seen| seen.usage)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::system::start_ticks;

    /// A process that ends by itself when this one does: it reads until its input is closed.
    fn child(program: &str, args: &[&str]) -> Child {
        Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("a process")
    }

    fn key(child: &Child) -> (u32, u64) {
        let pid = child.id();
        (pid, start_ticks(pid).expect("a start time"))
    }

    fn end(mut child: Child) {
        child.kill().expect("a kill");
        child.wait().expect("an end");
    }

    /// Looks at once, however long ago the last look was.
    fn look(processes: &mut Processes, pids: &[(u32, u64)]) {
        processes.refreshed_ns = 0;
        processes.refresh(pids);
    }

    #[test]
    fn processes_that_have_ended_or_left_are_forgotten() {
        let mut processes = Processes::new();
        let pid = std::process::id();
        let own = (pid, start_ticks(pid).expect("a start time"));
        for _ in 0..3 {
            let child = child("cat", &[]);
            look(&mut processes, &[own, key(&child)]);
            assert!(processes.usage(child.id()).rss_bytes.is_some());
            look(&mut processes, &[own]);
            assert_eq!(processes.usage(child.id()), Usage::default());
            end(child);
            assert_eq!(processes.seen.len(), 1);
        }
        assert!(processes.usage(pid).cpu_percent.is_some());
    }

    #[test]
    fn a_pid_that_is_another_process_by_now_is_not_known() {
        let child = child("cat", &[]);
        let (pid, ticks) = key(&child);
        let mut processes = Processes::new();
        look(&mut processes, &[(pid, ticks + 1)]);
        assert_eq!(processes.usage(pid), Usage::default());
        end(child);
    }
}
