//! Leases: what dies or stands still costs nobody else anything.

use std::os::unix::fs::FileExt;

use rustix::process::Signal;

use crate::harness::{Bus, Exit, LIVELY, Process, Random, RawSegment, until};
use crate::roles::{Report, Taker};

const DETACHED: u64 = 2;
const DIED: u64 = 3;

#[test]
fn a_killed_consumer_gives_back_its_slot_and_its_index() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let killed = bus.holder(0);
    let pid = u64::from(killed.pid());
    let lease = bus.segment().record(0, "lease");
    bus.frames_go_by(150);
    let slot = (lease & 0xff) as u8;
    assert_eq!(
        bus.segment().slot(slot, "sequence"),
        lease >> 8,
        "the held frame is there"
    );
    assert_eq!(killed.end(Signal::KILL).exit, Exit::Signal(9));
    until("the record is cleared", || {
        bus.segment().claim(0, "state") == DIED
    });
    let segment = bus.segment();
    assert_eq!(segment.record(0, "lease"), 0);
    assert_eq!(segment.record(0, "pid"), 0);
    assert_eq!(segment.claim(0, "pid"), 0);
    assert_eq!(segment.claim(0, "gone_pid"), pid);
    assert_eq!(segment.claim(0, "deaths"), 1);
    until("the slot is used again", || {
        segment.slot(slot, "sequence") > lease >> 8
    });
    let next = bus.run(&["consume", "-i", "0", "--count", "3"]);
    assert_eq!(next.exit, Exit::Code(0), "{}", next.stderr);
    until("it has detached", || segment.claim(0, "state") == DETACHED);
    assert_eq!(segment.claim(0, "deaths"), 1);
    assert_eq!(segment.header("starved"), 0);
    producer.end(Signal::INT);
    bus.assert_nothing_left();
}

#[test]
fn an_index_can_be_taken_at_once_after_its_holder_was_killed() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    for _ in 0..20 {
        let held = bus.holder(0);
        held.end(Signal::KILL);
        let next = bus.run(&["consume", "-i", "0", "--count", "1"]);
        assert_eq!(next.exit, Exit::Code(0), "{}", next.stderr);
    }
}

#[test]
fn a_stopped_consumer_stops_neither_the_producer_nor_the_others() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let steady = Taker::steady(&bus, 1);
    let stopped = Taker {
        hold_ms: 20,
        ..Taker::default()
    }
    .start_taking(&bus);
    until("it holds a frame", || {
        let segment = bus.segment();
        if segment.record(0, "lease") == 0 {
            return false;
        }
        stopped.freeze();
        let holds = segment.record(0, "lease") != 0;
        if !holds {
            stopped.signal(Signal::CONT);
        }
        holds
    });
    let segment = bus.segment();
    let lease = segment.record(0, "lease");
    bus.frames_go_by(200);
    assert_eq!(segment.record(0, "lease"), lease, "its lease is untouched");
    assert_eq!(segment.slot((lease & 0xff) as u8, "sequence"), lease >> 8);
    assert_eq!(segment.claim(0, "state"), 1, "it lives");
    assert_eq!(segment.header("dropped"), 0);
    assert_eq!(segment.header("starved"), 0);
    let taken = segment.record(0, "taken");
    stopped.signal(Signal::CONT);
    until("it goes on", || segment.record(0, "taken") > taken + 3);
    // The frame that it held all the time was whole when it woke up.
    let report = Report::of(&stopped.end(Signal::TERM));
    assert!(report.number("skipped") >= 100);
    let report = Report::of(&steady.end(Signal::TERM));
    assert_eq!(report.number("skipped"), 0);
    producer.end(Signal::INT);
    bus.assert_nothing_left();
}

#[test]
fn the_producer_goes_on_when_every_consumer_holds_a_frame_for_ever() {
    let bus = Bus::new();
    let producer = bus.produce(&["--size", "160x120", "--fps", "200", "--consumers", "4"]);
    let holders: Vec<Process> = (0..4).map(|index| bus.holder(index)).collect();
    for process in &holders {
        process.freeze();
    }
    let segment = bus.segment();
    let leases: Vec<u64> = (0..4).map(|index| segment.record(index, "lease")).collect();
    bus.frames_go_by(200);
    for (index, lease) in (0..4).zip(&leases) {
        assert_eq!(segment.record(index, "lease"), *lease);
        assert_eq!(segment.slot((lease & 0xff) as u8, "sequence"), lease >> 8);
    }
    assert_eq!(segment.header("starved"), 0);
    drop(holders);
    until("all leases are cleared", || {
        (0..4).all(|index| segment.record(index, "lease") == 0)
    });
    producer.end(Signal::TERM);
    bus.assert_nothing_left();
}

#[test]
fn one_index_has_one_consumer() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let first = bus.holder(2);
    let second = bus.run(&["consume", "-i", "2"]);
    assert_eq!(second.exit, Exit::Code(2));
    let sentence = format!(
        "consumer 2 of bus {} is in use by pid {}\n",
        bus.name(),
        first.pid()
    );
    assert!(second.stderr.ends_with(&sentence), "{}", second.stderr);
    assert_eq!(second.stderr.lines().count(), 1, "{}", second.stderr);
    assert_eq!(bus.segment().record(2, "pid"), u64::from(first.pid()));
}

#[test]
fn of_many_that_want_one_index_one_gets_it() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    for _ in 0..5 {
        let mut rivals: Vec<Process> = (0..6)
            .map(|_| bus.consume(&["-i", "0", "--work", "1h"]))
            .collect();
        until("five are turned away", || {
            rivals.iter().filter(|rival| rival.has_ended()).count() >= 5
        });
        let winner = rivals
            .iter()
            .position(|rival| !rival.has_ended())
            .expect("one has it");
        let winner = rivals.remove(winner);
        bus.attached(0, &winner);
        for rival in rivals {
            assert_eq!(rival.wait().exit, Exit::Code(2));
        }
        winner.end(Signal::KILL);
    }
}

#[test]
fn auto_takes_every_free_index_and_says_when_there_is_none() {
    let bus = Bus::new();
    let mut args = LIVELY.to_vec();
    args.extend(["--consumers", "3"]);
    let _producer = bus.produce(&args);
    let start = || bus.consume(&["-i", "auto", "--work", "1h"]);
    let first = start();
    bus.attached(0, &first);
    let mut others = vec![start(), start()];
    until("all are attached", || {
        (0..3).all(|index| bus.segment().record(index, "pid") != 0)
    });
    let none = bus.run(&["consume"]);
    assert_eq!(none.exit, Exit::Code(2));
    let sentence = format!(
        "all 3 consumers of bus {} are in use: start its producer with more (--consumers)\n",
        bus.name()
    );
    assert!(none.stderr.ends_with(&sentence), "{}", none.stderr);
    let gone = others.remove(0);
    let pid = u64::from(gone.pid());
    let index = (1..3)
        .find(|index| bus.segment().record(*index, "pid") == pid)
        .expect("its index");
    gone.end(Signal::KILL);
    let next = start();
    bus.attached(index, &next);
}

#[test]
fn an_index_that_the_bus_does_not_have_is_refused() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "32x32", "--consumers", "2"]);
    let refused = bus.run(&["consume", "-i", "7"]);
    assert_eq!(refused.exit, Exit::Code(2));
    let sentence = format!(
        "bus {} has consumers 0 to 1, not 7: start its producer with more (--consumers)\n",
        bus.name()
    );
    assert!(refused.stderr.ends_with(&sentence), "{}", refused.stderr);
    assert_eq!(refused.stderr.lines().count(), 1);
}

#[test]
fn a_reader_of_every_frame_gets_them_all_in_order() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let reader = bus.run(&[
        "consume",
        "--every-frame",
        "--json",
        "--count",
        "100",
        "--work",
        "1ms",
    ]);
    assert_eq!(reader.exit, Exit::Code(0), "{}", reader.stderr);
    let sequences = reader.sequences();
    assert_eq!(sequences.len(), 100);
    assert!(
        sequences.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{sequences:?}"
    );
    assert!(reader.json().iter().all(|line| line["skipped"] == 0));
    assert_eq!(reader.stderr, "");
}

#[test]
fn a_reader_of_every_frame_that_is_too_slow_counts_and_reports_its_gaps() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "32x32", "--fps", "500", "--history", "3"]);
    let reader = bus.run(&[
        "consume",
        "--every-frame",
        "--json",
        "--count",
        "20",
        "--work",
        "30ms",
    ]);
    assert_eq!(reader.exit, Exit::Code(0), "{}", reader.stderr);
    let lines = reader.json();
    for pair in lines.windows(2) {
        let number = |line: &serde_json::Value, key: &str| line[key].as_u64().expect("a number");
        assert_eq!(
            number(&pair[0], "sequence") + number(&pair[1], "skipped") + 1,
            number(&pair[1], "sequence")
        );
    }
    assert!(lines.iter().any(|line| line["skipped"] != 0));
    assert!(
        reader.stderr.contains("in all): the bus keeps too few"),
        "{}",
        reader.stderr
    );
}

#[test]
fn published_is_taken_and_skipped_for_every_consumer() {
    let bus = Bus::new();
    let producer = bus.produce(&["--size", "160x120", "--fps", "200"]);
    let works = ["0ms", "12ms", "40ms"];
    let consumers: Vec<Process> = works
        .iter()
        .map(|work| bus.consume(&["--work", work]))
        .collect();
    bus.frames_go_by(200);
    producer.freeze();
    let segment = bus.segment();
    let newest = segment.header("latest") >> 8;
    assert_eq!(
        segment.header("base_sequence") + segment.header("published"),
        newest
    );
    for index in 0..3 {
        until("it has had the newest frame", || {
            segment.record(index, "last_sequence") == newest && segment.record(index, "lease") == 0
        });
        let record = |name| segment.record(index, name);
        assert!(record("taken") > 0);
        assert_eq!(
            record("attach_sequence") + record("taken") + record("skipped"),
            newest
        );
    }
    producer.signal(Signal::CONT);
    drop(consumers);
    assert_eq!(producer.end(Signal::INT).exit, Exit::Code(130));
    bus.assert_nothing_left();
}

#[test]
fn a_consumer_that_fills_its_record_with_garbage_harms_nobody() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let steady = Taker::steady(&bus, 1);
    let vandal = bus.holder(0);
    let segment = bus.segment();
    let file = RawSegment::writable(&bus.segment_path());
    let mut random = Random::new();
    let start = segment.header("published");
    until("the producer goes on", || {
        file.write_all_at(&random.bytes(4096), segment.record_offset(0))
            .expect("written");
        segment.header("published") >= start + 200
    });
    vandal.end(Signal::KILL);
    until("the record is cleared", || segment.record(0, "lease") == 0);
    let report = Report::of(&steady.end(Signal::TERM));
    assert!(report.number("taken") > 0);
    assert_eq!(producer.end(Signal::INT).exit, Exit::Code(130));
    bus.assert_nothing_left();
}
