//! The test picture that proves itself whole.

use std::slice;
use std::sync::{Mutex, PoisonError};

use framebus::layout::Geometry;
use framebus::source::{FrameTarget, PatternSource, pattern};

use crate::guard::{borrow, guard, hand_out, take_back};
use crate::result::{fail, framebus_result};

/// Draws the moving test picture of `framebus produce pattern`, for programs that want to be tried without a camera.
#[derive(Debug)]
pub struct framebus_pattern(Mutex<PatternSource>, Geometry);

fn size(width: u32, height: u32) -> Result<Geometry, framebus_result> {
    Geometry::new(width, height).ok_or_else(|| {
        fail(
            framebus_result::InvalidArgument,
            "width and height must be 1 to 32768",
        )
    })
}

/// Prepares a test picture.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_pattern_open(
    width: u32,
    height: u32,
    pattern: *mut *mut framebus_pattern,
) -> framebus_result {
    guard(|| {
        let geometry = size(width, height)?;
        let source = Mutex::new(PatternSource::new(geometry, None));
        // SAFETY: the header asks for it.
        unsafe { hand_out(pattern, framebus_pattern(source, geometry)) }
    })
}

/// Draws frame `number` as packed rows: width * height bytes of gray and, unless bgr is NULL, 3 * width * height of BGR.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_pattern_draw(
    pattern: *const framebus_pattern,
    number: u64,
    gray: *mut u8,
    bgr: *mut u8,
) -> framebus_result {
    guard(|| {
        // SAFETY: the header asks for it.
        let pattern = unsafe { borrow(pattern, "the pattern") }?;
        let geometry = pattern.1;
        if gray.is_null() {
            return Err(fail(
                framebus_result::InvalidArgument,
                "the gray image is NULL",
            ));
        }
        // SAFETY: so many bytes are there and the caller's own, as the header asks.
        let gray = unsafe { slice::from_raw_parts_mut(gray, geometry.gray_len()) };
        let bgr = (!bgr.is_null()).then(|| {
            // SAFETY: as above.
            unsafe { slice::from_raw_parts_mut(bgr, geometry.bgr_len()) }
        });
        let mut target = FrameTarget::new(geometry, gray, bgr);
        pattern
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .draw_frame(number, &mut target)
            .map_err(|error| fail(framebus_result::Internal, error))?;
        Ok(framebus_result::Ok)
    })
}

/// Forgets a test picture. NULL is fine.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_pattern_close(pattern: *mut framebus_pattern) {
    guard(|| {
        // SAFETY: the header asks for it.
        drop(unsafe { take_back(pattern) });
        Ok(framebus_result::Ok)
    });
}

/// Checks that a gray image with packed rows is one whole frame of the test picture, and tells its number unless that is
/// NULL. Returns OK, or NOT_WHOLE.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn framebus_pattern_verify(
    width: u32,
    height: u32,
    gray: *const u8,
    number: *mut u64,
) -> framebus_result {
    guard(|| {
        let geometry = size(width, height)?;
        if gray.is_null() {
            return Err(fail(framebus_result::InvalidArgument, "the image is NULL"));
        }
        // SAFETY: so many bytes are there, as the header asks.
        let gray = unsafe { slice::from_raw_parts(gray, geometry.gray_len()) };
        let found = pattern::verify(geometry, gray)
            .map_err(|torn| fail(framebus_result::NotWhole, torn))?;
        if !number.is_null() {
            // SAFETY: not null, and the header asks for the rest.
            unsafe { number.write(found) };
        }
        Ok(framebus_result::Ok)
    })
}
