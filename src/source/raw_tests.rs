use std::fs::File;
use std::io::{PipeReader, PipeWriter, Seek, Write, pipe};

use super::*;

const SIZE: Geometry = Geometry {
    width: 4,
    height: 3,
};

fn piped(format: RawFormat) -> (RawSource<PipeReader>, PipeWriter) {
    let (reader, writer) = pipe().expect("pipe");
    let source = RawSource::new(reader, "standard input", format, SIZE, None, false);
    (
        source.expect("a source").with_patience(Duration::ZERO),
        writer,
    )
}

fn file(bytes: &[u8], looped: bool) -> RawSource<File> {
    let mut file = tempfile::tempfile().expect("file");
    file.write_all(bytes).expect("write");
    file.rewind().expect("rewind");
    RawSource::new(file, "a file", RawFormat::Gray, SIZE, None, looped).expect("a source")
}

fn stop() -> Stop {
    Stop::new().expect("eventfd")
}

fn number(arrival: Result<Arrival, SourceError>) -> u64 {
    match arrival {
        Ok(Arrival::Frame(capture)) => capture.source_frame,
        other => panic!("not a frame: {other:?}"),
    }
}

fn fill(source: &mut impl FrameSource, bgr: Option<&mut [u8]>) -> (Filled, Vec<u8>) {
    let mut gray = vec![0; SIZE.gray_len()];
    let mut target = FrameTarget::new(SIZE, &mut gray, bgr);
    let filled = source.fill(&mut target).expect("filled");
    (filled, gray)
}

fn ramp(len: u8) -> Vec<u8> {
    (0..len).collect()
}

#[test]
fn gray_frames_come_one_after_the_other() {
    let (mut source, mut writer) = piped(RawFormat::Gray);
    writer.write_all(&ramp(24)).expect("write");
    drop(writer);
    let stop = stop();
    assert_eq!(number(source.wait(&stop)), 0);
    assert_eq!(fill(&mut source, None), (Filled::Frame, ramp(12)));
    assert_eq!(number(source.wait(&stop)), 1);
    assert_eq!(
        fill(&mut source, None),
        (Filled::Frame, ramp(24)[12..].to_vec())
    );
    assert_eq!(source.wait(&stop).expect("the end"), Arrival::End);
    assert!(source.info().live);
    assert_eq!(source.info().description, "standard input (gray 4x3)");
}

#[test]
fn bgr_frames_fill_both_images_or_only_gray() {
    for both in [true, false] {
        let (mut source, mut writer) = piped(RawFormat::Bgr);
        writer.write_all(&ramp(36)).expect("write");
        assert_eq!(number(source.wait(&stop())), 0);
        let mut bgr = vec![0; SIZE.bgr_len()];
        let (filled, gray) = fill(&mut source, both.then_some(&mut bgr[..]));
        let mut want = vec![0; SIZE.gray_len()];
        bgr_to_gray(&ramp(36), &mut want);
        assert_eq!((filled, gray), (Filled::Frame, want));
        assert_eq!(bgr == ramp(36), both);
    }
}

#[test]
fn yuyv_and_gray_frames_give_their_luma_in_full_range() {
    let luma: Vec<u8> = (0..12).map(|i| 16 + 18 * i).collect();
    let yuyv: Vec<u8> = luma.iter().flat_map(|luma| [*luma, 77]).collect();
    let mut full = luma.clone();
    stretch_luma(&mut full);
    for (format, bytes, range, wanted) in [
        (RawFormat::Yuyv, &yuyv, Range::Auto, &full),
        (RawFormat::Yuyv, &yuyv, Range::Limited, &full),
        (RawFormat::Yuyv, &yuyv, Range::Full, &luma),
        (RawFormat::Gray, &luma, Range::Auto, &luma),
        (RawFormat::Gray, &luma, Range::Limited, &full),
    ] {
        let (source, mut writer) = piped(format);
        let mut source = source.with_range(range);
        writer.write_all(bytes).expect("write");
        assert_eq!(number(source.wait(&stop())), 0);
        assert_eq!(fill(&mut source, None), (Filled::Frame, wanted.clone()));
    }
}

#[test]
fn a_frame_that_pauses_is_whole_when_the_rest_comes() {
    for (format, both) in [
        (RawFormat::Gray, false),
        (RawFormat::Yuyv, false),
        (RawFormat::Bgr, false),
        (RawFormat::Bgr, true),
    ] {
        // More than are converted at a time, so that a pause is in each part.
        let size = Geometry {
            width: 256,
            height: 130,
        };
        let len = size.gray_len() * format.bytes_per_pixel();
        let bytes: Vec<u8> = (0..len).map(|i| (i * 7 % 251) as u8).collect();
        let mut images = Vec::new();
        for pauses in [&[][..], &[1, 20_000, 40_000, len - 1]] {
            let (reader, mut writer) = pipe().expect("pipe");
            let source = RawSource::new(reader, "a pipe", format, size, None, false);
            let mut source = source.expect("a source").with_patience(Duration::ZERO);
            let (mut gray, mut bgr) = (vec![0; size.gray_len()], vec![0; size.bgr_len()]);
            let mut at = 0;
            let mut outcomes = Vec::new();
            for until in pauses.iter().copied().filter(|at| *at < len).chain([len]) {
                let part = bytes[at..until].to_vec();
                let mut there = writer.try_clone().expect("a writer");
                let thread = std::thread::spawn(move || there.write_all(&part));
                at = until;
                loop {
                    match source.wait(&stop()).expect("no error") {
                        Arrival::Frame(capture) => assert_eq!(capture.source_frame, 0),
                        _ if thread.is_finished() && until < len => break,
                        _ => continue,
                    }
                    let bgr = both.then_some(&mut bgr[..]);
                    let mut target = FrameTarget::new(size, &mut gray, bgr);
                    let filled = source.fill(&mut target).expect("no error");
                    outcomes.push(filled);
                    if filled == Filled::Frame {
                        break;
                    }
                }
                thread.join().expect("a thread").expect("written");
            }
            assert_eq!(outcomes.last(), Some(&Filled::Frame));
            writer.flush().expect("a pipe");
            images.push((gray, bgr));
        }
        assert!(images[0] == images[1], "{format:?} {both}");
    }
}

#[test]
fn a_frame_that_is_not_filled_is_skipped() {
    let (mut source, mut writer) = piped(RawFormat::Gray);
    writer.write_all(&ramp(24)).expect("write");
    assert_eq!(number(source.wait(&stop())), 0);
    assert_eq!(number(source.wait(&stop())), 1);
    assert_eq!(fill(&mut source, None).1, ramp(24)[12..]);
}

#[test]
fn a_silent_writer_is_stalled_and_then_goes_on() {
    let (mut source, mut writer) = piped(RawFormat::Gray);
    let silent = Arrival::Stalled("no data on standard input for 0 s".into());
    assert_eq!(source.wait(&stop()).expect("an answer"), silent);
    writer.write_all(&ramp(5)).expect("write");
    assert_eq!(number(source.wait(&stop())), 0);
    assert_eq!(source.wait(&stop()).expect("an answer"), silent);
    writer.write_all(&ramp(8)).expect("write");
    assert_eq!(number(source.wait(&stop())), 1);
}

#[test]
fn a_stop_ends_a_fill_whose_writer_hangs() {
    let (mut source, mut writer) = piped(RawFormat::Gray);
    let stop = stop();
    writer.write_all(&ramp(5)).expect("write");
    assert_eq!(number(source.wait(&stop)), 0);
    stop.set();
    assert_eq!(fill(&mut source, None).0, Filled::Damaged);
    assert_eq!(source.wait(&stop).expect("an answer"), Arrival::Stopped);
}

#[test]
fn a_stream_that_ends_in_a_frame_says_where() {
    let (mut source, mut writer) = piped(RawFormat::Gray);
    writer.write_all(&ramp(17)).expect("write");
    drop(writer);
    assert_eq!(number(source.wait(&stop())), 0);
    assert_eq!(number(source.wait(&stop())), 1);
    let mut gray = [0; 12];
    let mut target = FrameTarget::new(SIZE, &mut gray, None);
    let error = source.fill(&mut target).expect_err("truncated").to_string();
    assert_eq!(
        error,
        "standard input ended in the middle of frame 1: 5 of 12 bytes"
    );
}

#[test]
fn a_fill_without_a_frame_writes_nothing() {
    let (mut source, mut writer) = piped(RawFormat::Gray);
    writer.write_all(&ramp(24)).expect("write");
    assert_eq!(fill(&mut source, None).0, Filled::Damaged);
    assert_eq!(number(source.wait(&stop())), 0);
    assert_eq!(fill(&mut source, None).0, Filled::Frame);
    assert_eq!(fill(&mut source, None).0, Filled::Damaged);
}

#[test]
fn a_looped_file_starts_again_and_a_file_without_a_frame_does_not() {
    let mut source = file(&ramp(24), true);
    for frame in [0, 1, 0, 1, 0] {
        assert_eq!(number(source.wait(&stop())), frame);
    }
    assert_eq!(fill(&mut source, None).1, ramp(12));
    assert!(!source.info().live);
    assert_eq!(
        file(&[], true).wait(&stop()).expect("the end"),
        Arrival::End
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let (reader, _writer) = pipe().expect("pipe");
    let error = RawSource::new(reader, "standard input", RawFormat::Gray, SIZE, None, true)
        .expect_err("a pipe");
    assert_eq!(
        error.to_string(),
        "standard input cannot be looped: it is not a regular file"
    );
    let (reader, _writer) = pipe().expect("pipe");
    let odd = Geometry {
        width: 5,
        height: 4,
    };
    let error = RawSource::new(reader, "standard input", RawFormat::Yuyv, odd, None, false)
        .expect_err("odd");
    assert_eq!(error.to_string(), "yuyv frames have an even width, not 5x4");
}
