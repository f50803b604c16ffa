//! Names that somebody removes under a producer that lives: it puts them back, and is alive for everybody meanwhile.

use std::fs;

use rustix::process::Signal;

use crate::harness::{Bus, Exit, FRAMEBUS, LIVELY, Process, until};

/// Removes names of a bus, as a logout or an `rm` would.
#[derive(Debug, Clone, Copy)]
enum Lost {
    Segment,
    Lock,
    SegmentAndLock,
    OnePipe,
    Pipes,
    Everything,
}

impl Lost {
    fn from(self, bus: &Bus) {
        let shm = |path| fs::remove_file(path).expect("removed");
        match self {
            Lost::Segment => shm(bus.segment_path()),
            Lost::Lock => shm(bus.lock_path()),
            Lost::SegmentAndLock => {
                shm(bus.segment_path());
                shm(bus.lock_path());
            }
            Lost::OnePipe => fs::remove_file(bus.pipe(1)).expect("removed"),
            Lost::Pipes => fs::remove_dir_all(bus.runtime().join("framebus")).expect("removed"),
            Lost::Everything => {
                Lost::SegmentAndLock.from(bus);
                Lost::Pipes.from(bus);
            }
        }
    }
}

fn is_whole(bus: &Bus, producer: &Process) -> bool {
    bus.lock_path().exists()
        && (0..4).all(|index| bus.pipe(index).exists())
        && bus.try_segment().is_some_and(|segment| {
            segment.header("producer_pid") == u64::from(producer.pid())
                && segment.header("published") > 0
        })
}

#[test]
fn a_producer_puts_back_its_names_and_its_consumers_come_along() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let consumer = bus.consume(&["-i", "0", "--json"]);
    bus.attached(0, &consumer);
    for lost in [
        Lost::Segment,
        Lost::Lock,
        Lost::SegmentAndLock,
        Lost::OnePipe,
        Lost::Pipes,
        Lost::Everything,
    ] {
        let said = producer.stderr().matches("has removed").count();
        lost.from(&bus);
        until(&format!("{lost:?} is put back"), || {
            is_whole(&bus, &producer)
        });
        until("the producer has said so", || {
            producer.stderr().matches("has removed").count() > said
        });
        bus.attached(0, &consumer);
        let segment = bus.segment();
        let taken = segment.record(0, "taken");
        until("the consumer takes frames of it", || {
            segment.record(0, "taken") > taken
        });
        let run = bus.run(&[
            "-q",
            "consume",
            "-i",
            "1",
            "--count",
            "3",
            "--timeout",
            "30s",
        ]);
        assert_eq!(run.exit, Exit::Code(0), "after {lost:?}: {}", run.stderr);
        let check = bus.run(&["check", "--for", "100ms"]);
        assert_eq!(check.exit, Exit::Code(0), "after {lost:?}: {check:?}");
    }
    // The segment was lost three times.
    assert_eq!(bus.segment().header("generation"), 4);
    producer.end(Signal::INT);
    let consumer = consumer.wait();
    assert_eq!(consumer.exit, Exit::Code(0), "{}", consumer.stderr);
    assert!(consumer.sequences().is_sorted_by(|a, b| a < b));
    bus.assert_nothing_left();
}

/// Stopped, so that it cannot put them back.
#[test]
fn a_producer_without_names_is_alive_for_everybody() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    producer.freeze();
    Lost::SegmentAndLock.from(&bus);

    let check = bus.run(&["check"]);
    assert_eq!(check.exit, Exit::Code(1), "{check:?}");
    let text = String::from_utf8_lossy(&check.stdout).into_owned();
    assert!(text.starts_with("unlinked-segment: "), "{text}");
    let top = bus.run(&["top", "--once", "--json"]).json();
    assert_eq!(top[0]["findings"][0]["kind"], "unlinked-segment", "{top:?}");
    let ls = bus.run(&["ls", "--json"]).json();
    let row = ls[0]["buses"].as_array().expect("rows").iter();
    let mut row = row.filter(|row| row["bus"] == bus.name());
    assert_eq!(row.next().expect("a row")["state"], "unlinked");
    let consume = bus.run(&["-q", "consume", "--timeout", "1ms"]);
    assert_eq!(consume.exit, Exit::Code(3), "{consume:?}");
    assert!(
        consume.stderr.contains("its segment was removed"),
        "{}",
        consume.stderr
    );
    let doctor = bus.run(&["doctor", "--size", "64x48"]);
    let text = String::from_utf8_lossy(&doctor.stdout).into_owned();
    let about = |line: &&str| line.contains(&format!("bus {} ", bus.name()));
    let about: Vec<&str> = text.lines().filter(about).collect();
    assert!(
        about.len() == 1 && about[0].starts_with("FAIL  unlinked-segment: "),
        "{text}"
    );

    let second = bus.run(&["-q", "produce", "pattern", "--count", "1"]);
    assert_eq!(second.exit, Exit::Code(2), "{second:?}");
    assert!(
        second.stderr.contains("already has a producer"),
        "{}",
        second.stderr
    );
    let gc = bus.run(&["gc", "-b", bus.name()]);
    assert_eq!(gc.exit, Exit::Code(0), "{gc:?}");
    assert!((0..4).all(|index| bus.pipe(index).exists()), "{gc:?}");
    assert!(!bus.lock_path().exists(), "nobody else's lock is left");

    producer.signal(Signal::CONT);
    until("the producer has put them back", || {
        is_whole(&bus, &producer)
    });
    producer.end(Signal::INT);
    bus.assert_nothing_left();
}

#[test]
fn a_producer_whose_pipes_are_gone_is_not_called_gone() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    producer.freeze();
    Lost::Pipes.from(&bus);
    // Also when the lock does not tell.
    fs::remove_file(bus.lock_path()).expect("removed");
    let run = bus.run(&["-q", "consume", "--timeout", "1ms"]);
    assert_eq!(run.exit, Exit::Code(3), "{run:?}");
    let lives = format!("(pid {}) lives", producer.pid());
    assert!(run.stderr.contains(&lives), "{}", run.stderr);
    let second = bus.run(&["-q", "produce", "pattern", "--count", "1"]);
    assert_eq!(second.exit, Exit::Code(2), "{second:?}");
    let gc = bus.run(&["gc", "-b", bus.name()]);
    assert!(
        gc.stdout.is_empty() && bus.segment_path().exists(),
        "{gc:?}"
    );
    producer.signal(Signal::CONT);
    until("the producer has put them back", || {
        is_whole(&bus, &producer)
    });
    producer.end(Signal::INT);
    bus.assert_nothing_left();
}

/// A producer that cannot make its segment again goes on for those who have it, and tries again.
#[test]
fn a_segment_that_does_not_fit_again_is_made_when_there_is_room() {
    let bus = Bus::new();
    let name = bus.name();
    let script = format!(
        "mount -t tmpfs -o size=4m tmpfs /dev/shm || exit 9
         {FRAMEBUS} produce pattern --size 320x240 --fps 60 --duration 1h & producer=$!
         {FRAMEBUS} -q wait --frames 1 --timeout 60s || exit 8
         {FRAMEBUS} -q consume --json & consumer=$!
         {FRAMEBUS} -q consume --count 3 >/dev/null || exit 7
         dd if=/dev/zero of=/dev/shm/fill bs=4k 2>/dev/null
         rm /dev/shm/framebus.{name}
         until {FRAMEBUS} check | grep -q unlinked-segment; do sleep 0.05; done
         rm -f /dev/shm/fill
         {FRAMEBUS} -q consume --timeout 60s --count 3 >/dev/null || exit 6
         kill -INT $producer; wait $producer; wait $consumer; code=$?; ls -A /dev/shm >&2; exit $code"
    );
    let mut command = bus.command("unshare");
    command.args(["-m", "sh", "-c", &script]);
    let run = Process::spawn(command).wait();
    assert_eq!(run.exit, Exit::Code(0), "{run:?}");
    let sequences = run.sequences();
    assert!(sequences.is_sorted_by(|a, b| a < b), "{sequences:?}");
    let generations = run.json().iter().any(|line| line["generation"] == 2);
    assert!(generations, "the consumer has followed");
    bus.assert_nothing_left();
}

/// Nothing was left that it could have found.
#[test]
fn a_producer_whose_bus_is_another_ones_by_now_ends() {
    let bus = Bus::new();
    let first = bus.produce(LIVELY);
    first.freeze();
    Lost::Everything.from(&bus);
    let second = bus.produce(LIVELY);
    first.signal(Signal::CONT);
    let first = first.wait();
    assert_eq!(first.exit, Exit::Code(2), "{first:?}");
    let taken = format!("was taken over by pid {}", second.pid());
    assert!(first.stderr.contains(&taken), "{}", first.stderr);
    assert!(
        is_whole(&bus, &second),
        "the first has left the second's names alone"
    );
    bus.frames_go_by(3);
    second.end(Signal::INT);
    bus.assert_nothing_left();
}

#[test]
fn a_segment_that_something_else_has_replaced_is_made_again() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    fs::remove_file(bus.segment_path()).expect("removed");
    fs::write(bus.segment_path(), "a restored backup").expect("written");
    until("the producer has put it back", || is_whole(&bus, &producer));
    producer.end(Signal::INT);
    bus.assert_nothing_left();
}
