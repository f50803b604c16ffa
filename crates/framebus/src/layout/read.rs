//! Where the regions of a segment are, as its header says and everybody but its producer checks.

use super::plan::align;
use super::{
    ABI, ClaimRecord, ColorRange, ConsumerRecord, Format, Geometry, Header, Layout, MAGIC,
    MAX_CONSUMERS, MAX_SLOTS, Malformed, Matrix, PAGE, Plane, PlaneEntry, PlaneFlags, Planes,
    SlotHeader, Table2,
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
        let layout = Self::read_regions(table2, header, segment_len)?;
        layout.check_apart()?;
        Ok(Some(layout))
    }

    fn read_regions(
        table2: &Table2,
        header: &Header,
        segment_len: u64,
    ) -> Result<Layout, Malformed> {
        let geometry = read_geometry(table2)?;
        same(
            "slot_len",
            header.slot_len.load(Relaxed),
            size_of::<SlotHeader>(),
        )?;
        same(
            "claim_len",
            header.claim_len.load(Relaxed),
            size_of::<ClaimRecord>(),
        )?;
        same(
            "record_len",
            header.record_len.load(Relaxed),
            size_of::<ConsumerRecord>(),
        )?;
        same(
            "plane_len",
            header.plane_len.load(Relaxed),
            size_of::<PlaneEntry>(),
        )?;
        let slots = count("slot_count", header.slot_count.load(Relaxed), MAX_SLOTS)?;
        let consumers = count(
            "consumer_count",
            header.consumer_count.load(Relaxed),
            MAX_CONSUMERS.into(),
        )?;
        let history = count("history", header.history.load(Relaxed), MAX_SLOTS)?;
        if u16::from(slots) != u16::from(consumers) + 2 + u16::from(history) || consumers == 0 {
            return Err(damaged("slot_count", slots));
        }
        let record_pitch = header.record_pitch.load(Relaxed);
        if !record_pitch.is_power_of_two() || record_pitch < PAGE {
            return Err(damaged("record_pitch", record_pitch));
        }
        let region = Region { segment_len };
        let (slot_total, consumer_total) = (u64::from(slots), u64::from(consumers));
        let (slot_len, claim_len) = (
            size_of::<SlotHeader>() as u64,
            size_of::<ClaimRecord>() as u64,
        );
        let offset = header.slots_offset.load(Relaxed);
        let slots_offset = region.checked(
            "slots_offset",
            offset,
            slot_len.checked_mul(slot_total),
            PAGE,
        )?;
        let offset = header.claims_offset.load(Relaxed);
        let claims_offset = region.checked(
            "claims_offset",
            offset,
            claim_len.checked_mul(consumer_total),
            PAGE,
        )?;
        let offset = header.records_offset.load(Relaxed);
        let len = record_pitch.checked_mul(consumer_total);
        let records_offset = region.checked("records_offset", offset, len, record_pitch)?;
        Ok(Layout {
            geometry,
            slots,
            consumers,
            history,
            planes: read_planes(header, slots, &region)?,
            segment_len,
            slots_offset,
            claims_offset,
            records_offset,
            record_pitch,
        })
    }

    /// Checks that no region is where another is: else an image could be the page that a consumer writes.
    fn check_apart(&self) -> Result<(), Malformed> {
        let (slots, consumers) = (u64::from(self.slots), u64::from(self.consumers));
        let (slot_len, claim_len) = (size_of::<SlotHeader>(), size_of::<ClaimRecord>());
        let control = [
            ("header_len", 0, PAGE),
            ("slots_offset", self.slots_offset, slots * slot_len as u64),
            (
                "claims_offset",
                self.claims_offset,
                consumers * claim_len as u64,
            ),
            (
                "records_offset",
                self.records_offset,
                consumers * self.record_pitch,
            ),
        ];
        let planes = self.planes.iter().map(|plane| {
            let total = plane.total(self.slots).unwrap_or(u64::MAX);
            ("planes", plane.offset, total)
        });
        let regions: Vec<(&'static str, u64, u64)> = control.into_iter().chain(planes).collect();
        for (number, (field, offset, len)) in regions.iter().enumerate() {
            let end = offset.saturating_add(align(*len, PAGE));
            for (_, before, before_len) in &regions[..number] {
                let before_end = before.saturating_add(align(*before_len, PAGE));
                if *offset < before_end && *before < end {
                    return Err(damaged(field, *offset));
                }
            }
        }
        Ok(())
    }
}

/// Every plane of the table, checked.
fn read_planes(header: &Header, slots: u8, region: &Region) -> Result<Planes, Malformed> {
    let total = header.plane_count.load(Relaxed);
    if total == 0 || total as usize > Planes::MAX {
        return Err(damaged("plane_count", total));
    }
    let mut planes = Planes::default();
    for entry in &header.planes[..total as usize] {
        let plane = read_plane(entry)?;
        let place = if plane.one_for_all {
            region.checked("planes", plane.offset, Some(plane.len), PAGE)
        } else {
            region.checked("planes", plane.offset, plane.total(slots), PAGE)
        };
        place?;
        planes.push(plane);
    }
    Ok(planes)
}

fn read_plane(entry: &PlaneEntry) -> Result<Plane, Malformed> {
    let plane = Plane {
        format: Format::from_word(entry.format.load(Relaxed)),
        width: entry.width.load(Relaxed),
        height: entry.height.load(Relaxed),
        stride: entry.stride.load(Relaxed),
        range: ColorRange::from_word(entry.range.load(Relaxed)),
        matrix: Matrix::from_word(entry.matrix.load(Relaxed)),
        one_for_all: entry.flags.load(Relaxed) & PlaneFlags::ONE_FOR_ALL != 0,
        offset: entry.offset.load(Relaxed),
        pitch: entry.pitch.load(Relaxed),
        len: entry.len.load(Relaxed),
    };
    let size = Geometry {
        width: plane.width,
        height: plane.height,
    };
    let side = if plane.format == Format::META {
        super::PlaneSpec::MAX_META
    } else {
        Geometry::MAX_SIDE
    };
    if size.width == 0 || size.height == 0 || size.width > side || size.height > Geometry::MAX_SIDE
    {
        return Err(damaged(
            "plane size",
            u64::from(size.width) << 32 | u64::from(size.height),
        ));
    }
    // Of a format that a newer framebus has, only the place is known.
    let known = plane.format.stride(size.width).zip(plane.format.len(size));
    let right = known.is_none_or(|(stride, len)| stride == plane.stride && len as u64 == plane.len);
    if !right || plane.len == 0 {
        return Err(damaged("plane len", plane.len));
    }
    let pitch_fits = plane.pitch >= plane.len && plane.pitch.is_multiple_of(PAGE);
    if !plane.one_for_all && !pitch_fits {
        return Err(damaged("plane pitch", plane.pitch));
    }
    Ok(plane)
}

/// What a region has to be inside of.
struct Region {
    segment_len: u64,
}

impl Region {
    /// Checks that `len` bytes from `offset` are inside the segment, behind the header, and start on a multiple of `unit`.
    fn checked(
        &self,
        field: &'static str,
        offset: u64,
        len: Option<u64>,
        unit: u64,
    ) -> Result<u64, Malformed> {
        let end = len.and_then(|len| len.checked_add(offset));
        let inside = offset >= PAGE
            && offset.is_multiple_of(unit)
            && end.is_some_and(|end| end <= self.segment_len);
        if inside {
            Ok(offset)
        } else {
            Err(damaged(field, offset))
        }
    }
}

fn read_geometry(table2: &Table2) -> Result<Geometry, Malformed> {
    let side = |field, value: i32| {
        u32::try_from(value).map_err(|_| damaged(field, u64::from(value.cast_unsigned())))
    };
    let width = side(
        "shared_frame_width",
        table2.shared_frame_width.load(Relaxed),
    )?;
    let height = side(
        "shared_frame_height",
        table2.shared_frame_height.load(Relaxed),
    )?;
    Geometry::new(width, height)
        .ok_or_else(|| damaged("image size", u64::from(width) << 32 | u64::from(height)))
}

fn same(field: &'static str, value: u32, wanted: usize) -> Result<(), Malformed> {
    if value as usize == wanted {
        Ok(())
    } else {
        Err(damaged(field, value))
    }
}

fn count(field: &'static str, value: u32, most: u16) -> Result<u8, Malformed> {
    match u8::try_from(value) {
        Ok(count) if u16::from(count) <= most => Ok(count),
        _ => Err(damaged(field, value)),
    }
}

fn damaged(field: &'static str, value: impl Into<u64>) -> Malformed {
    Malformed::Damaged {
        field,
        value: value.into(),
    }
}
