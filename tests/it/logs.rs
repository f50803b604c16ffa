//! Standard error that nobody reads: a camera does not stop for it.

use std::fs;

use rustix::process::Signal;

use crate::harness::{Bus, Exit, FRAMEBUS, Process, until};

#[test]
fn a_producer_survives_whoever_read_its_log() {
    let bus = Bus::new();
    let mut command = bus.command("bash");
    command.args([
        "-c",
        &format!("{FRAMEBUS} produce --size 64x48 --fps 100 --count 60 2> >(exec true); exit $?"),
    ]);
    let producer = Process::spawn(command).wait();
    assert_eq!(producer.exit, Exit::Code(0), "{}", producer.stderr);
    bus.assert_nothing_left();
}

#[test]
fn a_producer_does_not_wait_for_somebody_to_read_its_log() {
    let bus = Bus::new();
    let fifo = bus.runtime().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o600.into()).expect("a named pipe");
    let mut command = bus.command("sh");
    command.args([
        "-c",
        &format!(
            "exec 3<>{}; head -c 65536 /dev/zero >&3; exec {FRAMEBUS} -vv produce --size 64x48 --fps 60 2>&3",
            fifo.display()
        ),
    ]);
    let producer = Process::spawn(command);
    until("the bus is there", || bus.try_segment().is_some());
    bus.frames_go_by(30);
    let consumer = bus.run(&["consume", "--count", "3"]);
    assert_eq!(consumer.exit, Exit::Code(0), "{}", consumer.stderr);
    assert_eq!(producer.end(Signal::INT).exit, Exit::Code(130));
    fs::remove_file(fifo).expect("removed");
    bus.assert_nothing_left();
}

#[test]
fn a_terminal_that_is_stopped_with_ctrl_s_does_not_stop_the_camera() {
    let bus = Bus::new();
    let mut command = bus.command("script");
    let produce = format!("exec {FRAMEBUS} produce --size 64x48 --fps 60 --count 300");
    command.args(["-qec", &produce, "/dev/null"]);
    let terminal = Process::spawn_with_input(command, vec![0x13]);
    until("the bus is there", || bus.try_segment().is_some());
    // Longer than the status line on a terminal rests.
    bus.frames_go_by(150);
    until("it ends and leaves nothing", || bus.left().is_empty());
    drop(terminal);
}

#[test]
fn a_log_of_json_is_a_line_each() {
    let bus = Bus::new();
    let producer = bus.run(&[
        "--log-format",
        "json",
        "-v",
        "produce",
        "--size",
        "64x48",
        "--count",
        "2",
    ]);
    assert_eq!(producer.exit, Exit::Code(0));
    for line in producer.stderr.lines() {
        let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
        assert!(line["level"].is_string() && line["message"].is_string());
    }
    assert!(producer.stderr.lines().count() >= 2);
}
