//! The structures of a plane.

use std::ffi::c_char;
use std::ptr;

use framebus::layout::{Format, Geometry, Plane, PlaneSpec};

use crate::plain::Plain;

/// Bytes of a plane's name, with its closing zero.
const NAME: usize = 16;

/// An image of a frame, or its metadata. Its bytes do not change, and may be read, until the frame is released.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct framebus_plane {
    /// sizeof(framebus_plane).
    pub size: u32,
    /// What its bytes mean: a FRAMEBUS_FORMAT, or the fourcc of one that this library has no name for.
    pub format: u32,
    /// Pixels in a row; of metadata the most bytes that a frame can have.
    pub width: u32,
    /// Rows of pixels; of metadata 1.
    pub height: u32,
    /// Bytes from row to row.
    pub stride: u32,
    /// Which numbers are black and white: a framebus_range.
    pub range: u32,
    /// How YCbCr becomes RGB: a framebus_matrix.
    pub matrix: u32,
    /// Not 0: there is one image for all slots, which no frame has (the debugging image); `data` is NULL.
    pub one_for_all: u32,
    /// Rows of `stride` bytes: `height`, or half as many again with the chroma of 4:2:0. As OpenCV's cv::Mat has them.
    pub rows: u32,
    /// Numbers for each pixel in a row: 3 for BGR, 2 for YUYV, 1 for gray and 4:2:0.
    pub channels: u32,
    /// Bytes of each number: 2 for 16-bit gray, else 1.
    pub sample_bytes: u32,
    /// Its number among the planes of the bus.
    pub index: u32,
    /// What it is called, such as "nv12" or, of half the width and height, "gray/2"; ends with a zero.
    pub name: [c_char; 16],
    /// The image: `rows` rows, `stride` apart; or the metadata.
    pub data: *const u8,
    /// Bytes of the image, or of the frame's metadata.
    pub len: u64,
}

// SAFETY: numbers and raw pointers, the size first.
unsafe impl Plain for framebus_plane {}

/// An image of a claimed slot to write, or the room for its metadata. Rows are packed.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct framebus_target_plane {
    /// sizeof(framebus_target_plane).
    pub size: u32,
    /// What its bytes mean: a FRAMEBUS_FORMAT.
    pub format: u32,
    /// Pixels in a row; of metadata the most bytes that a frame can have.
    pub width: u32,
    /// Rows of pixels; of metadata 1.
    pub height: u32,
    /// Bytes from row to row.
    pub stride: u32,
    /// Which numbers are black and white: a framebus_range.
    pub range: u32,
    /// How YCbCr becomes RGB: a framebus_matrix.
    pub matrix: u32,
    /// Not 0: there is one image for all slots.
    pub one_for_all: u32,
    /// Rows of `stride` bytes: `height`, or half as many again with the chroma of 4:2:0. As OpenCV's cv::Mat has them.
    pub rows: u32,
    /// Numbers for each pixel in a row: 3 for BGR, 2 for YUYV, 1 for gray and 4:2:0.
    pub channels: u32,
    /// Bytes of each number: 2 for 16-bit gray, else 1.
    pub sample_bytes: u32,
    /// Its number among the planes of the bus.
    pub index: u32,
    /// What it is called, such as "nv12" or, of half the width and height, "gray/2"; ends with a zero.
    pub name: [c_char; 16],
    /// The image; its old contents are an older frame's. Of metadata: NULL, they are published by framebus_meta.
    pub data: *mut u8,
    /// Bytes of the image, or the most bytes of metadata.
    pub len: u64,
}

// SAFETY: numbers and raw pointers, the size first.
unsafe impl Plain for framebus_target_plane {}

/// Which numbers of a plane mean black and white.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum framebus_range {
    /// Not known, or no image.
    Unknown = 0,
    /// 0 is black, 255 white.
    Full = 1,
    /// Luma from 16 to 235, chroma from 16 to 240.
    Limited = 2,
}

/// How YCbCr becomes RGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum framebus_matrix {
    /// Not known, or not YCbCr.
    Unknown = 0,
    /// ITU-R BT.601.
    Bt601 = 1,
    /// ITU-R BT.709.
    Bt709 = 2,
}

/// What a plane is called; what has no name goes by its fourcc.
fn name(plane: &Plane, geometry: Geometry) -> [c_char; NAME] {
    let name = PlaneSpec::of(plane, geometry)
        .map_or_else(|| plane.format.to_string(), |spec| spec.to_string());
    let mut bytes = [0; NAME];
    for (place, byte) in bytes[..NAME - 1].iter_mut().zip(name.bytes()) {
        *place = byte as c_char;
    }
    bytes
}

impl framebus_plane {
    pub(crate) fn of(index: usize, plane: &Plane, geometry: Geometry, data: Option<&[u8]>) -> Self {
        framebus_plane {
            size: 0,
            format: plane.format.word(),
            width: plane.width,
            height: plane.height,
            stride: plane.stride,
            range: plane.range as u32,
            matrix: plane.matrix as u32,
            one_for_all: plane.one_for_all.into(),
            rows: u32::try_from(plane.bytes()).unwrap_or(u32::MAX) / plane.stride.max(1),
            channels: plane.format.channels().into(),
            sample_bytes: plane.format.sample_bytes().into(),
            index: index as u32,
            name: name(plane, geometry),
            data: data.map_or(ptr::null(), <[u8]>::as_ptr),
            len: data.map_or(0, <[u8]>::len) as u64,
        }
    }
}

impl framebus_target_plane {
    pub(crate) fn of(
        index: usize,
        plane: &Plane,
        geometry: Geometry,
        pixels: Option<&mut [u8]>,
    ) -> Self {
        let is_meta = plane.format == Format::META;
        let all = framebus_plane::of(index, plane, geometry, pixels.as_deref());
        let pixels = pixels.filter(|_| !is_meta);
        framebus_target_plane {
            size: 0,
            format: all.format,
            width: all.width,
            height: all.height,
            stride: all.stride,
            range: all.range,
            matrix: all.matrix,
            one_for_all: all.one_for_all,
            rows: all.rows,
            channels: all.channels,
            sample_bytes: all.sample_bytes,
            index: all.index,
            name: all.name,
            data: pixels.map_or(ptr::null_mut(), <[u8]>::as_mut_ptr),
            len: all.len,
        }
    }
}
