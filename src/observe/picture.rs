//! Pictures with their colours.

use super::sampler::Sampler;
use super::snapshot::Picture;
use crate::bus::Observer;
use crate::sync::Ordering::Acquire;

/// How often colours and gray are copied until both are of one frame.
const TRIES: u32 = 3;

impl Sampler {
    /// Copies an image as [`Sampler::picture`] does, with its colours where the bus keeps them: of every slot, or of the newest frame.
    #[must_use]
    pub fn picture_in_colour(&self, slot: Option<u8>) -> Option<Picture> {
        let observer = self.observer.as_ref()?;
        (0..TRIES)
            .find_map(|_| of_one_frame(observer, slot))
            .or_else(|| self.picture(slot))
    }
}

/// Copies colours, and then the gray image of the same frame.
fn of_one_frame(observer: &Observer, wanted: Option<u8>) -> Option<Picture> {
    let (mut bgr, mut gray) = (Vec::new(), Vec::new());
    let colours = match wanted {
        Some(slot) => observer.copy_bgr(slot, &mut bgr),
        None => observer.copy_latest_bgr(&mut bgr),
    };
    let colours = colours.ok()?;
    let layout = observer.layout();
    let slot = if layout.color.is_some() {
        colours.slot
    } else {
        // The one BGR image of the bus is of some slot's frame: of the newest, or of the one before it by now.
        let has_it = |slot: &u8| {
            wanted.is_none_or(|wanted| wanted == *slot)
                && observer.regions().slot(*slot).sequence.load(Acquire) == colours.sequence
        };
        (0..layout.slots).find(has_it)?
    };
    let copy = observer.copy_slot(slot, &mut gray).ok()?;
    (copy.sequence == colours.sequence).then_some(Picture {
        width: layout.geometry.width,
        height: layout.geometry.height,
        slot,
        sequence: copy.sequence,
        gray,
        bgr: Some(bgr),
    })
}
