//! The border: no unwinding leaves it, no null pointer enters it.

use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use framebus::layout::PlaneSpec;

use crate::result::{fail, framebus_result};

/// What stops a call.
pub(crate) type Outcome = Result<framebus_result, framebus_result>;

/// Runs the body of an exported function; a panic in it becomes [`framebus_result::Internal`].
pub(crate) fn guard(body: impl FnOnce() -> Outcome) -> framebus_result {
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(result) | Err(result)) => result,
        Err(panic) => {
            let text = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied());
            // The payload's own drop could panic again.
            let why = format!("internal error in framebus: {}", text.unwrap_or("unknown"));
            std::mem::forget(panic);
            fail(framebus_result::Internal, why)
        }
    }
}

fn null(what: &str) -> framebus_result {
    fail(
        framebus_result::InvalidArgument,
        format_args!("{what} is NULL"),
    )
}

/// Borrows what a pointer points to.
///
/// # Safety
/// The pointer is null, or points to a `T` that stays valid for `'a`, as the header asks of a handle.
pub(crate) unsafe fn borrow<'a, T>(
    pointer: *const T,
    what: &str,
) -> Result<&'a T, framebus_result> {
    // SAFETY: this function's contract.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(what))
}

/// Gives back a handle that [`hand_out`] has made.
///
/// # Safety
/// The pointer is null, or comes from [`hand_out`] and is not used any more.
pub(crate) unsafe fn take_back<T>(pointer: *mut T) -> Option<Box<T>> {
    // SAFETY: this function's contract.
    (!pointer.is_null()).then(|| unsafe { Box::from_raw(pointer) })
}

/// Stores a new handle where the caller wants it.
///
/// # Safety
/// `place` is null or writable.
pub(crate) unsafe fn hand_out<T>(place: *mut *mut T, value: T) -> Outcome {
    if place.is_null() {
        return Err(null("the place for the handle"));
    }
    let handle = Box::into_raw(Box::new(value));
    // SAFETY: this function's contract, and it is not null.
    unsafe { place.write(handle) };
    Ok(framebus_result::Ok)
}

/// Reads a text; `None` when it is null.
///
/// # Safety
/// The pointer is null, or points to bytes that end with a zero.
pub(crate) unsafe fn text<'a>(
    pointer: *const c_char,
    what: &str,
) -> Result<Option<&'a str>, framebus_result> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: this function's contract, and it is not null.
    let text = unsafe { CStr::from_ptr(pointer) };
    match text.to_str() {
        Ok("") => Ok(None),
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(fail(
            framebus_result::InvalidArgument,
            format_args!("{what} is not UTF-8"),
        )),
    }
}

/// Reads a list of planes such as "gray,bgr,gray/4"; none for null.
///
/// # Safety
/// As for [`text`].
pub(crate) unsafe fn planes(
    pointer: *const c_char,
    what: &str,
) -> Result<Vec<PlaneSpec>, framebus_result> {
    // SAFETY: this function's contract.
    let Some(text) = (unsafe { text(pointer, what) })? else {
        return Ok(Vec::new());
    };
    PlaneSpec::list(text).map_err(|error| fail(framebus_result::InvalidArgument, error))
}
