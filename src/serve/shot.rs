//! A picture of a frame as JPEG.

use hyper::body::Bytes;

use super::route::Rendering;
use super::shrink::{shrink, shrunk};
use crate::sink::{Pixels, encode_jpeg};
use framebus::bus::{CopyError, Observer};
use framebus::clock::{monotonic_ns, wall_ns};
use framebus::convert::{gray_into, to_bgr};
use framebus::layout::{Format, Geometry, Layout, Plane};

/// What stands between the pictures of a stream.
pub(super) const BOUNDARY: &str = "framebus";

/// A picture as JPEG.
#[derive(Debug)]
pub(super) struct Shot {
    /// Which frame's: another one also when the bus was made anew.
    pub(super) of: Moment,
    /// When it was captured, ns since 1970-01-01 UTC; `None` where that is not known.
    pub(super) wall_ns: Option<u64>,
    /// A part of a stream without the boundary before it and with that behind it, so that a browser shows it at once.
    pub(super) part: Bytes,
    /// Where in the part the JPEG is.
    jpeg: std::ops::Range<usize>,
}

/// A frame on a bus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Counts segments as they were opened here.
    pub(super) segment: u64,
    pub(super) sequence: u64,
}

impl Shot {
    pub(super) fn jpeg(&self) -> Bytes {
        self.part.slice(self.jpeg.clone())
    }

    /// Seconds since 1970, as ustreamer and mjpg-streamer write them.
    pub(super) fn timestamp(&self) -> Option<String> {
        let ns = self.wall_ns?;
        let (seconds, micros) = (ns / 1_000_000_000, ns / 1000 % 1_000_000);
        Some(format!("{seconds}.{micros:06}"))
    }
}

/// Memory that is used again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    copy: Vec<u8>,
    pixels: Vec<u8>,
}

/// Copies a frame and makes a JPEG of it; `None` when there is none, or it went by too fast.
pub(super) fn shoot(
    observer: &Observer,
    segment: u64,
    rendering: &Rendering,
    scratch: &mut Scratch,
) -> Option<Shot> {
    let layout = observer.layout();
    let colour = rendering.color.then(|| in_colour(layout)).flatten();
    let (plane, channels) = match colour {
        Some(plane) => (plane, 3),
        None => (in_gray(layout, rendering.width)?, 1),
    };
    let copied = copy(observer, plane, rendering.slot, &mut scratch.copy).ok()?;
    let size = plane.size()?;
    let pixels = if plane.format == Format::GRAY8 || plane.format == Format::BGR8 && channels == 3 {
        &scratch.copy
    } else {
        scratch.pixels.resize(size.gray_len() * channels, 0);
        let made = if channels == 3 {
            to_bgr(plane, &scratch.copy, &mut scratch.pixels)
        } else {
            gray_into(plane, &scratch.copy, &mut scratch.pixels)
        };
        made.then_some(&scratch.pixels)?
    };
    let target = shrunk(size, rendering.width.unwrap_or(size.width));
    let small;
    let pixels = if target == size {
        pixels
    } else {
        small = shrink(pixels, size, target, channels);
        &small
    };
    let of = Moment {
        segment,
        sequence: copied.sequence,
    };
    let age = monotonic_ns().saturating_sub(copied.capture_ns);
    let known = copied.capture_ns != 0;
    let wall_ns = known.then(|| wall_ns().saturating_sub(age));
    finished(of, wall_ns, pixels, target, channels, rendering.quality)
}

fn finished(
    of: Moment,
    wall_ns: Option<u64>,
    pixels: &[u8],
    size: Geometry,
    channels: usize,
    quality: u8,
) -> Option<Shot> {
    let mut jpeg = Vec::new();
    let pixels = match channels {
        3 => Pixels::Bgr(pixels),
        _ => Pixels::Gray(pixels),
    };
    encode_jpeg(size, pixels, quality, &mut jpeg).ok()?;
    let mut shot = Shot {
        of,
        wall_ns,
        part: Bytes::new(),
        jpeg: 0..0,
    };
    let stamp = shot.timestamp();
    let stamp = stamp.map_or(String::new(), |stamp| format!("X-Timestamp: {stamp}\r\n"));
    let head = format!(
        "Content-Type: image/jpeg\r\nContent-Length: {}\r\n{stamp}X-Sequence: {}\r\n\r\n",
        jpeg.len(),
        of.sequence
    );
    let tail = format!("\r\n--{BOUNDARY}\r\n");
    shot.jpeg = head.len()..head.len() + jpeg.len();
    shot.part = [head.as_bytes(), &jpeg, tail.as_bytes()].concat().into();
    Some(shot)
}

fn copy(
    observer: &Observer,
    plane: &Plane,
    slot: Option<u8>,
    target: &mut Vec<u8>,
) -> Result<framebus::bus::FrameCopy, CopyError> {
    match slot {
        Some(slot) => observer.copy_slot(plane, slot, target),
        None => observer.copy_latest(plane, target),
    }
}

/// The plane with the colours of every frame: BGR, or what a camera gives.
fn in_colour(layout: &Layout) -> Option<&Plane> {
    let size = Some(layout.geometry);
    let formats = [Format::NV12, Format::I420, Format::YUYV, Format::RGB8];
    let of_camera = |plane: &&Plane| {
        formats.contains(&plane.format) && plane.size() == size && !plane.one_for_all
    };
    layout
        .best_bgr()
        .filter(|plane| !plane.one_for_all)
        .or_else(|| layout.planes.iter().find(of_camera))
        .or_else(|| layout.best_bgr())
}

/// The smallest gray plane that is large enough, else the best there is.
fn in_gray(layout: &Layout, width: Option<u32>) -> Option<&Plane> {
    let enough = |plane: &&Plane| {
        plane.format == Format::GRAY8
            && !plane.one_for_all
            && width.is_some_and(|width| plane.width >= width)
    };
    let small = layout.planes.iter().filter(enough);
    small
        .min_by_key(|plane| plane.width)
        .or_else(|| layout.best_for_gray())
}

/// A picture of nothing, for tests.
#[cfg(test)]
pub(super) fn shot_of(of: Moment) -> Shot {
    let size = Geometry {
        width: 1,
        height: 1,
    };
    finished(of, Some(1_234_567_890), &[0], size, 1, 80).expect("a JPEG")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_says_how_long_it_is_and_ends_with_the_next_boundary() {
        let shot = shot_of(Moment {
            segment: 1,
            sequence: 7,
        });
        let text = String::from_utf8_lossy(&shot.part);
        let len = shot.jpeg().len();
        let head = format!(
            "Content-Type: image/jpeg\r\nContent-Length: {len}\r\nX-Timestamp: 1.234567\r\nX-Sequence: 7\r\n\r\n"
        );
        assert!(text.starts_with(&head), "{text}");
        assert!(text.ends_with("\r\n--framebus\r\n"), "{text}");
        assert_eq!(shot.jpeg()[..2], [0xff, 0xd8]);
        assert_eq!(shot.jpeg()[len - 2..], [0xff, 0xd9]);
    }
}
