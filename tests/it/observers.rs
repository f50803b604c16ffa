//! Observers: they see everything, hold nothing and change nothing.

use std::fs;

use framebus::bus::{
    BusName, Consumer, ConsumerOptions, FrameMeta, Numbered, Producer, ProducerOptions,
};
use framebus::layout::Geometry;
use framebus::observe::{Baseline, Sampler, Thresholds};
use framebus::stop::Stop;
use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{
    Bus, Exit, FRAMEBUS, HEADER, LIVELY, Process, Random, RawSegment, fields, maps, until,
};

fn top_once(bus: &Bus) -> Value {
    let top = bus.run(&["top", "--once", "--json"]);
    assert_eq!(top.exit, Exit::Code(0), "{}", top.stderr);
    assert_eq!(top.stderr, "");
    top.json().pop().expect("a snapshot")
}

fn number(value: &Value, key: &str) -> u64 {
    value[key]
        .as_u64()
        .unwrap_or_else(|| panic!("{key} in {value}"))
}

#[test]
fn an_observer_maps_nothing_for_writing_and_holds_neither_lock_nor_pipe() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let top = Process::spawn(bus.framebus(&["top", "--json", "-d", "200ms"]));
    until("it has mapped the segment", || !maps(&top, &bus).is_empty());
    for _ in 0..20 {
        let maps = maps(&top, &bus);
        assert!(maps.iter().all(|map| map.rights == "r--s"), "{maps:?}");
        bus.frames_go_by(1);
    }
    for entry in fs::read_dir(format!("/proc/{}/fd", top.pid())).expect("descriptors") {
        let target = fs::read_link(entry.expect("a descriptor").path()).unwrap_or_default();
        assert_ne!(target, bus.lock_path());
    }
    let segment = bus.segment();
    assert!((0..4).all(|index| segment.claim(index, "connections") == 0));
    let top = top.end(Signal::TERM);
    assert_eq!(top.exit, Exit::Code(143), "{}", top.stderr);
}

#[test]
fn an_observer_changes_no_byte() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let holder = bus.consume(&["-i", "1", "--work", "1h"]);
    bus.attached(1, &holder);
    bus.frames_go_by(5);
    producer.freeze();
    let before = fs::read(bus.segment_path()).expect("the segment");
    let snapshot = top_once(&bus);
    assert_eq!(snapshot["consumers"][0]["index"], 1);
    assert!(before == fs::read(bus.segment_path()).expect("the segment"));
    producer.signal(Signal::CONT);
    producer.end(Signal::INT);
    holder.end(Signal::TERM);
    bus.assert_nothing_left();
}

#[test]
fn an_observer_agrees_with_what_the_consumers_counted() {
    let bus = Bus::new();
    let producer = bus.produce(&["--size", "160x120", "--fps", "120"]);
    let consumers = [
        bus.consume(&["-i", "0"]),
        bus.consume(&["-i", "1", "--max-fps", "10"]),
        bus.consume(&["-i", "2", "--work", "25ms"]),
    ];
    for (index, consumer) in (0..).zip(&consumers) {
        bus.attached(index, consumer);
    }
    bus.frames_go_by(150);
    producer.freeze();
    let segment = bus.segment();
    let newest = segment.header("latest") >> 8;
    until("all have had the newest frame", || {
        (0..3).all(|index| segment.record(index, "last_sequence") == newest)
    });
    let snapshot = top_once(&bus);
    assert_eq!(number(&snapshot["producer"], "published"), newest);
    assert_eq!(number(&snapshot["producer"], "sequence"), newest);
    for (index, consumer) in snapshot["consumers"]
        .as_array()
        .expect("consumers")
        .iter()
        .enumerate()
    {
        assert_eq!(number(consumer, "index"), index as u64);
        let (taken, skipped) = (number(consumer, "taken"), number(consumer, "skipped"));
        assert_eq!(
            number(consumer, "attach_sequence") + taken + skipped,
            newest
        );
        assert_eq!(taken, segment.record(index as u8, "taken"));
        assert!((skipped > 0) || index == 0 || index == 2, "{consumer}");
    }
    producer.signal(Signal::CONT);
    producer.end(Signal::INT);
}

#[test]
fn published_is_taken_skipped_and_pending_for_whoever_is_stuck_too() {
    let bus = Bus::new();
    let producer = bus.produce(&["--size", "160x120", "--fps", "120", "--history", "8"]);
    let consumers = [
        bus.consume(&["-i", "0"]),
        bus.consume(&["-i", "1", "--work", "1h"]),
        bus.consume(&["-i", "2", "--every-frame", "--work", "20ms"]),
        bus.consume(&["-i", "3", "--max-fps", "0.001"]),
    ];
    for (index, consumer) in (0..).zip(&consumers) {
        bus.attached(index, consumer);
    }
    consumers[0].freeze();
    bus.frames_go_by(60);
    for round in 0..3 {
        let snapshot = top_once(&bus);
        let newest = number(&snapshot["producer"], "sequence");
        for index in 0..consumers.len() {
            let consumer = &snapshot["consumers"][index];
            let of = |key| number(consumer, key);
            let published = of("published");
            assert_eq!(
                published,
                of("taken") + of("skipped") + of("pending"),
                "{consumer}"
            );
            let sum = of("attach_sequence") + published;
            assert!(sum >= newest, "{newest}: {consumer}");
            // The stopped ones take nothing: what goes by is counted all the same.
            if index != 2 {
                assert!(
                    of("pending") <= 1 && of("skipped") >= 50,
                    "{round}: {consumer}"
                );
            }
        }
        bus.frames_go_by(10);
    }
    consumers[0].signal(Signal::CONT);
    producer.end(Signal::INT);
}

#[test]
fn memory_is_a_process_its_own_without_the_segment() {
    let bus = Bus::new();
    let producer = bus.produce(&["--size", "1920x1080", "--fps", "30", "--history", "40"]);
    let snapshot = top_once(&bus);
    let (own, segment) = (
        number(&snapshot["producer"], "rss_bytes"),
        number(&snapshot["segment"], "bytes"),
    );
    // It has touched all of it.
    assert!(own > 0 && own < segment / 2, "{own} of {segment}");
    producer.end(Signal::INT);
}

#[test]
fn an_observer_copies_colours_and_gray_of_one_frame() {
    for in_every_slot in [true, false] {
        let bus = Bus::new();
        let color: &[&str] = if in_every_slot { &["--color"] } else { &[] };
        let producer = bus.produce(&[&["--size", "160x120", "--fps", "60"], color].concat());
        bus.frames_go_by(10);
        let name = bus.name().parse().expect("a name");
        let mut sampler = Sampler::new(name, Baseline::FirstLook, Thresholds::default());
        let slots = sampler.sample(false).slots.len();
        let mut coloured = 0;
        for slot in std::iter::repeat_n(None, 25).chain((0..slots as u8).map(Some)) {
            // A slot that is being written has none.
            let Some(picture) = sampler.picture_in_colour(slot) else {
                continue;
            };
            assert!(slot.is_none_or(|slot| slot == picture.slot));
            let Some(bgr) = picture.bgr else {
                assert!(slot.is_some() && !in_every_slot, "the newest has colours");
                continue;
            };
            let mut gray = vec![0; picture.gray.len()];
            framebus::convert::bgr_to_gray(&bgr, &mut gray);
            assert!(gray == picture.gray, "colours of another frame");
            coloured += 1;
        }
        assert!(coloured >= 20, "{coloured}");
        producer.end(Signal::INT);
        bus.assert_nothing_left();
    }
}

#[test]
fn an_observer_does_not_count_numbers_that_no_frame_has() {
    let bus = Bus::new();
    let name: BusName = bus.name().parse().expect("a name");
    let size = Geometry::new(64, 48).expect("a size");
    let mut producer =
        Producer::create(ProducerOptions::new(name.clone(), size)).expect("a producer");
    let stop = Stop::new().expect("a stop");
    let options = ConsumerOptions::new(name.clone());
    let mut consumer = Consumer::attach(options, None, &stop, |_| {}).expect("attached");
    let mut publish = |sequence| {
        let number = Numbered {
            sequence,
            origin: 7,
        };
        let claim = producer.claim().expect("whole").expect("a slot");
        claim
            .publish_as(FrameMeta::default(), number)
            .expect("above");
    };
    for sequence in [10, 12, 13, 20] {
        publish(sequence);
    }
    drop(consumer.acquire().expect("a frame"));
    let mut sampler = Sampler::new(name, Baseline::FirstLook, Thresholds::default());
    let mut counts = || {
        let of = &sampler.sample(false).consumers[0];
        [
            of.attach_sequence,
            of.published,
            of.taken,
            of.skipped,
            of.missing,
            of.pending,
        ]
    };
    assert_eq!(counts(), [0, 4, 1, 3, 16, 0]);
    publish(21);
    assert_eq!(counts(), [0, 5, 1, 3, 16, 1]);
    // What was left out since it took the last is known when it takes the next.
    publish(30);
    assert_eq!(counts(), [0, 14, 1, 12, 16, 1]);
    drop(consumer.acquire().expect("a frame"));
    assert_eq!(counts(), [0, 6, 2, 4, 24, 0]);
}

#[test]
fn an_observer_sees_a_bus_come_and_go() {
    let bus = Bus::new();
    let none = bus.run(&["top", "--once", "--json"]);
    assert_eq!(none.exit, Exit::Code(3), "{}", none.stderr);
    assert_eq!(none.json()[0]["state"], "absent");
    let producer = bus.produce(LIVELY);
    assert_eq!(top_once(&bus)["state"], "running");
    producer.end(Signal::KILL);
    until("the producer is missed", || {
        top_once(&bus)["state"] == "gone"
    });
    bus.produce(LIVELY).end(Signal::INT);
    bus.assert_nothing_left();
}

#[test]
fn no_damaged_field_crashes_or_hangs_an_observer() {
    use std::os::unix::fs::FileExt;
    let bus = Bus::new();
    bus.produce(LIVELY).end(Signal::KILL);
    let whole = fs::read(bus.segment_path()).expect("the segment");
    let mut random = Random::seeded(3);
    let of_header = |field: &&crate::harness::Field| field.structure == HEADER;
    let all: Vec<_> = fields().iter().filter(of_header).collect();
    // An observer looks twice, half a second apart: several run at a time.
    for (round, some) in all.chunks(8).enumerate() {
        let copies: Vec<(Bus, Process)> = some
            .iter()
            .map(|field| {
                let copy = Bus::new();
                fs::write(copy.segment_path(), &whole).expect("a copy");
                let bytes = match round % 2 {
                    0 => random.bytes(field.len),
                    _ => vec![0xff; field.len],
                };
                RawSegment::writable(&copy.segment_path())
                    .write_all_at(&bytes, field.offset)
                    .expect("written");
                let top = Process::spawn(copy.framebus(&["top", "--once"]));
                (copy, top)
            })
            .collect();
        for ((_copy, top), field) in copies.into_iter().zip(some) {
            let top = top.wait();
            assert!(matches!(top.exit, Exit::Code(0..=5)), "{field:?}: {top:?}");
            assert!(!top.stderr.contains("panicked"), "{field:?}: {top:?}");
        }
    }
}

#[test]
fn garbage_in_a_consumers_record_does_not_crash_an_observer() {
    use std::os::unix::fs::FileExt;
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let consumer = bus.consume(&["-i", "0", "--work", "1h"]);
    bus.attached(0, &consumer);
    let mut random = Random::new();
    let file = RawSegment::writable(&bus.segment_path());
    for _ in 0..3 {
        let offset = bus.segment().record_offset(0);
        let mut garbage = random.bytes(4096);
        // Attached, with a lease that may name any slot.
        garbage[..4].copy_from_slice(&1u32.to_le_bytes());
        file.write_all_at(&garbage, offset).expect("written");
        for args in [&["top", "--once"][..], &["top", "--once", "--json"]] {
            let top = bus.run(args);
            assert_eq!(top.exit, Exit::Code(0), "{}", top.stderr);
            let text = String::from_utf8_lossy(&top.stdout);
            assert!(
                !text.contains('\x1b'),
                "control characters of a peer: {text:?}"
            );
        }
    }
    consumer.end(Signal::KILL);
    producer.end(Signal::INT);
    bus.assert_nothing_left();
}

/// Takes a snapshot in time and process namespaces of its own; needs root, as CI has it.
fn top_apart(bus: &Bus, namespaces: &[&str]) -> Value {
    let mut command = bus.command("unshare");
    command
        .args(namespaces)
        .arg(FRAMEBUS)
        .args(["top", "--once", "--json"]);
    let run = Process::spawn(command).wait();
    assert!(!run.stderr.contains("unshare:"), "{}", run.stderr);
    run.json().remove(0)
}

#[test]
fn a_live_producer_is_not_called_gone_where_the_clock_is_another() {
    const DAY_S: &str = "86400";
    let seen: &[&str] = &["-T", "--monotonic", DAY_S, "--fork"];
    let unseen: &[&str] = &["-T", "--monotonic", DAY_S, "-p", "--mount-proc", "--fork"];
    let bus = Bus::new();
    let producer = bus.produce(&["--size", "64x48", "--fps", "60"]);
    for namespaces in [seen, unseen] {
        let snapshot = top_apart(&bus, namespaces);
        assert_eq!(snapshot["state"], "running", "{snapshot}");
        let age_ms = snapshot["producer"]["age_ms"].as_f64().expect("an age");
        assert!(age_ms < 86_400_000.0, "a day is not its age: {snapshot}");
    }
    producer.end(Signal::KILL);
    assert_eq!(top_apart(&bus, unseen)["state"], "gone");
}
