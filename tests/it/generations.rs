//! A change of size: another segment under the same name, the same consumers.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Bus, Exit, FRAMEBUS, Process, Random, until};
use crate::roles::{Report, Taker, start_resizing};

#[test]
fn a_producer_that_ends_by_an_error_is_lost_to_its_consumers() {
    let bus = Bus::new();
    let go = bus.runtime().join("go");
    let script = format!(
        "{{ printf 'YUV4MPEG2 W64 H48 F25:1 Cmono\\n'; \
         while [ ! -e {go} ]; do printf 'FRAME\\n'; head -c 3072 /dev/zero; sleep 0.02; done; \
         head -c 9000 /dev/zero; }} | exec {FRAMEBUS} produce -",
        go = go.display()
    );
    let mut command = bus.command("bash");
    command.args(["-c", &format!("set -o pipefail; {script}")]);
    let producer = Process::spawn(command);
    until("the bus is there", || bus.try_segment().is_some());
    let kinds = [
        &["-i", "0"][..],
        &["-i", "1", "--trigger", "pipe"],
        &["-i", "2", "--trigger", "spin"],
    ];
    let consumers: Vec<Process> = kinds.iter().map(|args| bus.consume(args)).collect();
    for (index, consumer) in (0..).zip(&consumers) {
        bus.attached(index, consumer);
    }
    std::fs::write(&go, "").expect("written");
    assert_eq!(producer.wait().exit, Exit::Code(2));
    for consumer in consumers {
        let consumer = consumer.wait();
        assert_eq!(consumer.exit, Exit::Code(3), "{}", consumer.stderr);
        assert!(consumer.stderr.contains("was lost"), "{}", consumer.stderr);
    }
    std::fs::remove_file(go).expect("removed");
    bus.assert_nothing_left();
}

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
            ..Taker::default()
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
