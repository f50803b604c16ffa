//! Decodes into what a target asks for.

use framebus::layout::Geometry;
use framebus::source::{Filled, FrameTarget};

use super::Decoder;

/// A decoder, and memory for the luma where nobody wants it.
#[derive(Debug, Default)]
pub(crate) struct Filler {
    decoder: Decoder,
    own_gray: Vec<u8>,
}

impl Filler {
    /// Fills the images of `target`; `limited` is whether luma goes from 16 to 235.
    pub(crate) fn fill(
        &mut self,
        bytes: &[u8],
        geometry: Geometry,
        limited: bool,
        target: &mut FrameTarget<'_>,
    ) -> Filled {
        let bgr = target.bgr.as_deref_mut();
        let gray = match &mut target.gray {
            Some(gray) => &mut **gray,
            None => {
                self.own_gray.resize(geometry.gray_len(), 0);
                &mut self.own_gray
            }
        };
        match self.decoder.decode(bytes, geometry, limited, gray, bgr) {
            Ok(()) => Filled::Frame,
            Err(_) => Filled::Damaged,
        }
    }
}
