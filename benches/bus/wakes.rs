//! From publish to lease, and what a frame costs the producer: the bus against bare wake-ups, in turns.

use std::io;
use std::path::{Path, PathBuf};

use framebus::bus::BusName;
use framebus::layout::TriggerKind;
use framebus::stop::Stop;
use framebus_cli::measure::{Outcome, Pace, Program, Way, median, paired, percentile, sit};

use crate::bare;
use crate::figures::Report;
use crate::pixels::VGA;

/// The consumers of an earlier build.
const EARLIER: &str = "earlier build";

/// What is measured: how often, how many, how long.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Frames a second.
    pub(crate) rates: Vec<u32>,
    /// Numbers of consumers.
    pub(crate) consumers: Vec<u8>,
    /// Sittings; for each, all processes are started anew.
    pub(crate) sittings: u32,
    /// Rounds of a sitting; in each, every way to wake has its turn.
    pub(crate) rounds: u32,
    /// How long a turn lasts.
    pub(crate) turn_ms: u32,
    /// Frames that a turn has at least.
    pub(crate) least_frames: u32,
    /// An earlier build of this program, whose consumers have their turns too.
    pub(crate) against: Option<PathBuf>,
}

/// Measures everything there is to wake.
pub(crate) fn measure(
    name: &BusName,
    plan: &Plan,
    report: &mut Report,
    stop: &Stop,
) -> io::Result<()> {
    report
        .part("From publish to lease, and the producer's own CPU, against bare wake-ups in turns");
    for &rate in &plan.rates {
        for &consumers in &plan.consumers {
            let mut outcomes = Vec::new();
            let pace = Pace {
                fps: rate,
                frames: (rate * plan.turn_ms / 1000).max(plan.least_frames),
            };
            for sitting in 0..plan.sittings as usize {
                let ways = ways(name, consumers, plan.against.as_deref())?;
                let rounds = plan.rounds as usize;
                sit(ways, rounds, pace, sitting, &mut outcomes, stop)?;
                if stop.is_set() {
                    return Ok(());
                }
            }
            println!("  {rate} fps, consumers: {consumers}");
            tell(&outcomes, report);
        }
    }
    Ok(())
}

/// The bus, and both bare ways; with one consumer, the bus in all its ways.
fn ways(name: &BusName, consumers: u8, earlier: Option<&Path>) -> io::Result<Vec<Way>> {
    let this = Program::this()?;
    let bus = |label, name: &BusName, kind, program: &Program| {
        Way::bus(label, name, VGA, kind, program, consumers)
    };
    let mut ways = vec![
        Way::nobody(),
        bare::futex("bare futex", &this, consumers)?,
        Way::eventfd("bare eventfd", &this, consumers)?,
        bus("bus", name, TriggerKind::Eventfd, &this)?,
    ];
    if let Some(path) = earlier {
        let name = format!("{name}-earlier")
            .parse()
            .map_err(io::Error::other)?;
        let program = Program::other(path);
        ways.push(bus(EARLIER, &name, TriggerKind::Eventfd, &program)?);
    } else if consumers == 1 {
        ways.push(bus("bus, pipe", name, TriggerKind::Pipe, &this)?);
        ways.push(bus("bus, spin", name, TriggerKind::Spin, &this)?);
    }
    Ok(ways)
}

/// The median over the rounds of the ratio within a round.
fn ratio_of(one: &[f64], other: &[f64]) -> f64 {
    median(paired(one, other))
}

fn tell(outcomes: &[Outcome], report: &mut Report) {
    let [nobody, futex, eventfd, buses @ ..] = outcomes else {
        return;
    };
    if let [bus, earlier] = buses
        && earlier.label == EARLIER
    {
        let ratio = ratio_of(&bus.p50_ns, &earlier.p50_ns);
        report.ratio("  bus: publish to lease, p50", ratio, EARLIER, None);
        let ratio = ratio_of(&bus.cpu_ns, &earlier.cpu_ns);
        report.ratio("  bus: producer's CPU a frame", ratio, EARLIER, None);
    }
    let micros = |nanos: f64| format!("({:.1} us)", nanos / 1e3);
    for bus in buses {
        // The aims are the default trigger's.
        let aim = (bus.label == "bus").then_some(1.10);
        let what = |figure: &str| format!("  {}: {figure}", bus.label);

        let ratio = |bare: &Outcome| ratio_of(&bus.p50_ns, &bare.p50_ns);
        let better = if ratio(futex) > ratio(eventfd) {
            futex
        } else {
            eventfd
        };
        let of = format!("{} {}", better.label, micros(median(better.p50_ns.clone())));
        report.ratio(&what("publish to lease, p50"), ratio(better), &of, aim);

        let p99 = |way: &Outcome| percentile(way.all_ns.clone(), 99.0);
        let better = if p99(futex) < p99(eventfd) {
            futex
        } else {
            eventfd
        };
        let of = format!("{} {}", better.label, micros(p99(better)));
        report.ratio(
            &what("publish to lease, p99"),
            p99(bus) / p99(better),
            &of,
            None,
        );

        // What measuring costs is taken off, turn by turn.
        let own = |way: &Outcome| way.own_cpu_ns(nobody);
        for bare in [eventfd, futex] {
            let of = format!("{} {}", bare.label, micros(median(own(bare))));
            let aim = aim.filter(|_| bare.label == eventfd.label);
            let ratio = ratio_of(&own(bus), &own(bare));
            report.ratio(&what("producer's CPU a frame"), ratio, &of, aim);
        }
    }
}
