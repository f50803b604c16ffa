//! Every plane of a slot, from a source that has one or two of them.

use super::claim::Claim;
use crate::convert::{Images, Scratch, fill_plane, reorder, to_bgr};
use crate::layout::{Format, Geometry, Plane, PlaneSpec, Planes};
use crate::shm::SlotPixels;
use crate::source::{Filled, FrameSource, FrameTarget, SourceError, SourceInfo};

/// Fills the planes of a bus from a source: what the source has goes straight into the slot, and what is left is converted
/// from that.
#[derive(Debug)]
pub struct Filler {
    bgr: bool,
    native: Option<PlaneSpec>,
    own: Own,
    scratch: Scratch,
    meta: Vec<u8>,
    /// Whether it has been said that metadata do not fit.
    meta_refused: bool,
    renew_shared: bool,
}

/// Images that something is converted from and that the bus has no plane for.
#[derive(Debug, Default)]
struct Own {
    gray: Vec<u8>,
    bgr: Vec<u8>,
    native: Vec<u8>,
}

/// What a plane is filled by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Gray,
    Bgr,
    Native,
    Conversion,
    /// The same, into the one plane that others may be converted from in turn.
    ConversionToBgr,
    Metadata,
    /// Nobody: it stays as it is.
    Nobody,
}

/// What has to be there for the planes that are converted.
#[derive(Debug, Clone, Copy, Default)]
struct Needs {
    gray: bool,
    bgr: bool,
    native: bool,
}

impl Filler {
    /// Prepares for the frames of a source: make a new one when they change.
    #[must_use]
    pub fn new(info: &SourceInfo) -> Filler {
        Filler {
            bgr: info.bgr,
            native: info.native,
            own: Own::default(),
            scratch: Scratch::default(),
            meta: Vec::new(),
            meta_refused: false,
            renew_shared: true,
        }
    }

    /// Says whether the next frame is also for an image that all slots share. If not, it is left as it is:
    /// [`Claim::leave_bgr`].
    pub fn renew_shared(&mut self, renew: bool) {
        self.renew_shared = renew;
    }

    /// Has `source` write its frame, and fills the planes that it does not have. Metadata that are too long are left out.
    ///
    /// # Errors
    /// Fails when the source does.
    pub fn fill<S: FrameSource + ?Sized>(
        &mut self,
        source: &mut S,
        claim: &mut Claim<'_>,
    ) -> Result<Filled, SourceError> {
        let (filled, has_meta) = self.images(source, claim)?;
        if has_meta && matches!(filled, Filled::Frame | Filled::Gray) {
            self.meta.clear();
            source.metadata(&mut self.meta);
            if let Err(error) = claim.set_metadata(&self.meta)
                && !std::mem::replace(&mut self.meta_refused, true)
            {
                tracing::warn!("{error}: such frames have none");
            }
        }
        Ok(filled)
    }

    /// Fills all images; returns also whether there is a plane for metadata.
    fn images<S: FrameSource + ?Sized>(
        &mut self,
        source: &mut S,
        claim: &mut Claim<'_>,
    ) -> Result<(Filled, bool), SourceError> {
        let geometry = claim.geometry();
        let mut slot = claim.slot_pixels();
        let mut by = [By::Metadata; Planes::MAX];
        let mut has_meta = false;
        for (by, image) in by.iter_mut().zip(&slot) {
            if let Some((plane, _)) = image {
                *by = self.by(plane, geometry);
                has_meta |= *by == By::Metadata;
            }
        }
        let needs = self.needs(&by, &slot);
        let mut target = FrameTarget {
            geometry,
            ..FrameTarget::default()
        };
        let mut bgr = None;
        for (by, image) in by.iter().zip(&mut slot) {
            let place = match by {
                By::Gray => &mut target.gray,
                By::Bgr => &mut target.bgr,
                By::Native => &mut target.native,
                By::ConversionToBgr => {
                    bgr = image.take().map(|(_, pixels)| pixels);
                    continue;
                }
                By::Conversion | By::Metadata | By::Nobody => continue,
            };
            *place = image.take().map(|(_, pixels)| pixels);
        }
        let Own {
            gray: own_gray,
            bgr: own_bgr,
            native: own_native,
        } = &mut self.own;
        if needs.gray && target.gray.is_none() {
            own_gray.resize(geometry.gray_len(), 0);
            target.gray = Some(own_gray);
        }
        if needs.bgr && self.bgr && target.bgr.is_none() {
            own_bgr.resize(geometry.bgr_len(), 0);
            target.bgr = Some(own_bgr);
        } else if needs.bgr && !self.bgr && bgr.is_none() {
            own_bgr.resize(geometry.bgr_len(), 0);
            bgr = Some(own_bgr);
        }
        let native = self.native.and_then(|spec| spec.plane(geometry).ok());
        if let Some(plane) = native.filter(|_| needs.native && target.native.is_none()) {
            own_native.resize(plane.bytes(), 0);
            target.native = Some(own_native);
        }
        let filled = source.fill(&mut target)?;
        let of_this_frame = filled == Filled::Frame || (filled == Filled::Gray && !needs.bgr);
        if !of_this_frame {
            // Colours of another frame are not to be seen as if they were of this one.
            let stale = filled == Filled::Gray;
            return Ok((if stale { Filled::Damaged } else { filled }, has_meta));
        }
        if !(needs.gray || needs.bgr || needs.native) {
            return Ok((filled, has_meta));
        }
        let native = native.zip(target.native.as_deref());
        if let (Some((plane, image)), Some(bgr)) = (native, bgr.as_deref_mut()) {
            to_bgr(&plane, image, bgr);
        }
        let images = Images {
            geometry,
            gray: target.gray.as_deref(),
            bgr: target
                .bgr
                .as_deref()
                .filter(|_| self.bgr)
                .or(bgr.as_deref()),
        };
        let scratch = &mut self.scratch;
        let made = by.iter().zip(&mut slot).all(|(by, image)| match image {
            Some((plane, pixels)) if *by == By::Conversion => {
                native.is_some_and(|(from, image)| reorder(&from, image, plane, pixels))
                    || fill_plane(plane, pixels, &images, scratch)
            }
            _ => true,
        });
        Ok((if made { filled } else { Filled::Damaged }, has_meta))
    }

    fn needs(&self, by: &[By], slot: &SlotPixels<'_>) -> Needs {
        let mut needs = Needs::default();
        for (by, image) in by.iter().zip(slot) {
            let Some((plane, _)) = image else { continue };
            let is_gray = [Format::GRAY8, Format::GRAY16].contains(&plane.format);
            let colour = self.bgr || self.native.is_some();
            match by {
                By::Conversion if is_gray || !colour => needs.gray = true,
                By::Conversion | By::ConversionToBgr => needs.bgr = true,
                _ => {}
            }
        }
        needs.native = needs.bgr && !self.bgr;
        needs
    }

    fn by(&self, plane: &Plane, geometry: Geometry) -> By {
        let is_full = plane.size() == Some(geometry);
        match plane.format {
            Format::META => By::Metadata,
            _ if plane.one_for_all && !self.renew_shared => By::Nobody,
            Format::GRAY8 if is_full => By::Gray,
            Format::BGR8 if is_full && self.bgr => By::Bgr,
            Format::BGR8 if is_full && self.native.is_some() => By::ConversionToBgr,
            format if is_full && self.native.is_some_and(|native| native.format == format) => {
                By::Native
            }
            _ => By::Conversion,
        }
    }
}
