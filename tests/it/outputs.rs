//! What a consumer writes.

use std::fs;

use framebus::layout::Geometry;
use framebus::source::pattern::{PatternSource, verify};
use framebus::source::{FrameSource, FrameTarget};
use framebus::stop::Stop;
use rustix::process::Signal;

use crate::harness::{Bus, Exit, FRAMEBUS, LIVELY, Process, until};

const SIZE: Geometry = Geometry {
    width: 160,
    height: 120,
};

/// The frames of a gray Y4M stream.
fn y4m_frames(video: &[u8], geometry: Geometry) -> Vec<&[u8]> {
    let mut rest = video;
    let header = rest
        .iter()
        .position(|byte| *byte == b'\n')
        .expect("a header");
    let text = String::from_utf8_lossy(&rest[..header]);
    assert!(text.starts_with("YUV4MPEG2 "), "{text}");
    for word in [
        format!("W{}", geometry.width),
        format!("H{}", geometry.height),
    ] {
        assert!(text.split(' ').any(|other| other == word), "{text}");
    }
    rest = &rest[header + 1..];
    let mut frames = Vec::new();
    while !rest.is_empty() {
        rest = rest.strip_prefix(b"FRAME\n").expect("a frame's header");
        let (frame, after) = rest.split_at(geometry.gray_len());
        frames.push(frame);
        rest = after;
    }
    frames
}

/// The gray pixels that the pattern draws for its first frames.
fn pattern(frames: u64) -> Vec<Vec<u8>> {
    let stop = Stop::new().expect("a descriptor");
    let mut source = PatternSource::new(SIZE, None);
    (0..frames)
        .map(|_| {
            source.wait(&stop).expect("a frame");
            let mut gray = vec![0; SIZE.gray_len()];
            let mut target = FrameTarget::new(SIZE, &mut gray, None);
            source.fill(&mut target).expect("a frame");
            gray
        })
        .collect()
}

#[test]
fn a_video_has_every_frame_pixel_by_pixel() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let consumer = bus.run(&[
        "consume",
        "-i",
        "0",
        "-o",
        "-",
        "--format",
        "y4m",
        "--count",
        "100",
        "--every-frame",
    ]);
    assert_eq!(consumer.exit, Exit::Code(0), "{}", consumer.stderr);
    let frames = y4m_frames(&consumer.stdout, SIZE);
    assert_eq!(frames.len(), 100);
    let first = verify(SIZE, frames[0]).expect("a whole frame");
    let drawn = pattern(first + 100);
    for (number, frame) in (first..).zip(frames) {
        assert_eq!(verify(SIZE, frame), Ok(number));
        assert!(frame == drawn[number as usize], "frame {number} differs");
    }
    producer.end(Signal::INT);
    bus.assert_nothing_left();
}

#[test]
fn what_one_bus_writes_another_reads() {
    let (first, second) = (Bus::new(), Bus::new());
    let producer = first.produce(LIVELY);
    let mut relay = second.command("sh");
    relay.args([
        "-c",
        &format!(
            "{FRAMEBUS} consume -b {} -o - --format y4m | exec {FRAMEBUS} produce - --history 60",
            first.name()
        ),
    ]);
    // The consumer of the first bus finds its pipes by the header, not by this environment.
    let relay = Process::spawn(relay);
    let consumer = second.run(&["consume", "-o", "-", "--format", "raw", "--count", "30"]);
    assert_eq!(consumer.exit, Exit::Code(0), "{}", consumer.stderr);
    let mut last = None;
    for frame in consumer.stdout.chunks(SIZE.gray_len()) {
        let number = verify(SIZE, frame).expect("a whole frame");
        assert!(last.is_none_or(|last| number > last));
        last = Some(number);
    }
    producer.end(Signal::INT);
    assert_eq!(relay.wait().exit, Exit::Code(0));
    first.assert_nothing_left();
    second.assert_nothing_left();
}

#[test]
fn a_line_of_json_says_everything_of_a_frame() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let consumer = bus.run(&["consume", "--json", "--count", "20"]);
    assert_eq!(consumer.exit, Exit::Code(0), "{}", consumer.stderr);
    let lines = consumer.json();
    assert_eq!(lines.len(), 20);
    for line in &lines {
        let number = |key: &str| {
            line[key]
                .as_u64()
                .unwrap_or_else(|| panic!("{key}: {line}"))
        };
        assert_eq!(number("schema"), 1);
        assert_eq!((number("width"), number("height")), (160, 120));
        assert_eq!(number("generation"), 1);
        assert_eq!(number("source_frame") + 1, number("sequence"));
        assert!(number("capture_ns") <= number("publish_ns"));
        assert!(number("publish_ns") <= number("wake_ns"));
    }
    assert!(
        consumer
            .sequences()
            .windows(2)
            .all(|pair| pair[0] < pair[1])
    );
}

#[test]
fn a_number_in_the_name_is_one_file_a_frame() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    for extension in ["pgm", "png", "pgm"] {
        let directory = tempfile::tempdir().expect("a directory");
        let name = directory.path().join(format!("frame-%06d.{extension}"));
        let name = name.display().to_string();
        let consumer = bus.run(&["consume", "-o", &name, "--count", "7"]);
        assert_eq!(consumer.exit, Exit::Code(0), "{}", consumer.stderr);
        let files: Vec<_> = fs::read_dir(directory.path())
            .expect("the directory")
            .flatten()
            .collect();
        assert_eq!(files.len(), 7, "{files:?}");
        for file in files.iter().filter(|_| extension == "pgm") {
            let image = fs::read(file.path()).expect("an image");
            let pixels = &image[image.len() - SIZE.gray_len()..];
            verify(SIZE, pixels).expect("a whole frame");
        }
    }
}

#[test]
fn a_reader_that_goes_away_is_a_quiet_end() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    for sink in ["-o -", "-o - --format y4m", "--json", "-o - --format png"] {
        let mut command = bus.command("bash");
        command.args([
            "-c",
            &format!(
                "{FRAMEBUS} consume -i 0 {sink} | head -c 10 > /dev/null; exit ${{PIPESTATUS[0]}}"
            ),
        ]);
        let run = Process::spawn(command).wait();
        assert_eq!(run.exit, Exit::Code(0), "{sink}: {}", run.stderr);
        assert_eq!(run.stderr, "", "{sink}");
        until("its index is free", || bus.segment().claim(0, "state") != 1);
    }
}

#[test]
fn a_reader_that_is_gone_is_noticed_while_no_frame_comes() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "32x32", "--fps", "0.001"]);
    let mut command = bus.command("bash");
    command.args([
        "-c",
        &format!("{FRAMEBUS} consume --json | true; exit ${{PIPESTATUS[0]}}"),
    ]);
    let run = Process::spawn(command).wait();
    assert_eq!(run.exit, Exit::Code(0), "{}", run.stderr);
}

#[test]
fn a_consumer_takes_no_more_frames_a_second_than_it_was_told() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "64x48", "--fps", "200"]);
    let consumer = bus.run(&["consume", "--json", "--max-fps", "20", "--count", "20"]);
    assert_eq!(consumer.exit, Exit::Code(0), "{}", consumer.stderr);
    let sequences = consumer.sequences();
    // Also of the first two: a tenth of the rate is nine frames between any, with some of them late.
    assert!(sequences[1] - sequences[0] >= 8, "{sequences:?}");
    // 20 frames a second of 200: some nine frames go by between two that are taken, more on a busy machine.
    let span = sequences[19] - sequences[0];
    assert!(span >= 19 * 8, "{sequences:?}");
}

#[test]
fn a_pause_between_frames_is_not_taken_for_silence() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let consumer = bus.run(&[
        "consume",
        "--json",
        "--max-fps",
        "4",
        "--count",
        "4",
        "--timeout",
        "100ms",
    ]);
    assert_eq!(consumer.exit, Exit::Code(0), "{}", consumer.stderr);
    let consumer = bus.run(&[
        "consume",
        "--json",
        "--work",
        "200ms",
        "--count",
        "3",
        "--timeout",
        "100ms",
    ]);
    assert_eq!(consumer.exit, Exit::Code(0), "{}", consumer.stderr);
}

#[test]
fn a_time_cuts_whatever_goes_on() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    for pause in [
        ["--work", "1h"],
        ["--max-fps", "0.0001"],
        ["--trigger", "spin"],
    ] {
        let mut args = vec!["consume", "--json", "--duration", "300ms"];
        args.extend(pause);
        let consumer = bus.run(&args);
        assert_eq!(
            consumer.exit,
            Exit::Code(0),
            "{pause:?}: {}",
            consumer.stderr
        );
        assert!(!consumer.sequences().is_empty(), "{pause:?}");
    }
    let slow = Bus::new();
    let producer = slow.run(&["produce", "--fps", "0.0001", "--duration", "300ms"]);
    assert_eq!(producer.exit, Exit::Code(0), "{}", producer.stderr);
    slow.assert_nothing_left();
}

#[test]
fn no_frame_at_all_is_a_count_too() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let consumer = bus.run(&["consume", "--json", "--count", "0"]);
    assert_eq!(consumer.exit, Exit::Code(0), "{}", consumer.stderr);
    assert!(consumer.stdout.is_empty());
}

#[test]
fn statistics_are_silent_with_the_log_and_json_with_it() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let consume = ["consume", "--duration", "1500ms"];
    let quiet = bus.run(&[&["-q"][..], &consume].concat());
    assert_eq!((quiet.exit, quiet.stderr.as_str()), (Exit::Code(0), ""));
    let plain = bus.run(&consume);
    assert!(plain.stderr.contains("on average"), "{}", plain.stderr);
    let json = bus.run(&[&["--log-format", "json"][..], &consume].concat());
    assert_eq!(json.exit, Exit::Code(0), "{}", json.stderr);
    let lines: Vec<serde_json::Value> = json
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line of JSON"))
        .collect();
    let line = lines.first().expect("a second");
    assert_eq!(line["bus"], bus.name());
    assert!(
        line["fps"].is_number() && line["wait_p99_ms"].is_number(),
        "{line}"
    );
    let last = lines.last().expect("an end");
    assert!(
        last["taken"].as_u64().is_some_and(|taken| taken > 0),
        "{last}"
    );
}

#[test]
fn a_consumer_that_follows_replaces_no_picture_of_its_own() {
    let bus = Bus::new();
    let directory = bus.runtime().join("pictures");
    std::fs::create_dir(&directory).expect("a directory");
    let pattern = directory.join("o-%06d.pgm").display().to_string();
    let follower = bus.consume(&["--follow", "-o", &pattern]);
    let pictures = |head: &str| {
        let files = std::fs::read_dir(&directory).expect("a directory");
        let is_so = |path: std::path::PathBuf| {
            std::fs::read(path).is_ok_and(|image| image.starts_with(head.as_bytes()))
        };
        files.flatten().filter(|file| is_so(file.path())).count()
    };
    let mut before = 0;
    for (size, head) in [("64x48", "P5\n64 48\n"), ("128x96", "P5\n128 96\n")] {
        let producer = bus.produce(&["--size", size, "--fps", "100"]);
        until("some pictures are there", || pictures(head) >= 15);
        producer.end(Signal::INT);
        if before == 0 {
            before = pictures(head);
        }
    }
    let follower = follower.end(Signal::TERM);
    assert_eq!(follower.exit, Exit::Code(143), "{}", follower.stderr);
    assert!(pictures("P5\n64 48\n") >= before, "some are gone");
    std::fs::remove_dir_all(&directory).expect("removed");
    bus.assert_nothing_left();
}
