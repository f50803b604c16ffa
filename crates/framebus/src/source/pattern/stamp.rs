//! The stamp that lets any reader of a test picture prove that it is whole.

use multiversion::multiversion;
use thiserror::Error;

use crate::layout::Geometry;

/// Bytes of the stamp: the first pixels of the gray image, in row order.
///
/// | bytes | content |
/// |---|---|
/// | 0–7 | `FRAMEBUS` in ASCII |
/// | 8–15 | the frame number, u64, little-endian |
/// | 16–23 | the checksum over the size, the frame number and all pixels after the stamp, u64, little-endian |
///
/// An image narrower than the stamp carries it over several rows. An image with fewer pixels carries none.
pub const STAMP_LEN: usize = 24;

const MAGIC: [u8; 8] = *b"FRAMEBUS";

/// Lanes that are summed side by side: 256 bytes, so that the multiplications of one lane do not wait for each other.
const LANES: usize = 64;

/// Why a gray image is not one whole frame of the test picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Torn {
    /// The image has fewer pixels than the stamp has bytes, so nothing can be said about it.
    #[error("an image of {0} is too small for a frame stamp of {STAMP_LEN} pixels")]
    TooSmall(Geometry),
    /// The slice is not an image of that size.
    #[error("an image of {geometry} has {} bytes, not {found}", .geometry.gray_len())]
    WrongLength {
        /// The size that the image should have.
        geometry: Geometry,
        /// The bytes that are there.
        found: usize,
    },
    /// The image does not start with a stamp: it is not the test picture.
    #[error("no frame stamp: this is not the test picture")]
    NotStamped,
    /// The pixels are not those that the stamp was made for: the image is a mixture of frames, or is damaged.
    #[error("frame {frame} is torn: its checksum is {found:016x}, its stamp says {stamped:016x}")]
    Checksum {
        /// The frame number in the stamp.
        frame: u64,
        /// The checksum in the stamp.
        stamped: u64,
        /// The checksum of the pixels that are there.
        found: u64,
    },
}

/// Checks that `gray` is one whole frame of the test picture and returns its number.
///
/// All pixels count. A frame of which any one pixel was changed is always found; a mixture of two frames is taken for a
/// whole one with a probability of about 2⁻³².
///
/// # Errors
/// [`Torn`] says what is wrong.
///
/// # Examples
/// ```
/// use framebus::layout::Geometry;
/// use framebus::source::pattern::{Torn, verify};
///
/// let geometry = Geometry::new(64, 48).expect("a size");
/// assert_eq!(verify(geometry, &vec![0; 64 * 48]), Err(Torn::NotStamped));
/// ```
pub fn verify(geometry: Geometry, gray: &[u8]) -> Result<u64, Torn> {
    if gray.len() != geometry.gray_len() {
        return Err(Torn::WrongLength {
            geometry,
            found: gray.len(),
        });
    }
    let Some((stamp, pixels)) = gray.split_first_chunk::<STAMP_LEN>() else {
        return Err(Torn::TooSmall(geometry));
    };
    let [magic, frame, stamped] = words(stamp);
    if magic != u64::from_le_bytes(MAGIC) {
        return Err(Torn::NotStamped);
    }
    let found = checksum(geometry, frame, pixels);
    if found != stamped {
        return Err(Torn::Checksum {
            frame,
            stamped,
            found,
        });
    }
    Ok(frame)
}

/// Returns the stamp of a finished gray image, or `None` where it has too few pixels for one.
pub(super) fn stamp(geometry: Geometry, frame: u64, gray: &[u8]) -> Option<[u8; STAMP_LEN]> {
    let pixels = gray.get(STAMP_LEN..)?;
    let words = [
        MAGIC,
        frame.to_le_bytes(),
        checksum(geometry, frame, pixels).to_le_bytes(),
    ];
    let mut stamp = [0; STAMP_LEN];
    for (bytes, word) in stamp.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *bytes = word;
    }
    Some(stamp)
}

fn words(stamp: &[u8; STAMP_LEN]) -> [u64; 3] {
    let (words, _) = stamp.as_chunks::<8>();
    std::array::from_fn(|i| u64::from_le_bytes(words[i]))
}

/// Sums in the manner of FNV-1a (xor, then multiply by an odd number), 32 bits at a time in [`LANES`] lanes, and the lanes
/// then in 64 bits. Every step is a bijection of the sum and of its input, so one changed word always changes the result,
/// and what is summed depends on where it stands, so that a picture that has only moved has another sum. A product carries
/// only upwards: the rotation brings the high bits back down, without it two changes of a highest bit would cancel out.
fn checksum(geometry: Geometry, frame: u64, pixels: &[u8]) -> u64 {
    let (blocks, tail) = pixels.as_chunks::<{ 4 * LANES }>();
    let mut lanes = [0x811c_9dc5; LANES];
    add_blocks(blocks, &mut lanes);
    let size = (u64::from(geometry.width) << 32) | u64::from(geometry.height);
    let start = fnv64(fnv64(0xcbf2_9ce4_8422_2325, size), frame);
    let sum = lanes
        .iter()
        .fold(start, |sum, &lane| fnv64(sum, lane.into()));
    tail.iter().fold(sum, |sum, &byte| fnv64(sum, byte.into()))
}

fn fnv64(sum: u64, word: u64) -> u64 {
    // The fold of the high bits onto the low ones lets every bit of a word reach every bit of the result.
    let product = (sum ^ word).wrapping_mul(0x0000_0100_0000_01b3);
    product ^ (product >> 32)
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn add_blocks(blocks: &[[u8; 4 * LANES]], sums: &mut [u32; LANES]) {
    let mut lanes = *sums;
    for block in blocks {
        let (words, _) = block.as_chunks::<4>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            let product = (*lane ^ u32::from_le_bytes(*word)).wrapping_mul(0x9e37_79b1);
            *lane = product.rotate_left(15);
        }
    }
    *sums = lanes;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamped(geometry: Geometry, frame: u64) -> Vec<u8> {
        let mut gray: Vec<u8> = (0..geometry.gray_len())
            .map(|i| (i as u64).wrapping_add(frame).to_le_bytes()[0])
            .collect();
        let stamp = stamp(geometry, frame, &gray).expect("large enough");
        gray[..STAMP_LEN].copy_from_slice(&stamp);
        gray
    }

    fn size(width: u32, height: u32) -> Geometry {
        Geometry::new(width, height).expect("a size")
    }

    #[test]
    fn a_stamped_image_gives_its_number() {
        for geometry in [
            size(24, 1),
            size(1, 24),
            size(5, 5),
            size(37, 29),
            size(64, 48),
        ] {
            for frame in [0, 1, u64::MAX] {
                assert_eq!(verify(geometry, &stamped(geometry, frame)), Ok(frame));
            }
        }
    }

    #[test]
    fn any_one_changed_pixel_is_found() {
        let geometry = size(37, 29);
        let whole = stamped(geometry, 17);
        for at in 0..whole.len() {
            let mut torn = whole.clone();
            torn[at] ^= 0x10;
            assert!(verify(geometry, &torn).is_err(), "pixel {at}");
        }
    }

    #[test]
    fn a_mixture_of_two_frames_is_found_wherever_it_is_cut() {
        let geometry = size(37, 29);
        let (old, new) = (stamped(geometry, 7), stamped(geometry, 8));
        for cut in 1..old.len() {
            for (first, second) in [(&old, &new), (&new, &old)] {
                let mixed = [&first[..cut], &second[cut..]].concat();
                // Up to the frame number all stamps are the same.
                assert_eq!(
                    verify(geometry, &mixed).is_ok(),
                    mixed == *second,
                    "cut at {cut}"
                );
            }
        }
    }

    #[test]
    fn what_cannot_be_verified_says_why() {
        let small = size(23, 1);
        assert_eq!(verify(small, &[0; 23]), Err(Torn::TooSmall(small)));
        let geometry = size(8, 8);
        assert_eq!(
            verify(geometry, &[0; 63])
                .expect_err("a byte is missing")
                .to_string(),
            "an image of 8x8 has 64 bytes, not 63"
        );
        assert_eq!(verify(geometry, &[0; 64]), Err(Torn::NotStamped));
        let mut other_size = stamped(size(16, 4), 3);
        assert!(matches!(
            verify(geometry, &other_size),
            Err(Torn::Checksum { frame: 3, .. })
        ));
        other_size.clear();
        assert!(verify(geometry, &other_size).is_err());
    }
}
