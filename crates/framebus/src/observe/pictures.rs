//! Copies of images: what the camera sees, taken without a lease.

use super::{Picture, Sampler};
use crate::bus::Observer;
use crate::convert::gray_of;
use crate::layout::{ColorRange, Format};
use crate::sync::Ordering::Acquire;

/// How often colours and gray are copied until both are of one frame.
const TRIES: u32 = 3;

impl Sampler {
    /// Copies the gray image of a slot, or of the newest frame; on a bus without gray, the gray of another plane.
    #[must_use]
    pub fn picture(&self, slot: Option<u8>) -> Option<Picture> {
        let observer = self.observer()?;
        let plane = observer.layout().best_for_gray()?;
        let mut image = Vec::new();
        let copy = match slot {
            Some(slot) => observer.copy_slot(plane, slot, &mut image),
            None => observer.copy_latest(plane, &mut image),
        };
        let copy = copy.ok()?;
        let is_full_gray = plane.format == Format::GRAY8 && plane.range != ColorRange::Limited;
        Some(Picture {
            width: plane.width,
            height: plane.height,
            slot: copy.slot,
            sequence: copy.sequence,
            gray: if is_full_gray {
                image
            } else {
                gray_of(plane, &image)?
            },
            bgr: None,
            metadata: metadata(observer, copy.slot, copy.sequence),
        })
    }

    /// Copies the gray image of the newest frame of the last snapshot; of the newest now, where that is overwritten.
    #[must_use]
    pub fn sampled_picture(&self) -> Option<Picture> {
        let newest = self.sampled().iter().max_by_key(|(_, sequence)| *sequence);
        newest
            .and_then(|frame| self.picture_of(*frame))
            .or_else(|| self.picture(None))
    }

    /// Copies the gray images of the frames that were in the slots in the last snapshot, without those that are overwritten.
    #[must_use]
    pub fn pictures(&self) -> Vec<Picture> {
        let mut frames = self.sampled().to_vec();
        // The oldest first: they are overwritten next.
        frames.sort_by_key(|(_, sequence)| *sequence);
        let pictures = frames.into_iter().map(|frame| self.picture_of(frame));
        pictures.flatten().collect()
    }

    /// Copies the gray image of a slot if it still is of this sequence.
    fn picture_of(&self, (slot, sequence): (u8, u64)) -> Option<Picture> {
        let picture = self.picture(Some(slot))?;
        (picture.sequence == sequence).then_some(picture)
    }

    /// Copies an image as [`Sampler::picture`] does, with its colours where the bus keeps them: of every slot, or
    /// of the newest frame.
    #[must_use]
    pub fn picture_in_colour(&self, slot: Option<u8>) -> Option<Picture> {
        let observer = self.observer()?;
        (0..TRIES)
            .find_map(|_| of_one_frame(observer, slot))
            .or_else(|| self.picture(slot))
    }
}

/// Copies what its producer knows of that frame; empty where it says nothing, and where the frame is overwritten by now.
fn metadata(observer: &Observer, slot: u8, sequence: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    let Some(plane) = observer.layout().planes.of(Format::META) else {
        return bytes;
    };
    match observer.copy_slot(plane, slot, &mut bytes) {
        Ok(copy) if copy.sequence == sequence => bytes.truncate(copy.metadata_len as usize),
        _ => bytes.clear(),
    }
    bytes
}

/// Copies colours, and then the gray image of the same frame.
fn of_one_frame(observer: &Observer, wanted: Option<u8>) -> Option<Picture> {
    let (mut bgr, mut gray) = (Vec::new(), Vec::new());
    let layout = observer.layout();
    let colour = layout.best_bgr()?;
    let colours = match wanted {
        Some(slot) => observer.copy_slot(colour, slot, &mut bgr),
        None => observer.copy_latest(colour, &mut bgr),
    };
    let colours = colours.ok()?;
    let slot = if colour.one_for_all {
        // The one BGR image of the bus is of some slot's frame: of the newest, or of the one before it by now.
        let has_it = |slot: &u8| {
            wanted.is_none_or(|wanted| wanted == *slot)
                && observer.regions().slot(*slot).sequence.load(Acquire) == colours.sequence
        };
        (0..layout.slots).find(has_it)?
    } else {
        colours.slot
    };
    let sequence = match layout.full(Format::GRAY8) {
        Some(plane) => observer.copy_slot(plane, slot, &mut gray).ok()?.sequence,
        None => {
            gray = gray_of(colour, &bgr)?;
            colours.sequence
        }
    };
    (sequence == colours.sequence).then_some(Picture {
        width: layout.geometry.width,
        height: layout.geometry.height,
        slot,
        sequence,
        gray,
        bgr: Some(bgr),
        metadata: metadata(observer, slot, sequence),
    })
}
