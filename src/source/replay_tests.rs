use std::fs;

use super::*;

fn line(sequence: u64, capture_ms: u64) -> String {
    format!(
        "{{\"schema\":1,\"sequence\":{sequence},\"capture_ns\":{}}}\n",
        capture_ms * 1_000_000
    )
}

#[test]
fn times_are_from_the_first_frame_on_and_a_damaged_line_is_named() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("a.y4m.ndjson");
    assert!(read_times(&path).expect("no sidecar").is_empty());
    fs::write(&path, line(7, 100) + &line(8, 140) + &line(12, 300)).expect("write");
    assert_eq!(
        read_times(&path).expect("times"),
        [0, 40_000_000, 200_000_000]
    );
    fs::write(&path, line(7, 100) + "{\n").expect("write");
    let error = read_times(&path).expect_err("damaged").to_string();
    assert!(error.contains("line 2 is not a recorded frame"), "{error}");
}

#[test]
fn numbers_near_the_end_of_their_range_do_not_wrap() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("a.y4m");
    fs::write(&path, "YUV4MPEG2 W1 H1 F1:4294967295 Cmono\nFRAME\nx").expect("write");
    let line = |sequence: u64, capture_ns: u64| {
        format!("{{\"sequence\":{sequence},\"capture_ns\":{capture_ns}}}\n")
    };
    let lines =
        line(u64::MAX - 1, 0) + &line(u64::MAX, u64::MAX) + &line(0, 5) + &line(u64::MAX, 9);
    fs::write(sidecar(&path), lines).expect("write");
    let times = read_times(&sidecar(&path)).expect("times");
    assert_eq!(times, [0, u64::MAX, u64::MAX, u64::MAX]);
    let stop = Stop::new().expect("eventfd");
    let source = ReplaySource::open(&path, Speed::Times(0.001), false, false, &stop);
    let source = source.expect("a recording").expect("nobody asks to stop");
    for frame in [0, 1, 3, 4, 5, u64::MAX] {
        assert!(frame == 0 || source.due_ns(frame) == u64::MAX, "{frame}");
    }
}

#[test]
fn a_sidecar_that_is_no_file_or_has_no_lines_is_refused() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("a");
    std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
    let refusal = || read_times(&path).expect_err("refused").to_string();
    assert!(refusal().contains("it is a device, not a file"));
    fs::remove_file(&path).expect("removed");
    fs::write(&path, vec![b' '; 70_000]).expect("write");
    assert!(refusal().contains("line 1 is not a recorded frame"));
}

#[test]
fn a_frame_is_due_when_it_was_recorded_divided_by_the_speed() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("a.y4m");
    fs::write(&path, "YUV4MPEG2 W1 H1 F10:1 Cmono\nFRAME\nxFRAME\nx").expect("write");
    fs::write(sidecar(&path), line(1, 50) + &line(2, 80)).expect("write");
    let stop = Stop::new().expect("eventfd");
    let open = |speed, even| {
        let source = ReplaySource::open(&path, speed, even, false, &stop).expect("a recording");
        source.expect("nobody asks to stop")
    };
    let source = open(Speed::Times(2.0), false);
    assert_eq!(
        [0, 1, 2].map(|frame| source.due_ns(frame)),
        [0, 15_000_000, 65_000_000]
    );
    assert!(source.info().live);
    assert_eq!(source.info().fps, Some(20.0));
    assert!(!open(Speed::Max, false).info().live);
    assert!(!open(Speed::default(), true).info().live);
}

#[test]
fn a_part_begins_and_ends_at_recorded_times_and_starts_again_there() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("a.y4m");
    let frames = "FRAME\nx".repeat(5);
    fs::write(&path, format!("YUV4MPEG2 W1 H1 F100:1 Cmono\n{frames}")).expect("write");
    let stop = Stop::new().expect("eventfd");
    let numbers = |looped: bool| {
        let source = ReplaySource::open(&path, Speed::Max, false, looped, &stop);
        let source = source.expect("a recording").expect("nobody asks to stop");
        let millis = |ms| Some(Duration::from_millis(ms));
        let mut source = source.part(millis(10), millis(40));
        let mut numbers = Vec::new();
        while numbers.len() < 7 {
            match source.wait(&stop).expect("a file") {
                Arrival::Frame(capture) => numbers.push(capture.source_frame),
                _ => break,
            }
        }
        numbers
    };
    assert_eq!(numbers(false), [1, 2, 3]);
    assert_eq!(numbers(true), [1, 2, 3, 1, 2, 3, 1]);
}
