//! What a process of framebus needs: memory and time to start.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use framebus::bus::{BusName, FrameMeta, Producer, ProducerOptions};
use framebus::clock::monotonic_ns;
use framebus::layout::Geometry;
use framebus::stop::Stop;
use framebus_cli::measure::median;

use crate::figures::Report;

const FRAMEBUS: &str = env!("CARGO_BIN_EXE_framebus");
const SIZE: Geometry = Geometry {
    width: 1920,
    height: 1080,
};
/// The aims: megabytes of its own, and milliseconds until it is there.
const OWN_MB: f64 = 12.0;
const START_MS: f64 = 10.0;
/// `top --once` looks twice, this far apart, because a rate needs two looks.
const TOP_LOOKS_MS: f64 = 500.0;

/// Measures `produce`, `consume` and `top`.
pub(crate) fn measure(
    name: &BusName,
    rounds: u32,
    report: &mut Report,
    stop: &Stop,
) -> io::Result<()> {
    report.part(
        "Memory: private and own file pages (RssAnon + RssFile), beside the shared segment's",
    );
    let produce = [
        "produce",
        "pattern",
        "--size",
        "1920x1080",
        "--fps",
        "30",
        "-b",
        name.as_str(),
    ];
    let consume = ["consume", "-b", name.as_str()];
    let top = ["top", "-b", name.as_str()];
    let producer = Running::start(&produce)?;
    let consumer = Running::start(&consume)?;
    let _ = stop.sleep(Duration::from_secs(1));
    producer.tell("produce, 1080p pattern", report)?;
    consumer.tell("consume, 1080p", report)?;
    let has_top = run_ms(&["top", "--help"])?.is_some();
    if has_top {
        // Without a terminal it prints as it would with --once, again and again.
        let running = Running::start(&[&top[..], &["--json", "-d", "200ms"]].concat())?;
        let _ = stop.sleep(Duration::from_secs(1));
        running.tell("top --json, 1080p", report)?;
    }
    report.part("Time to start");
    let end_of = |arguments: &[&str]| -> f64 {
        let runs = (0..rounds).take_while(|_| !stop.is_set());
        median(
            runs.filter_map(|_| run_ms(arguments).ok().flatten())
                .collect(),
        )
    };
    let version = end_of(&["--version"]);
    report.value(
        "--version, from start to end",
        version,
        "ms",
        Some(START_MS),
    );
    if has_top {
        let once = end_of(&[&top[..], &["--once"]].concat()) - TOP_LOOKS_MS;
        let what = "top --once, without the 500 ms of its rates";
        report.value(what, once, "ms", Some(START_MS));
    }
    drop((consumer, producer));
    first_frame(name, rounds, report, stop)
}

/// How long `consume` takes to its first frame on a bus with a frame each millisecond.
fn first_frame(name: &BusName, rounds: u32, report: &mut Report, stop: &Stop) -> io::Result<()> {
    let options = ProducerOptions::new(name.clone(), SIZE);
    let mut producer = Producer::create(options).map_err(io::Error::other)?;
    let ended = Stop::new()?;
    let times = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ended.sleep(Duration::from_millis(1)) {
                if let Ok(Some(claim)) = producer.claim() {
                    let capture_ns = monotonic_ns();
                    claim.publish(FrameMeta {
                        capture_ns,
                        ..FrameMeta::default()
                    });
                }
            }
        });
        let times: io::Result<Vec<f64>> = (0..rounds)
            .take_while(|_| !stop.is_set())
            .map(|_| first_line_ms(&["consume", "-b", name.as_str(), "--json"]))
            .collect();
        ended.set();
        times
    })?;
    report.value(
        "consume, to its first frame (1000 fps)",
        median(times),
        "ms",
        Some(START_MS),
    );
    Ok(())
}

/// Wall time of a run in milliseconds; `None` when it fails.
fn run_ms(arguments: &[&str]) -> io::Result<Option<f64>> {
    let from_ns = monotonic_ns();
    let status = Command::new(FRAMEBUS)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let spent_ms = (monotonic_ns() - from_ns) as f64 / 1e6;
    Ok(status.success().then_some(spent_ms))
}

fn first_line_ms(arguments: &[&str]) -> io::Result<f64> {
    let from_ns = monotonic_ns();
    let mut running = Running::start(arguments)?;
    if let Some(stdout) = running.0.stdout.take() {
        BufReader::new(stdout).read_line(&mut String::new())?;
    }
    Ok((monotonic_ns() - from_ns) as f64 / 1e6)
}

/// A process of framebus. Dropped, it is asked to end.
struct Running(Child);

impl Running {
    fn start(arguments: &[&str]) -> io::Result<Running> {
        Command::new(FRAMEBUS)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map(Running)
    }

    fn tell(&self, what: &str, report: &mut Report) -> io::Result<()> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id()))?;
        let megabytes = |field: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
                .and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok())
                .map_or(f64::NAN, |kilobytes| kilobytes / 1024.0)
        };
        let own = megabytes("RssAnon") + megabytes("RssFile");
        report.value(&format!("{what}: own"), own, "MB", Some(OWN_MB));
        report.value(
            &format!("{what}: of it private"),
            megabytes("RssAnon"),
            "MB",
            None,
        );
        report.value(
            &format!("{what}: shared segment"),
            megabytes("RssShmem"),
            "MB",
            None,
        );
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let pid = i32::try_from(self.0.id())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.0.wait();
    }
}
