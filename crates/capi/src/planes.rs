//! The planes of a frame that is held, and of a slot that is claimed.

use std::ffi::{CStr, CString, c_char};
use std::ptr;
use std::sync::OnceLock;

use framebus::bus::{Claim, OwnedFrame};
use framebus::convert::Images;
use framebus::layout::{Format, Geometry, PlaneSpec, Planes};

use crate::consumer::framebus_consumer;
use crate::guard::{Outcome, borrow, guard, text};
use crate::plain;
use crate::plane_types::*;
use crate::producer::framebus_producer;
use crate::result::{fail, framebus_result, usable};

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
                let found = planes.find(&spec, geometry);
                found.map(|(index, _)| index).ok_or_else(|| missing(spec))
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
