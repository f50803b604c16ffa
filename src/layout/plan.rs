//! Where the regions of a segment are: planned by the producer, checked by everybody else.

use thiserror::Error;

use super::{
    ABI, ABI_MAJOR, ClaimRecord, ConsumerRecord, FORMAT_BGR8, FORMAT_GRAY8, Geometry, Header,
    HeaderFlags, MAGIC,
};
use super::{PAGE, SlotHeader, Table2};
use crate::sync::Ordering::{Acquire, Relaxed};

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
/// when it would have too many slots.
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

const fn page_align(len: u64) -> u64 {
    len.div_ceil(PAGE) * PAGE
}

impl Layout {
    /// Plans a segment: header page, slot headers, claim records, consumer records, BGR image, gray images, BGR planes.
    /// `None` when the slots would be too many.
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
        let has_bgr = self.bgr_offset.is_some() || self.color.is_some();
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

    /// Reads the header of a segment of `actual_len` bytes. Every value is read once, checked, and used as checked.
    /// `Ok(None)`: its producer has not finished it.
    pub(crate) fn read(
        table2: &Table2,
        header: &Header,
        actual_len: u64,
    ) -> Result<Option<Layout>, Malformed> {
        // SYNC(ready): all that was written before `abi` happens-before what is read here.
        let abi = header.abi.load(Acquire);
        if abi == 0 {
            return Ok(None);
        }
        if header.magic.load(Relaxed) != MAGIC {
            return Err(Malformed::Foreign);
        }
        if abi >> 16 != ABI >> 16 {
            return Err(Malformed::Version { abi });
        }
        let segment_len = header.segment_len.load(Relaxed);
        if segment_len > actual_len {
            return Err(Malformed::CutShort {
                actual: actual_len,
                expected: segment_len,
            });
        }
        Self::read_regions(table2, header, segment_len).map(Some)
    }

    fn read_regions(
        table2: &Table2,
        header: &Header,
        segment_len: u64,
    ) -> Result<Layout, Malformed> {
        let side = |field, value: i32| {
            u32::try_from(value).map_err(|_| Malformed::Damaged {
                field,
                value: u64::from(value.cast_unsigned()),
            })
        };
        let width = side(
            "shared_frame_width",
            table2.shared_frame_width.load(Relaxed),
        )?;
        let height = side(
            "shared_frame_height",
            table2.shared_frame_height.load(Relaxed),
        )?;
        let geometry = Geometry::new(width, height).ok_or(Malformed::Damaged {
            field: "image size",
            value: u64::from(width) << 32 | u64::from(height),
        })?;
        let same = |field, value: u32, wanted: u64| {
            if u64::from(value) == wanted {
                Ok(())
            } else {
                Err(Malformed::Damaged {
                    field,
                    value: value.into(),
                })
            }
        };
        same(
            "slot_len",
            header.slot_len.load(Relaxed),
            size_of::<SlotHeader>() as u64,
        )?;
        same(
            "claim_len",
            header.claim_len.load(Relaxed),
            size_of::<ClaimRecord>() as u64,
        )?;
        same(
            "record_len",
            header.record_len.load(Relaxed),
            size_of::<ConsumerRecord>() as u64,
        )?;
        same(
            "gray_format",
            header.gray_format.load(Relaxed),
            FORMAT_GRAY8.into(),
        )?;
        let count = |field, value: u32, most: u16| match u8::try_from(value) {
            Ok(count) if u16::from(count) <= most => Ok(count),
            _ => Err(Malformed::Damaged {
                field,
                value: value.into(),
            }),
        };
        let slots = count("slot_count", header.slot_count.load(Relaxed), MAX_SLOTS)?;
        let consumers = count(
            "consumer_count",
            header.consumer_count.load(Relaxed),
            MAX_CONSUMERS.into(),
        )?;
        let history = count("history", header.history.load(Relaxed), MAX_SLOTS)?;
        if u16::from(slots) != u16::from(consumers) + 2 + u16::from(history) || consumers == 0 {
            return Err(Malformed::Damaged {
                field: "slot_count",
                value: slots.into(),
            });
        }
        let region = |field, offset: u64, pitch: u64, count: u64| {
            let end = pitch
                .checked_mul(count)
                .and_then(|len| len.checked_add(offset));
            let inside = offset >= PAGE
                && offset.is_multiple_of(PAGE)
                && end.is_some_and(|end| end <= segment_len);
            if inside {
                Ok(offset)
            } else {
                Err(Malformed::Damaged {
                    field,
                    value: offset,
                })
            }
        };
        let pitch = |field, value: u64, least: usize| {
            let enough = value >= least as u64 && value.is_multiple_of(PAGE);
            if enough {
                Ok(value)
            } else {
                Err(Malformed::Damaged { field, value })
            }
        };
        let (slot_total, consumer_total) = (u64::from(slots), u64::from(consumers));
        let gray_pitch = pitch(
            "gray_pitch",
            header.gray_pitch.load(Relaxed),
            geometry.gray_len(),
        )?;
        let bgr_len = page_align(geometry.bgr_len() as u64);
        let bgr_offset = match header.bgr_offset.load(Relaxed) {
            0 => None,
            offset => Some(region("bgr_offset", offset, bgr_len, 1)?),
        };
        let color = match header.color_offset.load(Relaxed) {
            0 => None,
            offset => {
                let color_pitch = pitch(
                    "color_pitch",
                    header.color_pitch.load(Relaxed),
                    geometry.bgr_len(),
                )?;
                Some((
                    region("color_offset", offset, color_pitch, slot_total)?,
                    color_pitch,
                ))
            }
        };
        let slot_len = size_of::<SlotHeader>() as u64;
        let claim_len = size_of::<ClaimRecord>() as u64;
        Ok(Layout {
            geometry,
            slots,
            consumers,
            history,
            segment_len,
            slots_offset: region(
                "slots_offset",
                header.slots_offset.load(Relaxed),
                slot_len,
                slot_total,
            )?,
            claims_offset: region(
                "claims_offset",
                header.claims_offset.load(Relaxed),
                claim_len,
                consumer_total,
            )?,
            records_offset: region(
                "records_offset",
                header.records_offset.load(Relaxed),
                PAGE,
                consumer_total,
            )?,
            bgr_offset,
            gray_offset: region(
                "gray_offset",
                header.gray_offset.load(Relaxed),
                gray_pitch,
                slot_total,
            )?,
            gray_pitch,
            color,
        })
    }
}
