//! Signals, and what a stale segment turns into.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Bus, Exit, FRAMEBUS, LIVELY, Process, until};
use crate::roles::{Report, Taker};

const SIGNALS: [(Signal, i32); 3] = [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)];

#[test]
fn a_producer_ends_at_a_signal_and_leaves_nothing() {
    for (signal, code) in SIGNALS {
        let bus = Bus::new();
        let producer = bus.produce(LIVELY);
        let consumer = bus.consume(&[]);
        bus.attached(0, &consumer);
        let producer = producer.end(signal);
        assert_eq!(producer.exit, Exit::Code(code), "{}", producer.stderr);
        assert_eq!(consumer.wait().exit, Exit::Code(0));
        bus.assert_nothing_left();
    }
}

#[test]
fn a_signal_that_comes_twice_at_once_is_one_request() {
    let bus = Bus::new();
    for _ in 0..5 {
        let producer = bus.produce(LIVELY);
        // As `timeout` does: to the process and to its group.
        producer.signal(Signal::TERM);
        assert_eq!(producer.end(Signal::TERM).exit, Exit::Code(143));
        bus.assert_nothing_left();
    }
}

#[test]
fn a_producer_that_waits_ends_at_a_signal_and_leaves_nothing() {
    for (signal, code) in SIGNALS {
        let bus = Bus::new();
        let producer = bus.produce(&["--size", "32x32", "--fps", "0.001"]);
        assert_eq!(producer.end(signal).exit, Exit::Code(code));
        bus.assert_nothing_left();
    }
}

#[test]
fn a_producer_whose_input_stands_still_ends_at_a_signal_and_leaves_nothing() {
    let header = "YUV4MPEG2 W64 H48 F30:1 Cmono\\nFRAME\\n";
    // Before the header, in it, and in the middle of a frame.
    for sent in ["", "YUV4MPEG2 W64", header, &format!("{header}abc")] {
        let bus = Bus::new();
        let mut command = bus.command("sh");
        let fifo = bus.runtime().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o600.into()).expect("a named pipe");
        let fifo_path = fifo.display();
        // The shell's own descriptor keeps the pipe open.
        let script =
            format!("exec 3<>{fifo_path}; printf '{sent}' >&3; exec {FRAMEBUS} produce - <&3");
        command.args(["-c", &script]);
        let producer = Process::spawn(command);
        until("it has what was sent", || {
            let comm = fs::read_to_string(format!("/proc/{}/comm", producer.pid()));
            let handles = fs::read_to_string(format!("/proc/{}/status", producer.pid()));
            comm.is_ok_and(|comm| comm.trim() == "framebus")
                && handles.is_ok_and(|status| catches(&status, 15))
                && (!sent.contains("FRAME\\n") || bus.try_segment().is_some())
        });
        assert_eq!(producer.end(Signal::TERM).exit, Exit::Code(143), "{sent:?}");
        fs::remove_file(fifo).expect("removed");
        bus.assert_nothing_left();
    }
}

/// Whether a process has a handler for a signal.
fn catches(status: &str, signal: u32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}

#[test]
fn a_consumer_ends_at_a_signal_and_gives_its_index_back() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    for args in [
        &[][..],
        &["--work", "1h"],
        &["--max-fps", "0.001"],
        &["--json"],
    ] {
        for (signal, code) in SIGNALS {
            let consumer = bus.consume(args);
            bus.attached(0, &consumer);
            bus.frames_go_by(2);
            let consumer = consumer.end(signal);
            assert_eq!(
                consumer.exit,
                Exit::Code(code),
                "{args:?}: {}",
                consumer.stderr
            );
            // 2: it said goodbye.
            until("its index is free", || bus.segment().claim(0, "state") == 2);
            assert_eq!(bus.segment().record(0, "lease"), 0);
        }
    }
    assert_eq!(bus.segment().claim(0, "deaths"), 0);
    producer.end(Signal::INT);
    bus.assert_nothing_left();
}

#[test]
fn a_consumer_that_waits_for_a_bus_ends_at_a_signal() {
    for (signal, code) in SIGNALS {
        let bus = Bus::new();
        let consumer = bus.consume(&[]);
        until("it says what it waits for", || {
            consumer.stderr().contains("waiting: there is no bus")
        });
        assert_eq!(consumer.end(signal).exit, Exit::Code(code));
        bus.assert_nothing_left();
    }
}

#[test]
fn a_consumer_whose_reader_stands_still_ends_at_the_second_signal_at_the_latest() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let mut command = bus.command("sh");
    let fifo = bus.runtime().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o600.into()).expect("a named pipe");
    let path = fifo.display();
    command.args([
        "-c",
        &format!("exec 3<>{path}; exec {FRAMEBUS} consume -o - >&3"),
    ]);
    let consumer = Process::spawn(command);
    bus.attached(0, &consumer);
    let segment = bus.segment();
    until("the pipe is full and it holds a frame", || {
        let lease = segment.record(0, "lease");
        lease != 0 && (segment.header("latest") >> 8) > (lease >> 8) + 30
    });
    consumer.signal(Signal::INT);
    // A second signal that comes with the first is the same request.
    std::thread::sleep(Duration::from_millis(500));
    let consumer = consumer.end(Signal::INT);
    assert_eq!(consumer.exit, Exit::Code(130), "{}", consumer.stderr);
    until("its lease is cleared", || segment.record(0, "lease") == 0);
    producer.end(Signal::INT);
    fs::remove_file(fifo).expect("removed");
    bus.assert_nothing_left();
}

#[test]
fn a_hang_up_is_ignored_under_nohup() {
    let bus = Bus::new();
    let mut command = bus.command("sh");
    command.args([
        "-c",
        &format!("trap '' HUP; exec {FRAMEBUS} produce pattern --size 32x32"),
    ]);
    let producer = Process::spawn(command);
    until("the bus is there", || bus.try_segment().is_some());
    producer.signal(Signal::HUP);
    bus.frames_go_by(10);
    assert_eq!(producer.end(Signal::TERM).exit, Exit::Code(143));
    bus.assert_nothing_left();
}

#[test]
fn a_stale_segment_is_replaced_and_its_sequences_go_on() {
    let bus = Bus::new();
    let killed = bus.produce(LIVELY);
    bus.frames_go_by(20);
    let segment = bus.segment();
    killed.end(Signal::KILL);
    let last = segment.header("latest") >> 8;
    assert_eq!(segment.header("state"), 1, "nobody has said goodbye");
    let producer = bus.produce(&["--size", "64x48"]);
    let next = bus.segment();
    assert_eq!(next.header("generation"), segment.header("generation") + 1);
    assert_eq!(next.header("base_sequence"), last);
    assert_eq!(next.header("epoch_ms"), segment.header("epoch_ms"));
    assert!(next.header("latest") >> 8 > last);
    assert_eq!(segment.header("state"), 4, "the old one is retired");
    producer.end(Signal::INT);
    bus.assert_nothing_left();
}

/// Nothing is left to go on from: sequences begin at 1 again, every line says so, and what the next producer published
/// before the consumer came back is not taken for what it missed.
#[test]
fn after_a_clean_end_sequences_belong_to_a_new_epoch() {
    let bus = Bus::new();
    let first = bus.produce(LIVELY);
    let follower = bus.consume(&["--follow", "--json"]);
    bus.attached(0, &follower);
    let segment = bus.segment();
    until("it takes frames", || segment.record(0, "taken") > 5);
    follower.freeze();
    first.end(Signal::INT);
    let last = segment.header("latest") >> 8;
    let second = bus.produce(LIVELY);
    bus.frames_go_by(last + 60);
    follower.signal(Signal::CONT);
    bus.attached(0, &follower);
    let segment = bus.segment();
    until("it takes frames of the second", || {
        segment.record(0, "taken") > 5
    });
    second.end(Signal::INT);
    let lines = follower.end(Signal::INT).json();
    let number = |line: &serde_json::Value, key: &str| line[key].as_u64().expect("a number");
    let place = |line| (number(line, "epoch_ms"), number(line, "sequence"));
    assert!(lines.iter().is_sorted_by(|a, b| place(a) < place(b)));
    let epochs = lines.iter().map(|line| number(line, "epoch_ms"));
    let first = epochs.min().expect("a line");
    let mut new = lines.iter().filter(|line| number(line, "epoch_ms") > first);
    let line = new.next().expect("a line of the second");
    assert!(first > 0 && number(line, "skipped") + last + 1 < number(line, "sequence"));
    bus.assert_nothing_left();
}

#[test]
fn a_follower_goes_on_with_the_next_producer_and_accounts_for_every_frame() {
    let bus = Bus::new();
    let killed = bus.produce(LIVELY);
    let follower = bus.consume(&["--follow", "--json"]);
    bus.attached(0, &follower);
    bus.frames_go_by(10);
    killed.end(Signal::KILL);
    let next = bus.produce(LIVELY);
    bus.attached(0, &follower);
    let segment = bus.segment();
    until("it takes frames", || segment.record(0, "taken") > 5);
    next.end(Signal::INT);
    until("it waits again", || {
        follower.stderr().contains("waiting: there is no bus")
    });
    let follower = follower.end(Signal::INT);
    assert_eq!(follower.exit, Exit::Code(130), "{}", follower.stderr);
    let lines = follower.json();
    let number = |line: &serde_json::Value, key: &str| line[key].as_u64().expect("a number");
    for pair in lines.windows(2) {
        assert_eq!(
            number(&pair[0], "sequence") + number(&pair[1], "skipped") + 1,
            number(&pair[1], "sequence")
        );
        assert!(number(&pair[0], "generation") <= number(&pair[1], "generation"));
    }
    assert_eq!(number(lines.last().expect("lines"), "generation"), 2);
    bus.assert_nothing_left();
}

#[test]
fn a_stopped_producer_is_said_to_be_silent() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let attached = bus.consume(&["-i", "0", "-o", "/dev/null", "--timeout", "300ms"]);
    bus.attached(0, &attached);
    producer.freeze();
    let attached = attached.wait();
    assert_eq!(attached.exit, Exit::Code(1), "{}", attached.stderr);
    assert!(
        attached.stderr.contains("no frame came on bus"),
        "{}",
        attached.stderr
    );
    assert_eq!(attached.stderr.lines().count(), 1, "{}", attached.stderr);
    let late = bus.run(&["-q", "consume", "-i", "1", "--timeout", "300ms"]);
    assert_eq!(late.exit, Exit::Code(3), "{}", late.stderr);
    assert!(
        late.stderr.contains("does not answer (stopped?)"),
        "{}",
        late.stderr
    );
    producer.signal(Signal::CONT);
    let next = bus.run(&["consume", "-i", "0", "--count", "2"]);
    assert_eq!(next.exit, Exit::Code(0), "{}", next.stderr);
    producer.end(Signal::INT);
    bus.assert_nothing_left();
}

#[test]
fn a_consumer_that_sleeps_through_two_producers_finds_its_way() {
    let bus = Bus::new();
    let first = bus.produce(LIVELY);
    let taker = Taker {
        follow: true,
        ..Taker::default()
    }
    .start_taking(&bus);
    taker.freeze();
    first.end(Signal::KILL);
    bus.produce(LIVELY).end(Signal::KILL);
    let third = bus.produce(LIVELY);
    // Somebody else is quicker: the sleeper must not write into that one's record.
    let other = Taker::default().start_taking(&bus);
    taker.signal(Signal::CONT);
    bus.frames_go_by(30);
    let segment = bus.segment();
    assert_eq!(segment.record(0, "pid"), u64::from(other.pid()));
    Report::of(&other.end(Signal::TERM));
    third.end(Signal::INT);
    taker.end(Signal::KILL);
    bus.assert_nothing_left();
}
