//! The benchmark of the bus: ratios within one run, medians over rounds in which everything that is compared has its
//! turn. Nothing here is a test; an aim that is missed is printed, not asserted.
//!
//! Run it with `bin/bench`; `bin/bench --help` tells the options.

mod bare;
mod crew;
mod figures;
mod footprint;
mod frames;
mod pixels;
mod wakes;

use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::{Parser, ValueEnum};
use framebus::bus::BusName;
use framebus::stop::Stop;
use rustix::process::{Pid, Signal, kill_process, setpriority_process};

use figures::Report;
use wakes::Plan;

/// Measures the bus
#[derive(Debug, Parser)]
struct Options {
    /// About 20 seconds instead of some minutes
    #[arg(long)]
    quick: bool,
    /// Only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,
    /// Frames a second
    #[arg(long, value_delimiter = ',', default_value = "30,200,1000")]
    fps: Vec<u32>,
    /// Numbers of consumers
    #[arg(long, value_delimiter = ',', default_value = "1,3,8")]
    consumers: Vec<u8>,
    /// An earlier build of this program: its consumers have their turns beside this one's
    #[arg(long, value_name = "PROGRAM")]
    against: Option<PathBuf>,
    /// What cargo adds
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Latency, and the producer's CPU
    Wakes,
    /// The gray conversion
    Gray,
    /// The first frame
    First,
    /// Memory, and time to start
    Footprint,
}

fn main() -> io::Result<ExitCode> {
    match crew::role() {
        None => supervise(),
        Some((role, arguments)) => match role.as_str() {
            "run" => run(&arguments),
            "consumer" => crew::play_consumer(&arguments),
            "futex" => bare::play(bare::Kind::Futex, &arguments),
            "eventfd" => bare::play(bare::Kind::Eventfd, &arguments),
            "first" => frames::play_first(&arguments),
            other => Err(io::Error::other(format!("no role {other}"))),
        },
    }
}

/// Runs the benchmark in a process of its own, with a runtime directory that goes with it.
fn supervise() -> io::Result<ExitCode> {
    // Usage is checked, and --help answered, before anything is made.
    Options::parse();
    let stop = Stop::on_signals()?;
    let runtime = tempfile::Builder::new()
        .prefix("framebus-bench-")
        .tempdir()?;
    let mut child = Command::new(std::env::current_exe()?)
        .arg("role:run")
        .args(std::env::args_os().skip(1))
        .env("FRAMEBUS_RUNTIME_DIR", runtime.path())
        .spawn()?;
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let asked = stop.clone();
    std::thread::spawn(move || {
        while !asked.sleep(std::time::Duration::from_secs(3600)) {}
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
    });
    let status = child.wait()?;
    Ok(match (status.success(), stop.signal()) {
        (true, None) => ExitCode::SUCCESS,
        (_, Some(signal)) => ExitCode::from(128 + u8::try_from(signal).unwrap_or(0)),
        _ => ExitCode::FAILURE,
    })
}

fn run(arguments: &[String]) -> io::Result<ExitCode> {
    let own_name = "bench".to_owned();
    let options = Options::parse_from(std::iter::once(&own_name).chain(arguments));
    let stop = Stop::on_signals()?;
    // Where it is allowed, so that other work on the machine disturbs less; children inherit it.
    let _ = setpriority_process(None, -10);
    let name: BusName = format!("bench{}", std::process::id())
        .parse()
        .map_err(io::Error::other)?;
    let wanted = |part| options.only.is_empty() || options.only.contains(&part);
    let often = |quick: u32, full: u32| if options.quick { quick } else { full };
    let mut report = Report::default();
    println!("framebus benchmark: every figure is relative to what stands beside it, in this run");
    if wanted(Part::Gray) {
        frames::against_memory(often(50, 400), &mut report, &stop);
    }
    if wanted(Part::First) {
        frames::first(&name, often(3, 15), &mut report, &stop)?;
    }
    if wanted(Part::Footprint) && !stop.is_set() {
        footprint::measure(&name, often(5, 25), &mut report, &stop)?;
    }
    if wanted(Part::Wakes) {
        let plan = Plan {
            rates: options.fps.clone(),
            consumers: options.consumers.clone(),
            sittings: often(1, 5),
            rounds: often(3, 4),
            turn_ms: often(80, 250),
            least_frames: often(5, 14),
            against: options.against.clone(),
        };
        wakes::measure(&name, &plan, &mut report, &stop)?;
    }
    if !stop.is_set() {
        report.end();
    }
    Ok(ExitCode::SUCCESS)
}
