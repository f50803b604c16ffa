//! Cameras on the network.

use framebus::source::FrameSource;

use crate::footage::{Reader, Seen, Visit, camera, open, quick};

const SMALL: (i32, i32) = (64, 48);
const LARGE: (i32, i32) = (80, 60);

fn is_stalled(seen: &Seen) -> bool {
    matches!(seen, Seen::Stalled(_))
}

fn is_frame(seen: &Seen) -> bool {
    matches!(seen, Seen::Frame(_))
}

#[test]
fn a_stream_is_live_and_has_no_guessed_rate() {
    let mut reader = Reader::new(open(&camera(&[Visit::Frames(SMALL, 10)]), &quick()));
    let info = reader.source.info();
    assert_eq!((info.live, info.fps, info.geometry.width), (true, None, 64));
    let frames = reader.until(is_stalled);
    assert!(
        frames.len() >= 9 && frames.iter().all(is_frame),
        "{frames:?}"
    );
}

#[test]
fn a_stream_that_vanishes_is_stalled_until_it_is_back_and_its_frames_are_counted_on() {
    let visits = &[
        Visit::Frames(SMALL, 10),
        Visit::Nothing,
        Visit::Nothing,
        Visit::Frames(SMALL, 10),
    ];
    let mut reader = Reader::new(open(&camera(visits), &quick()));
    let frames = reader.until(is_stalled);
    let stalls = reader.until(|seen| *seen == Seen::Frame(frames.len() as u64));
    assert!(
        !stalls.is_empty() && stalls.iter().all(is_stalled),
        "{stalls:?}"
    );
    assert!(is_frame(&reader.next()));
}

#[test]
fn a_stream_that_comes_back_with_another_size_says_so() {
    let visits = &[Visit::Frames(SMALL, 10), Visit::Frames(LARGE, 100)];
    let mut reader = Reader::new(open(&camera(visits), &quick()));
    reader.until(is_stalled);
    let before = reader.until(|seen| *seen == Seen::Resized);
    assert!(!before.iter().any(is_frame));
    assert_eq!(reader.source.info().geometry.width, 80);
    assert!(is_frame(&reader.next()));
}

#[test]
fn a_stop_ends_the_wait_for_a_stream_that_is_gone() {
    let mut reader = Reader::new(open(
        &camera(&[Visit::Frames(SMALL, 5), Visit::Nothing]),
        &quick(),
    ));
    reader.until(is_stalled);
    let stop = reader.stop.clone();
    let thread = std::thread::spawn(move || stop.set());
    reader.until(|seen| *seen == Seen::Stopped);
    thread.join().expect("thread");
}
