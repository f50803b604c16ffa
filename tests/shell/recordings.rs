//! Recordings: `consume --every-frame -o run.y4m`, `--pre`, and `produce run.y4m`.

use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Place, Running, until};

/// The lines of a sidecar.
fn lines(path: &Path) -> Vec<Value> {
    let mut name = path.as_os_str().to_owned();
    name.push(".ndjson");
    let text = std::fs::read_to_string(name).expect("a sidecar");
    text.lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

/// The payloads of a Y4M file's frames.
fn frames(path: &Path, len: usize) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(path).expect("a recording");
    let header = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .expect("a line")
        + 1;
    let frames = bytes[header..].chunks(6 + len);
    frames
        .map(|frame| {
            assert_eq!(frame.len(), 6 + len, "a whole frame");
            frame[6..].to_vec()
        })
        .collect()
}

fn number(line: &Value, key: &str) -> u64 {
    line[key].as_u64().expect(key)
}

#[test]
fn a_recording_is_replayed_frame_by_frame() {
    let place = Place::new();
    let producer = place.produce(&["--fps", "100", "--history", "100"]);
    place
        .run(&["consume", "--every-frame", "-o", "run.y4m", "--count", "40"])
        .is(0);
    drop(producer);
    place.run(&["gc", "-b", &place.bus]).is(0);
    let path = place.path("run.y4m");
    let (recorded, times) = (frames(&path, 64 * 48), lines(&path));
    assert_eq!((recorded.len(), times.len()), (40, 40));
    assert!(
        times
            .windows(2)
            .all(|pair| { number(&pair[0], "sequence") + 1 == number(&pair[1], "sequence") })
    );
    // The recorded times, twice as slow; the consumer is there before the producer.
    let again = place.start(&[
        "consume",
        "--every-frame",
        "-o",
        "again.y4m",
        "--timeout",
        "30s",
    ]);
    let replay = place
        .run(&["produce", "run.y4m", "--speed", "0.5", "--history", "100"])
        .is(0);
    assert!(
        replay.stderr.contains("40 frames published"),
        "{}",
        replay.stderr
    );
    assert!(!replay.stderr.contains("gaps"), "{}", replay.stderr);
    again.end().is(0);
    let path = place.path("again.y4m");
    let replayed = frames(&path, 64 * 48);
    assert!(!replayed.is_empty());
    for (frame, line) in replayed.iter().zip(lines(&path)) {
        let source_frame = usize::try_from(number(&line, "source_frame")).expect("small");
        assert!(*frame == recorded[source_frame], "frame {source_frame}");
    }
    let done = place.run(&["produce", "run.y4m", "--speed", "max"]).is(0);
    assert!(
        done.stderr.contains("40 frames published"),
        "{}",
        done.stderr
    );
    let done = place
        .run(&[
            "produce", "run.y4m", "--fps", "0", "--loop", "--count", "100",
        ])
        .is(0);
    assert!(
        done.stderr.contains("100 frames published"),
        "{}",
        done.stderr
    );
    place
        .run(&["produce", "pattern", "--speed", "2.0"])
        .is(2)
        .one_sentence("--speed is for");
    place
        .run(&["produce", "none.y4m"])
        .is(2)
        .one_sentence("cannot open none.y4m");
}

#[test]
fn a_recording_in_colour_is_replayed_in_colour() {
    let place = Place::new();
    let producer = place.produce(&["--fps", "100", "--history", "100", "--color"]);
    place
        .run(&[
            "consume",
            "--every-frame",
            "--color",
            "-o",
            "run.y4m",
            "--count",
            "5",
        ])
        .is(0);
    drop(producer);
    place.run(&["gc", "-b", &place.bus]).is(0);
    let again = place.start(&["consume", "-o", "a.bgr", "--count", "1", "--timeout", "30s"]);
    let _replay = place.start(&["produce", "run.y4m", "--loop", "--color"]);
    again.end().is(0);
    let bgr = std::fs::read(place.path("a.bgr")).expect("a frame");
    assert_eq!(bgr.len(), 3 * 64 * 48);
    assert!(
        bgr.chunks(3).any(|pixel| pixel[0].abs_diff(pixel[2]) > 50),
        "it has colours"
    );
}

#[test]
fn a_gap_is_told_when_it_is_recorded_and_when_it_is_replayed() {
    let place = Place::new();
    let producer = place.produce(&["--fps", "200"]);
    let slow = [
        "consume",
        "--every-frame",
        "-o",
        "run.y4m",
        "--work",
        "100ms",
        "--count",
        "4",
    ];
    let done = place.run(&slow).is(0);
    assert!(
        done.stderr.contains("in all): the bus keeps too few"),
        "{}",
        done.stderr
    );
    drop(producer);
    place.run(&["gc", "-b", &place.bus]).is(0);
    assert!(
        lines(&place.path("run.y4m"))
            .iter()
            .any(|line| number(line, "skipped") > 0)
    );
    let done = place.run(&["produce", "run.y4m"]).is(0);
    assert!(
        done.stderr.contains("frames are missing in it"),
        "{}",
        done.stderr
    );
}

#[test]
fn what_was_before_a_signal_is_recorded_too() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "100", "--history", "200"]);
    let args = [
        "consume",
        "--pre",
        "200ms",
        "--post",
        "100ms",
        "-o",
        "event.y4m",
        "--name",
        "pre",
    ];
    let consumer = place.start(&args);
    let taken = |place: &Place| {
        let json = place.run(&["top", "--once", "--json"]).json();
        json["consumers"][0]["taken"].as_u64().unwrap_or(0)
    };
    until("it has taken frames", || taken(&place) > 40);
    let before = taken(&place);
    assert!(!place.path("event.y4m").exists());
    consumer.signal(Signal::USR1);
    let done = consumer.end().is(0);
    assert!(
        done.stderr.contains("triggered: recording"),
        "{}",
        done.stderr
    );
    let path = place.path("event.y4m");
    let lines = lines(&path);
    assert_eq!(frames(&path, 64 * 48).len(), lines.len());
    assert!(lines.len() > 2);
    let mut sequences = lines.iter().map(|line| number(line, "sequence"));
    assert!(sequences.next_back().expect("a line") > before);
    let never = place.start(&[&args[..], &["--count", "3"]].concat());
    assert!(never.end().is(0).stderr.contains("never triggered"));
    place.run(&["consume", "--pre", "1s"]).is(2);
    place
        .run(&["consume", "--pre", "1s", "--json"])
        .is(2)
        .one_sentence("use it with that");
}

#[test]
fn a_line_on_standard_input_starts_a_recording_and_ends_it() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "100", "--history", "200"]);
    let args = ["consume", "--pre", "10s", "-o", "event.y4m", "--name", "p"];
    let mut command = place.framebus(&args);
    command.stdin(Stdio::piped());
    let mut consumer = Running::start(command);
    let mut stdin = consumer.stdin();
    until("it takes frames", || {
        let json = place.run(&["top", "--once", "--json"]).json();
        json["consumers"][0]["taken"].as_u64().unwrap_or(0) > 5
    });
    stdin.write_all(b"rec\n").expect("a line");
    let warning = consumer.error_line();
    assert!(
        warning.contains("\"rec\" on standard input is not a command"),
        "{warning}"
    );
    assert!(!place.path("event.y4m").exists());
    stdin.write_all(b"record\n").expect("a line");
    until("it records", || place.path("event.y4m").exists());
    stdin.write_all(b"stop\n").expect("a line");
    consumer.end().is(0);
    let path = place.path("event.y4m");
    assert_eq!(frames(&path, 64 * 48).len(), lines(&path).len());
    assert!(lines(&path).len() > 5);
    // The end of the input is not the end of the recording: what comes after `record` is recorded for as long as --post.
    let event = "printf 'record\n' | framebus consume --pre 1s --post 300ms -o piped.y4m";
    place.sh(event).is(0);
    assert!(lines(&place.path("piped.y4m")).len() > 2);
}

#[test]
fn every_event_is_a_file_of_its_own() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "100", "--history", "200"]);
    let events =
        "(framebus wait --frames 30; echo record; sleep 1; echo record; sleep 1; echo stop) |
         framebus consume --pre 100ms --post 200ms --repeat -o 'event-%03d.y4m'";
    let said = place.sh(events).is(0).stderr;
    for number in 1..=2 {
        let path = place.path(&format!("event-{number:03}.y4m"));
        let lines = lines(&path);
        assert!(lines.len() > 5, "{said}");
        assert_eq!(frames(&path, 64 * 48).len(), lines.len());
        let target = format!("wrote event-{number:03}.y4m: {} frames", lines.len());
        assert!(said.contains(&target), "{said}");
    }
    assert!(!place.path("event-003.y4m").exists());
    // One more goes on behind what is there.
    let changes = "framebus consume --pre 100ms --post 100ms --on-change 1% --duration 2s -o 'event-%03d.y4m'";
    place.sh(changes).is(0);
    assert!(place.path("event-003.y4m.ndjson").exists());
    place
        .run(&[
            "consume",
            "--pre",
            "1s",
            "--post",
            "1s",
            "--repeat",
            "-o",
            "event.y4m",
        ])
        .is(2)
        .one_sentence("give a name with a number, such as event-%03d.y4m");
}

#[test]
fn a_filter_writes_the_frames_that_have_changed() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "100"]);
    let lines = |share: &str| {
        let args = [
            "consume",
            "--json",
            "--duration",
            "1s",
            "--on-change",
            share,
        ];
        place.run(&args).is(0).text().lines().count()
    };
    // The first frame is always new; the whole picture never is.
    assert_eq!(lines("100%"), 1);
    assert!(lines("1%") > 1);
    let three = ["consume", "--json", "--on-change", "1%", "--count", "3"];
    let text = place.run(&three).is(0).text();
    assert_eq!(text.lines().count(), 3);
    let line: Value = serde_json::from_str(text.lines().next().expect("a line")).expect("JSON");
    assert_eq!(
        (line["bus"].as_str(), number(&line, "index")),
        (Some(place.bus.as_str()), 0)
    );
    place
        .run(&["consume", "--on-change", "1%"])
        .is(2)
        .one_sentence("use it with --output, --json, --exec or --seed");
    for share in ["1", "0%", "101%"] {
        place
            .run(&["consume", "--json", "--on-change", share])
            .is(2);
    }
}

#[test]
fn a_full_disk_ends_a_recording_with_a_whole_frame() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "200", "--history", "50"]);
    std::fs::create_dir(place.path("full")).expect("a directory");
    let done = place.sh(
        "unshare -rm sh -c 'mount -t tmpfs -o size=64k tmpfs full || exit 99
         framebus consume --every-frame -o full/run.y4m; echo $?; cat full/run.y4m > run.y4m'",
    );
    assert_eq!(done.text().trim(), "2", "{}", done.stderr);
    let sentence = done.stderr.lines().last().expect("a sentence");
    assert!(
        sentence.contains("cannot write full/run.y4m")
            && sentence.contains("No space left on device"),
        "{sentence}"
    );
    assert!(!frames(&place.path("run.y4m"), 64 * 48).is_empty());
}

#[test]
fn a_disk_without_any_room_keeps_no_file() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "200", "--history", "50"]);
    std::fs::create_dir(place.path("full")).expect("a directory");
    let commands = [
        "consume --every-frame -o full/run.y4m",
        "consume -o full/run.raw",
        "consume -o full/latest.png",
        "consume -o full/frame-%06d.pgm",
        "metrics --textfile full/metrics.prom",
        "peek -o full/one.png",
    ];
    for command in commands {
        let done = place.sh(&format!(
            "unshare -rm sh -c 'mount -t tmpfs -o size=64k tmpfs full || exit 99
             head -c 65536 /dev/zero > full/pad
             framebus {command}; echo $?; ls -A full'"
        ));
        assert_eq!(done.text(), "2\npad\n", "{command}: {}", done.stderr);
        assert_eq!(done.stderr.lines().count(), 1, "{}", done.stderr);
        let sentence = "No space left on device";
        assert!(done.stderr.contains(sentence), "{}", done.stderr);
    }
    // Neither does a bus that is not there, nor one without what is asked for.
    place
        .run(&["consume", "--color", "-o", "run.bgr"])
        .is(2)
        .one_sentence("the bus carries no colour");
    assert!(!place.path("run.bgr").exists());
    place
        .run(&["consume", "-o", "run.avi"])
        .is(2)
        .one_sentence("framebus writes no run.avi");
    place
        .sh("framebus ls > /dev/full")
        .is(2)
        .one_sentence("cannot write standard output: No space left on device");
}
