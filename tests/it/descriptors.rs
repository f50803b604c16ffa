//! Few file descriptors: said at start with both numbers, and later to whoever comes, while everything else goes on.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::harness::{Bus, Exit, FRAMEBUS, Finished, Process, until};

/// Runs a command line of the shell on a bus to its end.
fn shell(bus: &Bus, script: &str) -> Finished {
    let mut command = bus.command("sh");
    command.args(["-c", script]);
    Process::spawn(command).wait()
}

/// Sets the limits of a process that runs; `most` is the hard one.
fn limit(process: &Process, soft: usize, most: usize) {
    let mut command = Command::new("prlimit");
    command.args(["--pid", &process.pid().to_string()]);
    let status = command.arg(format!("--nofile={soft}:{most}")).status();
    assert!(status.expect("prlimit of util-linux").success());
}

/// The number that its next descriptor gets.
fn lowest_free(process: &Process) -> usize {
    let directory = format!("/proc/{}/fd", process.pid());
    let is_free = |number: &usize| !Path::new(&directory).join(number.to_string()).exists();
    (0..).find(is_free).expect("a number")
}

#[test]
fn a_producer_that_may_not_open_enough_says_both_numbers_at_start() {
    let bus = Bus::new();
    for (most, consumers) in [(20, 4), (40, 100), (300, 250)] {
        let run = shell(
            &bus,
            &format!(
                "ulimit -n {most}; exec {FRAMEBUS} -q produce pattern --consumers {consumers}"
            ),
        );
        assert_eq!(run.exit, Exit::Code(2), "{}", run.stderr);
        let words = format!("with {consumers} consumers needs ");
        let limit = format!("open files and this process may have {most}: raise the limit");
        assert!(
            run.stderr.contains(&words) && run.stderr.contains(&limit),
            "{}",
            run.stderr
        );
        bus.assert_nothing_left();
    }
}

#[test]
fn a_producer_raises_its_soft_limit_as_far_as_it_must() {
    let bus = Bus::new();
    let run = shell(
        &bus,
        &format!(
            "ulimit -S -n 40; exec {FRAMEBUS} -q produce pattern --size 64x48 --consumers 100 --count 3"
        ),
    );
    assert_eq!(run.exit, Exit::Code(0), "{}", run.stderr);
}

#[test]
fn a_consumer_without_a_descriptor_says_so_and_not_that_the_producer_is_gone() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "64x48", "--fps", "60"]);
    let mut refused = 0;
    for most in 4.. {
        let run = shell(
            &bus,
            &format!("ulimit -n {most}; exec {FRAMEBUS} -q consume --count 1 --timeout 60s"),
        );
        if run.exit == Exit::Code(0) {
            break;
        }
        assert!(!run.stderr.contains("gone"), "{most}: {}", run.stderr);
        let words = [
            "no file descriptor left",
            "Too many open files",
            "cannot open shared object",
        ];
        assert!(
            words.iter().any(|words| run.stderr.contains(words)),
            "{most}: {}",
            run.stderr
        );
        refused += 1;
    }
    assert!(refused > 3, "{refused} limits were too low");
}

#[test]
fn a_producer_that_runs_out_later_says_so_to_who_comes_and_lives_on() {
    let bus = Bus::new();
    let producer = bus.produce(&["--size", "64x48", "--fps", "60", "--consumers", "50"]);
    let holder = bus.holder(0);
    limit(&producer, lowest_free(&producer) + 3, 4096);
    // Others take what is left, until one gets no trigger but an answer.
    let mut taken = Vec::new();
    let refused = (1..49).find(|index| {
        let mut peer = UnixStream::connect(bus.pipe(*index)).expect("a named pipe");
        let mut first = [0];
        peer.read_exact(&mut first).expect("a trigger or an answer");
        taken.push(peer);
        first != [1]
    });
    let refused = refused.expect("a limit");
    let run = bus.run(&["consume", "-i", "49", "--count", "1", "--timeout", "60s"]);
    assert_eq!(run.exit, Exit::Code(2), "{}", run.stderr);
    let words = "has no file descriptor left for consumer 49";
    assert!(run.stderr.contains(words), "{}", run.stderr);
    // It still shows that it lives, publishes, and sees who dies.
    let segment = bus.segment();
    for _ in 0..3 {
        let before = segment.header("heartbeat_ns");
        until("a sign of life", || {
            segment.header("heartbeat_ns") != before
        });
    }
    bus.frames_go_by(10);
    holder.end(Signal::KILL);
    until("its frame is free", || segment.record(0, "lease") == 0);
    limit(&producer, 4096, 4096);
    let index = refused.to_string();
    let run = bus.run(&["consume", "-i", &index, "--count", "1", "--timeout", "60s"]);
    assert_eq!(run.exit, Exit::Code(0), "{}", run.stderr);
    assert!(!producer.has_ended());
}
