//! Mapped bytes that other processes write to as well.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, Ordering};

/// A range of them. Whoever maps it keeps it mapped for as long as this is used. What is outside is not there: nothing is read or
/// written of it.
#[derive(Debug)]
pub(crate) struct Bytes {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a shared mapping belongs to the process, not to a thread.
unsafe impl Send for Bytes {}

impl Bytes {
    /// # Safety
    /// From `base` on, `len` bytes are mapped and writable until this value is dropped, and this process has no reference to any.
    pub(super) unsafe fn new(base: NonNull<u8>, len: usize) -> Bytes {
        Bytes { base, len }
    }

    /// One byte.
    pub(crate) fn get(&self, at: usize) -> Option<u8> {
        Some(self.byte(at)?.load(Ordering::Relaxed))
    }

    /// Changes one byte.
    pub(crate) fn set(&self, at: usize, value: u8) {
        if let Some(byte) = self.byte(at) {
            byte.store(value, Ordering::Relaxed);
        }
    }

    /// Writes all of these, if all of them are inside. Whoever reads them meanwhile has some of the old and some of the new.
    pub(crate) fn write(&self, at: usize, bytes: &[u8]) {
        if at.checked_add(bytes.len()).is_none_or(|end| end > self.len) {
            return;
        }
        // SAFETY: inside the range, as was just checked.
        let place = unsafe { self.base.as_ptr().add(at) };
        // SAFETY: as many bytes are inside the range, and they are no part of `bytes`: nobody here has a reference to them.
        unsafe { place.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }

    fn byte(&self, at: usize) -> Option<&AtomicU8> {
        if at >= self.len {
            return None;
        }
        // SAFETY: inside the range, as was just checked.
        let place = unsafe { self.base.as_ptr().add(at) };
        // SAFETY: mapped for as long as `self` is used, and reached through atomics and `write` alone.
        Some(unsafe { AtomicU8::from_ptr(place) })
    }
}
