use std::io::{Seek, Write};

use super::*;
use crate::sink::testing::{Frame, piped, read_all, stream};
use crate::source::Y4mSource;
use framebus::source::{Filled, FrameSource, FrameTarget};
use framebus::stop::Stop;

#[test]
fn raw_is_the_pixels() {
    let (output, reader, _stop) = piped();
    let mut sink = VideoSink::raw(output, Format::GRAY8).expect("sink");
    sink.begin(&stream(4, 2)).expect("begin");
    sink.frame(&Frame::new(4, 2, 1).view()).expect("frame");
    sink.frame(&Frame::new(4, 2, 10).view()).expect("frame");
    drop(sink);
    assert_eq!(
        read_all(reader),
        [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16, 17]
    );
}

#[test]
fn y4m_has_one_header_and_a_line_before_each_frame() {
    let (output, reader, _stop) = piped();
    let mut sink = VideoSink::y4m(output, Plane::Gray).expect("sink");
    sink.begin(&stream(2, 1)).expect("begin");
    sink.frame(&Frame::new(2, 1, 65).view()).expect("frame");
    sink.begin(&stream(2, 1))
        .expect("the producer came back with the same size");
    sink.frame(&Frame::new(2, 1, 67).view()).expect("frame");
    drop(sink);
    let text = String::from_utf8(read_all(reader)).expect("text");
    assert_eq!(
        text,
        "YUV4MPEG2 W2 H1 F30:1 Ip A1:1 Cmono XCOLORRANGE=FULL\nFRAME\nABFRAME\nCD"
    );
}

#[test]
fn the_header_says_limited_range_and_the_rate() {
    let mut info = stream(640, 480);
    info.nominal_fps = None;
    assert_eq!(
        y4m_header(&info, "mono", true),
        "YUV4MPEG2 W640 H480 F25:1 Ip A1:1 Cmono XCOLORRANGE=LIMITED\n"
    );
}

#[test]
fn rates_are_fractions_that_players_know() {
    let known = [
        (30.0, (30, 1)),
        (29.97, (30000, 1001)),
        (30000.0 / 1001.0, (30000, 1001)),
        (23.976, (24000, 1001)),
        (59.94, (60000, 1001)),
        (12.5, (25, 2)),
        (7.5, (15, 2)),
        (0.5, (1, 2)),
        (0.1, (1, 10)),
        (10_000.0, (10_000, 1)),
        (0.0, (25, 1)),
        (f64::NAN, (25, 1)),
        (f64::INFINITY, (25, 1)),
        (1e-9, (1, 1_000_000)),
    ];
    for (fps, fraction) in known {
        assert_eq!(rational(fps), fraction, "{fps}");
    }
}

#[test]
fn another_size_is_refused_with_both_sizes() {
    let new = |format: Option<Format>, output| match format {
        Some(format) => VideoSink::raw(output, format),
        None => VideoSink::y4m(output, Plane::Gray),
    };
    for format in [Some(Format::GRAY8), None, Some(Format::NV12)] {
        let (output, _reader, _stop) = piped();
        let mut sink = new(format, output).expect("sink");
        sink.begin(&stream(640, 480)).expect("begin");
        let error = sink
            .begin(&stream(320, 240))
            .expect_err("refused")
            .to_string();
        assert!(
            error.contains("320x240") && error.contains("640x480"),
            "{error}"
        );
    }
}

#[test]
fn bgr_needs_a_bus_with_colour() {
    let (output, reader, _stop) = piped();
    let mut sink = VideoSink::raw(output, Format::BGR8).expect("sink");
    sink.begin(&stream(1, 1)).expect("begin");
    let mut frame = Frame::new(1, 1, 1);
    let error = sink.frame(&frame.view()).expect_err("no colour");
    assert!(matches!(error, SinkError::Unsuitable(_)));
    frame.bgr = Some(vec![1, 2, 3]);
    sink.frame(&frame.view()).expect("frame");
    drop(sink);
    assert_eq!(read_all(reader), [1, 2, 3]);
}

#[test]
fn a_reader_that_has_gone_shows_without_a_frame() {
    let (output, reader, _stop) = piped();
    let mut sink = VideoSink::raw(output, Format::GRAY8).expect("sink");
    sink.begin(&stream(4, 2)).expect("begin");
    sink.tick(0).expect("it reads");
    drop(reader);
    assert!(matches!(sink.tick(1), Err(SinkError::Closed)));
    assert!(matches!(
        sink.frame(&Frame::new(4, 2, 1).view()),
        Err(SinkError::Closed)
    ));
}

#[test]
fn y4m_in_colour_has_the_luma_of_the_colours_and_two_chroma_planes() {
    let (output, reader, _stop) = piped();
    let mut sink = VideoSink::y4m(output, Plane::Bgr).expect("sink");
    // Its gray image is another one.
    let mut frame = Frame::new(2, 1, 99);
    let info = stream(2, 1);
    // A gray pixel has no chroma; a blue one has all of the first and some of the second.
    frame.bgr = Some(vec![65, 65, 65, 255, 0, 0]);
    sink.begin(&info).expect("begin");
    sink.frame(&frame.view()).expect("frame");
    drop(sink);
    let bytes = read_all(reader);
    let header = b"YUV4MPEG2 W2 H1 F30:1 Ip A1:1 C444 XCOLORRANGE=FULL\nFRAME\n";
    assert_eq!(bytes[..header.len()], header[..]);
    assert_eq!(bytes[header.len()..], [65, 29, 128, 255, 128, 107]);
}

/// Reads the only frame of a Y4M stream: gray and BGR.
fn read_y4m(bytes: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    let mut file = tempfile::tempfile().expect("file");
    file.write_all(&bytes).expect("write");
    file.rewind().expect("rewind");
    let stop = Stop::new().expect("eventfd");
    let source = Y4mSource::open(file, "a file", false, &stop).expect("Y4M");
    let mut source = source.expect("nobody asks to stop");
    source.wait(&stop).expect("a frame");
    let geometry = source.info().geometry;
    let (mut gray, mut bgr) = (vec![0; geometry.gray_len()], vec![0; geometry.bgr_len()]);
    let mut target = FrameTarget::new(geometry, &mut gray, Some(&mut bgr));
    assert_eq!(source.fill(&mut target).expect("a frame"), Filled::Frame);
    (gray, bgr)
}

#[test]
fn colours_of_limited_range_video_are_recorded_as_the_bus_has_them() {
    // Every luma, with chroma that lies inside and outside of what colours can be.
    let geometry = Geometry::new(256, 9).expect("a size");
    let mut video = b"YUV4MPEG2 W256 H9 C444 XCOLORRANGE=LIMITED\nFRAME\n".to_vec();
    video.extend((0..9).flat_map(|_| 0..=255));
    for chroma in [
        [128, 100, 60, 240, 128, 128, 16, 170, 90],
        [128, 128, 128, 128, 60, 240, 16, 110, 200],
    ] {
        video.extend(chroma.iter().flat_map(|chroma| [*chroma; 256]));
    }
    let (gray, bgr) = read_y4m(video);
    assert_eq!((gray[16], gray[235]), (0, 255));
    let (output, reader, _stop) = piped();
    let mut sink = VideoSink::y4m(output, Plane::Bgr).expect("sink");
    let frame = Frame {
        geometry,
        gray,
        bgr: Some(bgr.clone()),
        ..Frame::new(1, 1, 1)
    };
    sink.begin(&stream(256, 9)).expect("begin");
    let read = std::thread::spawn(move || read_all(reader));
    sink.frame(&frame.view()).expect("frame");
    drop(sink);
    let (_, recorded) = read_y4m(read.join().expect("a reader"));
    let off = bgr.iter().zip(&recorded).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(off <= Some(2), "{off:?}");
}
