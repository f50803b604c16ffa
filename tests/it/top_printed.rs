//! `framebus top` where nothing is drawn: what is printed how often, and with which exit code it ends.

use std::os::unix::fs::FileExt;

use rustix::process::Signal;

use crate::harness::{Bus, Exit, HEADER, LIVELY, Process, RawSegment, fields, until};

/// How many lines that begin so it has printed by now.
fn printed(process: &Process, start: &str) -> usize {
    let text = process.stdout();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().filter(|line| line.starts_with(start)).count()
}

#[test]
fn json_goes_on_until_it_is_stopped_and_text_is_printed_once() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let json = Process::spawn(bus.framebus(&["top", "--json"]));
    let text = Process::spawn(bus.framebus(&["top", "-d", "100ms"]));
    let once = bus.run(&["top"]);
    assert_eq!(once.exit, Exit::Code(0), "{}", once.stderr);
    let lines = String::from_utf8_lossy(&once.stdout).into_owned();
    assert_eq!(lines.matches("PRODUCER").count(), 1, "{lines}");
    let some = bus.run(&["top", "--json", "-n", "3", "-d", "100ms"]);
    assert_eq!((some.exit, some.json().len()), (Exit::Code(0), 3));
    let one = bus.run(&["top", "--json", "--once"]);
    assert_eq!((one.exit, one.json().len()), (Exit::Code(0), 1));
    until("more than one of each", || {
        printed(&json, "{") > 1 && printed(&text, "framebus ") > 1
    });
    assert_eq!(json.end(Signal::TERM).exit, Exit::Code(143));
    assert_eq!(text.end(Signal::INT).exit, Exit::Code(130));
}

#[test]
fn what_goes_on_waits_for_the_bus_and_says_so() {
    let bus = Bus::new();
    let waits = format!("waiting for bus {}", bus.name());
    let text = Process::spawn(bus.framebus(&["top", "-d", "100ms"]));
    let json = Process::spawn(bus.framebus(&["top", "--json", "-d", "100ms"]));
    until("it says so more than once", || {
        printed(&text, &waits) > 1 && printed(&json, "{") > 1
    });
    for args in [&["top"][..], &["top", "--json", "-n", "2", "-d", "100ms"]] {
        assert_eq!(bus.run(args).exit, Exit::Code(3));
    }
    let _producer = bus.produce(LIVELY);
    until("it has come", || printed(&text, "PRODUCER") > 0);
    text.end(Signal::TERM);
    json.end(Signal::TERM);
}

#[test]
fn a_segment_that_cannot_be_read_is_an_exit_code_of_its_own() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let is_abi = |field: &&crate::harness::Field| field.structure == HEADER && field.name == "abi";
    let field = fields().iter().find(is_abi).expect("the version");
    let abi = bus.segment().header("abi");
    let file = RawSegment::writable(&bus.segment_path());
    let write = |abi: u64| {
        let bytes = abi.to_le_bytes();
        file.write_all_at(&bytes[..field.len], field.offset)
            .expect("written");
    };
    write(abi + (7 << 16));
    for args in [
        &["top", "--once"][..],
        &["top", "--once", "--json"],
        &["top", "--json", "-n", "1", "-d", "100ms"],
    ] {
        let top = bus.run(args);
        assert_eq!(top.exit, Exit::Code(5), "{args:?}: {}", top.stderr);
        let text = String::from_utf8_lossy(&top.stdout);
        assert!(text.contains("layout-mismatch"), "{text}");
    }
    write(abi);
    producer.end(Signal::INT);
    bus.assert_nothing_left();
}
