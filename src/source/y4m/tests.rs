use std::io::{PipeReader, Seek, Write, pipe};

use super::*;
use framebus::layout::Geometry;

pub(super) fn open(bytes: &[u8]) -> Result<Y4mSource<PipeReader>, SourceError> {
    let (reader, mut writer) = pipe().expect("pipe");
    writer.write_all(bytes).expect("write");
    drop(writer);
    let stop = Stop::new().expect("eventfd");
    let source = Y4mSource::open(reader, "standard input", false, &stop)?;
    Ok(source
        .expect("nobody asks to stop")
        .with_patience(Duration::ZERO))
}

fn refusal(bytes: &[u8]) -> String {
    open(bytes).expect_err("refused").to_string()
}

/// Numbers and Y planes.
pub(super) type Frames = Vec<(u64, Vec<u8>)>;

/// All frames, and how the stream ended.
pub(super) fn play(source: &mut impl FrameSource) -> (Frames, Result<Arrival, String>) {
    let stop = Stop::new().expect("eventfd");
    let geometry = source.info().geometry;
    let mut frames = Vec::new();
    loop {
        match source.wait(&stop) {
            Ok(Arrival::Frame(capture)) => {
                let mut gray = vec![0; geometry.gray_len()];
                let mut target = FrameTarget::new(geometry, &mut gray, None);
                match source.fill(&mut target) {
                    // Announced once more when the rest is there.
                    Ok(Filled::Unfinished) => continue,
                    Ok(filled) => assert_eq!(filled, Filled::Frame),
                    Err(error) => return (frames, Err(error.to_string())),
                }
                frames.push((capture.source_frame, gray));
            }
            Ok(Arrival::Stalled(_)) => {}
            other => return (frames, other.map_err(|error| error.to_string())),
        }
    }
}

pub(super) fn stream(header: &str, frames: &[&str], payload: usize) -> Vec<u8> {
    let mut bytes = format!("{header}\n").into_bytes();
    for (number, parameters) in (1..).zip(frames) {
        bytes.extend(format!("FRAME{parameters}\n").bytes());
        bytes.extend(vec![number; 15]);
        bytes.extend(vec![0xcc; payload - 15]);
    }
    bytes
}

pub(super) fn planes(numbers: &[u8]) -> Frames {
    (0..)
        .zip(numbers.iter().map(|&number| vec![number; 15]))
        .collect()
}

#[test]
fn every_8_bit_colour_space_gives_its_y_plane() {
    // 5x3 pixels: chroma planes are rounded up.
    let spaces = [
        ("", 27),
        (" C420", 27),
        (" C420jpeg", 27),
        (" C420mpeg2", 27),
        (" C420paldv", 27),
        (" C411", 27),
        (" C422", 33),
        (" C444", 45),
        (" C444alpha", 60),
        (" Cmono", 15),
    ];
    for (space, payload) in spaces {
        let header = format!("YUV4MPEG2 W5 H3 F30000:1001 It A1:1{space} XCOLORRANGE=FULL");
        let bytes = stream(&header, &["", " It", " Ip XSOMETHING"], payload);
        let mut source = open(&bytes).expect("Y4M");
        assert_eq!(source.header.payload(), payload, "{space}");
        assert_eq!(
            play(&mut source),
            (planes(&[1, 2, 3]), Ok(Arrival::End)),
            "{space}"
        );
    }
}

#[test]
fn the_header_describes_the_source() {
    let info = open(b"YUV4MPEG2 W640 H480 F30:1 XCOLORRANGE=LIMITED\n")
        .expect("Y4M")
        .info();
    assert_eq!(
        info.geometry,
        Geometry {
            width: 640,
            height: 480
        }
    );
    assert_eq!(info.fps, Some(30.0));
    assert!(info.live && !info.bgr);
    assert_eq!(info.description, "standard input (y4m 640x480)");
    let info = open(b"YUV4MPEG2 H8 W8 F0:0\n").expect("Y4M").info();
    assert_eq!(info.fps, None);
}

#[test]
fn what_is_not_8_bit_y4m_is_refused_in_one_sentence() {
    assert_eq!(
        refusal(b"RIFF"),
        "standard input is not Y4M: it does not begin with a YUV4MPEG2 header"
    );
    assert_eq!(
        refusal(b""),
        "standard input ended in its Y4M header, after 0 bytes"
    );
    assert_eq!(
        refusal(b"YUV4MPEG2 W8"),
        "standard input ended in its Y4M header, after 12 bytes"
    );
    assert!(refusal(&[b"YUV4MPEG2 ", &[b'X'; 9000][..]].concat()).contains("is not Y4M"));
    assert!(refusal(b"YUV4MPEG2 W8 H8 C420p10\n").contains("420p10 has more than 8 bits"));
    assert!(refusal(b"YUV4MPEG2 W8 H8 Cmono16\n").contains("mono16 has more than 8 bits"));
    assert!(refusal(b"YUV4MPEG2 W8 H8 C410\n").contains("410 is not known"));
    assert_eq!(
        refusal(b"YUV4MPEG2 W8\n"),
        "standard input: the Y4M header says W8 H; both must be 1 to 32768"
    );
    assert!(refusal(b"YUV4MPEG2 W99999 H8\n").contains("W99999 H8"));
    assert!(refusal(b"YUV4MPEG2 W-1 H8 \xff\n").contains("W-1 H8"));
}

#[test]
fn a_stream_that_comes_byte_by_byte_is_the_same() {
    let bytes = stream("YUV4MPEG2 W5 H3 Cmono", &["", "", ""], 15);
    let (reader, mut writer) = pipe().expect("pipe");
    let thread = std::thread::spawn(move || {
        for byte in bytes {
            writer.write_all(&[byte]).expect("write");
        }
    });
    let stop = Stop::new().expect("eventfd");
    let source = Y4mSource::open(reader, "a pipe", false, &stop).expect("Y4M");
    let mut source = source
        .expect("nobody asks to stop")
        .with_patience(Duration::ZERO);
    assert_eq!(play(&mut source), (planes(&[1, 2, 3]), Ok(Arrival::End)));
    thread.join().expect("thread");
}

#[test]
fn a_frame_arrives_with_the_first_byte_of_its_payload() {
    let (reader, mut writer) = pipe().expect("pipe");
    writer.write_all(b"YUV4MPEG2 W5 H3\nFRA").expect("write");
    let stop = Stop::new().expect("eventfd");
    let source = Y4mSource::open(reader, "a pipe", false, &stop).expect("Y4M");
    let mut source = source
        .expect("nobody asks to stop")
        .with_patience(Duration::ZERO);
    for bytes in ["", "ME", "\n"] {
        writer.write_all(bytes.as_bytes()).expect("write");
        assert!(
            matches!(source.wait(&stop), Ok(Arrival::Stalled(_))),
            "after {bytes:?}"
        );
    }
    writer.write_all(b"x").expect("write");
    assert!(matches!(source.wait(&stop), Ok(Arrival::Frame(_))));
}

#[test]
fn a_damaged_stream_says_in_which_frame() {
    let bytes = stream("YUV4MPEG2 W5 H3 Cmono", &["", "", ""], 15);
    let header = "YUV4MPEG2 W5 H3 Cmono\n".len();
    let end = |len: usize| {
        let mut source = open(&bytes[..len]).expect("Y4M");
        let (frames, end) = play(&mut source);
        (frames.len(), end.expect_err("truncated"))
    };
    assert_eq!(
        end(header + 4),
        (0, "standard input ended in the header of frame 0".into())
    );
    let text = "standard input ended in the middle of frame 1: 0 of 15 bytes";
    assert_eq!(end(header + 27), (1, text.into()));
    let text = "standard input ended in the middle of frame 1: 14 of 15 bytes";
    assert_eq!(end(header + 41), (1, text.into()));

    let mut damaged = bytes.clone();
    damaged[header + 21] = b'f';
    let (frames, end) = play(&mut open(&damaged).expect("Y4M"));
    assert_eq!(frames, planes(&[1]));
    let text = "standard input is damaged: frame 1 has no valid header";
    assert_eq!(end, Err(text.into()));
}

#[test]
fn a_looped_file_starts_again_behind_its_header() {
    let mut file = tempfile::tempfile().expect("file");
    let bytes = stream("YUV4MPEG2 W5 H3", &["", ""], 27);
    file.write_all(&bytes).expect("write");
    file.rewind().expect("rewind");
    let stop = Stop::new().expect("eventfd");
    let source = Y4mSource::open(file, "a file", true, &stop).expect("Y4M");
    let mut source = source.expect("nobody asks to stop");
    for frame in [0, 1, 0, 1, 0] {
        let arrival = source.wait(&stop).expect("a frame");
        assert!(matches!(arrival, Arrival::Frame(capture) if capture.source_frame == frame));
    }
    assert!(!source.info().live);
}

#[test]
fn a_stop_ends_the_wait_for_the_header() {
    let (reader, _writer) = pipe().expect("pipe");
    let stop = Stop::new().expect("eventfd");
    stop.set();
    let source = Y4mSource::open(reader, "a pipe", false, &stop).expect("no error");
    assert!(source.is_none());
}

#[test]
fn gray_is_full_range_whatever_the_stream_has() {
    let gray_of = |header: &str, range: Range, value: u8, payload: usize| {
        let mut bytes = format!("YUV4MPEG2 W5 H3{header}\nFRAME\n").into_bytes();
        bytes.extend(vec![value; 15]);
        bytes.extend(vec![128; payload - 15]);
        let mut source = open(&bytes).expect("Y4M").with_range(range);
        let (frames, _) = play(&mut source);
        frames[0].1[0]
    };
    for (header, range, value, wanted) in [
        (" C420", Range::Auto, 235, 255),
        (" C420 XCOLORRANGE=LIMITED", Range::Auto, 16, 0),
        (" C420jpeg XCOLORRANGE=FULL", Range::Auto, 235, 235),
        (" C420", Range::Full, 16, 16),
        (" C420 XCOLORRANGE=FULL", Range::Limited, 126, 128),
    ] {
        assert_eq!(gray_of(header, range, value, 27), wanted, "{header}");
    }
    // ffmpeg means full range by mono; an old recording of limited luma says what it is.
    assert_eq!(gray_of(" Cmono", Range::Auto, 235, 15), 235);
    assert_eq!(
        gray_of(" Cmono XCOLORRANGE=LIMITED", Range::Auto, 235, 15),
        255
    );
}

#[test]
fn gray_and_colour_of_a_444_stream_have_one_range() {
    for (range, white, gray) in [("LIMITED", 235, 255), ("FULL", 200, 200)] {
        let mut bytes = format!("YUV4MPEG2 W5 H3 C444 XCOLORRANGE={range}\nFRAME\n").into_bytes();
        bytes.extend(vec![white; 15]);
        bytes.extend(vec![128; 30]);
        let mut source = open(&bytes).expect("Y4M");
        let stop = Stop::new().expect("eventfd");
        source.wait(&stop).expect("a frame");
        let (mut luma, mut bgr) = ([0; 15], [0; 45]);
        let mut target = FrameTarget::new(source.info().geometry, &mut luma, Some(&mut bgr));
        assert_eq!(source.fill(&mut target).expect("a frame"), Filled::Frame);
        assert_eq!((luma, bgr), ([gray; 15], [gray; 45]), "{range}");
    }
}
