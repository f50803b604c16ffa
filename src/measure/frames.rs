//! Frames with pixels, and the least that a conversion of them has to do.

use multiversion::multiversion;

use framebus::bus::{FrameMeta, Producer};
use framebus::clock::{monotonic_ns, wall_ns};
use framebus::convert::bgr_to_gray;
use framebus::layout::{Format, Geometry};

/// Returns a BGR picture that is not all one colour.
#[must_use]
pub fn picture(geometry: Geometry) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..geometry.bgr_len()).map(|_| next()).collect()
}

/// Converts a picture into a slot and publishes it.
pub fn publish(producer: &mut Producer, bgr: &[u8]) {
    let capture_ns = monotonic_ns();
    let wall_ns = wall_ns();
    if let Ok(Some(mut claim)) = producer.claim() {
        if let Some(gray) = claim.plane(Format::GRAY8) {
            bgr_to_gray(bgr, gray);
        }
        claim.publish(FrameMeta {
            capture_ns,
            wall_ns,
            source_frame: 0,
        });
    }
}

/// Reads three bytes for each that it writes: what a conversion cannot do without.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub fn read_three_write_one(bgr: &[u8], gray: &mut [u8]) {
    let third = bgr.as_chunks::<192>().0;
    for (bgr, gray) in third.iter().zip(gray.as_chunks_mut::<64>().0) {
        for (i, gray) in gray.iter_mut().enumerate() {
            *gray = bgr[i] ^ bgr[64 + i] ^ bgr[128 + i];
        }
    }
}
