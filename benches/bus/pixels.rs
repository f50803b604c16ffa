//! Pictures, and frames made of them.

use framebus::bus::{FrameMeta, Producer};
use framebus::clock::{monotonic_ns, wall_ns};
use framebus::convert::bgr_to_gray;
use framebus::layout::Geometry;

/// A small picture.
pub(crate) const VGA: Geometry = Geometry {
    width: 640,
    height: 480,
};
/// A large one.
pub(crate) const FULL_HD: Geometry = Geometry {
    width: 1920,
    height: 1080,
};

/// A picture that is not all one colour.
pub(crate) fn picture(geometry: Geometry) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..geometry.bgr_len()).map(|_| next()).collect()
}

/// Converts a picture into a slot and publishes it.
pub(crate) fn publish(producer: &mut Producer, bgr: &[u8]) {
    let capture_ns = monotonic_ns();
    let wall_ns = wall_ns();
    if let Some(mut claim) = producer.claim() {
        bgr_to_gray(bgr, claim.target().gray);
        claim.publish(FrameMeta {
            capture_ns,
            wall_ns,
            source_frame: 0,
        });
    }
}
