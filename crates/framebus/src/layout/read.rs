//! Where the regions of a segment are, as its header says and everybody but its producer checks.

use super::plan::page_align;
use super::{
    ABI, ClaimRecord, ConsumerRecord, FORMAT_GRAY8, Geometry, Header, Layout, MAGIC, MAX_CONSUMERS,
    MAX_SLOTS, Malformed, PAGE, SlotHeader, Table2,
};
use crate::sync::Ordering::{Acquire, Relaxed};

impl Layout {
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
        let layout = Layout {
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
        };
        layout.check_apart()?;
        Ok(layout)
    }

    /// Checks that no region is on a page of another: else an image could be the page that a consumer writes.
    fn check_apart(&self) -> Result<(), Malformed> {
        let (slots, consumers) = (u64::from(self.slots), u64::from(self.consumers));
        let bgr_len = self.geometry.bgr_len() as u64;
        let (slot_len, claim_len) = (size_of::<SlotHeader>(), size_of::<ClaimRecord>());
        let regions = [
            ("header_len", 0, PAGE),
            ("slots_offset", self.slots_offset, slots * slot_len as u64),
            (
                "claims_offset",
                self.claims_offset,
                consumers * claim_len as u64,
            ),
            ("records_offset", self.records_offset, consumers * PAGE),
            (
                "bgr_offset",
                self.bgr_offset.unwrap_or(0),
                self.bgr_offset.map_or(0, |_| bgr_len),
            ),
            ("gray_offset", self.gray_offset, slots * self.gray_pitch),
            (
                "color_offset",
                self.color.map_or(0, |(offset, _)| offset),
                self.color.map_or(0, |(_, pitch)| slots * pitch),
            ),
        ];
        for (number, (field, offset, len)) in regions.iter().enumerate() {
            let end = offset + page_align(*len);
            for (_, before, before_len) in &regions[..number] {
                let before_end = before + page_align(*before_len);
                if *len > 0 && *before_len > 0 && *offset < before_end && *before < end {
                    return Err(Malformed::Damaged {
                        field,
                        value: *offset,
                    });
                }
            }
        }
        Ok(())
    }
}
