//! CPU and memory of the processes of a bus, and of no others.

use std::collections::HashMap;

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

use crate::bus::start_ticks;
use crate::clock::monotonic_ns;

/// Below this, CPU use cannot be told from noise, and sysinfo keeps the value before.
const REFRESH_EVERY_NS: u64 = 200_000_000;

/// What a process uses.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Usage {
    pub(crate) cpu_percent: Option<f64>,
    pub(crate) rss_bytes: Option<u64>,
}

/// Looks at processes by pid. One that is in another container, or whose pid was given to another process, is not known.
#[derive(Debug)]
pub(super) struct Processes {
    system: Option<System>,
    refreshed_ns: u64,
    /// How often each pid was refreshed: CPU use needs two looks.
    looks: HashMap<u32, u32>,
}

impl Processes {
    pub(super) fn new() -> Processes {
        Processes {
            system: System::new().ok(),
            refreshed_ns: 0,
            looks: HashMap::new(),
        }
    }

    /// Looks at these processes: pid and start time.
    pub(super) fn refresh(&mut self, pids: &[(u32, u64)]) {
        let now = monotonic_ns();
        let Some(system) = &mut self.system else {
            return;
        };
        if now.saturating_sub(self.refreshed_ns) < REFRESH_EVERY_NS {
            return;
        }
        self.refreshed_ns = now;
        let same = |(pid, ticks): &&(u32, u64)| *pid != 0 && start_ticks(*pid) == Some(*ticks);
        let visible: Vec<u32> = pids.iter().filter(same).map(|(pid, _)| *pid).collect();
        let mut wanted: Vec<Pid> = visible.iter().map(|pid| Pid::from_u32(*pid)).collect();
        // A refresh removes only those of the dead that it asks for. Consumers come and go for months: whoever was
        // looked at is asked for until it has ended.
        let seen = system.processes().keys();
        wanted.extend(seen.filter(|pid| !visible.contains(&pid.as_u32())));
        let kind = ProcessRefreshKind::nothing()
            .with_cpu()
            .with_memory()
            .without_tasks();
        system.refresh_processes_specifics(ProcessesToUpdate::Some(&wanted), true, kind);
        self.looks.retain(|pid, _| visible.contains(pid));
        for pid in visible {
            *self.looks.entry(pid).or_default() += 1;
        }
    }

    /// What was seen of a process.
    pub(super) fn usage(&self, pid: u32) -> Usage {
        let Some(looks) = self.looks.get(&pid) else {
            return Usage::default();
        };
        let Some(process) = self
            .system
            .as_ref()
            .and_then(|system| system.process(Pid::from_u32(pid)))
        else {
            return Usage::default();
        };
        Usage {
            cpu_percent: (*looks > 1).then(|| f64::from(process.cpu_usage())),
            rss_bytes: Some(process.memory()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A process that ends by itself when this one does: it reads until its input is closed.
    fn child() -> Child {
        Command::new("cat")
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

    fn kept(processes: &Processes) -> usize {
        let system = processes.system.as_ref().expect("a system");
        assert!(processes.looks.len() <= system.processes().len());
        system.processes().len()
    }

    #[test]
    fn processes_that_have_ended_are_forgotten() {
        let mut processes = Processes::new();
        let pid = std::process::id();
        let own = (pid, start_ticks(pid).expect("a start time"));
        for _ in 0..30 {
            let child = child();
            look(&mut processes, &[own, key(&child)]);
            assert!(processes.usage(child.id()).rss_bytes.is_some());
            assert!(kept(&processes) <= 2, "{}", kept(&processes));
            end(child);
        }
        look(&mut processes, &[own]);
        assert_eq!(kept(&processes), 1);
        assert!(processes.usage(own.0).cpu_percent.is_some());
    }

    #[test]
    fn one_that_only_left_the_bus_is_not_shown_and_goes_when_it_ends() {
        let mut processes = Processes::new();
        let child = child();
        let pid = child.id();
        look(&mut processes, &[key(&child)]);
        look(&mut processes, &[]);
        assert_eq!(processes.usage(pid), Usage::default());
        end(child);
        look(&mut processes, &[]);
        assert_eq!(kept(&processes), 0);
    }
}
