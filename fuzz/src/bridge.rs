//! What another machine sends: headers, requests, and pictures that are none.

use framebus::layout::{Format, Geometry, Plane};
use framebus_bridge::unpack::unpack_jpeg;
use framebus_bridge::wire::{Ask, FrameHeader, Message, Packing};

use crate::Choices;

/// Pictures are no larger here: the time that an input takes is that of its pixels.
const MOST: usize = 1 << 20;

/// The length of the header, the header, the payload.
pub(crate) fn run(data: &[u8]) {
    let mut choices = Choices(data);
    let len = usize::from(choices.u16()).min(choices.0.len());
    let (header, payload) = choices.0.split_at(len);
    let _ = Ask::read(header);
    // What is said to come, and what does.
    for told in [payload.len(), 0] {
        if let Ok(Message::Frame(header)) = Message::read(header, told) {
            let again = FrameHeader::read(&header.write(), told);
            assert_eq!(again.as_ref(), Ok(&header), "written and read");
            unpack(&header, payload);
        }
    }
    picture(data);
}

/// Takes a frame as a receiver does.
fn unpack(header: &FrameHeader, payload: &[u8]) {
    let mut rest = payload;
    for image in &header.images {
        let plane = image.plane.plane(header.geometry).expect("a checked plane");
        let (bytes, more) = rest.split_at(image.len as usize);
        rest = more;
        match image.packing {
            Packing::Raw => assert_eq!(bytes.len(), plane.bytes()),
            Packing::Jpeg if plane.bytes() <= MOST => {
                let _ = unpack_jpeg(&plane, bytes, &mut vec![0; plane.bytes()]);
            }
            Packing::Jpeg => {}
        }
    }
    assert_eq!(rest.len(), header.metadata_len as usize);
}

/// Decodes the input itself, as a picture of the size that it says.
fn picture(jpeg: &[u8]) {
    let frame = jpeg
        .windows(9)
        .find(|bytes| bytes.starts_with(&[0xff, 0xc0]));
    let Some([_, _, _, _, _, y1, y0, x1, x0]) = frame else {
        return;
    };
    let side = |high: &u8, low: &u8| u16::from_be_bytes([*high, *low]).into();
    let Some(size) = Geometry::new(side(x1, x0), side(y1, y0)) else {
        return;
    };
    for format in [Format::GRAY8, Format::BGR8] {
        let plane = Plane::of(format, size).filter(|plane| plane.bytes() <= MOST);
        if let Some(plane) = plane {
            let _ = unpack_jpeg(&plane, jpeg, &mut vec![0; plane.bytes()]);
        }
    }
}
