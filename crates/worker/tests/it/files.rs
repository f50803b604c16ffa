//! Video files.

use std::fs;

use framebus::source::{Arrival, Filled, FrameSource, FrameTarget};

use crate::footage::{Directory, Reader, Seen, looped, open, quick, text, video};

fn numbers(frames: impl IntoIterator<Item = u64>) -> Vec<Seen> {
    frames.into_iter().map(Seen::Frame).collect()
}

#[test]
fn a_file_says_its_size_and_rate_and_is_not_live() {
    let directory = Directory::new();
    let path = directory.path("a.avi");
    video(&path, b"MJPG", 2);
    let info = open(&text(&path), &quick()).info();
    assert_eq!(
        (info.geometry.width, info.geometry.height, info.fps),
        (160, 120, Some(30.0))
    );
    assert!(info.bgr && !info.live);
    assert_eq!(info.description, text(&path));
}

#[test]
fn a_looped_file_starts_again_at_frame_0() {
    let directory = Directory::new();
    for (codec, name) in [(b"MJPG", "a.avi"), (b"mp4v", "a.mp4")] {
        let path = directory.path(name);
        video(&path, codec, 5);
        let mut reader = Reader::new(open(&text(&path), &looped()));
        let seen: Vec<Seen> = (0..12).map(|_| reader.next()).collect();
        assert_eq!(seen, numbers((0..12).map(|frame| frame % 5)));
    }
}

#[test]
fn a_frame_that_is_not_filled_is_passed_over() {
    let directory = Directory::new();
    let path = directory.path("a.avi");
    video(&path, b"MJPG", 3);
    let mut reader = Reader::new(open(&text(&path), &quick()));
    for frame in 0..2 {
        let arrival = reader.source.wait(&reader.stop).expect("a frame");
        assert!(matches!(arrival, Arrival::Frame(capture) if capture.source_frame == frame));
    }
    assert_eq!(reader.all(), numbers([2]));
}

#[test]
fn a_target_without_a_bgr_image_gets_its_gray() {
    let directory = Directory::new();
    let path = directory.path("a.avi");
    video(&path, b"MJPG", 2);
    let mut reader = Reader::new(open(&text(&path), &quick()));
    let mut other = open(&text(&path), &quick());
    for _ in 0..2 {
        reader.next();
        let arrival = other.wait(&reader.stop).expect("a frame");
        assert!(matches!(arrival, Arrival::Frame(_)));
        let geometry = other.info().geometry;
        let mut gray = vec![0; geometry.gray_len()];
        let mut target = FrameTarget::new(geometry, &mut gray, None);
        assert_eq!(other.fill(&mut target).expect("a frame"), Filled::Gray);
        assert!(gray == reader.gray);
    }
}

#[test]
fn damage_in_the_middle_of_a_file_costs_only_the_frames_it_hits() {
    let directory = Directory::new();
    let path = directory.path("a.avi");
    video(&path, b"MJPG", 40);
    let mut bytes = fs::read(&path).expect("the file");
    let middle = bytes.len() / 2;
    let hit = bytes.len() / 10;
    bytes[middle..middle + hit].fill(0x5a);
    fs::write(&path, bytes).expect("the file");
    let seen = Reader::new(open(&text(&path), &quick())).all();
    let whole = seen
        .iter()
        .filter(|seen| matches!(seen, Seen::Frame(_)))
        .count();
    assert!((30..=40).contains(&whole), "{seen:?}");
}

#[test]
fn a_truncated_file_ends_where_it_ends_and_can_start_again() {
    let directory = Directory::new();
    let path = directory.path("a.avi");
    video(&path, b"MJPG", 40);
    let bytes = fs::read(&path).expect("the file");
    fs::write(&path, &bytes[..bytes.len() / 2]).expect("the file");
    let seen = Reader::new(open(&text(&path), &quick())).all();
    let frames = seen
        .iter()
        .filter(|seen| matches!(seen, Seen::Frame(_)))
        .count();
    assert!((10..=30).contains(&frames), "{frames}");
    let mut reader = Reader::new(open(&text(&path), &looped()));
    let before = reader.until(|seen| *seen == Seen::Frame(frames as u64 - 1));
    assert_eq!(before.len(), frames - 1);
    reader.until(|seen| *seen == Seen::Frame(0));
}
