//! Writers that pause, that are started again, and that are cut off.

use std::io::{PipeReader, Seek, Write, pipe};

use super::tests::{open, planes, play, stream};
use super::*;

#[test]
fn a_second_header_goes_on_with_the_same_size_and_announces_another() {
    let small = "YUV4MPEG2 W5 H3 Cmono";
    let large = "YUV4MPEG2 W5 H6 Cmono";
    let mut bytes = stream(small, &["", ""], 15);
    bytes.extend(stream("YUV4MPEG2 W5 H3 C420 XCOLORRANGE=FULL", &[""], 27));
    bytes.extend(stream(large, &[""], 30));
    bytes.extend(stream(small, &[""], 15));
    let mut source = open(&bytes).expect("Y4M");
    let first = planes(&[1, 2, 1]);
    assert_eq!(play(&mut source), (first, Ok(Arrival::Resized)));
    assert_eq!(source.info().geometry.height, 6);
    let (frames, end) = play(&mut source);
    assert_eq!((frames[0].0, frames[0].1.len()), (3, 30));
    assert_eq!(end, Ok(Arrival::Resized));
    let last = vec![(4, vec![1; 15])];
    assert_eq!(play(&mut source), (last, Ok(Arrival::End)));
    let mut bytes = stream(small, &[""], 15);
    bytes.extend(b"YUV4MPEG2 W0 H3\n");
    let (_, end) = play(&mut open(&bytes).expect("Y4M"));
    assert!(end.expect_err("no size").contains("W0 H3"));
}

#[test]
fn what_begins_as_a_stream_does_and_is_none_is_passed_over() {
    let good = stream("YUV4MPEG2 W5 H3 Cmono", &[""], 15);
    let mut bytes = good.clone();
    bytes.extend(b"F\x05YUV4MPEG2\x01YUV4MPEG2\0");
    bytes.extend(&good);
    let (reader, mut writer) = pipe().expect("pipe");
    writer.write_all(&bytes).expect("write");
    drop(writer);
    let stop = Stop::new().expect("eventfd");
    let source = Y4mSource::open(reader, "a pipe", false, &stop).expect("Y4M");
    let mut source = source.expect("nobody asks to stop");
    let (frames, end) = play(&mut source);
    assert_eq!((frames.len(), end), (2, Ok(Arrival::End)));
}

#[test]
fn a_looped_file_of_two_streams_begins_with_the_first_again() {
    let mut file = tempfile::tempfile().expect("file");
    let mut bytes = stream("YUV4MPEG2 W5 H3 Cmono", &[""], 15);
    bytes.extend(stream("YUV4MPEG2 W5 H6 Cmono", &[""], 30));
    file.write_all(&bytes).expect("write");
    file.rewind().expect("rewind");
    let stop = Stop::new().expect("eventfd");
    let source = Y4mSource::open(file, "a file", true, &stop).expect("Y4M");
    let mut source = source.expect("nobody asks to stop");
    for (height, next) in [(3, 6), (6, 3), (3, 6)] {
        assert_eq!(source.info().geometry.height, height);
        assert_eq!(play(&mut source).1, Ok(Arrival::Resized));
        assert_eq!(source.info().geometry.height, next);
    }
}

#[test]
fn a_frame_that_pauses_is_stalled_and_is_whole_when_the_rest_comes() {
    let (reader, mut writer) = pipe().expect("pipe");
    let header = b"YUV4MPEG2 W5 H3 C444 XCOLORRANGE=LIMITED\nFRAME\n";
    writer.write_all(header).expect("write");
    let stop = Stop::new().expect("eventfd");
    let source = Y4mSource::open(reader, "a pipe", false, &stop).expect("Y4M");
    let mut source = source
        .expect("nobody asks to stop")
        .with_patience(Duration::ZERO);
    let (mut gray, mut bgr) = ([9; 15], [9; 45]);
    let mut fill = |source: &mut Y4mSource<PipeReader>| {
        let mut target = FrameTarget::new(source.info().geometry, &mut gray, Some(&mut bgr));
        source.fill(&mut target).expect("no error")
    };
    let stalled = |source: &mut Y4mSource<PipeReader>, read: usize| {
        let wanted = format!("a pipe pauses in frame 0: {read} of 45 bytes came, no more for 0 s");
        let arrival = source.wait(&stop).expect("no error");
        assert_eq!(arrival, Arrival::Stalled(wanted));
    };
    writer.write_all(&[235; 4]).expect("write");
    let Ok(Arrival::Frame(first)) = source.wait(&stop) else {
        panic!("no frame");
    };
    assert_eq!(fill(&mut source), Filled::Unfinished);
    stalled(&mut source, 4);
    // What is not there cannot be filled in between either.
    for (bytes, read) in [(&[235; 11][..], 15), (&[128; 7], 22)] {
        writer.write_all(bytes).expect("write");
        stalled(&mut source, read);
    }
    writer.write_all(&[128; 23]).expect("write");
    let Ok(Arrival::Frame(again)) = source.wait(&stop) else {
        panic!("no frame");
    };
    assert_eq!(again, first);
    assert_eq!(fill(&mut source), Filled::Frame);
    assert_eq!((gray, bgr), ([255; 15], [255; 45]));
    drop(writer);
    assert_eq!(source.wait(&stop).expect("the end"), Arrival::End);
}

#[test]
fn a_frame_that_was_cut_off_is_damaged_and_the_next_stream_goes_on() {
    let (reader, mut writer) = pipe().expect("pipe");
    let header = "YUV4MPEG2 W5 H3 Cmono";
    let all = stream(header, &["", ""], 15);
    let stop = Stop::new().expect("eventfd");
    // In the second frame's pixels, read by `fill`; in pixels that nobody wants; right behind its header.
    for (cut, filled, number) in [(12, true, 2), (12, false, 2), (15, true, 1)] {
        writer.write_all(&all[..all.len() - cut]).expect("write");
        let source = Y4mSource::open(reader.try_clone().expect("pipe"), "a pipe", false, &stop);
        let source = source.expect("Y4M").expect("nobody asks to stop");
        let mut source = source.with_patience(Duration::ZERO);
        let mut gray = [0; 15];
        let mut fill = |source: &mut Y4mSource<PipeReader>| {
            let mut target = FrameTarget::new(source.info().geometry, &mut gray, None);
            source.fill(&mut target).expect("no error")
        };
        assert!(matches!(source.wait(&stop), Ok(Arrival::Frame(_))));
        assert_eq!(fill(&mut source), Filled::Frame);
        let arrival = source.wait(&stop).expect("no error");
        assert_eq!(matches!(arrival, Arrival::Frame(_)), cut == 12);
        if filled && cut == 12 {
            assert_eq!(fill(&mut source), Filled::Unfinished);
            assert!(matches!(source.wait(&stop), Ok(Arrival::Stalled(_))));
        }
        writer.write_all(&all).expect("write");
        let mut arrival = source.wait(&stop).expect("no error");
        if filled && cut == 12 {
            assert!(matches!(arrival, Arrival::Frame(capture) if capture.source_frame == 1));
            assert_eq!(fill(&mut source), Filled::Damaged);
            arrival = source.wait(&stop).expect("no error");
        }
        assert!(matches!(arrival, Arrival::Frame(capture) if capture.source_frame == number));
        assert_eq!(fill(&mut source), Filled::Frame);
        assert!(matches!(source.wait(&stop), Ok(Arrival::Frame(_))));
        assert_eq!(fill(&mut source), Filled::Frame);
        assert_eq!(gray, [2; 15]);
    }
}

#[test]
fn damage_in_a_pipe_is_passed_over_up_to_the_next_stream() {
    let header = "YUV4MPEG2 W5 H3 Cmono";
    let mut bytes = stream(header, &[""], 15);
    bytes.extend(vec![b'Y'; 10_000]);
    bytes.extend(stream(header, &["", ""], 15));
    let (frames, end) = play(&mut open(&bytes).expect("Y4M"));
    assert_eq!((frames, end), (planes(&[1, 1, 2]), Ok(Arrival::End)));
    // A file cannot mend itself.
    let mut file = tempfile::tempfile().expect("file");
    file.write_all(&bytes).expect("write");
    file.rewind().expect("rewind");
    let stop = Stop::new().expect("eventfd");
    let source = Y4mSource::open(file, "a file", false, &stop).expect("Y4M");
    let (_, end) = play(&mut source.expect("nobody asks to stop"));
    assert_eq!(
        end,
        Err("a file is damaged: frame 1 has no valid header".into())
    );
}
