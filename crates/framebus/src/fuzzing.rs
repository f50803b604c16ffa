//! What the fuzz targets need of the layout; no part of the interface.

use std::mem::offset_of;

use crate::layout::{Header, Layout, SlotHeader, Table2};

/// Makes a segment look as if frame 1 were in its first slot, which is still black. Returns where the images begin: what
/// comes before decides what a reader does.
///
/// # Panics
/// Panics when the segment is not of this layout.
#[must_use]
pub fn with_a_frame(segment: &mut [u8], layout: &Layout) -> usize {
    let place = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX);
    let mut word = |place: usize, value: u64| {
        segment[place..place + 8].copy_from_slice(&value.to_le_bytes());
    };
    let header = size_of::<Table2>();
    word(header + offset_of!(Header, latest), 1 << 8);
    word(
        place(layout.slots_offset) + offset_of!(SlotHeader, sequence),
        1,
    );
    let images = layout.planes.iter().map(|plane| plane.offset);
    place(images.min().unwrap_or(layout.segment_len))
}
