//! Headers come as they were sent, and whatever is wrong with one is found.

use framebus::bus::MAX_SEQUENCE;
use framebus::layout::{Format, Geometry, PlaneSpec};

use super::*;

fn header() -> FrameHeader {
    let geometry = Geometry {
        width: 640,
        height: 480,
    };
    let image = |format: Format, packing, len| Image {
        plane: PlaneSpec::new(format),
        packing,
        len,
    };
    FrameHeader {
        sender: 1,
        clock: 2,
        epoch_ms: 3,
        generation: 4,
        sequence: 5,
        origin: 6,
        capture_ns: 7,
        wall_ns: 8,
        source_frame: 9,
        sent_ns: 10,
        run: 11,
        index: 12,
        geometry,
        millihertz: 30_000,
        metadata_room: 4096,
        metadata_len: 10,
        images: vec![
            image(Format::GRAY8, Packing::Raw, 307_200),
            image(Format::BGR8, Packing::Jpeg, 90_000),
            image(Format::NV12, Packing::Raw, 460_800),
        ],
    }
}

const PAYLOAD: usize = 307_200 + 90_000 + 460_800 + 10;

#[test]
fn messages_come_as_they_were_sent() {
    let header = header();
    assert_eq!(
        Message::read(&header.write(), PAYLOAD),
        Ok(Message::Frame(header))
    );
    let ask = Ask {
        run: 1,
        got: 2,
        upto: 3,
        ping_ns: 4,
    };
    assert_eq!(Ask::read(&ask.write()), Ok(ask));
    for (got, upto) in [(3, 2), (0, MAX_WINDOW + 1), (0, u32::MAX)] {
        let ask = Ask { got, upto, ..ask };
        assert_eq!(Ask::read(&ask.write()), Err(WireError::Field("credit")));
    }
    let pong = Pong {
        sender: 1,
        clock: 2,
        ping_ns: 3,
        came_ns: 4,
        said_ns: 5,
    };
    assert_eq!(Message::read(&pong.write(), 0), Ok(Message::Pong(pong)));
    let quiet = Quiet {
        sender: 1,
        reason: "ä".repeat(100),
    };
    let cut = Quiet {
        reason: "ä".repeat(80),
        ..quiet.clone()
    };
    assert_eq!(Message::read(&quiet.write(), 0), Ok(Message::Quiet(cut)));
}

#[test]
fn a_payload_of_another_length_is_refused() {
    for len in [0, PAYLOAD - 1, PAYLOAD + 1] {
        assert_eq!(
            FrameHeader::read(&header().write(), len),
            Err(WireError::Length)
        );
    }
    let pong = Pong {
        sender: 1,
        clock: 2,
        ping_ns: 3,
        came_ns: 4,
        said_ns: 5,
    };
    assert_eq!(Message::read(&pong.write(), 1), Err(WireError::Length));
}

#[test]
fn a_header_of_any_other_length_is_refused() {
    let bytes = header().write();
    for len in 0..bytes.len() {
        assert!(FrameHeader::read(&bytes[..len], PAYLOAD).is_err(), "{len}");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(FrameHeader::read(&longer, PAYLOAD), Err(WireError::Length));
}

#[test]
fn another_version_is_said() {
    let mut bytes = header().write();
    bytes[4] = 9;
    let error = FrameHeader::read(&bytes, PAYLOAD).expect_err("another version");
    assert_eq!(
        error.to_string(),
        "it is of version 9 of the protocol, this framebus-bridge speaks 1"
    );
    assert_eq!(Message::read(b"GET / HTTP/1.1", 0), Err(WireError::Foreign));
}

#[test]
fn numbers_that_do_not_fit_together_are_refused() {
    let refused = |change: &dyn Fn(&mut FrameHeader)| {
        let mut header = header();
        change(&mut header);
        let sum: u32 = header.images.iter().map(|image| image.len).sum();
        let len = (sum + header.metadata_len) as usize;
        FrameHeader::read(&header.write(), len).expect_err("refused")
    };
    let size = |width, height| Geometry { width, height };
    assert_eq!(
        refused(&|h| h.geometry = size(0, 480)),
        WireError::Field("size")
    );
    assert_eq!(
        refused(&|h| h.geometry = size(40_000, 480)),
        WireError::Field("size")
    );
    assert_eq!(
        refused(&|h| h.geometry = size(640, 482)),
        WireError::Length,
        "pixels"
    );
    assert_eq!(refused(&|h| h.sequence = 0), WireError::Field("sequence"));
    assert_eq!(
        refused(&|h| h.sequence = MAX_SEQUENCE + 1),
        WireError::Field("sequence")
    );
    assert_eq!(
        refused(&|h| h.metadata_len = 5000),
        WireError::Field("length of metadata")
    );
    assert_eq!(
        refused(&|h| h.metadata_room = PlaneSpec::MAX_META + 1),
        WireError::Field("length of metadata")
    );
    assert_eq!(
        refused(&|h| h.images.clear()),
        WireError::Field("number of images")
    );
    assert_eq!(
        refused(&|h| h.images[2].packing = Packing::Jpeg),
        WireError::Field("encoding"),
        "NV12"
    );
    assert_eq!(
        refused(&|h| h.images[0].plane = PlaneSpec::new(Format::new(*b"H264"))),
        WireError::Field("format")
    );
    assert_eq!(
        refused(&|h| h.images[0].plane.divisor = 0),
        WireError::Field("size of an image")
    );
    assert_eq!(
        refused(&|h| h.images[1].len = 0),
        WireError::Length,
        "a JPEG of nothing"
    );
    assert_eq!(
        refused(&|h| h.images[1].len = 2_000_000),
        WireError::Length,
        "a JPEG larger than its pixels"
    );
    assert_eq!(
        refused(&|h| {
            let gray = h.images[0];
            h.images.push(gray);
        }),
        WireError::Field("second image of the same plane")
    );
    assert_eq!(
        refused(&|h| {
            h.geometry = size(32_768, 32_768);
            let gray = &mut h.images[0];
            gray.len = 1 << 30;
            let gray = *gray;
            h.images = vec![gray];
        }),
        WireError::Large
    );
}

#[test]
fn any_changed_byte_is_an_error_or_another_header() {
    let bytes = header().write();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut other = bytes.clone();
            other[at] ^= 1 << bit;
            if let Ok(read) = FrameHeader::read(&other, PAYLOAD) {
                assert_ne!(read, header(), "byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn a_reason_from_elsewhere_has_no_escape_codes() {
    let quiet = Quiet {
        sender: 1,
        reason: "\x1b[2Jgone".to_owned(),
    };
    let Ok(Message::Quiet(read)) = Message::read(&quiet.write(), 0) else {
        panic!("a message");
    };
    assert_eq!(read.reason, "\u{fffd}[2Jgone");
}
