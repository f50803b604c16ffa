//! One of those who are on the bus: what it is, what happens to it, and what must be true of it afterwards.

use std::time::Duration;

use rustix::process::Signal;

use super::lines::Lines;
use super::python::Python;
use super::{Tally, assert_decent, assert_running};
use crate::harness::{Bus, Exit, Finished, Process, Random};
use crate::roles::{BACKWARDS, Report, TORN, Taker, play_resizing};

/// More than ever hold an index at a time: an index is busy until the producer has noticed its owner's death.
pub(super) const CONSUMERS: u8 = 12;

/// What somebody does on the bus.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind<'a> {
    /// `framebus produce pattern`, or a program whose frames change their size.
    Producer,
    /// Takes the newest frame.
    Newest,
    /// Takes every frame in order.
    EveryFrame,
    /// Is woken through its pipe.
    Pipe,
    /// Holds every frame for a while, and proves it once more.
    Slow,
    /// `framebus consume --follow --json`.
    Command,
    /// A program in Python.
    Python(&'a Python),
    /// A command that looks in and ends.
    Visitor,
}

const VISITS: &[&[&str]] = &[
    &["top", "--once", "--json"],
    &["top", "--json", "-n", "3", "-d", "200ms"],
    &["metrics"],
    &["check"],
    &["peek", "--format", "pgm", "-o", "/dev/null"],
    &["wait", "--frames", "5", "--timeout", "5s"],
    &["ls"],
];

impl Kind<'_> {
    fn start(self, bus: &Bus, random: &mut Random) -> Process {
        let taker = Taker {
            any_index: true,
            follow: true,
            ..Taker::default()
        };
        match self {
            Kind::Producer if random.below(2) == 0 => {
                play_resizing(bus, 5 + random.below(60), CONSUMERS)
            }
            Kind::Producer => {
                let size = ["160x120", "64x48", "333x77"][random.below(3) as usize];
                let history = ["0", "60"][random.below(2) as usize];
                let consumers = CONSUMERS.to_string();
                let args = ["--size", size, "--fps", "120", "--history", history];
                bus.start_produce(&[&args[..], &["--consumers", &consumers]].concat())
            }
            Kind::Newest => taker.start(bus),
            Kind::EveryFrame => Taker {
                every_frame: true,
                ..taker
            }
            .start(bus),
            Kind::Pipe => Taker {
                trigger: "pipe",
                ..taker
            }
            .start(bus),
            Kind::Slow => Taker {
                hold_ms: 30,
                ..taker
            }
            .start(bus),
            Kind::Command => bus.consume(&["--follow", "--json"]),
            Kind::Python(python) => python.start(bus),
            Kind::Visitor => {
                let visit = VISITS[random.below(VISITS.len() as u64) as usize];
                let mut args = visit.to_vec();
                // Other buses are none of its business.
                if visit[0] == "metrics" {
                    args.extend(["-b", bus.name()]);
                }
                Process::spawn(bus.framebus(&args))
            }
        }
    }

    /// Whether it is attached whenever there is a bus.
    pub(super) fn follows(self) -> bool {
        !matches!(self, Kind::Producer | Kind::Visitor)
    }

    /// Looks at what it left behind, and counts the frames that it proved.
    fn judge(self, finished: &Finished, lines: &Lines) -> u64 {
        let what = format!("{self:?}");
        assert_decent(&what, finished.exit, &finished.stderr);
        match self {
            Kind::Producer | Kind::Visitor => 0,
            Kind::Command => {
                let frames = written(finished);
                for pair in frames.windows(2) {
                    lines.assert_forward(&what, pair[0], pair[1]);
                }
                frames.len() as u64
            }
            Kind::Newest | Kind::EveryFrame | Kind::Pipe | Kind::Slow | Kind::Python(_) => {
                assert!(
                    !finished.stderr.contains(TORN),
                    "{what}: {}",
                    finished.stderr
                );
                let said = finished.stderr.lines();
                for backwards in said.filter_map(|line| line.strip_prefix(BACKWARDS)) {
                    let numbers: Vec<u64> = backwards
                        .split_whitespace()
                        .map(|number| number.parse().expect("a number"))
                        .collect();
                    lines.assert_forward(&what, [numbers[0], numbers[1]], [numbers[2], numbers[3]]);
                }
                let ended = finished.exit == Exit::Code(0);
                if ended && !matches!(self, Kind::Python(_)) {
                    Report::of_buses(finished);
                }
                let said = finished.json().pop();
                said.map_or(0, |said| said["proved"].as_u64().unwrap_or(0))
            }
        }
    }
}

/// Sequence and time of publishing of every frame that `consume --json` wrote.
fn written(finished: &Finished) -> Vec<[u64; 2]> {
    let text = String::from_utf8_lossy(&finished.stdout);
    // The last line may have been cut off with its writer.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines = whole
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"));
    let number = |line: &serde_json::Value, key: &str| line[key].as_u64().expect("a number");
    lines
        .map(|line| [number(&line, "sequence"), number(&line, "publish_ns")])
        .collect()
}

/// Somebody, now: another process after each end.
pub(super) struct Party<'a> {
    pub(super) kind: Kind<'a>,
    /// `None` for a moment, between two.
    process: Option<Process>,
    stands_still: bool,
}

impl<'a> Party<'a> {
    pub(super) fn start(bus: &Bus, kind: Kind<'a>, random: &mut Random) -> Party<'a> {
        Party {
            kind,
            process: Some(kind.start(bus, random)),
            stands_still: false,
        }
    }

    fn process(&self) -> &Process {
        self.process.as_ref().expect("it is there")
    }

    pub(super) fn pid(&self) -> u32 {
        self.process().pid()
    }

    /// Sends it signals, and starts another when that has ended it.
    pub(super) fn torment(&mut self, bus: &Bus, random: &mut Random, tally: &mut Tally) {
        if self.stands_still && random.below(2) == 0 {
            return self.go_on(tally);
        }
        if !matches!(self.kind, Kind::Visitor) {
            assert_running(&format!("{:?}", self.kind), self.process());
        }
        match random.below(8) {
            0..4 if !self.stands_still => {
                self.process().signal(Signal::STOP);
                self.stands_still = true;
                tally.sent += 1;
                // A producer that stands still for long would be all that happens.
                if matches!(self.kind, Kind::Producer) || random.below(2) == 0 {
                    random.rest(Duration::from_millis(40));
                    self.go_on(tally);
                }
            }
            4..6 => {
                let signal = [Signal::TERM, Signal::INT][random.below(2) as usize];
                self.process().signal(signal);
                tally.sent += 1;
                self.go_on(tally);
                random.rest(Duration::from_millis(3));
                self.replace(bus, signal, random, tally);
            }
            _ => self.replace(bus, Signal::KILL, random, tally),
        }
    }

    /// Ends it and starts another.
    fn replace(&mut self, bus: &Bus, signal: Signal, random: &mut Random, tally: &mut Tally) {
        if let Some(process) = self.process.take() {
            tally.sent += 1;
            let finished = process.end(signal);
            if matches!(self.kind, Kind::Producer) && signal != Signal::KILL {
                tally.lines.begin();
            }
            tally.proved += self.kind.judge(&finished, &tally.lines);
        }
        *self = Party::start(bus, self.kind, random);
    }

    /// Continues it if it stands still.
    pub(super) fn go_on(&mut self, tally: &mut Tally) {
        if std::mem::take(&mut self.stands_still) {
            self.process().signal(Signal::CONT);
            tally.sent += 1;
        }
    }

    /// Ends it for good.
    pub(super) fn finish(mut self, signal: Signal, tally: &mut Tally) {
        let process = self.process.take().expect("it is there");
        tally.proved += self.kind.judge(&process.end(signal), &tally.lines);
    }
}
