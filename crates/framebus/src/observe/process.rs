//! CPU and memory of the processes of a bus, each with its children, and of no others (Linux: /proc).
//!
//! `consume --exec` and a shell that wraps a program leave the work to children: what these use counts as the consumer's. A child
//! that has ended has left its time with the one who waited for it.

use std::collections::HashMap;
use std::fs;

use crate::clock::monotonic_ns;

/// Below this, CPU use cannot be told from noise: the kernel counts it in steps of 10 ms.
const REFRESH_EVERY_NS: u64 = 200_000_000;
/// Nanoseconds in a tick of /proc: USER_HZ is 100 on every Linux that Rust runs on.
const NS_PER_TICK: u64 = 10_000_000;
/// The most processes that are looked at for one consumer.
const MOST_KIN: usize = 64;

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
    cpu_ticks: u64,
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
            let Some(sum) = Sum::of(pid, start_ticks, |kin| {
                pids.iter().any(|(pid, _)| *pid == kin)
            }) else {
                continue;
            };
            let last = before
                .get(&pid)
                .filter(|last| last.start_ticks == start_ticks);
            // A child that ends while somebody looks may be missed once.
            let cpu_ticks = last.map_or(sum.cpu_ticks, |last| sum.cpu_ticks.max(last.cpu_ticks));
            let at_ns = monotonic_ns();
            let cpu_percent = last.filter(|last| at_ns > last.at_ns).map(|last| {
                let used_ns = (cpu_ticks - last.cpu_ticks).saturating_mul(NS_PER_TICK);
                100.0 * used_ns as f64 / (at_ns - last.at_ns) as f64
            });
            let usage = Usage {
                cpu_percent,
                rss_bytes: sum.rss_bytes,
            };
            let seen = Seen {
                start_ticks,
                cpu_ticks,
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

/// What a process and its living children have used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Sum {
    cpu_ticks: u64,
    rss_bytes: Option<u64>,
}

impl Sum {
    /// Adds up a process and those below it that `other` does not claim; `None` when it is not there or is another one by now.
    fn of(pid: u32, start_ticks: u64, other: impl Fn(u32) -> bool) -> Option<Sum> {
        let own = Stat::of(pid).filter(|stat| stat.start_ticks == start_ticks)?;
        let mut sum = Sum {
            cpu_ticks: own.cpu_ticks,
            rss_bytes: own_memory(pid),
        };
        let mut kin = children(pid);
        let mut next = 0;
        while next < kin.len().min(MOST_KIN) {
            let child = kin[next];
            next += 1;
            if other(child) {
                continue;
            }
            let Some(stat) = Stat::of(child) else {
                continue;
            };
            sum.cpu_ticks = sum.cpu_ticks.saturating_add(stat.cpu_ticks);
            sum.rss_bytes = sum
                .rss_bytes
                .map(|bytes| bytes.saturating_add(own_memory(child).unwrap_or(0)));
            kin.extend(children(child));
        }
        Some(sum)
    }
}

/// What /proc/PID/stat says.
#[derive(Debug, Clone, Copy)]
struct Stat {
    /// Its own time and that of the children that it has waited for.
    cpu_ticks: u64,
    start_ticks: u64,
}

impl Stat {
    fn of(pid: u32) -> Option<Stat> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The command in parentheses may hold anything; after it come the fields from the third on.
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        // User and system time: its own are fields 14 and 15, its children's 16 and 17.
        let times = [field(14)?, field(15)?, field(16)?, field(17)?];
        Some(Stat {
            cpu_ticks: times.iter().copied().fold(0, u64::saturating_add),
            start_ticks: field(22)?,
        })
    }
}

/// Resident memory without shared memory: a segment counts for nobody, however much of it is touched.
fn own_memory(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kilobytes = |name: &str| {
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    };
    Some((kilobytes("RssAnon")? + kilobytes("RssFile")?).saturating_mul(1024))
}

/// The living children of all its threads; none where the kernel does not tell.
fn children(pid: u32) -> Vec<u32> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let of_thread = |thread: fs::DirEntry| {
        fs::read_to_string(thread.path().join("children")).unwrap_or_default()
    };
    let lists: Vec<String> = threads.flatten().map(of_thread).collect();
    let pids = lists.iter().flat_map(|list| list.split_ascii_whitespace());
    pids.filter_map(|pid| pid.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::bus::start_ticks;

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

    #[test]
    fn what_children_use_and_have_used_is_their_parents() {
        // Its child works and ends, and so does the next; then one lives and waits.
        let script = "work() { i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; }; (work); (work); read go; cat; true";
        let mut shell = child("sh", &["-c", script]);
        let (pid, ticks) = key(&shell);
        let nobody = |_| false;
        let ticks_of = |pid, ticks| Sum::of(pid, ticks, nobody).map(|sum| sum.cpu_ticks);
        while ticks_of(pid, ticks).is_none_or(|used| used < 2) {
            std::thread::yield_now();
        }
        let input = shell.stdin.as_mut().expect("its input");
        input.write_all(b"go\n").expect("written");
        let mut kin = children(pid);
        // The last one is `cat`, once both who work have ended.
        while !kin.iter().any(|kin| {
            fs::read_to_string(format!("/proc/{kin}/comm")).is_ok_and(|name| name == "cat\n")
        }) {
            kin = children(pid);
        }
        let alone = own_memory(pid).expect("memory");
        let both = Sum::of(pid, ticks, nobody).and_then(|sum| sum.rss_bytes);
        assert!(both.is_some_and(|both| both > alone), "{both:?} {alone}");
        // One that is on the bus itself is counted there alone.
        let claimed = Sum::of(pid, ticks, |child| kin.contains(&child));
        assert_eq!(claimed.and_then(|sum| sum.rss_bytes), own_memory(pid));
        end(shell);
    }
}
