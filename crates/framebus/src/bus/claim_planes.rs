//! The planes of a slot by name, and those that are made from others.

use thiserror::Error;

use super::NoPlane;
use super::claim::Claim;
use super::no_plane::names;
use crate::convert::{Images, Scratch, fill_plane, to_bgr};
use crate::layout::{Format, Layout, Plane, PlaneSpec, Planes};

/// Planes that nobody has written and that cannot be made from those that are.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{planes} cannot be made from what is given: give gray, or for colours bgr or another image in the frames' size",
    planes = names(.0, ", ")
)]
pub struct Unfilled(pub Vec<PlaneSpec>);

impl Claim<'_> {
    fn layout(&self) -> &Layout {
        self.regions().layout()
    }

    /// Every plane of the bus, in the order of [`Claim::images`].
    #[must_use]
    pub fn bus_planes(&self) -> Planes {
        self.layout().planes
    }

    /// The image of the plane that a format, in the frame's own size, or a name such as `gray/2` means.
    ///
    /// # Errors
    /// Fails when the bus has not that plane; the error says which there are.
    pub fn find(&mut self, spec: impl Into<PlaneSpec>) -> Result<(Plane, &mut [u8]), NoPlane> {
        let spec = spec.into();
        let layout = *self.layout();
        let missing = NoPlane::new(self.bus(), &layout, vec![spec]);
        let found = layout.planes.find(&spec, layout.geometry);
        found
            .and_then(|(index, _)| self.images().nth(index))
            .ok_or(missing)
    }

    /// Makes the images that are not written from those that are, which are named by their numbers in
    /// [`Claim::bus_planes`], and from what is given beside them, as the bus has no plane for it: gray from gray, and else from
    /// BGR, or from another image in the frame's own size. Metadata are left as they are.
    ///
    /// # Errors
    /// Fails when there is nothing that a plane can be made from; the error names those planes.
    pub fn fill_rest(&mut self, written: &[usize], given: &Images<'_>) -> Result<(), Unfilled> {
        let layout = *self.layout();
        let geometry = layout.geometry;
        let mut slot = self.slot_pixels();
        let (mut gray, mut bgr, mut other) = (given.gray, given.bgr, None);
        for index in written {
            let Some((plane, pixels)) = slot.get_mut(*index).and_then(Option::take) else {
                continue;
            };
            if plane.size() != Some(geometry) {
                continue;
            }
            match plane.format {
                Format::GRAY8 => gray = Some(&*pixels),
                Format::BGR8 => bgr = Some(&*pixels),
                _ => other = Some((plane, &*pixels)),
            }
        }
        let mut own = Vec::new();
        if let Some((plane, image)) = other.filter(|_| bgr.is_none()) {
            own.resize(geometry.bgr_len(), 0);
            if to_bgr(&plane, image, &mut own) {
                bgr = Some(&own);
            }
        }
        let images = Images {
            geometry,
            gray,
            bgr,
        };
        let mut scratch = Scratch::default();
        let mut missing = Vec::new();
        for (plane, pixels) in slot.iter_mut().flatten() {
            if plane.format != Format::META && !fill_plane(plane, pixels, &images, &mut scratch) {
                missing.extend(PlaneSpec::of(plane, geometry));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        Err(Unfilled(missing))
    }
}
