//! The planes of a frame that is held, and of a slot that is claimed.

use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::sync::OnceLock;

use framebus::bus::{Claim, OwnedFrame};
use framebus::convert::Images;
use framebus::layout::{Format, Geometry, Plane, PlaneSpec, Planes};

use crate::consumer::framebus_consumer;
use crate::guard::{Outcome, borrow, guard, text};
use crate::plain::{self, Plain};
use crate::producer::framebus_producer;
use crate::result::{fail, framebus_result, usable};

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
    fn of(index: usize, plane: &Plane, geometry: Geometry, data: Option<&[u8]>) -> Self {
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
    fn of(index: usize, plane: &Plane, geometry: Geometry, pixels: Option<&mut [u8]>) -> Self {
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

/// How a caller says which plane is meant.
enum Which<'a> {
    Index(u32),
    Format(Format),
    Name(Option<&'a str>),
}

impl Which<'_> {
    /// Its number; `missing` is for one that the bus has not.
    fn find(
        &self,
        planes: &Planes,
        geometry: Geometry,
        missing: impl FnOnce(PlaneSpec) -> framebus_result,
    ) -> Result<usize, framebus_result> {
        match self {
            Which::Index(index) => {
                let index = *index as usize;
                let count = planes.len();
                (index < count).then_some(index).ok_or_else(|| {
                    fail(
                        framebus_result::NoImage,
                        format_args!("there is no plane {index}: the bus has {count}: {planes}"),
                    )
                })
            }
            Which::Format(format) => planes
                .best(*format, geometry)
                .ok_or_else(|| missing((*format).into())),
            Which::Name(name) => {
                let spec: PlaneSpec = name
                    .unwrap_or_default()
                    .parse()
                    .map_err(|error| fail(framebus_result::InvalidArgument, error))?;
                spec.find(planes, geometry).ok_or_else(|| missing(spec))
            }
        }
    }
}

/// Fills in a plane of the frame that is held.
///
/// # Safety
/// As the header asks.
unsafe fn of_frame(
    consumer: *const framebus_consumer,
    which: &Which<'_>,
    target: *mut framebus_plane,
) -> Outcome {
    // SAFETY: this function's contract.
    let consumer = unsafe { borrow(consumer, "the consumer") }?;
    // SAFETY: this function's contract.
    let len = unsafe { plain::check(target, "the plane") }?;
    let value = consumer.with_frame(|frame: &OwnedFrame| {
        usable(frame.check())?;
        let (planes, geometry) = (frame.bus_planes(), frame.geometry());
        let missing = |spec: PlaneSpec| match frame.find(spec) {
            Err(missing) => fail(framebus_result::NoImage, missing),
            Ok(_) => framebus_result::Internal,
        };
        let index = which.find(planes, geometry, missing)?;
        let view = frame.plane_at(index);
        let data = view.map(|view| view.data);
        Ok(framebus_plane::of(index, &planes[index], geometry, data))
    })?;
    // SAFETY: this function's contract.
    unsafe { plain::write(target, len, &value) };
    Ok(framebus_result::Ok)
}

/// Fills in a plane of the slot that is claimed.
///
/// # Safety
/// As the header asks.
unsafe fn of_slot(
    producer: *const framebus_producer,
    which: &Which<'_>,
    target: *mut framebus_target_plane,
) -> Outcome {
    // SAFETY: this function's contract.
    let producer = unsafe { borrow(producer, "the producer") }?;
    // SAFETY: this function's contract.
    let len = unsafe { plain::check(target, "the plane") }?;
    let value = producer.with_claim(|claim: &mut Claim<'_>| {
        let (planes, geometry) = (claim.bus_planes(), claim.geometry());
        let index = which.find(&planes, geometry, |spec| match claim.find(spec) {
            Err(missing) => fail(framebus_result::NoImage, missing),
            Ok(_) => framebus_result::Internal,
        })?;
        let pixels = claim.images().nth(index).map(|(_, pixels)| pixels);
        Ok(framebus_target_plane::of(
            index,
            &planes[index],
            geometry,
            pixels,
        ))
    })?;
    // SAFETY: this function's contract.
    unsafe { plain::write(target, len, &value) };
    Ok(framebus_result::Ok)
}

/// Tells of a plane of the frame that is held, by its number: 0 to the frame's plane_count - 1. Returns OK, NO_IMAGE,
/// NOT_CLAIMED when no frame is held, or another error. Waits for nobody.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_consumer_plane(
    consumer: *const framebus_consumer,
    index: u32,
    plane: *mut framebus_plane,
) -> framebus_result {
    // SAFETY: the header asks for it.
    guard(|| unsafe { of_frame(consumer, &Which::Index(index), plane) })
}

/// Finds a plane of the frame that is held by its format (FRAMEBUS_FORMAT_NV12): that in the frame's own size where there is
/// one, else the first. Returns as framebus_consumer_plane; the sentence of NO_IMAGE says which planes there are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_consumer_find_plane(
    consumer: *const framebus_consumer,
    format: u32,
    plane: *mut framebus_plane,
) -> framebus_result {
    let which = Which::Format(Format::from_word(format));
    // SAFETY: the header asks for it.
    guard(|| unsafe { of_frame(consumer, &which, plane) })
}

/// Finds a plane of the frame that is held by its name: "nv12" in the frame's own size, "gray/2" in half of its width and
/// height, "meta". Returns as framebus_consumer_find_plane, or INVALID_ARGUMENT for what is no plane's name.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_consumer_named_plane(
    consumer: *const framebus_consumer,
    name: *const c_char,
    plane: *mut framebus_plane,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let name = unsafe { text(name, "the name of the plane") }?;
        // SAFETY: the header asks for it.
        unsafe { of_frame(consumer, &Which::Name(name), plane) }
    })
}

/// Tells of a plane of the slot that is claimed, by its number: 0 to the target's plane_count - 1. Returns OK, NO_IMAGE,
/// NOT_CLAIMED, or another error. The image may be written until the slot is published or given back.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_producer_plane(
    producer: *const framebus_producer,
    index: u32,
    plane: *mut framebus_target_plane,
) -> framebus_result {
    // SAFETY: the header asks for it.
    guard(|| unsafe { of_slot(producer, &Which::Index(index), plane) })
}

/// Finds a plane of the slot that is claimed by its format: see framebus_consumer_find_plane.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_producer_find_plane(
    producer: *const framebus_producer,
    format: u32,
    plane: *mut framebus_target_plane,
) -> framebus_result {
    let which = Which::Format(Format::from_word(format));
    // SAFETY: the header asks for it.
    guard(|| unsafe { of_slot(producer, &which, plane) })
}

/// Finds a plane of the slot that is claimed by its name: see framebus_consumer_named_plane.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_producer_named_plane(
    producer: *const framebus_producer,
    name: *const c_char,
    plane: *mut framebus_target_plane,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let name = unsafe { text(name, "the name of the plane") }?;
        // SAFETY: the header asks for it.
        unsafe { of_slot(producer, &Which::Name(name), plane) }
    })
}

/// Makes the images of the claimed slot that its producer does not write from those that it has written, whose numbers
/// (framebus_target_plane's index) `written` names: gray from gray, else from BGR, or from another image in the frame's own
/// size; smaller ones by their mean. Returns OK, NO_IMAGE where an image cannot be made from those, NOT_CLAIMED, or another
/// error. Metadata are left as they are.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_producer_fill_rest(
    producer: *const framebus_producer,
    written: *const u32,
    count: usize,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let producer = unsafe { borrow(producer, "the producer") }?;
        if written.is_null() || count == 0 {
            return Err(fail(
                framebus_result::InvalidArgument,
                "no plane is named as written",
            ));
        }
        // SAFETY: not null, and the header asks for so many numbers.
        let written = unsafe { std::slice::from_raw_parts(written, count) };
        let written: Vec<usize> = written.iter().map(|index| *index as usize).collect();
        producer.with_claim(|claim| {
            let filled = claim.fill_rest(&written, &Images::default());
            filled.map_err(|error| fail(framebus_result::NoImage, error))
        })?;
        Ok(framebus_result::Ok)
    })
}

/// Returns the name of a format, such as "nv12" for FRAMEBUS_FORMAT_NV12; NULL for one that this library has no name for.
#[unsafe(no_mangle)]
pub extern "C" fn framebus_format_name(format: u32) -> *const c_char {
    static NAMES: OnceLock<Vec<(u32, CString)>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let named = |format: Format| Some((format.word(), CString::new(format.name()?).ok()?));
        Format::all().filter_map(named).collect()
    });
    let found = names.iter().find(|(word, _)| *word == format);
    found.map_or(ptr::null(), |(_, name)| CStr::as_ptr(name))
}
