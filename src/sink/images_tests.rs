use std::os::unix::fs::symlink;

use super::*;
use crate::sink::testing::{Frame, piped, read_all, stream};

fn decode(bytes: &[u8]) -> (u32, u32, Vec<u8>) {
    let mut reader = png::Decoder::new(io::Cursor::new(bytes))
        .read_info()
        .expect("PNG");
    let mut pixels = vec![0; reader.output_buffer_size().expect("a size")];
    let info = reader.next_frame(&mut pixels).expect("pixels");
    assert_eq!(
        (info.color_type, info.bit_depth),
        (png::ColorType::Grayscale, png::BitDepth::Eight)
    );
    (info.width, info.height, pixels)
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("directory");
    let mut names: Vec<_> = entries
        .map(|entry| {
            entry
                .expect("entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

fn files(directory: &Path, pattern: &str, encoding: Encoding) -> ImageSink {
    let name = FileName::parse(&directory.join(pattern))
        .expect("pattern")
        .expect("a number");
    ImageSink::files(name, encoding).expect("sink")
}

#[test]
fn a_file_of_this_run_is_never_replaced_whatever_the_sequences_do() {
    let directory = tempfile::tempdir().expect("directory");
    let mut sink = files(directory.path(), "o-%03d.pgm", Encoding::Pgm);
    let mut take = |sequences: &[u64]| {
        sink.begin(&stream(1, 1)).expect("begin");
        for sequence in sequences {
            sink.frame(&Frame::new(1, 1, *sequence).view())
                .expect("frame");
        }
    };
    take(&[5, 6, 9]);
    // They begin again, with a gap; they begin again before what is written; they go on, as after a crash.
    take(&[1, 3]);
    take(&[2]);
    take(&[40]);
    let numbers = ["005", "006", "009", "010", "012", "013", "051"];
    let expected = numbers.map(|number| format!("o-{number}.pgm"));
    assert_eq!(names(directory.path()), expected);
}

#[test]
fn a_stream_of_pgm_may_change_its_size() {
    let (output, reader, _stop) = piped();
    let mut sink = ImageSink::stream(output, Encoding::Pgm).expect("sink");
    sink.begin(&stream(2, 1)).expect("begin");
    sink.frame(&Frame::new(2, 1, 65).view()).expect("frame");
    sink.begin(&stream(1, 2)).expect("begin");
    sink.frame(&Frame::new(1, 2, 67).view()).expect("frame");
    drop(sink);
    assert_eq!(read_all(reader), b"P5\n2 1\n255\nABP5\n1 2\n255\nCD");
}

#[test]
fn a_png_has_the_pixels_of_the_frame() {
    let (output, reader, _stop) = piped();
    let mut sink = ImageSink::stream(output, Encoding::Png).expect("sink");
    let frame = Frame::new(64, 48, 9);
    sink.begin(&stream(64, 48)).expect("begin");
    sink.frame(&frame.view()).expect("frame");
    drop(sink);
    assert_eq!(decode(&read_all(reader)), (64, 48, frame.gray));
}

#[test]
fn one_file_a_frame_is_named_by_the_sequence() {
    let directory = tempfile::tempdir().expect("directory");
    let mut sink = files(directory.path(), "img_%04d.png", Encoding::Png);
    for sequence in [7, 12] {
        sink.frame(&Frame::new(4, 2, sequence).view())
            .expect("frame");
    }
    sink.finish(&Summary::default()).expect("finish");
    assert_eq!(names(directory.path()), ["img_0007.png", "img_0012.png"]);
    let bytes = fs::read(directory.path().join("img_0012.png")).expect("file");
    assert_eq!(decode(&bytes).2, Frame::new(4, 2, 12).gray);
}

#[test]
fn a_file_without_a_number_has_the_latest_frame() {
    let directory = tempfile::tempdir().expect("directory");
    let path = directory.path().join("now.pgm");
    let link = directory.path().join("link.pgm");
    fs::write(&path, "old").expect("file");
    symlink(&path, &link).expect("link");
    let mut sink = ImageSink::latest(&link, Encoding::Pgm).expect("sink");
    for sequence in [65, 67] {
        sink.frame(&Frame::new(2, 1, sequence).view())
            .expect("frame");
        assert_eq!(names(directory.path()), ["link.pgm", "now.pgm"]);
    }
    assert_eq!(fs::read(&path).expect("file"), b"P5\n2 1\n255\nCD");
}

#[test]
fn what_cannot_be_written_leaves_no_temporary_file() {
    let directory = tempfile::tempdir().expect("directory");
    let mut sink = files(directory.path(), "%d", Encoding::Pgm);
    fs::create_dir(directory.path().join("5")).expect("a directory in the way of the rename");
    let error = sink
        .frame(&Frame::new(2, 1, 5).view())
        .expect_err("in the way");
    assert!(error.to_string().starts_with("cannot write "), "{error}");
    assert_eq!(names(directory.path()), ["5"]);
}

#[test]
fn a_directory_that_has_gone_is_an_error_and_not_a_panic() {
    let directory = tempfile::tempdir().expect("directory");
    let mut sink = files(directory.path(), "%d.pgm", Encoding::Pgm);
    directory.close().expect("removed");
    assert!(matches!(
        sink.frame(&Frame::new(2, 1, 5).view()),
        Err(SinkError::Write { .. })
    ));
}

#[test]
fn patterns_are_those_of_printf() {
    let parse = |text: &str| FileName::parse(Path::new(text));
    for (pattern, name) in [
        ("a%06d.png", "a000042.png"),
        ("%d", "42"),
        ("d/%4d_", "d/  42_"),
        ("%s%d%", "%s42%"),
        ("%01d", "42"),
    ] {
        let parsed = parse(pattern).expect(pattern).expect(pattern);
        assert_eq!(parsed.path(42), Path::new(name));
    }
    for ordinary in ["a.png", "100%.png", "%", "%6", "%é", "%s"] {
        assert_eq!(parse(ordinary).expect(ordinary), None, "{ordinary}");
    }
    for refused in ["%d_%d", "%99d", "%99999999999999999999999d"] {
        assert!(
            matches!(parse(refused), Err(SinkError::Unsuitable(_))),
            "{refused}"
        );
    }
}
