//! A segment as consumers and observers map it.

use std::io;
use std::slice;

use thiserror::Error;

use super::regions::Regions;
use crate::layout::BusName;
use crate::layout::{ConsumerRecord, Header, Layout, Malformed, PAGE, Plane, SegmentState, Table2};
use crate::lease::Leased;
use crate::sync::Ordering;
use crate::system::{Mapping, ObjectId, ShmObject, granularity};

/// Why a segment cannot be used, or not yet.
#[derive(Debug, Error)]
pub(crate) enum OpenSegmentError {
    /// There is no such object.
    #[error("there is no such segment")]
    Absent,
    /// Its producer has not finished it.
    #[error("its producer has not finished it")]
    Unfinished,
    #[error(transparent)]
    Malformed(#[from] Malformed),
    #[error(transparent)]
    System(#[from] io::Error),
}

/// A segment mapped read-only altogether.
#[derive(Debug)]
pub(crate) struct ObserverSegment {
    regions: Regions,
    id: ObjectId,
    owner_uid: u32,
    /// `regions` points into it.
    mapping: Mapping,
}

// SAFETY: `regions` points into the mapping that is kept beside it, and gives out atomics and copies only.
unsafe impl Send for ObserverSegment {}
// SAFETY: as above.
unsafe impl Sync for ObserverSegment {}

/// Opens and maps a segment read-only, and checks every offset of its header against its real size.
fn map(bus: &BusName, write: bool) -> Result<(ShmObject, ObserverSegment), OpenSegmentError> {
    let object = ShmObject::open(bus, write).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => OpenSegmentError::Absent,
        _ => OpenSegmentError::System(error),
    })?;
    // Between shm_open and ftruncate it has no length.
    if object.len == 0 {
        return Err(OpenSegmentError::Unfinished);
    }
    if object.len < PAGE {
        return Err(Malformed::CutShort {
            actual: object.len,
            expected: PAGE,
        }
        .into());
    }
    let layout = read_layout(&object)?.ok_or(OpenSegmentError::Unfinished)?;
    let len = usize::try_from(layout.segment_len).map_err(io::Error::other)?;
    let mapping = Mapping::read_only(&object, 0, len)?;
    // SAFETY: the mapping is the `segment_len` bytes that `Layout::read` checked every region against, not more than the
    // object has, and is kept beside `regions`.
    let regions = unsafe { Regions::new(mapping.base(), layout) };
    let segment = ObserverSegment {
        regions,
        id: object.id,
        owner_uid: object.owner_uid,
        mapping,
    };
    Ok((object, segment))
}

/// Marks a dead producer's segment as replaced, for whoever still has it mapped. The caller holds the bus's named lock
/// and has found the segment readable.
pub(crate) fn mark_retired(bus: &BusName) -> io::Result<()> {
    let object = ShmObject::open(bus, true)?;
    if object.len < PAGE {
        return Ok(());
    }
    let page = Mapping::read_write(&object, 0, PAGE as usize)?;
    // SAFETY: byte 512 is inside the page.
    let place = unsafe { page.base().as_ptr().add(size_of::<Table2>()) };
    // SAFETY: 3584 more bytes are; the structure consists of atomics and is aligned there.
    let header = unsafe { &*place.cast::<Header>() };
    header
        .state
        .store(SegmentState::Retired as u32, Ordering::Release);
    Ok(())
}

/// Reads and checks the header of an object that has at least a page.
fn read_layout(object: &ShmObject) -> Result<Option<Layout>, OpenSegmentError> {
    let page = Mapping::read_only(object, 0, PAGE as usize)?;
    // SAFETY: a mapped page holds the structure, which consists of atomics and is aligned there.
    let table2 = unsafe { &*page.base().as_ptr().cast::<Table2>() };
    // SAFETY: byte 512 is inside the page.
    let place = unsafe { page.base().as_ptr().add(size_of::<Table2>()) };
    // SAFETY: 3584 more bytes are; the place is 8-byte aligned.
    let header = unsafe { &*place.cast::<Header>() };
    let layout = Layout::read(table2, header, object.len);
    if page.is_cut() {
        return Err(Malformed::CutShort {
            actual: 0,
            expected: object.len,
        }
        .into());
    }
    Ok(layout?)
}

impl ObserverSegment {
    /// Maps a segment.
    pub(crate) fn open(bus: &BusName) -> Result<ObserverSegment, OpenSegmentError> {
        Ok(map(bus, false)?.1)
    }

    pub(crate) fn regions(&self) -> &Regions {
        &self.regions
    }

    /// The user that owns the object.
    pub(crate) fn owner_uid(&self) -> u32 {
        self.owner_uid
    }

    /// Whether somebody has cut the object short since it was mapped: what is read now is not the segment.
    pub(crate) fn is_cut(&self) -> bool {
        // The word first: reading it may be what comes to a page that is gone. Filled up again, such pages are zero.
        let emptied = self.regions.header().abi.load(Ordering::Relaxed) == 0;
        emptied || self.mapping.is_cut()
    }

    /// Whether the bus's name still means this segment.
    pub(crate) fn is_linked(&self, bus: &BusName) -> bool {
        ShmObject::current(bus) == Some(self.id)
    }

    /// Copies a plane's image of a slot; the caller checks the slot's sequence, or the plane's, before and after. `plane` is
    /// one of this segment's layout.
    pub(crate) fn copy(&self, plane: &Plane, slot: u8, target: &mut Vec<u8>) {
        let regions = &self.regions;
        debug_assert!(regions.layout().planes.contains(plane));
        regions.copy_image(regions.place(plane, slot), plane.bytes(), target);
    }
}

/// A segment as a consumer maps it: read-only, but for the page of its own record.
#[derive(Debug)]
pub(crate) struct ConsumerSegment {
    view: ObserverSegment,
    own: Mapping,
    index: u8,
}

impl ConsumerSegment {
    /// Maps a segment for the consumer that holds the claim on `index`, which is below the layout's consumer count.
    pub(crate) fn open(bus: &BusName, index: u8) -> Result<ConsumerSegment, OpenSegmentError> {
        let (object, view) = map(bus, true)?;
        view.mapping.populate();
        let layout = view.regions.layout();
        if index >= layout.consumers {
            return Err(Malformed::Damaged {
                field: "consumer_count",
                value: layout.consumers.into(),
            }
            .into());
        }
        let page = granularity();
        if !layout.suits_page(page) {
            return Err(Malformed::Pages {
                page,
                pitch: layout.record_pitch,
            }
            .into());
        }
        let offset = layout.record_place(index);
        let own = Mapping::read_write(&object, offset, PAGE as usize)?;
        Ok(ConsumerSegment { view, own, index })
    }

    pub(crate) fn regions(&self) -> &Regions {
        &self.view.regions
    }

    pub(crate) fn owner_uid(&self) -> u32 {
        self.view.owner_uid
    }

    pub(crate) fn id(&self) -> ObjectId {
        self.view.id
    }

    /// Whether somebody has cut the object short since it was mapped.
    pub(crate) fn is_cut(&self) -> bool {
        self.own.is_cut() || self.view.is_cut()
    }

    pub(crate) fn index(&self) -> u8 {
        self.index
    }

    /// The consumer's own record, which it may write.
    pub(crate) fn own(&self) -> &ConsumerRecord {
        // SAFETY: the mapping is exactly the page of this record, which consists of atomics.
        unsafe { &*self.own.base().as_ptr().cast::<ConsumerRecord>() }
    }

    /// A plane's image of a leased slot, for as long as the lease; nothing where the plane is not in every slot. `plane` is
    /// a number of the layout's planes.
    pub(crate) fn image<'a>(&'a self, leased: &'a Leased, plane: usize) -> Option<&'a [u8]> {
        let regions = &self.view.regions;
        let plane = regions.layout().planes.get(plane)?;
        if plane.one_for_all {
            return None;
        }
        let image = regions.image(regions.place(plane, leased.ticket().slot));
        // SAFETY: inside the mapping. `leased` comes from the lease protocol and goes with the lease, during which the
        // producer does not claim the slot, so no byte of it changes.
        Some(unsafe { slice::from_raw_parts(image.as_ptr(), plane.bytes()) })
    }
}
