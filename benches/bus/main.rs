//! The benchmark of the bus: ratios within one run, medians over rounds in which everything that is compared has its
//! turn. Nothing here is a test; an aim that is missed is printed, not asserted.
//!
//! Run it with `bin/bench`; `bin/bench --help` tells the options.

mod bare;
mod figures;
mod footprint;
mod frames;
mod pixels;
mod wakes;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use framebus::bus::BusName;
use framebus_cli::measure::{Role, asked_to_end, bus_name, play, supervise};
use rustix::process::setpriority_process;

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
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref().and_then(Role::of) {
        None => {
            // Usage is checked, and --help answered, before anything is made.
            Options::parse();
            supervise(std::env::args_os().skip(1))
        }
        Some(role) => {
            let arguments: Vec<String> = arguments.collect();
            play(&role, &arguments, || match &role {
                Role::Run => run(&arguments),
                Role::Other(name) if name == bare::ROLE => bare::play(&arguments),
                Role::Other(name) if name == frames::ROLE => frames::play_first(&arguments),
                other => Err(io::Error::other(format!("no role {other:?}"))),
            })
        }
    }
}

fn run(arguments: &[String]) -> io::Result<ExitCode> {
    let own_name = "bench".to_owned();
    let options = Options::parse_from(std::iter::once(&own_name).chain(arguments));
    let stop = asked_to_end()?;
    // Where it is allowed, so that other work on the machine disturbs less; children inherit it.
    let _ = setpriority_process(None, -10);
    let name: BusName = format!("{}-bus", bus_name()?)
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
