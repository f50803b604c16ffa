//! `produce --lockstep` and `--wait-for`: nothing is skipped, however slow its readers are, and nobody stops the others.

use rustix::process::Signal;

use crate::harness::{Bus, Exit, Finished, Process, Random, until};
use crate::roles::{Report, Taker};

/// So few slots that readers are waited for all the time, and as fast as they go.
const TIGHT: &[&str] = &["--size", "160x120", "--fps", "0", "--lockstep"];

/// A producer of so many frames that waits for two readers.
fn produce(bus: &Bus, frames: u64, more: &[&str]) -> Process {
    let count = frames.to_string();
    let args = [TIGHT, &["--count", &count, "--wait-consumers", "2"], more].concat();
    bus.start_produce(&args)
}

/// A reader of every frame, which says a line for each.
fn reader(bus: &Bus, index: &str, more: &[&str]) -> Process {
    bus.consume(&[&["-i", index, "--every-frame", "--json"], more].concat())
}

fn has_all(reader: &Finished, frames: u64) {
    assert_eq!(reader.exit, Exit::Code(0), "{}", reader.stderr);
    let all: Vec<u64> = (1..=frames).collect();
    assert_eq!(reader.sequences(), all, "{}", reader.stderr);
}

#[test]
fn readers_that_are_slow_in_turns_miss_no_frame_of_a_short_film_nor_its_end() {
    let bus = Bus::new();
    let producer = produce(&bus, 20, &[]);
    let quick = reader(&bus, "0", &[]);
    let slow = reader(&bus, "1", &["--work", "20ms"]);
    has_all(&quick.wait(), 20);
    has_all(&slow.wait(), 20);
    let producer = producer.wait();
    assert_eq!(producer.exit, Exit::Code(0), "{}", producer.stderr);
    let wanted = "20 frames published, 0 dropped, 0 starved";
    assert!(producer.stderr.contains(wanted), "{}", producer.stderr);
    bus.assert_nothing_left();
}

#[test]
fn every_way_to_wait_for_a_frame_goes_with_lockstep() {
    let bus = Bus::new();
    let args = [TIGHT, &["--count", "3000", "--wait-consumers", "3"]].concat();
    let producer = bus.start_produce(&args);
    let readers: Vec<Process> = [("0", "eventfd"), ("1", "pipe"), ("2", "spin")]
        .map(|(index, trigger)| reader(&bus, index, &["--trigger", trigger]))
        .into();
    let finished: Vec<Finished> = readers.into_iter().map(Process::wait).collect();
    for reader in &finished {
        has_all(reader, 3000);
    }
    assert_eq!(producer.wait().exit, Exit::Code(0));
}

#[test]
fn a_reader_that_is_killed_does_not_stop_the_other() {
    let bus = Bus::new();
    let producer = produce(&bus, 400, &[]);
    let other = reader(&bus, "0", &[]);
    let killed = reader(&bus, "1", &["--work", "1h"]);
    bus.attached(1, &killed);
    let segment = bus.segment();
    until("the producer waits for it", || {
        segment.header("waiting_for") == 2
    });
    assert_eq!(segment.header("waiting"), 1);
    killed.end(Signal::KILL);
    has_all(&other.wait(), 400);
    assert_eq!(producer.wait().exit, Exit::Code(0));
    bus.assert_nothing_left();
}

#[test]
fn a_reader_that_stands_still_is_left_out_and_named() {
    let bus = Bus::new();
    let producer = produce(&bus, 400, &["--lockstep-limit", "300ms"]);
    let other = reader(&bus, "0", &[]);
    let frozen = reader(&bus, "1", &["--name", "sleepy", "--work", "1h"]);
    has_all(&other.wait(), 400);
    let producer = producer.wait();
    assert_eq!(producer.exit, Exit::Code(0), "{}", producer.stderr);
    let said = "consumer 1 sleepy has held one frame for 300ms";
    assert!(producer.stderr.contains(said), "{}", producer.stderr);
    assert_eq!(producer.stderr.matches("left out").count(), 1);
    frozen.end(Signal::KILL);
}

#[test]
fn whoever_reads_only_the_newest_frames_is_not_waited_for() {
    let bus = Bus::new();
    let producer = produce(&bus, 300, &[]);
    let newest = bus.consume(&["-i", "1", "--work", "1h"]);
    let other = reader(&bus, "0", &[]);
    has_all(&other.wait(), 300);
    assert_eq!(producer.wait().exit, Exit::Code(0));
    newest.end(Signal::KILL);
}

#[test]
fn the_first_frame_waits_for_those_who_are_named_and_says_for_whom() {
    let bus = Bus::new();
    let args = [TIGHT, &["--count", "5", "--wait-for", "detector,recorder"]].concat();
    let producer = bus.start_produce(&args);
    let other = reader(&bus, "0", &["--name", "other"]);
    let detector = reader(&bus, "1", &["--name", "detector"]);
    bus.attached(0, &other);
    bus.attached(1, &detector);
    assert_eq!(bus.segment().header("published"), 0);
    let recorder = reader(&bus, "2", &["--name", "recorder"]);
    for reader in [other, detector, recorder] {
        has_all(&reader.wait(), 5);
    }
    let producer = producer.wait();
    let said = "waiting for detector, recorder";
    assert!(producer.stderr.contains(said), "{}", producer.stderr);
    assert!(producer.stderr.contains("all consumers are there"));
}

#[test]
fn consumers_that_do_not_come_are_named_and_the_answer_is_no() {
    let bus = Bus::new();
    let args = ["--wait-for", "detector,recorder", "--wait-timeout", "200ms"];
    let producer = bus.start_produce(&args);
    let detector = bus.consume(&["--name", "detector"]);
    let producer = producer.wait();
    assert_eq!(producer.exit, Exit::Code(1), "{}", producer.stderr);
    assert!(producer.stderr.contains("recorder"), "{}", producer.stderr);
    assert!(producer.stderr.contains("did not attach"));
    detector.end(Signal::TERM);
    bus.assert_nothing_left();
}

#[test]
fn what_cannot_wait_and_what_means_nothing_is_refused_in_a_sentence() {
    let bus = Bus::new();
    let refused = [
        (
            &["produce", "/dev/video9", "--lockstep"][..],
            "a camera goes on",
        ),
        (
            &["produce", "rtsp://localhost/1", "--lockstep"],
            "a stream goes on",
        ),
        (
            &["produce", "pattern", "--wait-consumers", "5"],
            "raise --consumers",
        ),
        (
            &["produce", "pattern", "--wait-timeout", "5s"],
            "--wait-for",
        ),
        (
            &["produce", "pattern", "--lockstep-limit", "5s"],
            "--lockstep",
        ),
    ];
    for (args, why) in refused {
        let done = bus.run(args);
        assert_eq!(done.exit, Exit::Code(2), "{}", done.stderr);
        assert!(done.stderr.contains(why), "{}", done.stderr);
    }
}

#[test]
fn top_says_whose_the_pace_is() {
    let bus = Bus::new();
    let _producer = bus.produce(TIGHT);
    let slow = reader(&bus, "0", &["--name", "detector", "--work", "30ms"]);
    bus.attached(0, &slow);
    bus.frames_go_by(3);
    let top = bus.run(&["top", "--once", "--json"]);
    let lockstep = &top.json()[0]["producer"]["lockstep"];
    assert_eq!(lockstep["consumer"], 0, "{lockstep}");
    assert!(lockstep["waited_percent"].as_f64().expect("a share") > 0.0);
    let top = bus.run(&["top", "--once"]);
    let printed = String::from_utf8_lossy(&top.stdout).into_owned();
    assert!(printed.contains("pace of 0 detector"), "{printed}");
}

/// Readers come and go, are stopped, killed and continued, and the steady ones have every frame, with no history at all.
#[test]
fn in_lockstep_chaos_costs_the_others_nothing() {
    let bus = Bus::new();
    let mut random = Random::new();
    let args = [TIGHT, &["--lockstep-limit", "1h"]].concat();
    let producer = bus.produce(&args);
    let steady: Vec<Process> = [(2, "eventfd"), (3, "pipe")]
        .map(|(index, trigger)| Taker {
            index,
            every_frame: true,
            trigger,
            ..Taker::default()
        })
        .map(|taker| taker.start_taking(&bus))
        .into();
    // bin/chaos says how many signals, of which this sends one or two a round.
    let signals = std::env::var("FRAMEBUS_CHAOS_SIGNALS").ok();
    let signals: u32 = signals.map_or(0, |signals| signals.parse().expect("a number"));
    for _ in 0..(signals / 2).max(30) {
        let (index, trigger) = (["0", "1"][random.below(2) as usize], random.below(3));
        let trigger = ["eventfd", "pipe", "spin"][trigger as usize];
        let mut args = vec!["--trigger", trigger];
        if random.below(2) == 0 {
            args.extend(["--work", "2ms"]);
        }
        let victim = reader(&bus, index, &args);
        random.rest(std::time::Duration::from_millis(40));
        if random.below(3) == 0 {
            victim.signal(Signal::STOP);
            random.rest(std::time::Duration::from_millis(20));
        }
        let sequences = victim.end(Signal::KILL).sequences();
        let gap = sequences.windows(2).find(|pair| pair[0] + 1 != pair[1]);
        assert_eq!(gap, None, "whoever attaches misses nothing from there on");
    }
    bus.frames_go_by(100);
    let segment = bus.segment();
    assert_eq!(segment.header("starved"), 0);
    assert_eq!(segment.header("dropped"), 0);
    for process in steady {
        let report = Report::of(&process.end(Signal::TERM));
        assert_eq!(report.number("skipped"), 0);
    }
    assert_eq!(producer.end(Signal::INT).exit, Exit::Code(130));
    bus.assert_nothing_left();
}
