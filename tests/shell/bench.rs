//! `bench`: what it prints, and that it leaves nothing. What it measures is not a test's business.

use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Done, Place, Running, until};

/// A run that is over soon.
const SHORT: [&str; 9] = [
    "bench",
    "--size=64x48",
    "--fps=1000",
    "--consumers=2",
    "--rounds=2",
    "--duration=500ms",
    "-q",
    "--log-format",
    "text",
];
/// A run that goes on until it is stopped.
const LONG: [&str; 5] = [
    "bench",
    "--size=64x48",
    "--consumers=2",
    "--duration=1h",
    "-q",
];

/// A run whose buses are removed when the test ends, however it ends.
struct Bench {
    place: Place,
    running: Option<Running>,
    pid: u32,
}

impl Bench {
    fn start(args: &[&str]) -> Bench {
        let place = Place::new();
        let running = Running::start(Bench::command(&place, args));
        let pid = running.pid();
        let running = Some(running);
        Bench {
            place,
            running,
            pid,
        }
    }

    fn command(place: &Place, args: &[&str]) -> Command {
        let mut command = place.framebus(args);
        // Where its runtime directory is made.
        command.env("TMPDIR", place.dir.path());
        command
    }

    /// A run that measures: its consumers take frames.
    fn measuring() -> Bench {
        let bench = Bench::start(&LONG);
        // Bare eventfds and two buses, two consumers each.
        until("its consumers are there", || bench.processes().len() == 7);
        bench
    }

    /// Everything that it has started and that is still there.
    fn processes(&self) -> Vec<i32> {
        let mut found = Vec::new();
        let mut parents = vec![self.pid];
        while let Some(parent) = parents.pop() {
            let path = format!("/proc/{parent}/task/{parent}/children");
            let children = std::fs::read_to_string(path).unwrap_or_default();
            for child in children.split_whitespace() {
                parents.push(child.parse().expect("a pid"));
                found.push(child.parse().expect("a pid"));
            }
        }
        found
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("it runs")
    }

    fn end(&mut self) -> Done {
        self.running.take().expect("it runs").end()
    }

    /// What of its buses is in shared memory.
    fn shm_files(&self) -> Vec<String> {
        let beginning = format!("framebus.bench{}-", self.pid);
        let entries = std::fs::read_dir("/dev/shm").expect("/dev/shm");
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter(|name| name.starts_with(&beginning)).collect()
    }

    fn has_left_nothing(&self) -> bool {
        let directory = std::fs::read_dir(self.place.dir.path()).expect("a directory");
        self.shm_files().is_empty() && directory.count() == 0
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // Killed, it takes what it has started with it, which clears up; this is for when it does not.
        drop(self.running.take());
        for name in self.shm_files() {
            let _ = std::fs::remove_file(Path::new("/dev/shm").join(name));
        }
    }
}

fn gone(pids: &[i32]) -> bool {
    let alive = |pid: &i32| Pid::from_raw(*pid).is_some_and(is_alive);
    !pids.iter().any(alive)
}

/// Whether a process is there and no zombie.
fn is_alive(pid: Pid) -> bool {
    let path = format!("/proc/{}/stat", pid.as_raw_nonzero());
    let stat = std::fs::read_to_string(path).unwrap_or_default();
    stat.rsplit_once(')')
        .is_some_and(|(_, fields)| !fields.trim_start().starts_with(['Z', 'X']))
}

#[test]
fn bench_prints_one_object_with_units_in_its_keys() {
    let mut bench = Bench::start(&[&SHORT[..], &["--json"]].concat());
    let done = bench.end().is(0);
    assert_eq!(done.stderr, "");
    assert_eq!(done.text().lines().count(), 1);
    let report = done.json();
    assert_eq!(report["schema"], 1);
    for (key, value) in [
        ("width", 64),
        ("height", 48),
        ("fps", 1000),
        ("consumers", 2),
        ("rounds", 2),
        ("duration_ms", 500),
    ] {
        assert_eq!(report[key].as_f64(), Some(f64::from(value)), "{key}");
    }
    for (part, key) in [
        ("wake", "bus_us"),
        ("wake", "eventfd_us"),
        ("wake", "ratio"),
        ("wake_cpu", "bus_us"),
        ("wake_cpu", "eventfd_us"),
        ("wake_cpu", "ratio"),
        ("frame", "cpu_us"),
        ("frame", "convert_cpu_us"),
        ("frame", "ratio"),
        ("frame", "latency_us"),
        ("convert", "gray_us"),
        ("convert", "memory_us"),
        ("convert", "ratio"),
        ("throughput", "bus_fps"),
        ("throughput", "convert_fps"),
        ("throughput", "ratio"),
    ] {
        let spread = &report[part][key];
        let number = |name: &str| spread[name].as_f64().expect("a number");
        let ordered = number("least") <= number("median") && number("median") <= number("most");
        assert!(ordered, "{part}.{key}: {spread}");
    }
    for (part, key) in [
        ("wake", "bus_p99_us"),
        ("wake", "eventfd_p99_us"),
        ("frame", "core_percent"),
        ("throughput", "taken_percent"),
    ] {
        assert!(report[part][key].is_f64(), "{part}.{key}");
    }
    assert!(bench.has_left_nothing());
}

#[test]
fn bench_prints_tables_of_80_columns() {
    let mut bench = Bench::start(&SHORT);
    let done = bench.end().is(0);
    let text = done.text();
    assert!(
        text.is_ascii() && text.lines().all(|line| line.len() <= 80),
        "{text}"
    );
    assert!(
        text.starts_with("framebus ") && text.contains("64x48 at 1000 fps"),
        "{text}"
    );
    assert_eq!(text.matches("framebus / bare").count(), 4, "{text}");
    assert!(!text.contains("NaN"), "{text}");
    assert!(bench.has_left_nothing());
}

#[test]
fn a_bench_that_is_stopped_leaves_nothing() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut bench = Bench::measuring();
        let started = bench.processes();
        assert_eq!(bench.shm_files().len(), 4, "two segments and their locks");
        bench.running().signal(signal);
        let done = bench.end().is(code);
        assert_eq!((done.text(), done.stderr.as_str()), (String::new(), ""));
        assert!(gone(&started) && bench.has_left_nothing());
    }
}

#[test]
fn a_bench_that_is_killed_leaves_nothing() {
    // The process that was started.
    let mut bench = Bench::measuring();
    let started = bench.processes();
    bench.running.take().expect("it runs").kill();
    until("what it has started ends", || gone(&started));
    assert!(bench.has_left_nothing());
    // The process that measures.
    let mut bench = Bench::measuring();
    let started = bench.processes();
    let measures = Pid::from_raw(started[0]).expect("a pid");
    kill_process(measures, Signal::KILL).expect("a signal");
    bench.end().is(2).one_sentence("was killed");
    until("its consumers end", || gone(&started));
    assert!(bench.has_left_nothing());
}

#[test]
fn a_bench_that_cannot_be_says_so_in_a_sentence() {
    let run = |args: &[&str]| {
        let mut bench = Bench::start(args);
        let done = bench.end();
        assert!(bench.has_left_nothing());
        done
    };
    let done = run(&["bench", "--fps", "1"]).is(2);
    done.one_sentence("12s are too short for 5 rounds at 1 fps: use --duration 148s");
    let large = ["bench", "-q", "--size", "32768x32768", "--consumers", "250"];
    run(&large)
        .is(2)
        .one_sentence("of shared memory and /dev/shm has");
    run(&["bench", "--consumers", "0"]).is(2);
    let place = Place::new();
    let mut command = Bench::command(&place, &["bench", "-q"]);
    command.env("TMPDIR", place.path("nowhere"));
    let done = Running::start(command).end().is(2);
    done.one_sentence("TMPDIR chooses another place");
}
