//! No frame is ever torn: as fast as the producer can, with more processes than cores.

use rustix::process::Signal;

use crate::harness::{Bus, Exit, Process};
use crate::roles::{Report, Taker};

/// Frames that each of these tests has drawn, verified by every taker that was quick enough.
const FRAMES: u64 = 6000;

fn stress(args: &[&str], takers: &[Taker]) {
    let bus = Bus::new();
    let mut all = vec!["--fps", "0", "--consumers", "5"];
    all.extend(args);
    let producer = bus.produce(&all);
    let processes: Vec<Process> = takers
        .iter()
        .map(|taker| taker.start_taking(&bus))
        .collect();
    bus.frames_go_by(FRAMES);
    let starved = bus.segment().header("starved");
    assert_eq!(starved, 0, "a slot was always free");
    for process in processes {
        let finished = process.end(Signal::TERM);
        assert_eq!(finished.exit, Exit::Code(0), "{}", finished.stderr);
        let report = Report::of(&finished);
        assert!(report.number("taken") > 0);
    }
    assert_eq!(producer.end(Signal::INT).exit, Exit::Code(130));
    bus.assert_nothing_left();
}

fn takers(every_frame: impl Fn(u8) -> bool) -> Vec<Taker> {
    let triggers = ["eventfd", "pipe", "eventfd", "spin", "eventfd"];
    (0..5)
        .zip(triggers)
        .map(|(index, trigger)| Taker {
            index,
            trigger,
            every_frame: every_frame(index),
            // One of them dawdles, so that its frame is old when it is proved the second time.
            hold_ms: u64::from(index == 2) * 5,
            ..Taker::default()
        })
        .collect()
}

#[test]
fn the_newest_frame_is_always_whole() {
    stress(&["--size", "160x120"], &takers(|_| false));
}

#[test]
fn every_frame_in_order_is_always_whole() {
    stress(&["--size", "160x120", "--history", "8"], &takers(|_| true));
}

#[test]
fn both_kinds_of_reader_get_along_with_the_fewest_slots() {
    stress(&["--size", "64x48"], &takers(|index| index % 2 == 0));
}
