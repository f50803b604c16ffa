//! Everybody at once: producers that change their size, end and die, consumers of every kind, Python's among them, `top` on a
//! terminal and whoever looks in, under random signals. Every frame that is taken is proved whole.
//!
//! `bin/chaos SIGNALS` runs this for as long as one likes.

mod lines;
mod party;
mod python;
mod view;

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Bus, Exit, Process, Random, until};
use lines::Lines;
use party::{CONSUMERS, Kind, Party};
use python::Python;
use view::View;

/// Enough for every test run; `bin/chaos` asks for more.
const SIGNALS: u64 = 500;
/// So long everything may go its way between two signals.
const REST: Duration = Duration::from_millis(40);

/// All who are there.
struct House<'a> {
    bus: &'a Bus,
    random: Random,
    producer: Party<'a>,
    parties: Vec<Party<'a>>,
    view: View<'a>,
    tally: Tally,
}

/// What has happened so far.
#[derive(Debug, Default)]
struct Tally {
    /// Signals.
    sent: u64,
    /// Frames that were taken and found whole.
    proved: u64,
    lines: Lines,
}

#[test]
fn whatever_signal_hits_whomever_no_frame_is_torn_and_nothing_is_left() {
    let signals = std::env::var("FRAMEBUS_CHAOS_SIGNALS").ok();
    let signals = signals.and_then(|signals| signals.parse().ok());
    let signals = signals.unwrap_or(SIGNALS);
    let bus = Bus::new();
    let mut random = Random::new();
    let python = Python::find();
    let kinds = [
        Kind::Newest,
        Kind::EveryFrame,
        Kind::Pipe,
        Kind::Slow,
        Kind::Command,
        Kind::Visitor,
        Kind::Visitor,
    ];
    let kinds = kinds.into_iter().chain(python.as_ref().map(Kind::Python));
    let mut house = House {
        bus: &bus,
        producer: Party::start(&bus, Kind::Producer, &mut random),
        parties: kinds
            .map(|kind| Party::start(&bus, kind, &mut random))
            .collect(),
        random,
        view: View::open(&bus),
        tally: Tally::default(),
    };
    while house.tally.sent < signals {
        house.torment();
        house.random.rest(REST);
    }
    let Tally {
        sent,
        proved,
        lines,
    } = house.end();
    let with = if python.is_some() { "with" } else { "without" };
    let begun = lines.count();
    eprintln!("{sent} signals, {proved} frames proved {with} Python's client, {begun} clean ends");
    bus.assert_nothing_left();
}

impl House<'_> {
    /// Lets something happen to somebody.
    fn torment(&mut self) {
        assert_eq!(self.starved(), 0, "a slot was always free");
        let (random, tally) = (&mut self.random, &mut self.tally);
        match random.below(10) {
            0..2 => tally.sent += self.view.torment(random),
            2..5 => self.producer.torment(self.bus, random, tally),
            _ => {
                let place = random.below(self.parties.len() as u64) as usize;
                self.parties[place].torment(self.bus, random, tally);
            }
        }
    }

    /// Frames that the producer had no slot for; there are always two more than consumers.
    fn starved(&self) -> u64 {
        let segment = self.bus.try_segment();
        segment.map_or(0, |segment| segment.header("starved"))
    }

    /// Waits until every consumer is attached to the bus that there is now.
    fn everybody_is_back(&self) {
        until("every consumer is back", || {
            let Some(segment) = self.bus.try_segment() else {
                return false;
            };
            let pids: Vec<u64> = (0..CONSUMERS)
                .map(|index| segment.record(index, "pid"))
                .collect();
            let mut followers = self.parties.iter().filter(|party| party.kind.follows());
            followers.all(|party| pids.contains(&u64::from(party.pid())))
        });
    }

    /// Ends everybody, and looks at what they say and leave.
    fn end(mut self) -> Tally {
        for party in self.parties.iter_mut().chain([&mut self.producer]) {
            party.go_on(&mut self.tally);
        }
        self.view.end();
        self.everybody_is_back();
        for party in self.parties.drain(..) {
            party.finish(Signal::TERM, &mut self.tally);
        }
        let segment = self.bus.segment();
        until("every lease and every index is free", || {
            (0..CONSUMERS).all(|index| {
                segment.record(index, "lease") == 0 && segment.claim(index, "state") != 1
            })
        });
        for index in 0..CONSUMERS {
            let index = index.to_string();
            let next = self.bus.run(&["consume", "-i", &index, "--count", "2"]);
            assert_eq!(next.exit, Exit::Code(0), "{}", next.stderr);
        }
        assert_eq!(self.starved(), 0, "a slot was always free");
        self.producer.finish(Signal::INT, &mut self.tally);
        assert!(self.tally.proved > 0, "nobody took a frame");
        self.tally
    }
}

/// What a process may end with, whatever it was sent: not a panic, a fault or a complaint.
fn assert_decent(what: &str, exit: Exit, stderr: &str) {
    let decent = match exit {
        // A yes, a no, no such bus, and what a signal asked for.
        Exit::Code(code) => [0, 1, 3, 130, 143].contains(&code),
        // One that a signal met before it listened to any.
        Exit::Signal(signal) => [Signal::KILL, Signal::TERM, Signal::INT]
            .map(|signal| signal.as_raw())
            .contains(&signal),
    };
    assert!(decent, "{what} ended with {exit:?}: {stderr}");
}

/// As [`assert_decent`], of a process that has ended by itself too early, which is no wonder for those that only look in.
fn assert_running(what: &str, process: &Process) {
    assert!(
        !process.has_ended(),
        "{what} ended by itself: {}",
        process.stderr()
    );
}
