//! From publish to lease, and what a frame costs the producer: the bus against bare wake-ups, in turns.

use std::hint::black_box;
use std::io;
use std::path::{Path, PathBuf};

use framebus::bus::{BusName, FrameMeta, Producer, ProducerOptions};
use framebus::clock::monotonic_ns;
use framebus::layout::{Geometry, TriggerKind};
use framebus::stop::Stop;

use crate::bare::{Bare, Kind};
use crate::crew::Hand;
use crate::figures::{Report, cpu_of, median, percentile};

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

/// Frames at the beginning of a turn that do not count: whose turn it is has slept, and is cold.
const COLD_FRAMES: u32 = 2;
/// Between two turns, so that nobody is still at work on the last frame of the one before.
const PAUSE_NS: u64 = 10_000_000;

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
            for sitting in 0..plan.sittings as usize {
                sit(name, plan, rate, consumers, sitting, &mut outcomes, stop)?;
                if stop.is_set() {
                    return Ok(());
                }
            }
            println!("  {rate} fps, {consumers} consumers");
            tell(&outcomes, report);
        }
    }
    Ok(())
}

/// One sitting: new processes, because where the scheduler has put them is a part of what is measured by chance.
fn sit(
    name: &BusName,
    plan: &Plan,
    rate: u32,
    consumers: u8,
    sitting: usize,
    outcomes: &mut Vec<Outcome>,
    stop: &Stop,
) -> io::Result<()> {
    let mut ways = ways(name, consumers, plan.against.as_deref())?;
    for round in 0..plan.rounds as usize {
        // Whoever comes first in a round is somebody else each time.
        for place in 0..ways.len() {
            let way = (place + round + sitting) % ways.len();
            ways[way].turn(plan, rate, stop);
        }
        if stop.is_set() {
            return Ok(());
        }
    }
    outcomes.resize_with(ways.len(), Outcome::default);
    for (way, outcome) in ways.into_iter().zip(outcomes) {
        way.finish(outcome)?;
    }
    Ok(())
}

/// A way to wake consumers, with its consumers.
struct Way {
    label: &'static str,
    sender: Sender,
    crew: Vec<Hand>,
    /// Burns a core while it waits, so it is stopped when it is not its turn.
    spins: bool,
    turns: Vec<Turn>,
}

enum Sender {
    /// Nobody is woken: what measuring itself costs in a process that has slept.
    Nobody,
    Bus(Box<Producer>),
    Bare(Bare),
}

impl Sender {
    /// Claims and publishes a frame without pixels, or wakes and nothing else.
    fn send(&mut self) {
        match self {
            Sender::Bus(producer) => {
                if let Some(claim) = producer.claim() {
                    let meta = FrameMeta {
                        capture_ns: monotonic_ns(),
                        ..FrameMeta::default()
                    };
                    claim.publish(meta);
                }
            }
            Sender::Bare(bare) => bare.wake(),
            Sender::Nobody => {
                black_box(monotonic_ns());
            }
        }
    }
}

/// The bus, and both bare ways; with one consumer, the bus in all its ways.
fn ways(name: &BusName, consumers: u8, earlier: Option<&Path>) -> io::Result<Vec<Way>> {
    let mut ways = vec![
        Way::nobody(),
        Way::bare("bare futex", Kind::Futex, consumers)?,
        Way::bare("bare eventfd", Kind::Eventfd, consumers)?,
        Way::bus("bus", name, TriggerKind::Eventfd, consumers, None)?,
    ];
    if earlier.is_some() {
        let name = format!("{name}-earlier")
            .parse()
            .map_err(io::Error::other)?;
        ways.push(Way::bus(
            EARLIER,
            &name,
            TriggerKind::Eventfd,
            consumers,
            earlier,
        )?);
    } else if consumers == 1 {
        ways.push(Way::bus("bus, pipe", name, TriggerKind::Pipe, 1, None)?);
        ways.push(Way::bus("bus, spin", name, TriggerKind::Spin, 1, None)?);
    }
    Ok(ways)
}

impl Way {
    fn nobody() -> Way {
        Way {
            label: "nobody",
            sender: Sender::Nobody,
            crew: Vec::new(),
            spins: false,
            turns: Vec::new(),
        }
    }

    fn bare(label: &'static str, kind: Kind, consumers: u8) -> io::Result<Way> {
        let (bare, crew) = Bare::start(kind, consumers)?;
        Ok(Way {
            label,
            sender: Sender::Bare(bare),
            crew,
            spins: false,
            turns: Vec::new(),
        })
    }

    fn bus(
        label: &'static str,
        name: &BusName,
        kind: TriggerKind,
        consumers: u8,
        program: Option<&Path>,
    ) -> io::Result<Way> {
        let bus: BusName = format!("{name}-{}", kind.name())
            .parse()
            .map_err(io::Error::other)?;
        let geometry = Geometry {
            width: 640,
            height: 480,
        };
        let options = ProducerOptions {
            consumers,
            ..ProducerOptions::new(bus.clone(), geometry)
        };
        let producer = Producer::create(options).map_err(io::Error::other)?;
        let crew = (0..consumers)
            .map(|index| Hand::consumer(program, &bus, index, kind))
            .collect::<io::Result<Vec<_>>>()?;
        let way = Way {
            label,
            sender: Sender::Bus(Box::new(producer)),
            crew,
            spins: kind == TriggerKind::Spin,
            turns: Vec::new(),
        };
        if way.spins {
            way.crew.iter().for_each(Hand::rest);
        }
        Ok(way)
    }

    /// Sends frames for the length of a turn.
    fn turn(&mut self, plan: &Plan, rate: u32, stop: &Stop) {
        if self.spins {
            self.crew.iter().for_each(Hand::go_on);
        }
        let frames = (rate * plan.turn_ms / 1000).max(plan.least_frames) + COLD_FRAMES;
        let period_ns = 1_000_000_000 / u64::from(rate);
        let mut due_ns = monotonic_ns() + PAUSE_NS;
        let mut cpu_ns = Vec::with_capacity(frames as usize);
        let mut from_ns = 0;
        for frame in 0..frames {
            if stop.sleep_until(due_ns) {
                return;
            }
            due_ns += period_ns;
            if frame == COLD_FRAMES {
                from_ns = monotonic_ns();
            }
            let (spent_ns, ()) = cpu_of(|| self.sender.send());
            if frame >= COLD_FRAMES {
                cpu_ns.push(spent_ns);
            }
        }
        let to_ns = monotonic_ns();
        let _ = stop.sleep_until(to_ns + PAUSE_NS);
        if self.spins {
            self.crew.iter().for_each(Hand::rest);
        }
        self.turns.push(Turn {
            from_ns,
            to_ns,
            cpu_ns: median(cpu_ns),
        });
    }

    /// Ends it and gathers what its consumers saw.
    fn finish(self, outcome: &mut Outcome) -> io::Result<()> {
        if self.spins {
            self.crew.iter().for_each(Hand::go_on);
        }
        match self.sender {
            Sender::Bus(producer) => drop(producer),
            Sender::Bare(bare) => bare.end(),
            Sender::Nobody => {}
        }
        let mut latencies = vec![Vec::new(); self.turns.len()];
        for hand in self.crew {
            for sample in hand.samples()? {
                let turn = self
                    .turns
                    .partition_point(|turn| turn.to_ns < sample.sent_ns);
                if let Some(latencies) = latencies.get_mut(turn)
                    && sample.sent_ns >= self.turns[turn].from_ns
                {
                    latencies.push(sample.taken_ns.saturating_sub(sample.sent_ns) as f64);
                }
            }
        }
        outcome.label = self.label;
        outcome.all_ns.extend(latencies.iter().flatten());
        outcome.p50_ns.extend(latencies.into_iter().map(median));
        outcome
            .cpu_ns
            .extend(self.turns.iter().map(|turn| turn.cpu_ns));
        Ok(())
    }
}

/// One turn.
struct Turn {
    from_ns: u64,
    to_ns: u64,
    /// The sender's own processor time a frame, median.
    cpu_ns: f64,
}

/// What came out for one way.
#[derive(Debug, Default)]
struct Outcome {
    label: &'static str,
    /// Latencies of all turns.
    all_ns: Vec<f64>,
    /// Median latency, by turn.
    p50_ns: Vec<f64>,
    /// The sender's processor time a frame, by turn.
    cpu_ns: Vec<f64>,
}

/// The median over the rounds of the ratio within a round.
fn paired(one: &[f64], other: &[f64]) -> f64 {
    let ratios = one.iter().zip(other).map(|(one, other)| one / other);
    median(ratios.collect())
}

fn tell(outcomes: &[Outcome], report: &mut Report) {
    let [nobody, futex, eventfd, buses @ ..] = outcomes else {
        return;
    };
    if let [bus, earlier] = buses
        && earlier.label == EARLIER
    {
        let ratio = paired(&bus.p50_ns, &earlier.p50_ns);
        report.ratio("  bus: publish to lease, p50", ratio, EARLIER, None);
        let ratio = paired(&bus.cpu_ns, &earlier.cpu_ns);
        report.ratio("  bus: producer's CPU a frame", ratio, EARLIER, None);
    }
    let micros = |nanos: f64| format!("({:.1} us)", nanos / 1e3);
    for bus in buses {
        // The aims are the default trigger's.
        let aim = (bus.label == "bus").then_some(1.10);
        let what = |figure: &str| format!("  {}: {figure}", bus.label);

        let ratio = |bare: &Outcome| paired(&bus.p50_ns, &bare.p50_ns);
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
        let own = |way: &Outcome| -> Vec<f64> {
            let pairs = way.cpu_ns.iter().zip(&nobody.cpu_ns);
            pairs
                .map(|(cpu_ns, nothing_ns)| cpu_ns - nothing_ns)
                .collect()
        };
        for bare in [eventfd, futex] {
            let of = format!("{} {}", bare.label, micros(median(own(bare))));
            let aim = aim.filter(|_| bare.label == eventfd.label);
            let ratio = paired(&own(bus), &own(bare));
            report.ratio(&what("producer's CPU a frame"), ratio, &of, aim);
        }
    }
}
