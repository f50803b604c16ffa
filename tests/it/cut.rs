//! A segment whose file somebody makes shorter: an error for whoever has it mapped, and nobody's death.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, PermissionsExt, chown};
use std::sync::atomic::{AtomicBool, Ordering};

use framebus::bus::{CopyError, HandleError, Observer};
use framebus::observe::{Baseline, BusState, Sampler, Thresholds};
use rustix::process::Signal;

use crate::harness::{Bus, Exit, LIVELY, Random, until};

fn file(bus: &Bus) -> File {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(bus.segment_path())
        .expect("the segment's file")
}

fn cut(bus: &Bus, len: u64) {
    file(bus).set_len(len).expect("cut");
}

#[test]
fn a_producer_and_its_consumers_end_with_a_sentence_when_the_segment_is_emptied() {
    for trigger in ["eventfd", "pipe", "spin"] {
        let bus = Bus::new();
        let producer = bus.produce(LIVELY);
        let consumer = bus.consume(&["-i", "0", "--trigger", trigger]);
        bus.attached(0, &consumer);
        cut(&bus, 0);
        let producer = producer.wait();
        assert_eq!(producer.exit, Exit::Code(2), "{}", producer.stderr);
        let consumer = consumer.wait();
        assert_eq!(consumer.exit, Exit::Code(3), "{}", consumer.stderr);
        for run in [producer, consumer] {
            assert!(run.stderr.contains("was cut short"), "{}", run.stderr);
        }
        bus.assert_nothing_left();
    }
}

#[test]
fn a_segment_that_is_emptied_and_filled_up_again_ends_its_producer_too() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let len = file(&bus).metadata().expect("its length").len();
    cut(&bus, 0);
    cut(&bus, len);
    let producer = producer.wait();
    assert_eq!(producer.exit, Exit::Code(2), "{}", producer.stderr);
    assert!(
        producer.stderr.contains("was cut short"),
        "{}",
        producer.stderr
    );
    bus.assert_nothing_left();
}

#[test]
fn a_segment_that_loses_only_its_images_ends_everybody_in_order() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let consumer = bus.consume(&["-i", "0"]);
    bus.attached(0, &consumer);
    cut(&bus, bus.segment().plane(0, "offset"));
    for run in [producer.wait(), consumer.wait()] {
        assert!(matches!(run.exit, Exit::Code(2 | 3)), "{run:?}");
    }
    bus.assert_nothing_left();
}

#[test]
fn a_consumer_that_follows_goes_on_with_the_next_producer_after_a_cut() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let consumer = bus.consume(&["-i", "0", "--follow", "--json"]);
    bus.attached(0, &consumer);
    cut(&bus, 0);
    producer.wait();
    let _next = bus.produce(LIVELY);
    bus.attached(0, &consumer);
    let seen = consumer.stdout().len();
    until("it has frames again", || consumer.stdout().len() > seen);
    assert_eq!(consumer.end(Signal::INT).exit, Exit::Code(130));
}

/// A segment that nobody owns any more, and what is in it.
fn planted(bus: &Bus) -> Vec<u8> {
    let producer = bus.produce(&["--size", "160x120", "--fps", "200"]);
    bus.frames_go_by(10);
    producer.end(Signal::KILL);
    fs::read(bus.segment_path()).expect("the segment")
}

/// Cuts a file and fills it up again until it is told to stop.
fn cut_and_fill(file: &File, bytes: &[u8], stop: &AtomicBool) {
    let mut random = Random::new();
    while !stop.load(Ordering::Relaxed) {
        let len = match random.below(4) {
            0 => 0,
            1 => random.below(8192),
            _ => random.below(bytes.len() as u64),
        };
        file.set_len(len).expect("cut");
        if random.below(2) == 0 {
            std::thread::yield_now();
        }
        let from = if random.below(3) == 0 {
            0
        } else {
            len as usize
        };
        file.write_all_at(&bytes[from..], from as u64)
            .expect("filled up");
    }
}

#[test]
fn every_observer_outlives_a_segment_that_is_cut_and_filled_up_in_a_loop() {
    let bus = Bus::new();
    let bytes = planted(&bus);
    let file = file(&bus);
    let stop = AtomicBool::new(false);
    let name = bus.name();
    let verbs: [&[&str]; 9] = [
        &["top", "--once"],
        &["top", "--once", "--json"],
        &["ls"],
        &["metrics", "-b", name],
        &["gc", "-n", "-b", name],
        &["peek", "-o", "/dev/null", "--format", "pgm"],
        &["check", "--for", "50ms"],
        &["wait", "--timeout", "50ms"],
        &["consume", "--timeout", "50ms"],
    ];
    std::thread::scope(|scope| {
        scope.spawn(|| cut_and_fill(&file, &bytes, &stop));
        let stops = Stops(&stop);
        let lasting = bus.framebus(&["top", "--json", "-d", "100ms"]);
        let lasting = crate::harness::Process::spawn(lasting);
        for verb in verbs.iter().cycle().take(3 * verbs.len()) {
            let run = bus.run(verb);
            assert!(matches!(run.exit, Exit::Code(_)), "{verb:?}: {run:?}");
        }
        assert!(!lasting.has_ended());
        lasting.end(Signal::INT);
        drop(stops);
    });
}

/// Ends the vandal also when the test fails.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn an_observer_of_the_library_gets_an_error_or_a_copy_of_a_segment_that_is_cut_and_filled_up() {
    let bus = Bus::new();
    let bytes = planted(&bus);
    let file = file(&bus);
    let stop = AtomicBool::new(false);
    let name: framebus::bus::BusName = bus.name().parse().expect("a name");
    let (mut cuts, mut copies) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| cut_and_fill(&file, &bytes, &stop));
        let stops = Stops(&stop);
        let mut image = Vec::new();
        let mut sampler = Sampler::new(name.clone(), Baseline::Start, Thresholds::default());
        until("there were copies and cuts", || {
            let snapshot = sampler.sample(true);
            assert!(snapshot.segment.is_none() || snapshot.state != BusState::Unreadable);
            if let Ok(observer) = Observer::open(&name) {
                let layout = *observer.layout();
                for slot in 0..layout.slots {
                    match observer.copy_slot(&layout.planes[0], slot, &mut image) {
                        Ok(_) => copies += 1,
                        Err(CopyError::Handle(HandleError::CutShort { .. })) => cuts += 1,
                        Err(_) => {}
                    }
                }
            }
            cuts > 20 && copies > 20
        });
        drop(stops);
    });
}

#[test]
fn what_a_stranger_has_put_there_is_looked_at_only_by_its_name() {
    let bus = Bus::new();
    let bytes = planted(&bus);
    fs::remove_file(bus.segment_path()).expect("removed");
    fs::write(bus.segment_path(), &bytes).expect("planted");
    fs::set_permissions(bus.segment_path(), fs::Permissions::from_mode(0o666)).expect("mode");
    let stranger = 4_000_000 + std::process::id() % 1_000_000;
    chown(bus.segment_path(), Some(stranger), Some(stranger)).expect("another owner");

    let listed = bus.run(&["ls"]);
    let table = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(!table.contains(bus.name()), "{table}");
    assert!(listed.stderr.contains(bus.name()), "{}", listed.stderr);
    let metrics = bus.run(&["metrics"]);
    assert!(!String::from_utf8_lossy(&metrics.stdout).contains(bus.name()));

    let all = bus.run(&["ls", "--all"]);
    assert!(String::from_utf8_lossy(&all.stdout).contains(bus.name()));
    let named = bus.run(&["metrics", "-b", bus.name()]);
    assert!(String::from_utf8_lossy(&named.stdout).contains(bus.name()));
    // For a group that root is in, it is somebody's whom the administrator knows.
    chown(bus.segment_path(), None, Some(0)).expect("another group");
    assert!(String::from_utf8_lossy(&bus.run(&["ls"]).stdout).contains(bus.name()));
}
