use super::*;
use crate::recording::sidecar;
use crate::sink::Plane;
use crate::sink::Target;
use crate::sink::testing::{Frame, stream};

/// So many seconds before a trigger and after it, once.
fn events(pre: u64, post: Option<u64>) -> Events {
    Events {
        pre: Duration::from_secs(pre),
        post: post.map(Duration::from_secs),
        repeat: false,
        change: None,
    }
}

/// The sequences in a recording.
fn sequences(path: &std::path::Path) -> Vec<u64> {
    let lines = std::fs::read_to_string(sidecar(path)).expect("sidecar");
    lines
        .lines()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
            value["sequence"].as_u64().expect("a number")
        })
        .collect()
}

#[test]
fn what_was_before_the_trigger_is_written_first() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("event.y4m");
    let stop = Stop::new().expect("eventfd");
    let trigger = Arc::new(AtomicBool::new(false));
    let kind = Kind::Recording(path.clone(), Plane::Gray);
    let mut sink =
        PreSink::new(kind, events(2, Some(1)), Arc::clone(&trigger), &stop).expect("a sink");
    sink.begin(&stream(4, 2)).expect("begin");
    let mut sent = 0;
    for sequence in 1..=9 {
        let mut frame = Frame::new(4, 2, sequence);
        frame.wake_ns = sequence * 1_000_000_000;
        let mut view = frame.view();
        view.info.capture_ns = frame.wake_ns;
        if sequence == 6 {
            trigger.store(true, Ordering::SeqCst);
        }
        assert_eq!(path.exists(), sequence > 6);
        match sink.frame(&view) {
            Ok(()) => sent = sequence,
            Err(SinkError::Complete) => break,
            Err(error) => panic!("{error}"),
        }
    }
    sink.finish(&Summary::default()).expect("finish");
    assert_eq!(sent, 6, "one second after the trigger at frame 6");
    assert_eq!(sequences(&path), [3, 4, 5, 6]);
}

#[test]
fn without_a_trigger_nothing_is_created() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("event.raw");
    let stop = Stop::new().expect("eventfd");
    let kind = Kind::Frames(
        Target::File(path.clone()),
        crate::sink::Format::Raw,
        Plane::Gray,
    );
    let mut sink = PreSink::new(kind, events(1, None), Arc::default(), &stop).expect("a sink");
    sink.begin(&stream(4, 2)).expect("begin");
    sink.frame(&Frame::new(4, 2, 1).view()).expect("frame");
    sink.finish(&Summary::default()).expect("finish");
    assert!(!path.exists());
}

/// Gives a sink the frames of these sequences, one a second, with that brightness each.
fn give(sink: &mut PreSink, frames: impl IntoIterator<Item = (u64, u8)>) {
    for (sequence, gray) in frames {
        let mut frame = Frame::new(4, 2, sequence);
        frame.wake_ns = sequence * 1_000_000_000;
        frame.gray.fill(gray);
        let mut view = frame.view();
        view.info.capture_ns = frame.wake_ns;
        sink.frame(&view).expect("a frame");
    }
}

#[test]
fn each_change_is_a_recording_of_its_own_and_longer_while_it_goes_on() {
    let directory = tempfile::tempdir().expect("directory");
    let path = |number: u32| directory.path().join(format!("event-{number:02}.y4m"));
    // It was there before, and stays.
    std::fs::write(path(2), "mine").expect("written");
    let stop = Stop::new().expect("eventfd");
    let kind = Kind::Recording(directory.path().join("event-%02d.y4m"), Plane::Gray);
    let wanted = Events {
        repeat: true,
        change: Some(Change::new(0.02)),
        ..events(1, Some(2))
    };
    let mut sink = PreSink::new(kind, wanted, Arc::default(), &stop).expect("a sink");
    sink.begin(&stream(4, 2)).expect("begin");
    let bright = |sequence| match sequence {
        ..5 => 10,
        5 => 90,
        6..12 => 170,
        _ => 250,
    };
    give(
        &mut sink,
        (1..20).map(|sequence| (sequence, bright(sequence))),
    );
    sink.finish(&Summary::default()).expect("finish");
    assert_eq!(sequences(&path(1)), [3, 4, 5, 6, 7]);
    assert_eq!(std::fs::read(path(2)).expect("a file"), b"mine");
    assert_eq!(sequences(&path(3)), [10, 11, 12, 13]);
    assert!(!path(4).exists());
}

#[test]
fn to_repeat_needs_a_number_in_the_name() {
    let stop = Stop::new().expect("eventfd");
    for name in ["event.y4m", "a%d-%d.y4m"] {
        let kind = Kind::Recording(name.into(), Plane::Gray);
        let wanted = Events {
            repeat: true,
            ..events(1, Some(1))
        };
        PreSink::new(kind, wanted, Arc::default(), &stop)
            .err()
            .expect(name);
    }
}
