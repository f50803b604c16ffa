//! Atomics: the one file that names them.
//!
//! Everything two processes share is one of these types, so that a shared reference to it is sound whatever the other
//! process does. The lease protocol is written against [`Word`] and [`Fence`], so that the code that runs over shared
//! memory is the code that loom explores in the tests.

pub(crate) use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, AtomicU64, Ordering};

use std::sync::atomic::fence;

/// One 64-bit word of the lease protocol.
pub(crate) trait Word {
    /// Reads the word.
    fn load(&self, order: Ordering) -> u64;
    /// Writes the word.
    fn store(&self, value: u64, order: Ordering);
}

/// The fence that goes with the words.
pub(crate) trait Fence {
    /// Issues a fence of the given ordering.
    fn fence(order: Ordering);
}

impl Word for AtomicU64 {
    #[inline]
    fn load(&self, order: Ordering) -> u64 {
        AtomicU64::load(self, order)
    }

    #[inline]
    fn store(&self, value: u64, order: Ordering) {
        AtomicU64::store(self, value, order);
    }
}

/// The processor's own fence.
#[derive(Debug)]
pub(crate) struct Hardware;

impl Fence for Hardware {
    #[inline]
    fn fence(order: Ordering) {
        fence(order);
    }
}

/// Adds to a counter that has one writer: a load and a store, no locked instruction.
#[inline]
pub(crate) fn bump(counter: &AtomicU64, by: u64) {
    counter.store(
        counter.load(Ordering::Relaxed).wrapping_add(by),
        Ordering::Relaxed,
    );
}
