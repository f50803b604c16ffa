//! From bytes of the network to the images of a frame.

use framebus::layout::{Format, Plane};
use thiserror::Error;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Why a picture is none.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PictureError {
    /// It is another kind of JPEG, or none.
    #[error("is no baseline JPEG")]
    Kind,
    /// It has another size than its header says, or other colours.
    #[error("is {found}, and was announced as {told}")]
    Other {
        /// What it is.
        found: String,
        /// What it was to be.
        told: String,
    },
    /// It is damaged.
    #[error("is damaged: {0}")]
    Damaged(String),
}

/// The start of a baseline JPEG's frame.
const SOF0: u8 = 0xc0;
/// The start of its scan.
const SOS: u8 = 0xda;
/// Its end.
const EOI: u8 = 0xd9;

/// What a JPEG says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Says {
    width: u16,
    height: u16,
    components: u8,
}

/// Reads a JPEG's header, up to its scan. Only what this program makes is let through: a decoder that knows every other kind
/// has more to be led astray with.
fn says(jpeg: &[u8]) -> Option<Says> {
    let mut rest = jpeg.strip_prefix(&[0xff, 0xd8])?;
    let mut says = None;
    loop {
        let [0xff, marker, high, low, ..] = *rest else {
            return None;
        };
        let len = usize::from(u16::from_be_bytes([high, low]));
        let segment = rest.get(4..2 + len)?;
        match marker {
            SOF0 => {
                let [8, y1, y0, x1, x0, components, ..] = *segment else {
                    return None;
                };
                let (width, height) = (u16::from_be_bytes([x1, x0]), u16::from_be_bytes([y1, y0]));
                let new = Says {
                    width,
                    height,
                    components,
                };
                if says.replace(new).is_some() {
                    return None;
                }
            }
            // Tables, restart interval, application's data, comment.
            0xc4 | 0xdb | 0xdd | 0xe0..=0xef | 0xfe => {}
            // All of its components are in one scan.
            SOS => return says.filter(|says| segment.first() == Some(&says.components)),
            _ => return None,
        }
        rest = rest.get(2 + len..)?;
    }
}

/// Decodes a JPEG straight into a plane of a bus. Nothing is allocated for a picture that is not of the plane's size.
///
/// # Errors
/// Says why it is none; the plane's bytes are then no image.
pub fn unpack_jpeg(plane: &Plane, jpeg: &[u8], target: &mut [u8]) -> Result<(), PictureError> {
    let (space, components) = match plane.format {
        Format::GRAY8 => (ColorSpace::Luma, 1),
        Format::BGR8 => (ColorSpace::BGR, 3),
        Format::RGB8 => (ColorSpace::RGB, 3),
        _ => return Err(PictureError::Kind),
    };
    let found = says(jpeg).ok_or(PictureError::Kind)?;
    let size = (u32::from(found.width), u32::from(found.height));
    if size != (plane.width, plane.height) || found.components != components {
        return Err(PictureError::Other {
            found: format!("{}x{} of {}", size.0, size.1, colours(found.components)),
            told: format!(
                "{}x{} of {}",
                plane.width,
                plane.height,
                colours(components)
            ),
        });
    }
    // A decoder may take what is missing for gray.
    if !jpeg.ends_with(&[0xff, EOI]) {
        return Err(PictureError::Damaged("it is cut short".to_owned()));
    }
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(plane.width as usize)
        .set_max_height(plane.height as usize)
        .jpeg_set_max_scans(1)
        .jpeg_set_out_colorspace(space);
    let damaged = |error: zune_jpeg::errors::DecodeErrors| {
        // Its own words are for programmers, over several lines.
        let text = format!("{error:?}")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        PictureError::Damaged(text.chars().take(120).collect())
    };
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    decoder.decode_headers().map_err(damaged)?;
    if decoder.output_buffer_size() != Some(target.len()) {
        return Err(PictureError::Kind);
    }
    decoder.decode_into(target).map_err(damaged)
}

fn colours(components: u8) -> &'static str {
    match components {
        1 => "gray",
        3 => "colour",
        _ => "something else",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::{Bytes, PackOptions, PackScratch, Plan};
    use framebus::layout::{Geometry, PlaneSpec, Planes};
    use framebus::{BusName, Producer, ProducerOptions};

    const SIZE: Geometry = Geometry {
        width: 96,
        height: 48,
    };

    /// A picture without edges, which JPEG hardly changes; where there is chroma, it has no colour.
    fn ramp(plane: &Plane) -> Vec<u8> {
        let row = plane.stride as usize;
        let is_chroma = |at: usize| match plane.format {
            Format::YUYV => at % 2 == 1,
            Format::NV12 => at >= row * SIZE.height as usize,
            _ => false,
        };
        let shade = |at: usize| ((at % row) / 3 + 60 + (at / row)) as u8;
        let pixel = |at: usize| if is_chroma(at) { 128 } else { shade(at) };
        (0..plane.bytes()).map(pixel).collect()
    }

    /// One channel of a pixel; of YCbCr, luma.
    fn sample(plane: &Plane, bytes: &[u8], x: usize, y: usize, channel: usize) -> u32 {
        let row = &bytes[y * plane.stride as usize..];
        match plane.format {
            Format::GRAY16 => u16::from_le_bytes([row[2 * x], row[2 * x + 1]]).into(),
            Format::BGR8 => row[3 * x + channel].into(),
            Format::YUYV => row[2 * x].into(),
            _ => row[x].into(),
        }
    }

    fn planes(list: &str) -> Planes {
        // Planes of a bus are made by a bus alone.
        let name = format!("bridge-unpack-{}-{}", std::process::id(), list.len());
        let bus: BusName = name.parse().expect("a name");
        let options =
            ProducerOptions::new(bus, SIZE).planes(PlaneSpec::list(list).expect("planes"));
        Producer::create(options).expect("a bus").layout().planes
    }

    fn sent(options: &PackOptions, planes: &Planes) -> (Plan, Vec<(crate::wire::Image, Bytes)>) {
        let plan = Plan::new(options, planes, SIZE).expect("a plan");
        let images: Vec<Vec<u8>> = planes.iter().map(ramp).collect();
        let plane = |index: usize| images.get(index).map(Vec::as_slice);
        let packed = plan.pack(planes, plane, &mut PackScratch::default());
        let packed = packed.expect("packed");
        (plan, packed)
    }

    fn options(quality: Option<u8>, scale: u32) -> PackOptions {
        PackOptions {
            quality,
            scale,
            planes: None,
        }
    }

    #[test]
    fn jpegs_come_back_as_nearly_what_they_were() {
        let planes = planes("gray,bgr,rgb,gray/2,nv12,meta/64");
        let (plan, packed) = sent(&options(Some(95), 1), &planes);
        assert_eq!(plan.metadata_room, 64);
        assert!(!plan.is_plain());
        for (image, bytes) in &packed {
            let plane = image.plane.plane(SIZE).expect("a plane");
            let Bytes::Made(jpeg) = bytes else {
                assert_eq!(plane.format, Format::NV12, "goes as it is");
                continue;
            };
            let mut target = vec![0; plane.bytes()];
            unpack_jpeg(&plane, jpeg, &mut target).expect("a picture");
            let far = target.iter().zip(ramp(&plane)).map(|(a, b)| a.abs_diff(b));
            assert!(far.max() < Some(40), "{}", plane.format);
        }
    }

    #[test]
    fn smaller_frames_are_means_in_every_format() {
        let planes = planes("gray,bgr,gray16,yuyv,nv12");
        let (plan, packed) = sent(&options(None, 4), &planes);
        assert_eq!((plan.geometry.width, plan.geometry.height), (24, 12));
        for (image, bytes) in &packed {
            let plane = image.plane.plane(plan.geometry).expect("a plane");
            let Bytes::Made(bytes) = bytes else {
                panic!("made smaller");
            };
            assert_eq!(bytes.len(), plane.bytes());
            // Each sample is the mean of four by four; of YCbCr, luma.
            let whole = image.plane.plane(SIZE).expect("a plane");
            let original = ramp(&whole);
            let channels = if plane.format == Format::BGR8 { 3 } else { 1 };
            for (y, x, channel) in (0..12 * 24 * channels)
                .map(|at| (at / channels / 24, at / channels % 24, at % channels))
            {
                let pixels = (0..16).map(|at| (4 * x + at % 4, 4 * y + at / 4));
                let sum: u32 = pixels
                    .map(|(x, y)| sample(&whole, &original, x, y, channel))
                    .sum();
                let (mean, got) = (sum / 16, sample(&plane, bytes, x, y, channel));
                let off = if plane.format == Format::GRAY16 {
                    257
                } else {
                    1
                };
                assert!(
                    mean.abs_diff(got) <= off,
                    "{} {x} {y}: {got} for {mean}",
                    plane.format
                );
            }
        }
    }

    #[test]
    fn a_picture_that_is_not_what_it_says_is_refused() {
        let planes = planes("gray,bgr");
        let (_, packed) = sent(&options(Some(80), 1), &planes);
        let [(_, Bytes::Made(gray)), (_, Bytes::Made(bgr))] = packed.as_slice() else {
            panic!("two JPEGs");
        };
        let plane = PlaneSpec::new(Format::GRAY8).plane(SIZE).expect("a plane");
        let mut target = vec![0; plane.bytes()];
        let mut refused = |jpeg: &[u8]| {
            let error = unpack_jpeg(&plane, jpeg, &mut target).expect_err("refused");
            error.to_string()
        };
        assert_eq!(
            refused(bgr),
            "is 96x48 of colour, and was announced as 96x48 of gray"
        );
        assert_eq!(refused(b"GIF89a"), "is no baseline JPEG");
        assert_eq!(refused(&[]), "is no baseline JPEG");
        assert_eq!(
            refused(&gray[..gray.len() - 2]),
            "is damaged: it is cut short"
        );
        // A table for entropy of a class that there is not.
        let table = gray.windows(2).position(|two| two == [0xff, 0xc4]);
        let mut damaged = gray.clone();
        damaged[table.expect("a table") + 4] = 0xff;
        assert!(refused(&damaged).starts_with("is damaged: "));
        let sof = gray.windows(2).position(|two| two == [0xff, SOF0]);
        let sof = sof.expect("a frame");
        let mut huge = gray.clone();
        huge[sof + 5..sof + 9].fill(0xff);
        assert_eq!(
            refused(&huge),
            "is 65535x65535 of gray, and was announced as 96x48 of gray"
        );
        let mut progressive = gray.clone();
        progressive[sof + 1] = 0xc2;
        assert_eq!(refused(&progressive), "is no baseline JPEG");
    }

    #[test]
    fn what_a_bus_cannot_send_is_said() {
        let planes = planes("gray,nv12,meta");
        let mut options = options(Some(80), 1);
        options.planes = Some(PlaneSpec::list("bgr").expect("planes"));
        let error = Plan::new(&options, &planes, SIZE).expect_err("nothing");
        assert_eq!(
            error.to_string(),
            "it has no plane that can be sent of those that --planes asks for (bgr), it has gray, nv12, meta"
        );
        options.planes = Some(PlaneSpec::list("gray,meta").expect("planes"));
        let plan = Plan::new(&options, &planes, SIZE).expect("gray");
        assert_eq!(plan.words(), "96x48 gray as JPEG 80, metadata");
        options.scale = 4000;
        let error = Plan::new(&options, &planes, SIZE).expect_err("too small");
        assert_eq!(
            error.to_string(),
            "nothing is left of its frames of 96x48 with --scale 1/4000"
        );
    }
}
