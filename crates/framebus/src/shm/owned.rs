//! The producer's segment: created, reserved, written and in the end removed by it.

use std::io;
use std::slice;
use std::sync::Arc;

use super::regions::Regions;
use crate::layout::{BusName, Layout, Plane, Planes};
use crate::lease::Claimed;
use crate::sync::Ordering;
use crate::system::{CreateSegmentError, Home, Memory, Permissions, ShmObject, unlink_object};

/// A segment that this process has made. Dropped, its name is removed, if it still means this segment.
pub(crate) struct OwnedSegment {
    bus: BusName,
    regions: Regions,
    home: Home,
    /// Owns the mapping; `regions` points into it.
    memory: Memory,
}

// SAFETY: `regions` gives out atomics only, and pixels only through the one `Pixels`.
unsafe impl Send for OwnedSegment {}
// SAFETY: as above.
unsafe impl Sync for OwnedSegment {}

impl std::fmt::Debug for OwnedSegment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OwnedSegment")
            .field("layout", self.regions.layout())
            .finish_non_exhaustive()
    }
}

impl OwnedSegment {
    /// Creates the object, reserves and touches its pages. The header is zero, `abi` too: not ready.
    /// The caller holds the bus's named lock.
    pub(crate) fn create(
        bus: &BusName,
        layout: Layout,
        permissions: Permissions,
    ) -> Result<(Arc<OwnedSegment>, Pixels), CreateSegmentError> {
        let len = usize::try_from(layout.segment_len).map_err(io::Error::other)?;
        let memory = Memory::create(bus, len, permissions)?;
        // SAFETY: `memory` maps `segment_len` bytes on pages, and lives as long as `regions`, beside which it is kept.
        let regions = unsafe { Regions::new(memory.base(), layout) };
        let segment = Arc::new(OwnedSegment {
            bus: bus.clone(),
            regions,
            home: Home::here(),
            memory,
        });
        let pixels = Pixels {
            segment: Arc::clone(&segment),
        };
        Ok((segment, pixels))
    }

    pub(crate) fn regions(&self) -> &Regions {
        &self.regions
    }

    /// Whether the bus's name still means this segment.
    pub(crate) fn is_linked(&self) -> bool {
        ShmObject::current(&self.bus) == Some(self.memory.id())
    }

    /// Whether somebody has cut the object short: what is written now reaches nobody.
    pub(crate) fn is_cut(&self) -> bool {
        // The word first: reading it may be what comes to a page that is gone. Filled up again, such pages are zero.
        let emptied = self.regions.header().abi.load(Ordering::Relaxed) == 0;
        emptied || self.memory.is_cut()
    }

    /// Removes the name, if it still means this segment. The caller holds the bus's named lock.
    pub(crate) fn unlink(&self) {
        if self.is_linked() {
            let _ = unlink_object(&self.bus);
        }
    }
}

impl Drop for OwnedSegment {
    fn drop(&mut self) {
        // A forked child has a copy of this value, and no say in the name.
        if self.home.is_here() {
            self.unlink();
        }
    }
}

/// The right to write images of a segment; there is one for each segment, and it is the producer's.
#[derive(Debug)]
pub(crate) struct Pixels {
    segment: Arc<OwnedSegment>,
}

/// The images of one slot, for writing, beside what each of them is.
pub(crate) type SlotPixels<'a> = [Option<(Plane, &'a mut [u8])>; Planes::MAX];

impl Pixels {
    /// The images of a slot that the lease protocol has given to the producer: no valid lease names it, so no process
    /// reads it but observers, which copy and check. Of a plane that is one image for all slots, that one.
    pub(crate) fn slot(&mut self, claimed: &Claimed) -> SlotPixels<'_> {
        let slot = claimed.slot();
        let regions = &self.segment.regions;
        let planes = &regions.layout().planes;
        let mut images = [const { None }; Planes::MAX];
        for (image, plane) in images.iter_mut().zip(planes.iter()) {
            let place = regions.image(regions.place(plane, slot));
            // SAFETY: the image is inside the mapping, planes are different regions, and `&mut self` of the only `Pixels`
            // makes it the only slice over it.
            let pixels = unsafe { slice::from_raw_parts_mut(place.as_ptr(), plane.bytes()) };
            *image = Some((*plane, pixels));
        }
        images
    }
}
