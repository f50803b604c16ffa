//! Triggers: three ways to wait, one contract.

use rustix::process::Signal;

use crate::harness::{Bus, Exit, LIVELY, until};
use crate::roles::{Report, Taker};

const KINDS: [&str; 3] = ["eventfd", "pipe", "spin"];

#[test]
fn every_way_to_wait_gets_every_frame() {
    for kind in KINDS {
        let bus = Bus::new();
        let producer = bus.produce(LIVELY);
        let consumer = bus.run(&[
            "consume",
            "--trigger",
            kind,
            "--every-frame",
            "--json",
            "--count",
            "60",
        ]);
        assert_eq!(consumer.exit, Exit::Code(0), "{kind}: {}", consumer.stderr);
        let sequences = consumer.sequences();
        assert_eq!(sequences.len(), 60, "{kind}");
        assert!(
            sequences.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "{kind}: {sequences:?}"
        );
        producer.end(Signal::INT);
        bus.assert_nothing_left();
    }
}

#[test]
fn every_way_to_wait_sees_the_clean_end_after_the_last_frame() {
    for kind in KINDS {
        let bus = Bus::new();
        let mut args = LIVELY.to_vec();
        args.extend(["--count", "90"]);
        let producer = bus.produce(&args);
        let consumer = bus.consume(&["--trigger", kind, "--json"]);
        bus.attached(0, &consumer);
        assert_eq!(producer.wait().exit, Exit::Code(0), "{kind}");
        let consumer = consumer.wait();
        assert_eq!(consumer.exit, Exit::Code(0), "{kind}: {}", consumer.stderr);
        assert_eq!(consumer.stderr, "", "{kind}");
        assert_eq!(consumer.sequences().last(), Some(&90), "{kind}");
        bus.assert_nothing_left();
    }
}

#[test]
fn every_way_to_wait_sees_that_the_producer_was_killed() {
    for kind in KINDS {
        let bus = Bus::new();
        let producer = bus.produce(LIVELY);
        let consumer = bus.consume(&["--trigger", kind, "--json"]);
        bus.attached(0, &consumer);
        bus.frames_go_by(5);
        producer.end(Signal::KILL);
        let consumer = consumer.wait();
        assert_eq!(consumer.exit, Exit::Code(3), "{kind}: {}", consumer.stderr);
        assert_eq!(consumer.stderr.lines().count(), 1, "{}", consumer.stderr);
        assert!(
            consumer
                .stderr
                .contains("was lost (use --follow to wait for the next one)"),
            "{}",
            consumer.stderr
        );
    }
}

#[test]
fn every_way_to_wait_ends_at_a_signal_while_no_frame_comes() {
    for kind in KINDS {
        let bus = Bus::new();
        let producer = bus.produce(&["--size", "32x32", "--fps", "0.001"]);
        let consumer = bus.consume(&["--trigger", kind]);
        bus.attached(0, &consumer);
        assert_eq!(consumer.end(Signal::TERM).exit, Exit::Code(143), "{kind}");
        assert_eq!(producer.end(Signal::INT).exit, Exit::Code(130));
        bus.assert_nothing_left();
    }
}

#[test]
fn every_way_to_wait_goes_on_after_the_producer_was_stopped() {
    for kind in KINDS {
        let bus = Bus::new();
        let producer = bus.produce(LIVELY);
        let taker = Taker {
            trigger: kind,
            ..Taker::default()
        }
        .start_taking(&bus);
        producer.freeze();
        let segment = bus.segment();
        until("it has caught up", || {
            segment.record(0, "last_sequence") == segment.header("latest") >> 8
        });
        let taken = segment.record(0, "taken");
        producer.signal(Signal::CONT);
        until("it goes on", || segment.record(0, "taken") > taken + 5);
        assert_eq!(
            Report::of(&taker.end(Signal::TERM)).end(),
            "stopped",
            "{kind}"
        );
        producer.end(Signal::INT);
        bus.assert_nothing_left();
    }
}

#[test]
fn a_consumer_that_waits_for_a_stopped_producer_gets_its_index_when_that_goes_on() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    producer.freeze();
    // It asks again every second: what it asked before stands in the queue when the producer wakes up.
    let consumer = bus.consume(&["-i", "0", "--count", "3"]);
    until("it says what it waits for", || {
        consumer.stderr().contains("does not answer")
    });
    std::thread::sleep(std::time::Duration::from_millis(2500));
    producer.signal(Signal::CONT);
    let consumer = consumer.wait();
    assert_eq!(consumer.exit, Exit::Code(0), "{}", consumer.stderr);
    producer.end(Signal::INT);
    bus.assert_nothing_left();
}
