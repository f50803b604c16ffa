//! Typed access to the control regions of a mapped segment.

use std::ptr::NonNull;
use std::slice;

use crate::layout::{ClaimRecord, ConsumerRecord, Header, Layout, Plane, SlotHeader, Table2};
use crate::sync::{AtomicU8, AtomicU64, Fence, Hardware, Ordering};

/// The control regions of a mapped segment: atomics only, so that a shared reference is sound whatever another process
/// does. Reading is always allowed; writing only where the pages are mapped for it (a fault otherwise, never a wrong value).
#[derive(Debug)]
pub(crate) struct Regions {
    base: NonNull<u8>,
    layout: Layout,
}

impl Regions {
    /// # Safety
    /// `base` is page-aligned and maps at least `layout.segment_len` bytes for as long as the value is used, and `layout`
    /// comes from [`Layout::plan`] or [`Layout::read`], which keep every region inside that length and on a page.
    pub(crate) const unsafe fn new(base: NonNull<u8>, layout: Layout) -> Regions {
        Regions { base, layout }
    }

    pub(crate) const fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(crate) fn table2(&self) -> &Table2 {
        self.at(0)
    }

    pub(crate) fn header(&self) -> &Header {
        self.at(size_of::<Table2>() as u64)
    }

    /// The header of a slot; a number that a peer made up is brought into range.
    pub(crate) fn slot(&self, slot: u8) -> &SlotHeader {
        let slot = u64::from(slot.min(self.layout.slots - 1));
        self.at(self.layout.slots_offset + slot * size_of::<SlotHeader>() as u64)
    }

    pub(crate) fn claim(&self, consumer: u8) -> &ClaimRecord {
        let consumer = u64::from(consumer.min(self.layout.consumers - 1));
        self.at(self.layout.claims_offset + consumer * size_of::<ClaimRecord>() as u64)
    }

    pub(crate) fn record(&self, consumer: u8) -> &ConsumerRecord {
        let consumer = consumer.min(self.layout.consumers - 1);
        self.at(self.layout.record_place(consumer))
    }

    fn at<T>(&self, offset: u64) -> &T {
        // SAFETY: `new`'s contract keeps the offset inside the mapping.
        let place = unsafe { self.base.as_ptr().add(offset as usize) };
        // SAFETY: the structures consist of atomics, for which every bit pattern is valid; regions start on pages and the
        // structures' sizes are multiples of their alignment, so the place is aligned and inside the mapping.
        unsafe { &*place.cast::<T>() }
    }

    /// Where an image starts.
    pub(super) fn image(&self, offset: u64) -> NonNull<u8> {
        // SAFETY: image offsets are inside the mapping by `new`'s contract.
        unsafe { self.base.add(offset as usize) }
    }

    /// Where the image of a slot starts in a plane; a number that a peer made up is brought into range.
    pub(super) fn place(&self, plane: &Plane, slot: u8) -> u64 {
        plane.place(slot.min(self.layout.slots - 1))
    }

    /// Copies an image that somebody may be writing: the bytes may be torn, and the caller checks a sequence around it.
    pub(super) fn copy_image(&self, offset: u64, len: usize, target: &mut Vec<u8>) {
        let base = self.image(offset);
        let words = len / size_of::<u64>();
        // SAFETY: images start on pages, so the words are aligned; they are inside the mapping by `new`'s contract.
        let words = unsafe { slice::from_raw_parts(base.as_ptr().cast::<AtomicU64>(), words) };
        target.clear();
        target.reserve(len);
        for word in words {
            target.extend_from_slice(&word.load(Ordering::Relaxed).to_ne_bytes());
        }
        for rest in size_of_val(words)..len {
            // SAFETY: the rest of the same image.
            let place = unsafe { base.as_ptr().add(rest) };
            // SAFETY: an atomic byte is valid for every bit pattern.
            let byte = unsafe { &*place.cast::<AtomicU8>() };
            target.push(byte.load(Ordering::Relaxed));
        }
        // What is loaded after this fence is not older than the bytes above.
        Hardware::fence(Ordering::Acquire);
    }
}
