//! Structures that begin with their size: read and written as far as both sides know them.

use std::mem::MaybeUninit;
use std::ptr;

use crate::result::{fail, framebus_result};

/// A structure of the header.
///
/// # Safety
/// It is `repr(C)`, begins with a `u32` that is its size, and every bit pattern is valid for it, all zeroes too: numbers
/// and raw pointers only.
pub(crate) unsafe trait Plain: Copy {}

/// The part of a structure that caller and library both know.
fn known<T: Plain>(size: u32) -> Result<usize, framebus_result> {
    if (size as usize) < size_of::<u32>() {
        return Err(fail(
            framebus_result::InvalidArgument,
            "the size of the structure is not set: set it to sizeof",
        ));
    }
    Ok(size_of::<T>().min(size as usize))
}

/// Reads a structure of the caller; null gives the defaults, as does what the caller does not know of.
///
/// # Safety
/// The pointer is null, or points to as many bytes as the size at its beginning says.
pub(crate) unsafe fn read<T: Plain>(source: *const T) -> Result<T, framebus_result> {
    let mut value = MaybeUninit::<T>::zeroed();
    if !source.is_null() {
        // SAFETY: the structure begins with its size, by `Plain`.
        let size = unsafe { source.cast::<u32>().read() };
        let len = known::<T>(size)?;
        // SAFETY: so many bytes are there by this function's contract, and `value` has room for them.
        unsafe { ptr::copy_nonoverlapping(source.cast::<u8>(), value.as_mut_ptr().cast(), len) };
    }
    // SAFETY: every bit pattern is valid, by `Plain`.
    Ok(unsafe { value.assume_init() })
}

/// Checks that a structure of the caller can be written.
///
/// # Safety
/// As for [`read`].
pub(crate) unsafe fn check<T: Plain>(
    target: *const T,
    what: &str,
) -> Result<usize, framebus_result> {
    if target.is_null() {
        return Err(fail(
            framebus_result::InvalidArgument,
            format_args!("{what} is NULL"),
        ));
    }
    // SAFETY: the structure begins with its size, by `Plain`.
    known::<T>(unsafe { target.cast::<u32>().read() })
}

/// Fills in a structure of the caller, all but its size.
///
/// # Safety
/// As for [`read`], and the bytes are writable. `len` comes from [`check`] of the same target.
pub(crate) unsafe fn write<T: Plain>(target: *mut T, len: usize, value: &T) {
    let skip = size_of::<u32>();
    // SAFETY: the size is at the beginning, so there are at least as many bytes on both sides.
    let from = unsafe { ptr::from_ref(value).cast::<u8>().add(skip) };
    // SAFETY: as above.
    let to = unsafe { target.cast::<u8>().add(skip) };
    // SAFETY: `len` is not more than either has.
    unsafe { ptr::copy_nonoverlapping(from, to, len - skip) };
}
