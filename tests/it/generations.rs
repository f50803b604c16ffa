//! A change of size: another segment under the same name, the same consumers.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Bus, Exit, Process, Random, until};
use crate::roles::{Report, Taker, start_resizing};

fn takers(bus: &Bus, follow: bool) -> Vec<Process> {
    let kinds = [("eventfd", true), ("pipe", false), ("spin", false)];
    kinds
        .into_iter()
        .zip(0..)
        .map(|((trigger, every_frame), index)| Taker {
            index,
            trigger,
            every_frame,
            follow,
            hold_ms: 0,
        })
        .map(|taker| taker.start_taking(bus))
        .collect()
}

#[test]
fn every_way_to_wait_follows_a_change_of_size() {
    let bus = Bus::new();
    let producer = start_resizing(&bus, 20);
    let takers = takers(&bus, false);
    let program = bus.consume(&["-i", "3", "--json"]);
    bus.attached(3, &program);
    until("the size has changed ten times", || {
        bus.try_segment()
            .is_some_and(|segment| segment.header("generation") > 10)
    });
    until("everybody has followed", || {
        bus.try_segment()
            .is_some_and(|segment| (0..4).all(|index| segment.record(index, "taken") > 0))
    });
    producer.end(Signal::TERM);
    for process in takers {
        let report = Report::of(&process.wait());
        assert_eq!(
            report.number("attachments"),
            1,
            "the claim outlives the segment"
        );
        assert_eq!(report.end(), "ended");
    }
    let program = program.wait();
    assert_eq!(program.exit, Exit::Code(0), "{}", program.stderr);
    assert!(program.sequences().windows(2).all(|pair| pair[0] < pair[1]));
    let widths: std::collections::BTreeSet<u64> = program
        .json()
        .iter()
        .filter_map(|line| line["width"].as_u64())
        .collect();
    assert_eq!(widths.len(), 3, "{widths:?}");
    bus.assert_nothing_left();
}

#[test]
fn a_producer_that_is_killed_while_it_changes_the_size_makes_nobody_go_backwards() {
    let bus = Bus::new();
    let mut random = Random::new();
    let mut producer = start_resizing(&bus, 1);
    let takers = takers(&bus, true);
    for _ in 0..15 {
        random.rest(Duration::from_millis(30));
        producer.end(Signal::KILL);
        producer = start_resizing(&bus, 1);
    }
    until("everybody is back", || {
        bus.try_segment()
            .is_some_and(|segment| (0..3).all(|index| segment.record(index, "taken") > 0))
    });
    producer.end(Signal::TERM);
    for process in takers {
        let report = Report::of(&process.end(Signal::TERM));
        assert!(report.number("attachments") > 1);
    }
    bus.assert_nothing_left();
}
