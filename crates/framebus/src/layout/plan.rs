//! Where the regions of a segment are, as its producer plans it.

use thiserror::Error;

use super::{
    ABI_MAJOR, ClaimRecord, ConsumerRecord, Format, Geometry, Header, MAGIC, PAGE, Plane,
    PlaneEntry, PlaneFlags, PlaneSpec, Planes, PlanesError, RECORD_PITCH, SlotHeader, Table2,
};
use crate::sync::Ordering::Relaxed;

/// The most consumer indices of a bus.
pub const MAX_CONSUMERS: u8 = 250;
/// The most slots of a bus: Table 2 has one byte for the number, and the lease one for the slot.
pub const MAX_SLOTS: u16 = 254;

/// What a producer wants of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub(crate) geometry: Geometry,
    pub(crate) consumers: u8,
    pub(crate) history: u8,
    pub(crate) planes: &'a [PlaneSpec],
}

/// Where the regions of a segment are, with every value checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The size of the frames.
    pub geometry: Geometry,
    /// Number of slots.
    pub slots: u8,
    /// Number of consumer indices.
    pub consumers: u8,
    /// Slots beyond consumers + 2.
    pub history: u8,
    /// What images there are for every frame.
    pub planes: Planes,
    pub(crate) segment_len: u64,
    pub(crate) slots_offset: u64,
    pub(crate) claims_offset: u64,
    pub(crate) records_offset: u64,
    pub(crate) record_pitch: u64,
}

/// Why there is no plan of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A bus has not so many consumers, or so few.
    #[error("a bus has 1 to {MAX_CONSUMERS} consumers, not {consumers}")]
    Consumers {
        /// Consumers asked for.
        consumers: u8,
    },
    /// The slots would be too many.
    #[error("{consumers} consumers and a history of {history} need {} slots, at most {MAX_SLOTS} are possible", u16::from(*.consumers) + 2 + u16::from(*.history))]
    TooManySlots {
        /// Consumers asked for.
        consumers: u8,
        /// History asked for.
        history: u8,
    },
    /// The planes cannot be had.
    #[error(transparent)]
    Planes(#[from] PlanesError),
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
    /// Its records are too close together for this machine's pages.
    #[error(
        "its consumer records are {pitch} bytes apart, pages are {page} here: only observers can map it"
    )]
    Pages {
        /// Bytes of a page.
        page: u64,
        /// Bytes from record to record.
        pitch: u64,
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

/// The bytes of shared memory that a bus needs.
///
/// # Errors
/// Fails when it would have too many slots, no consumer or more than [`MAX_CONSUMERS`], or planes that cannot be.
pub fn segment_bytes(
    geometry: Geometry,
    consumers: u8,
    history: u8,
    planes: &[PlaneSpec],
) -> Result<u64, PlanError> {
    let request = Request {
        geometry,
        consumers,
        history,
        planes,
    };
    Ok(Layout::plan(request)?.segment_len)
}

pub(super) const fn align(len: u64, unit: u64) -> u64 {
    len.div_ceil(unit) * unit
}

impl Layout {
    /// Plans a segment: header page, slot headers, claim records, consumer records, then plane after plane.
    pub(crate) fn plan(request: Request<'_>) -> Result<Layout, PlanError> {
        let Request {
            geometry,
            consumers,
            history,
            planes: specs,
        } = request;
        if consumers == 0 || consumers > MAX_CONSUMERS {
            return Err(PlanError::Consumers { consumers });
        }
        let slots = u16::from(consumers) + 2 + u16::from(history);
        let slots = match u8::try_from(slots) {
            Ok(count) if slots <= MAX_SLOTS => count,
            _ => return Err(PlanError::TooManySlots { consumers, history }),
        };
        if specs.is_empty() || specs.len() > Planes::MAX {
            return Err(PlanesError::Count { count: specs.len() }.into());
        }
        let mut end = PAGE;
        let mut region = |len: u64, unit: u64| {
            let offset = align(end, unit);
            end = offset + align(len, unit);
            offset
        };
        let slots_offset = region(u64::from(slots) * size_of::<SlotHeader>() as u64, PAGE);
        let claims_offset = region(u64::from(consumers) * size_of::<ClaimRecord>() as u64, PAGE);
        let records_offset = region(u64::from(consumers) * RECORD_PITCH, RECORD_PITCH);
        let mut planes = Planes::default();
        for (index, spec) in specs.iter().enumerate() {
            if specs[..index].contains(spec) {
                return Err(PlanesError::Twice(spec.to_string()).into());
            }
            let mut plane = spec.plane(geometry)?;
            let room = align(plane.len, RECORD_PITCH);
            if plane.one_for_all {
                plane.offset = region(room, RECORD_PITCH);
            } else {
                plane.pitch = room;
                plane.offset = region(room * u64::from(slots), RECORD_PITCH);
            }
            planes.push(plane);
        }
        Ok(Layout {
            geometry,
            slots,
            consumers,
            history,
            planes,
            segment_len: end,
            slots_offset,
            claims_offset,
            records_offset,
            record_pitch: RECORD_PITCH,
        })
    }

    /// Where the record of a consumer starts: the one place that it maps for writing.
    pub(crate) fn record_place(&self, consumer: u8) -> u64 {
        self.records_offset + u64::from(consumer) * self.record_pitch
    }

    /// Whether a machine with pages of this size can map a consumer's record alone.
    pub(crate) fn suits_page(&self, page: u64) -> bool {
        self.record_pitch.is_multiple_of(page) && self.records_offset.is_multiple_of(page)
    }

    /// The plane of a format that is in every slot in the frames' own size.
    #[must_use]
    pub fn full(&self, format: Format) -> Option<&Plane> {
        self.planes.full(format, self.geometry)
    }

    /// The plane that shows best in gray what the camera sees: gray itself, or the largest that gray can be made of
    /// ([`crate::convert::gray_of`]).
    #[must_use]
    pub fn best_for_gray(&self) -> Option<&Plane> {
        let images = self.planes.iter().filter(|plane| {
            !plane.one_for_all && plane.size().is_some() && plane.format.name().is_some()
        });
        self.full(Format::GRAY8)
            .or_else(|| images.max_by_key(|plane| plane.width))
    }

    /// The BGR image in the frames' size of every slot, or else the one that all share.
    #[must_use]
    pub fn best_bgr(&self) -> Option<&Plane> {
        let size = Some(self.geometry);
        self.planes
            .iter()
            .filter(|plane| plane.format == Format::BGR8 && plane.size() == size)
            .min_by_key(|plane| plane.one_for_all)
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
        let gray_step = self.full(Format::GRAY8).map_or(0, |gray| gray.stride);
        table2
            .shared_gray_frame_step
            .store(gray_step as i32, Relaxed);
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
        header.record_pitch.store(self.record_pitch, Relaxed);
        header.history.store(u32::from(self.history), Relaxed);
        header
            .plane_len
            .store(size_of::<PlaneEntry>() as u32, Relaxed);
        header.plane_count.store(self.planes.len() as u32, Relaxed);
        for (plane, entry) in self.planes.iter().zip(&header.planes) {
            plane.write(entry);
        }
    }
}

impl Plane {
    fn write(&self, entry: &PlaneEntry) {
        let flags = if self.one_for_all {
            PlaneFlags::ONE_FOR_ALL
        } else {
            0
        };
        entry.format.store(self.format.word(), Relaxed);
        entry.flags.store(flags, Relaxed);
        entry.width.store(self.width, Relaxed);
        entry.height.store(self.height, Relaxed);
        entry.stride.store(self.stride, Relaxed);
        entry.range.store(self.range as u32, Relaxed);
        entry.matrix.store(self.matrix as u32, Relaxed);
        entry.offset.store(self.offset, Relaxed);
        entry.pitch.store(self.pitch, Relaxed);
        entry.len.store(self.len, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(planes: &str, consumers: u8) -> Layout {
        let request = Request {
            geometry: Geometry::new(640, 480).expect("a size"),
            consumers,
            history: 3,
            planes: &PlaneSpec::list(planes).expect("planes"),
        };
        Layout::plan(request).expect("a plan")
    }

    /// A Raspberry Pi 5 has pages of 16 KiB, some servers of 64 KiB, and Windows maps at multiples of 64 KiB.
    #[test]
    fn every_consumer_maps_its_record_alone_with_pages_of_4_16_and_64_kib() {
        for consumers in [1, 4, 5, 250] {
            let layout = Layout::plan(Request {
                geometry: Geometry::new(64, 48).expect("a size"),
                consumers,
                history: 0,
                planes: &[PlaneSpec::new(Format::GRAY8)],
            })
            .expect("a plan");
            for page in [4096, 16384, 65536] {
                assert!(layout.suits_page(page));
                for consumer in 0..consumers {
                    let place = layout.record_place(consumer);
                    assert!(
                        place.is_multiple_of(page),
                        "{consumer} of {consumers}, {page}"
                    );
                    // The page that it may write holds nothing that is somebody else's.
                    let end = place + page;
                    assert!(layout.claims_offset + 256 * u64::from(consumers) <= place);
                    assert!(consumer + 1 == consumers || end <= layout.record_place(consumer + 1));
                    assert!(layout.planes.iter().all(|plane| end <= plane.offset));
                }
                for plane in layout.planes.iter() {
                    assert!(plane.offset.is_multiple_of(page) && plane.pitch.is_multiple_of(page));
                }
            }
            assert!(!layout.suits_page(1 << 17));
        }
    }

    #[test]
    fn planes_follow_each_other_and_the_first_in_full_size_is_the_short_names() {
        let layout = planned("gray/4,bgr,gray,nv12,meta", 4);
        let mut end = layout.record_place(4);
        for plane in layout.planes.iter() {
            assert_eq!(plane.offset, end);
            end = plane.offset + plane.pitch * u64::from(layout.slots);
        }
        assert_eq!(end, layout.segment_len);
        assert_eq!(
            layout.full(Format::GRAY8).map(|plane| plane.width),
            Some(640)
        );
        assert_eq!(
            layout.planes.of(Format::GRAY8).map(|plane| plane.width),
            Some(160)
        );
        assert_eq!(
            layout.planes.to_string(),
            "gray, bgr, gray 640x480, nv12, meta"
        );
        assert_eq!(planned("bgr", 1).full(Format::GRAY8), None);
    }

    #[test]
    fn what_cannot_be_planned_is_said() {
        let geometry = Geometry::new(641, 480).expect("a size");
        let said = |consumers, history, planes: &str| {
            let planes = PlaneSpec::list(planes).expect("planes");
            let refused = segment_bytes(geometry, consumers, history, &planes);
            refused.expect_err("no plan").to_string()
        };
        assert_eq!(said(0, 0, "gray"), "a bus has 1 to 250 consumers, not 0");
        assert_eq!(
            said(251, 0, "gray"),
            "a bus has 1 to 250 consumers, not 251"
        );
        assert_eq!(
            said(200, 100, "gray"),
            "200 consumers and a history of 100 need 302 slots, at most 254 are possible"
        );
        assert!(said(1, 0, "gray,nv12").starts_with("plane nv12 cannot have 641x480 pixels"));
        let refused = segment_bytes(geometry, 1, 0, &[]).expect_err("no plan");
        assert_eq!(refused.to_string(), "a bus has 1 to 8 planes, not 0");
    }
}
