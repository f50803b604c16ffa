//! The bus and bare wake-ups in turns: from sent to taken, and what sending costs.

use std::hint::black_box;
use std::io;

use super::bare::Eventfds;
use super::crew::{Hand, Program};
use super::figures::{cpu_of, median};
use super::wakes::Wakes;
use framebus::bus::{BusName, FrameMeta, Producer, ProducerOptions};
use framebus::clock::monotonic_ns;
use framebus::layout::{Geometry, TriggerKind};
use framebus::stop::Stop;

/// Frames at the beginning of a turn that do not count: whose turn it is has slept, and is cold.
const COLD_FRAMES: u32 = 2;
/// Between two turns, so that nobody is still at work on the last frame of the one before.
const PAUSE_NS: u64 = 10_000_000;

/// Nobody is woken: what measuring itself costs in a process that has slept.
struct Nobody;

impl Wakes for Nobody {
    fn send(&mut self) {
        black_box(monotonic_ns());
    }

    fn end(self: Box<Self>) {}
}

/// Claims and publishes a frame without pixels. Its end is the bus's.
impl Wakes for Producer {
    fn send(&mut self) {
        if let Ok(Some(claim)) = self.claim() {
            let meta = FrameMeta {
                capture_ns: monotonic_ns(),
                ..FrameMeta::default()
            };
            claim.publish(meta);
        }
    }

    fn end(self: Box<Self>) {}
}

/// How a turn goes.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Frames a second.
    pub fps: u32,
    /// Frames of a turn that count.
    pub frames: u32,
}

impl Pace {
    /// The pace of turns that last as long as this, seconds; one with no frames that count is too short.
    #[must_use]
    pub fn lasting(fps: u32, seconds: f64) -> Pace {
        let frames = ((seconds - Pace { fps, frames: 0 }.seconds()) * f64::from(fps)) as u32;
        Pace { fps, frames }
    }

    /// How long a turn lasts.
    #[must_use]
    pub fn seconds(self) -> f64 {
        let frames = self.frames + COLD_FRAMES;
        f64::from(frames) / f64::from(self.fps) + 2.0 * PAUSE_NS as f64 / 1e9
    }
}

/// A way to wake consumers, with its consumers.
pub struct Way {
    label: &'static str,
    sender: Box<dyn Wakes>,
    crew: Vec<Hand>,
    /// Burns a core while it waits, so it is stopped when it is not its turn.
    spins: bool,
    turns: Vec<Turn>,
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
pub struct Outcome {
    /// The way.
    pub label: &'static str,
    /// From sent to taken: all turns.
    pub all_ns: Vec<f64>,
    /// The median from sent to taken, by turn.
    pub p50_ns: Vec<f64>,
    /// The sender's processor time a frame, by turn.
    pub cpu_ns: Vec<f64>,
}

impl Outcome {
    /// The sender's processor time a frame by turn, without what measuring costs: that of [`Way::nobody`].
    #[must_use]
    pub fn own_cpu_ns(&self, nobody: &Outcome) -> Vec<f64> {
        let pairs = self.cpu_ns.iter().zip(&nobody.cpu_ns);
        pairs
            .map(|(cpu_ns, nothing_ns)| cpu_ns - nothing_ns)
            .collect()
    }
}

impl Way {
    /// A way of the caller's own.
    #[must_use]
    pub fn new(label: &'static str, sender: Box<dyn Wakes>, crew: Vec<Hand>) -> Way {
        Way {
            label,
            sender,
            crew,
            spins: false,
            turns: Vec::new(),
        }
    }

    /// Nobody is woken: what measuring itself costs.
    #[must_use]
    pub fn nobody() -> Way {
        Way::new("nobody", Box::new(Nobody), Vec::new())
    }

    /// An eventfd for each consumer, and nothing else.
    ///
    /// # Errors
    /// Fails when a consumer cannot be started.
    pub fn eventfd(label: &'static str, program: &Program, consumers: u8) -> io::Result<Way> {
        let (sender, crew) = Eventfds::start(program, consumers)?;
        Ok(Way::new(label, Box::new(sender), crew))
    }

    /// A bus of its own under `name` and the kind of trigger, with consumers that `program` plays.
    ///
    /// # Errors
    /// Fails when the bus cannot be made ([`framebus::bus::CreateError`] inside) or a consumer cannot be started.
    pub fn bus(
        label: &'static str,
        name: &BusName,
        geometry: Geometry,
        kind: TriggerKind,
        program: &Program,
        consumers: u8,
    ) -> io::Result<Way> {
        let bus: BusName = format!("{name}-{}", kind.name())
            .parse()
            .map_err(io::Error::other)?;
        let options = ProducerOptions::new(bus.clone(), geometry).consumers(consumers);
        let producer = Producer::create(options).map_err(io::Error::other)?;
        let crew = (0..consumers)
            .map(|index| Hand::consumer(program, &bus, index, kind))
            .collect::<io::Result<Vec<_>>>()?;
        let mut way = Way::new(label, Box::new(producer), crew);
        way.spins = kind == TriggerKind::Spin;
        if way.spins {
            way.crew.iter().for_each(Hand::rest);
        }
        Ok(way)
    }

    /// Sends frames for the length of a turn.
    fn turn(&mut self, pace: Pace, stop: &Stop) {
        if self.spins {
            self.crew.iter().for_each(Hand::go_on);
        }
        let frames = pace.frames + COLD_FRAMES;
        let period_ns = 1_000_000_000 / u64::from(pace.fps);
        let mut due_ns = monotonic_ns() + PAUSE_NS;
        // A pace that cannot be kept must not make it last for ever; one frame counts in any case.
        let end_ns = due_ns + 2 * u64::from(frames) * period_ns + PAUSE_NS;
        let mut cpu_ns = Vec::with_capacity(frames as usize);
        let mut from_ns = 0;
        for frame in 0..frames {
            if stop.sleep_until(due_ns) {
                return;
            }
            if frame > COLD_FRAMES && monotonic_ns() > end_ns {
                break;
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
        self.sender.end();
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

/// One sitting of these ways, made for it: where the scheduler puts new processes is a part of what is measured by chance.
/// In each round every way has a turn, and whoever is `first` in the first round is somebody else in the next. What comes
/// out is added to `outcomes`, in the order of the ways.
///
/// # Errors
/// Fails when a consumer's samples cannot be read.
pub fn sit(
    mut ways: Vec<Way>,
    rounds: usize,
    pace: Pace,
    first: usize,
    outcomes: &mut Vec<Outcome>,
    stop: &Stop,
) -> io::Result<()> {
    for round in 0..rounds {
        for place in 0..ways.len() {
            let way = (place + round + first) % ways.len();
            ways[way].turn(pace, stop);
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
