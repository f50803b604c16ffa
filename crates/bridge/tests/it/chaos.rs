//! Random events: processes are killed and started, the link is cut and mended, and what comes is whole and in order.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::lab::{Lab, Program, until};
use crate::watcher::{Watcher, look};

struct Random(u64);

impl Random {
    fn new() -> Random {
        let given = std::env::var("FRAMEBUS_CHAOS_SEED");
        let seed = given.ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            now.map_or(1, |now| now.as_nanos() as u64)
        });
        eprintln!("repeat with FRAMEBUS_CHAOS_SEED={seed}");
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// Who runs, in the order of [`Play::start`].
const CAST: usize = 4;

struct Play {
    lab: Lab,
    near: String,
    far: String,
    left: String,
    right: String,
    cast: [Option<Program>; CAST],
    size: &'static str,
    is_cut: bool,
}

impl Play {
    fn new() -> Play {
        let mut lab = Lab::new();
        for machine in ["a", "b", "r"] {
            lab.machine(machine);
        }
        let (_, left) = lab.link("a", "r", None);
        let (_, right) = lab.link("b", "r", Some(100.0));
        let (near, far) = (lab.bus("near"), lab.bus("far"));
        Play {
            lab,
            near,
            far,
            left,
            right,
            cast: [const { None }; CAST],
            size: "160x120",
            is_cut: false,
        }
    }

    fn start(&mut self, who: usize) {
        let (near, far, size) = (&self.near, &self.far, self.size);
        let (left, right) = (&self.left, &self.right);
        let (machine, arguments) = match who {
            0 => (
                "a",
                format!("produce pattern -b {near} --size {size} --fps 60"),
            ),
            1 => (
                "a",
                format!("bridge send -b {near} --host h --connect {left} --raw"),
            ),
            2 => ("r", "bridge route --listen 0.0.0.0 --public".to_owned()),
            _ => (
                "b",
                format!("bridge receive h/{near}={far} --connect {right}"),
            ),
        };
        self.cast[who] = Some(self.lab.start(machine, &arguments));
    }

    fn set_cut(&mut self, cut: bool) {
        self.is_cut = cut;
        self.lab.set_link("b", "r", !cut);
    }

    /// One event.
    fn event(&mut self, random: &mut Random) {
        match random.below(12) {
            0..=7 => {
                let who = random.below(CAST as u64) as usize;
                match self.cast[who].take() {
                    Some(mut program) if random.below(4) == 0 => drop(program.end()),
                    Some(mut program) => program.kill(),
                    None => self.start(who),
                }
            }
            8 | 9 => self.set_cut(!self.is_cut),
            10 => {
                self.size = ["160x120", "320x240", "64x48"][random.below(3) as usize];
                self.start(0);
            }
            _ => {
                for who in 0..CAST {
                    if self.cast[who].is_none() {
                        self.start(who);
                    }
                }
            }
        }
    }

    /// Has everything there again.
    fn mend(&mut self) {
        if self.is_cut {
            self.set_cut(false);
        }
        for who in 0..CAST {
            let runs = self.cast[who].as_mut().is_some_and(Program::is_running);
            if !runs {
                self.start(who);
            }
        }
    }
}

#[test]
fn whatever_happens_frames_are_whole_and_in_order_and_come_again() {
    let events = std::env::var("FRAMEBUS_BRIDGE_EVENTS");
    let events = events
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(200);
    let mut random = Random::new();
    let mut play = Play::new();
    let watcher = Watcher::start(&play.far, true);
    let mut torn = 0;
    for event in 0..events {
        play.event(&mut random);
        std::thread::sleep(Duration::from_millis(random.below(150)));
        if event % 20 == 19 {
            play.mend();
            let before = watcher.frames();
            until("frames come again", || watcher.frames() >= before + 5);
            let seen = watcher.seen();
            assert_eq!((seen.torn, seen.backwards), (0, 0), "after {event} events");
            torn += seen.torn;
        }
    }
    assert_eq!(torn, 0);
    let seen = watcher.end();
    assert!(seen.frames >= 5 * events / 20, "{} frames", seen.frames);
    // Ended well, nothing is left of the bus.
    if let Some(mut receiver) = play.cast[3].take() {
        assert_eq!(receiver.end(), Some(143));
    }
    assert!(look(&play.far).segment.is_none());
}
