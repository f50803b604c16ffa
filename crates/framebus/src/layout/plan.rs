//! Where the regions of a segment are, as its producer plans it.

use thiserror::Error;

use super::{
    ABI_MAJOR, ClaimRecord, ConsumerRecord, FORMAT_BGR8, FORMAT_GRAY8, Geometry, Header,
    HeaderFlags, MAGIC, PAGE, SlotHeader, Table2,
};
use crate::sync::Ordering::Relaxed;

/// The most consumer indices of a bus.
pub const MAX_CONSUMERS: u8 = 250;
/// The most slots of a bus: Table 2 has one byte for the number, and the lease one for the slot.
pub const MAX_SLOTS: u16 = 254;

/// What a producer wants of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) geometry: Geometry,
    pub(crate) consumers: u8,
    pub(crate) history: u8,
    /// Keep the BGR debugging image.
    pub(crate) bgr_image: bool,
    /// Put a BGR plane into every slot.
    pub(crate) color: bool,
}

/// Where the regions of a segment are, with every value checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The size of the images.
    pub geometry: Geometry,
    /// Number of slots.
    pub slots: u8,
    /// Number of consumer indices.
    pub consumers: u8,
    /// Slots beyond consumers + 2.
    pub history: u8,
    pub(crate) segment_len: u64,
    pub(crate) slots_offset: u64,
    pub(crate) claims_offset: u64,
    pub(crate) records_offset: u64,
    pub(crate) bgr_offset: Option<u64>,
    pub(crate) gray_offset: u64,
    pub(crate) gray_pitch: u64,
    pub(crate) color: Option<(u64, u64)>,
}

/// What is wrong with a segment.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Malformed {
    /// It was never one of ours, or was overwritten.
    #[error("it is not a framebus segment")]
    Foreign,
    /// It has another major layout version.
    #[error("it has layout version {}.{}, this framebus reads {ABI_MAJOR}.x", .abi >> 16, .abi & 0xffff)]
    Version {
        /// Its version: major << 16 | minor.
        abi: u32,
    },
    /// It is shorter than it says.
    #[error("it is cut short: {actual} of {expected} bytes")]
    CutShort {
        /// Bytes it has.
        actual: u64,
        /// Bytes its header says.
        expected: u64,
    },
    /// A value in the header makes no sense.
    #[error("its header is damaged: {field} is {value}")]
    Damaged {
        /// Which field.
        field: &'static str,
        /// What it says.
        value: u64,
    },
}

/// The bytes of shared memory that a bus needs, with a BGR image in every slot if `color`, else with one for all; `None`
/// when it would have too many slots, or no consumer, or more than [`MAX_CONSUMERS`].
#[must_use]
pub fn segment_bytes(geometry: Geometry, consumers: u8, history: u8, color: bool) -> Option<u64> {
    let request = Request {
        geometry,
        consumers,
        history,
        bgr_image: !color,
        color,
    };
    Some(Layout::plan(request)?.segment_len)
}

pub(super) const fn page_align(len: u64) -> u64 {
    len.div_ceil(PAGE) * PAGE
}

impl Layout {
    /// Plans a segment: header page, slot headers, claim records, consumer records, BGR image, gray images, BGR planes.
    /// `None` when the slots would be too many, or the consumers none or too many.
    pub(crate) fn plan(request: Request) -> Option<Layout> {
        let slots = u16::from(request.consumers) + 2 + u16::from(request.history);
        if slots > MAX_SLOTS || request.consumers == 0 || request.consumers > MAX_CONSUMERS {
            return None;
        }
        let (gray_len, bgr_len) = (
            request.geometry.gray_len() as u64,
            request.geometry.bgr_len() as u64,
        );
        let (gray_pitch, color_pitch) = (page_align(gray_len), page_align(bgr_len));
        let mut end = PAGE;
        let mut region = |len: u64| {
            let offset = end;
            end += page_align(len);
            offset
        };
        let slots_offset = region(u64::from(slots) * size_of::<SlotHeader>() as u64);
        let claims_offset = region(u64::from(request.consumers) * size_of::<ClaimRecord>() as u64);
        let records_offset = region(u64::from(request.consumers) * PAGE);
        let bgr_offset = (request.bgr_image && !request.color).then(|| region(bgr_len));
        let gray_offset = region(u64::from(slots) * gray_pitch);
        let color = request
            .color
            .then(|| (region(u64::from(slots) * color_pitch), color_pitch));
        Some(Layout {
            geometry: request.geometry,
            slots: u8::try_from(slots).ok()?,
            consumers: request.consumers,
            history: request.history,
            segment_len: end,
            slots_offset,
            claims_offset,
            records_offset,
            bgr_offset,
            gray_offset,
            gray_pitch,
            color,
        })
    }

    /// Writes the plan into a header; `abi` stays 0.
    /// Whether there are images in colour: one, or one in every slot.
    #[must_use]
    pub const fn has_bgr(&self) -> bool {
        self.bgr_offset.is_some() || self.color.is_some()
    }

    pub(crate) fn write(&self, table2: &Table2, header: &Header) {
        let geometry = self.geometry;
        table2
            .shared_frame_height
            .store(geometry.height as i32, Relaxed);
        table2
            .shared_frame_width
            .store(geometry.width as i32, Relaxed);
        table2
            .shared_gray_frame_step
            .store(geometry.width as i32, Relaxed);
        table2.num_frame_buffers.store(self.slots, Relaxed);
        header.magic.store(MAGIC, Relaxed);
        header.header_len.store(size_of::<Header>() as u32, Relaxed);
        header.segment_len.store(self.segment_len, Relaxed);
        header.slots_offset.store(self.slots_offset, Relaxed);
        header.slot_count.store(u32::from(self.slots), Relaxed);
        header
            .slot_len
            .store(size_of::<SlotHeader>() as u32, Relaxed);
        header.claims_offset.store(self.claims_offset, Relaxed);
        header
            .claim_len
            .store(size_of::<ClaimRecord>() as u32, Relaxed);
        header
            .consumer_count
            .store(u32::from(self.consumers), Relaxed);
        header.records_offset.store(self.records_offset, Relaxed);
        header
            .record_len
            .store(size_of::<ConsumerRecord>() as u32, Relaxed);
        header.history.store(u32::from(self.history), Relaxed);
        header
            .bgr_offset
            .store(self.bgr_offset.unwrap_or(0), Relaxed);
        header.gray_offset.store(self.gray_offset, Relaxed);
        header.gray_pitch.store(self.gray_pitch, Relaxed);
        let (color_offset, color_pitch) = self.color.unwrap_or((0, 0));
        header.color_offset.store(color_offset, Relaxed);
        header.color_pitch.store(color_pitch, Relaxed);
        header.gray_format.store(FORMAT_GRAY8, Relaxed);
        let has_bgr = self.has_bgr();
        header
            .color_format
            .store(if has_bgr { FORMAT_BGR8 } else { 0 }, Relaxed);
        let mut flags = 0;
        if self.bgr_offset.is_some() {
            flags |= HeaderFlags::BGR_IMAGE;
        }
        if self.color.is_some() {
            flags |= HeaderFlags::COLOR;
        }
        header.flags.store(flags, Relaxed);
    }
}
