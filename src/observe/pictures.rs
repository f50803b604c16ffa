//! Copies of images: what the camera sees, taken without a lease.

use super::{Picture, Sampler};

impl Sampler {
    /// Copies the gray image of a slot, or of the newest frame.
    #[must_use]
    pub fn picture(&self, slot: Option<u8>) -> Option<Picture> {
        let observer = self.observer()?;
        let mut gray = Vec::new();
        let copy = match slot {
            Some(slot) => observer.copy_slot(slot, &mut gray),
            None => observer.copy_latest(&mut gray),
        };
        let copy = copy.ok()?;
        let geometry = observer.layout().geometry;
        Some(Picture {
            width: geometry.width,
            height: geometry.height,
            slot: copy.slot,
            sequence: copy.sequence,
            gray,
        })
    }

    /// Copies the gray image of every slot that has one.
    #[must_use]
    pub fn pictures(&self) -> Vec<Picture> {
        let slots = self
            .observer()
            .map_or(0, |observer| observer.layout().slots);
        (0..slots)
            .filter_map(|slot| self.picture(Some(slot)))
            .collect()
    }
}
