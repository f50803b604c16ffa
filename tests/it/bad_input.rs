//! Bad input: one sentence, the right exit code, nothing left.

use std::fs;
use std::process::Command;

use crate::harness::{Bus, Exit, FRAMEBUS, Finished, LIVELY, Process};

/// Checks that a run has failed with this code and one sentence that contains these words.
fn refused(finished: &Finished, code: i32, words: &str) {
    assert_eq!(finished.exit, Exit::Code(code), "{}", finished.stderr);
    assert!(
        finished.stderr.contains(words),
        "{words}: {}",
        finished.stderr
    );
    assert_eq!(
        finished.stderr.lines().count(),
        1,
        "one sentence: {}",
        finished.stderr
    );
    assert!(finished.stdout.is_empty());
}

/// Runs `framebus produce` with these arguments, which it is to refuse.
fn produce_is_refused(args: &[&str], code: i32, words: &str) {
    let bus = Bus::new();
    let mut all = vec!["produce"];
    all.extend(args);
    refused(&bus.run(&all), code, words);
    bus.assert_nothing_left();
}

/// Runs `framebus produce - ARGS` with this input and nothing but errors on stderr.
fn produce_from_stdin(bus: &Bus, args: &[&str], input: &[u8]) -> Finished {
    let mut command = bus.framebus(&["-q", "produce", "-"]);
    command.args(args);
    Process::spawn_with_input(command, input.to_vec()).wait()
}

#[test]
fn flags_that_make_no_sense_are_usage_errors() {
    let usage: [&[&str]; 22] = [
        &["produce", "--size", "640"],
        &["produce", "--size", "0x480"],
        &["produce", "--size", "-1x480"],
        &["produce", "--size", "99999x99999"],
        &["produce", "--size", "640x480x3"],
        &["produce", "--fps", "fast"],
        &["produce", "--fps", "-1"],
        &["produce", "--fps", "nan"],
        &["produce", "--fps", "inf"],
        &["produce", "--consumers", "0"],
        &["produce", "--consumers", "251"],
        &["produce", "--history", "256"],
        &["produce", "--mode", "0999"],
        &["produce", "--mode", "7777"],
        &["produce", "--group", "no-such-group-here"],
        &["produce", "--duration", "5"],
        &["produce", "--bus", "../cam0"],
        &["consume", "-i", "250"],
        &["consume", "-i", "-1"],
        &["consume", "--format", "png"],
        &["consume", "--json", "-o", "-"],
        &["consume", "--max-fps", "0"],
    ];
    for args in usage {
        let bus = Bus::new();
        let run = bus.run(args);
        assert_eq!(run.exit, Exit::Code(2), "{args:?}: {}", run.stderr);
        assert!(run.stderr.contains("error: "), "{args:?}: {}", run.stderr);
        assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
        bus.assert_nothing_left();
    }
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    produce_is_refused(
        &["--format", "gray"],
        2,
        "--format is for raw frames on stdin",
    );
    produce_is_refused(&["0", "--loop"], 2, "--loop is for files");
    produce_is_refused(&["-", "--loop"], 2, "--loop is for files");
    produce_is_refused(&["-", "--format", "gray"], 2, "give one with --size WxH");
    produce_is_refused(
        &["-", "--size", "64x48"],
        2,
        "Y4M on stdin has a size of its own",
    );
    produce_is_refused(
        &["--consumers", "250", "--history", "50"],
        2,
        "need 302 slots, at most 254 are possible",
    );
}

#[test]
fn the_slowest_and_the_fastest_pace_are_paces() {
    for fps in ["1e-300", "0.0001", "10000", "-0"] {
        let bus = Bus::new();
        let run = bus.run(&["produce", "--size", "32x32", "--fps", fps, "--count", "1"]);
        assert_eq!(run.exit, Exit::Code(0), "{fps}: {}", run.stderr);
        bus.assert_nothing_left();
    }
}

#[test]
fn sources_that_are_no_sources_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let text = directory.path().join("notes.txt");
    fs::write(&text, "no video\n").expect("a text file");
    let sources = [
        "no-such-source".to_owned(),
        "/no/such/video.mp4".to_owned(),
        directory.path().display().to_string(),
        text.display().to_string(),
        "/dev/null".to_owned(),
        String::new(),
    ];
    for source in sources {
        // With the worker or without it: one sentence that names the source, and nothing left.
        produce_is_refused(&[&source], 2, &source);
    }
}

#[test]
fn a_worker_that_is_not_there_is_named() {
    let bus = Bus::new();
    let mut command = bus.framebus(&["produce", "video.mp4"]);
    command.env("FRAMEBUS_WORKER", "/no/such/framebus-worker");
    let words = "FRAMEBUS_WORKER names /no/such/framebus-worker, which is not there";
    refused(&Process::spawn(command).wait(), 2, words);
    bus.assert_nothing_left();
}

#[test]
fn a_second_producer_is_refused_and_harms_nothing() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let inode = |bus: &Bus| {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(bus.segment_path()).expect("a segment").ino()
    };
    let before = inode(&bus);
    let second = bus.run(&["produce", "pattern"]);
    let sentence = format!(
        "bus {} already has a producer (pid {})",
        bus.name(),
        producer.pid()
    );
    refused(&second, 2, &sentence);
    assert_eq!(inode(&bus), before);
    let taken = bus.run(&["consume", "--count", "2"]);
    assert_eq!(taken.exit, Exit::Code(0), "{}", taken.stderr);
}

#[test]
fn a_bus_that_is_not_there_is_exit_code_3() {
    let bus = Bus::new();
    let run = bus.run(&["-q", "consume", "--timeout", "50ms"]);
    refused(&run, 3, "there is no bus");
    let producer = bus.produce(LIVELY);
    producer.end(rustix::process::Signal::KILL);
    let run = bus.run(&["-q", "consume", "--timeout", "50ms"]);
    refused(&run, 3, "has exited");
    bus.produce(LIVELY).end(rustix::process::Signal::INT);
    bus.assert_nothing_left();
}

#[test]
fn y4m_that_is_none_or_ends_too_early_is_refused() {
    let header = b"YUV4MPEG2 W64 H48 F30:1 Cmono\n";
    let frame = [&b"FRAME\n"[..], &[7; 64 * 48]].concat();
    type Input<'a> = (&'a [u8], &'a [&'a [u8]], &'a str);
    let inputs: [Input<'_>; 7] = [
        (b"RIFF....", &[], "is not Y4M"),
        (b"YUV4MPEG2 W64 H48", &[], "ended in its Y4M header"),
        (b"YUV4MPEG2 W0 H48\n", &[], "both must be 1 to"),
        (b"YUV4MPEG2 Wmany Hrows\n", &[], "both must be 1 to"),
        (b"YUV4MPEG2 W64 H48 C420p17\n", &[], "p17"),
        (
            header,
            &[&frame, &frame[..100]],
            "ended in the middle of frame 1",
        ),
        (header, &[&frame, b"GARBAGE\n"], "frame 1"),
    ];
    for (head, rest, words) in inputs {
        let bus = Bus::new();
        let input = [head, &rest.concat()].concat();
        refused(&produce_from_stdin(&bus, &[], &input), 2, words);
        bus.assert_nothing_left();
    }
}

#[test]
fn raw_frames_that_end_too_early_are_refused() {
    let bus = Bus::new();
    let args = ["--format", "gray", "--size", "64x48"];
    let run = produce_from_stdin(&bus, &args, &[9; 64 * 48 + 10]);
    refused(&run, 2, "ended in the middle of frame 1");
    let run = produce_from_stdin(&bus, &args, &[9; 2 * 64 * 48]);
    assert_eq!(run.exit, Exit::Code(0), "{}", run.stderr);
    bus.assert_nothing_left();
}

#[test]
fn an_empty_stdin_and_a_closed_one_are_refused() {
    let bus = Bus::new();
    refused(
        &produce_from_stdin(&bus, &[], &[]),
        2,
        "ended in its Y4M header, after 0 bytes",
    );
    for closed in ["0<&-", "0<&- 1>&-"] {
        let mut command = bus.command("sh");
        command.args(["-c", &format!("exec {FRAMEBUS} -q produce - {closed}")]);
        let run = Process::spawn(command).wait();
        assert_eq!(run.exit, Exit::Code(2), "{}", run.stderr);
        assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
    }
    bus.assert_nothing_left();
}

#[test]
fn raw_frames_are_not_written_to_a_terminal() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    for format in ["raw", "y4m", "png", "pgm"] {
        let mut command = bus.command("script");
        let consume = format!("{FRAMEBUS} consume -o - --format {format} --count 1");
        command.args(["-qec", &consume, "/dev/null"]);
        let run = Process::spawn(command).wait();
        assert_eq!(run.exit, Exit::Code(2), "{run:?}");
        let text = String::from_utf8_lossy(&run.stdout);
        assert!(text.contains("to a terminal; redirect"), "{text}");
    }
}

#[test]
fn a_terminal_as_the_source_of_frames_is_refused() {
    let bus = Bus::new();
    let mut command = bus.command("script");
    command.args(["-qec", &format!("{FRAMEBUS} produce -"), "/dev/null"]);
    let run = Process::spawn(command).wait();
    assert_eq!(run.exit, Exit::Code(2), "{run:?}");
    assert!(
        String::from_utf8_lossy(&run.stdout).contains("is a terminal"),
        "{run:?}"
    );
    bus.assert_nothing_left();
}

#[test]
fn a_full_disk_is_said_in_one_sentence() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    for sink in ["-o - --format raw", "-o - --format y4m", "--json"] {
        let mut command = bus.command("sh");
        command.args(["-c", &format!("exec {FRAMEBUS} consume {sink} > /dev/full")]);
        refused(
            &Process::spawn(command).wait(),
            2,
            "No space left on device",
        );
    }
    let run = bus.run(&["consume", "-o", "/no/such/directory/a.raw"]);
    refused(&run, 2, "/no/such/directory");
    let run = bus.run(&["consume", "-o", "/", "--format", "png"]);
    assert_eq!(run.exit, Exit::Code(2), "{}", run.stderr);
}

#[test]
fn a_runtime_directory_that_cannot_be_used_is_named() {
    let bus = Bus::new();
    let file = bus.runtime().join("file");
    fs::write(&file, "").expect("a file");
    let file = file.display().to_string();
    let long = format!("/tmp/{}", "x".repeat(100));
    for (directory, words) in [
        (long.as_str(), "is too long for a socket"),
        (file.as_str(), "cannot be used"),
        ("/proc/nothing/here", "cannot be used"),
    ] {
        let mut command: Command = bus.framebus(&["produce", "pattern"]);
        command.env("FRAMEBUS_RUNTIME_DIR", directory);
        refused(&Process::spawn(command).wait(), 2, words);
        assert!(!bus.segment_path().exists() && !bus.lock_path().exists());
    }
}
