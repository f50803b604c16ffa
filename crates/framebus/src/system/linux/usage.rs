//! CPU and memory of a process with its children, and how busy the machine is (/proc).
//!
//! `consume --exec` and a shell that wraps a program leave the work to children: what these use counts as the consumer's. A child
//! that has ended has left its time with the one who waited for it.

use std::fs;

use crate::system::kinds::{Consumed, Load};

/// Nanoseconds in a tick of /proc: USER_HZ is 100 on every Linux that Rust runs on.
const NS_PER_TICK: u64 = 10_000_000;
/// The most processes that are looked at for one consumer.
const MOST_KIN: usize = 64;

/// Adds up a process and those below it that `other` does not claim; `None` when it is not there or is another one by now.
pub(crate) fn consumed(
    pid: u32,
    start_ticks: u64,
    other: impl Fn(u32) -> bool,
) -> Option<Consumed> {
    let own = Stat::of(pid).filter(|stat| stat.start_ticks == start_ticks)?;
    let mut sum = Consumed {
        cpu_ns: own.cpu_ticks.saturating_mul(NS_PER_TICK),
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
        let ns = stat.cpu_ticks.saturating_mul(NS_PER_TICK);
        sum.cpu_ns = sum.cpu_ns.saturating_add(ns);
        sum.rss_bytes = sum
            .rss_bytes
            .map(|bytes| bytes.saturating_add(own_memory(child).unwrap_or(0)));
        kin.extend(children(child));
    }
    Some(sum)
}

/// How busy the machine is.
pub(crate) fn load() -> Option<Load> {
    let averages = fs::read_to_string("/proc/loadavg").ok()?;
    let wanting = averages.split_ascii_whitespace().next()?.parse().ok()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    Some(Load { wanting, cores })
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
    use std::process::{Command, Stdio};

    use super::super::start_ticks;
    use super::*;

    #[test]
    fn what_children_use_and_have_used_is_their_parents() {
        // Its child works and ends, and so does the next; then one lives and waits.
        let script = "work() { i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; }; (work); (work); read go; cat; true";
        // It ends by itself when this process does: it reads until its input is closed.
        let mut shell = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("a process");
        let pid = shell.id();
        let ticks = start_ticks(pid).expect("a start time");
        let nobody = |_| false;
        let ticks_of = |pid, ticks| consumed(pid, ticks, nobody).map(|sum| sum.cpu_ns);
        while ticks_of(pid, ticks).is_none_or(|used| used < 2 * NS_PER_TICK) {
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
        let both = consumed(pid, ticks, nobody).and_then(|sum| sum.rss_bytes);
        assert!(both.is_some_and(|both| both > alone), "{both:?} {alone}");
        // One that is on the bus itself is counted there alone.
        let claimed = consumed(pid, ticks, |child| kin.contains(&child));
        assert_eq!(claimed.and_then(|sum| sum.rss_bytes), own_memory(pid));
        shell.kill().expect("a kill");
        shell.wait().expect("an end");
    }
}
