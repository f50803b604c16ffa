//! Video files and image sequences.

use std::fs;

use framebus::source::{Arrival, Filled, FrameSource, FrameTarget};
use opencv::core::{CV_16UC1, Mat, MatTraitConst, Scalar};
use opencv::imgcodecs::IMREAD_COLOR;
use opencv::imgproc::{COLOR_BGR2BGRA, COLOR_BGR2GRAY, cvt_color_def};
use opencv::videoio::{CAP_FFMPEG, VideoCapture, VideoCaptureTrait};

use crate::footage::{
    Directory, Reader, Seen, image, looped, open, picture, pixels, quick, text, video,
};

fn numbers(frames: impl IntoIterator<Item = u64>) -> Vec<Seen> {
    frames.into_iter().map(Seen::Frame).collect()
}

fn agrees_with_opencv(codec: &[u8; 4], name: &str) {
    let directory = Directory::new();
    let path = directory.path(name);
    video(&path, codec, 20);
    let mut reader = Reader::new(open(&text(&path), &quick()));
    let mut opencv = VideoCapture::from_file(&path, CAP_FFMPEG).expect("OpenCV opens it");
    for number in 0..20 {
        let (mut bgr, mut gray) = (Mat::default(), Mat::default());
        assert!(opencv.read(&mut bgr).expect("OpenCV reads it"));
        cvt_color_def(&bgr, &mut gray, COLOR_BGR2GRAY).expect("gray");
        assert_eq!(reader.next(), Seen::Frame(number));
        assert!(reader.bgr == pixels(&bgr) && reader.gray == pixels(&gray));
    }
    assert_eq!(reader.next(), Seen::End);
    assert_eq!(reader.source.moved_frames(), 0);
}

#[test]
fn an_avi_is_read_in_place_and_equals_what_opencv_reads() {
    agrees_with_opencv(b"MJPG", "a.avi");
}

#[test]
fn an_mp4_is_read_in_place_and_equals_what_opencv_reads() {
    agrees_with_opencv(b"mp4v", "a.mp4");
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
    assert!(info.bgr && !info.live && !info.limited_range);
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
        assert_eq!(reader.source.moved_frames(), 0);
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
        let mut target = FrameTarget {
            geometry,
            gray: &mut gray,
            bgr: None,
        };
        assert_eq!(other.fill(&mut target).expect("a frame"), Filled::Frame);
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
    let frames = Reader::new(open(&text(&path), &quick())).all().len();
    assert!((10..=30).contains(&frames), "{frames}");
    let mut reader = Reader::new(open(&text(&path), &looped()));
    let before = reader.until(|seen| *seen == Seen::Frame(frames as u64 - 1));
    assert_eq!(before.len(), frames - 1);
    reader.until(|seen| *seen == Seen::Frame(0));
}

#[test]
fn images_are_read_in_place_from_number_0_or_1_and_have_no_rate() {
    let directory = Directory::new();
    for (prefix, first) in [("a", 0), ("b", 1)] {
        for number in 0..4 {
            image(
                &directory.path(&format!("{prefix}_{:03}.png", first + number)),
                &picture((64, 48), number),
            );
        }
        let pattern = text(&directory.path(&format!("{prefix}_%03d.png")));
        let mut reader = Reader::new(open(&pattern, &looped()));
        assert_eq!(
            (reader.source.info().fps, reader.source.info().live),
            (None, false)
        );
        for frame in (0..4).chain(0..4).chain(0..1) {
            assert_eq!(reader.next(), Seen::Frame(frame));
            assert!(reader.bgr == pixels(&picture((64, 48), frame as i32)));
        }
        assert_eq!(reader.source.moved_frames(), 0);
    }
}

#[test]
fn a_change_of_size_is_announced_and_loses_no_frame() {
    let directory = Directory::new();
    let sizes = [(64, 48), (64, 48), (80, 60), (80, 60), (64, 48)];
    for (number, size) in sizes.into_iter().enumerate() {
        image(
            &directory.path(&format!("{number}.png")),
            &picture(size, number as i32),
        );
    }
    let mut reader = Reader::new(open(&text(&directory.path("%d.png")), &quick()));
    let mut delivered = Vec::new();
    for _ in 0..50 {
        match reader.next() {
            Seen::Frame(frame) => {
                assert!(reader.bgr == pixels(&picture(sizes[frame as usize], frame as i32)));
                delivered.push(frame);
            }
            Seen::End => break,
            // The frame that did not fit, then the announcement.
            Seen::Damaged => assert_eq!(reader.next(), Seen::Resized),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(delivered, [0, 1, 2, 3, 4]);
    assert_eq!(reader.source.moved_frames(), 2);
}

#[test]
fn gray_deep_and_transparent_images_become_bgr() {
    let directory = Directory::new();
    let colour = picture((64, 48), 1);
    let (mut gray, mut transparent) = (Mat::default(), Mat::default());
    cvt_color_def(&colour, &mut gray, COLOR_BGR2GRAY).expect("gray");
    cvt_color_def(&colour, &mut transparent, COLOR_BGR2BGRA).expect("BGRA");
    let deep = Mat::new_rows_cols_with_default(48, 64, CV_16UC1, Scalar::all(257.0 * 40.0))
        .expect("16 bit");
    for (number, picture) in [&colour, &gray, &transparent, &deep]
        .into_iter()
        .enumerate()
    {
        image(&directory.path(&format!("{number}.png")), picture);
    }
    let mut reader = Reader::new(open(&text(&directory.path("%d.png")), &quick()));
    assert_eq!(reader.next(), Seen::Frame(0));
    assert_eq!(reader.next(), Seen::Frame(1));
    assert!(reader.gray == pixels(&gray));
    assert_eq!(reader.next(), Seen::Frame(2));
    assert!(reader.bgr == pixels(&colour));
    assert_eq!(reader.next(), Seen::Frame(3));
    assert!(reader.bgr.iter().all(|&value| value == 40));
    assert_eq!(reader.next(), Seen::End);
    assert_eq!(reader.source.moved_frames(), 3);
}

#[test]
fn a_damaged_image_in_a_sequence_is_stepped_over() {
    let directory = Directory::new();
    for number in 0..4 {
        image(
            &directory.path(&format!("{number}.png")),
            &picture((64, 48), number),
        );
    }
    let path = directory.path("1.png");
    let bytes = fs::read(&path).expect("the image");
    fs::write(&path, &bytes[..20]).expect("the image");
    let mut reader = Reader::new(open(&text(&directory.path("%d.png")), &quick()));
    assert_eq!(reader.all(), numbers([0, 2, 3]));
}

#[test]
fn a_single_image_is_a_video_of_one_frame() {
    let directory = Directory::new();
    let path = directory.path("still.png");
    image(&path, &picture((64, 48), 0));
    assert_eq!(
        Reader::new(open(&text(&path), &quick())).all(),
        numbers([0])
    );
    let mut reader = Reader::new(open(&text(&path), &looped()));
    assert_eq!(
        [reader.next(), reader.next(), reader.next()],
        [0, 0, 0].map(Seen::Frame)
    );
    let decoded = opencv::imgcodecs::imread(&path, IMREAD_COLOR).expect("OpenCV reads it");
    assert!(!decoded.empty() && reader.bgr.len() == pixels(&decoded).len());
}
