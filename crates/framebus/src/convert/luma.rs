//! Luma as cameras give it, straight to gray: planes, pairs with chroma between, and words of more than 8 bits.
//!
//! Each function converts the common prefix of its slices, as all of this room. `limited` is luma from 16 to 235, which is
//! stretched on the way, in the same pass: the result is what [`stretch_luma`](super::stretch_luma) makes of it.

use multiversion::multiversion;

use super::{BLOCK, stretched, stretched_block};

/// Takes the luma of a plane, as GREY, NV12 and YU12 have it.
///
/// # Examples
/// ```
/// let mut gray = [0; 2];
/// framebus::convert::luma_to_gray(&[16, 235], true, &mut gray);
/// assert_eq!(gray, [0, 255]);
/// ```
pub fn luma_to_gray(luma: &[u8], limited: bool, gray: &mut [u8]) {
    let pixels = luma.len().min(gray.len());
    let (luma, gray) = (&luma[..pixels], &mut gray[..pixels]);
    if limited {
        stretch_dispatched(luma, gray);
    } else {
        gray.copy_from_slice(luma);
    }
}

/// Takes the luma of pairs of bytes of which one is luma: the first of YUYV and YVYU, the second of UYVY and VYUY.
///
/// # Examples
/// ```
/// let mut gray = [0; 2];
/// framebus::convert::pairs_to_gray(&[128, 10, 128, 20], true, false, &mut gray);
/// assert_eq!(gray, [10, 20]);
/// ```
pub fn pairs_to_gray(pairs: &[u8], second: bool, limited: bool, gray: &mut [u8]) {
    let pixels = gray.len().min(pairs.len() / 2);
    let (pairs, gray) = (&pairs[..2 * pixels], &mut gray[..pixels]);
    match (second, limited) {
        (false, false) => super::yuyv_to_gray(pairs, gray),
        (false, true) => first_stretched_dispatched(pairs, gray),
        (true, false) => second_dispatched(pairs, gray),
        (true, true) => second_stretched_dispatched(pairs, gray),
    }
}

/// Takes the upper 8 bits of little-endian words of `bits` bits, 8 to 16; what is above them is not looked at.
///
/// # Examples
/// ```
/// let mut gray = [0; 2];
/// framebus::convert::words_to_gray(&[0xff, 0x03, 0x00, 0x02], 10, &mut gray);
/// assert_eq!(gray, [255, 128]);
/// ```
pub fn words_to_gray(words: &[u8], bits: u32, gray: &mut [u8]) {
    words_dispatched(words, bits.clamp(8, 16) - 8, gray);
}

macro_rules! pairs {
    ($($name:ident($pair:ident) = $luma:expr, stretched: $stretched:literal;)*) => {$(
        #[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2", "aarch64+neon"))]
        fn $name(pairs: &[u8], gray: &mut [u8]) {
            let (blocks, tail) = pairs.as_chunks::<{ 2 * BLOCK }>();
            let (gray_blocks, gray_tail) = gray.as_chunks_mut::<BLOCK>();
            for (pairs, gray) in blocks.iter().zip(gray_blocks) {
                // As 16-bit numbers that are narrowed, as YUYV's are.
                for (gray, &pair) in gray.iter_mut().zip(pairs.as_chunks::<2>().0) {
                    let $pair = u16::from_le_bytes(pair);
                    *gray = $luma;
                }
                if $stretched {
                    *gray = stretched_block(gray);
                }
            }
            for (gray, &pair) in gray_tail.iter_mut().zip(tail.as_chunks::<2>().0) {
                let $pair = u16::from_le_bytes(pair);
                *gray = if $stretched { stretched($luma) } else { $luma };
            }
        }
    )*};
}

pairs! {
    first_stretched_dispatched(pair) = pair as u8, stretched: true;
    second_dispatched(pair) = (pair >> 8) as u8, stretched: false;
    second_stretched_dispatched(pair) = (pair >> 8) as u8, stretched: true;
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn stretch_dispatched(luma: &[u8], gray: &mut [u8]) {
    let (blocks, tail) = luma.as_chunks::<BLOCK>();
    let (gray_blocks, gray_tail) = gray.as_chunks_mut::<BLOCK>();
    for (luma, gray) in blocks.iter().zip(gray_blocks) {
        *gray = stretched_block(luma);
    }
    for (gray, luma) in gray_tail.iter_mut().zip(tail) {
        *gray = stretched(*luma);
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn words_dispatched(words: &[u8], shift: u32, gray: &mut [u8]) {
    for (gray, &word) in gray.iter_mut().zip(words.as_chunks::<2>().0) {
        *gray = (u16::from_le_bytes(word) >> shift) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::super::stretch_luma;
    use super::*;

    fn bytes(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 151 + i / 7) as u8).collect()
    }

    #[test]
    fn every_luma_is_stretched_as_in_place_whatever_the_length() {
        for len in [0, 1, 63, 64, 65, 130, 640] {
            let luma = bytes(len);
            let mut expected = luma.clone();
            stretch_luma(&mut expected);
            let mut gray = vec![7; len];
            luma_to_gray(&luma, true, &mut gray);
            assert_eq!(gray, expected);
            luma_to_gray(&luma, false, &mut gray);
            assert_eq!(gray, luma);
            for second in [false, true] {
                let pairs: Vec<u8> = luma
                    .iter()
                    .flat_map(|luma| if second { [99, *luma] } else { [*luma, 99] })
                    .collect();
                pairs_to_gray(&pairs, second, true, &mut gray);
                assert_eq!(gray, expected);
                pairs_to_gray(&pairs, second, false, &mut gray);
                assert_eq!(gray, luma);
            }
        }
    }

    #[test]
    fn words_give_their_upper_bits() {
        for bits in [8, 10, 12, 14, 16] {
            let words: Vec<u8> = bytes(70)
                .iter()
                .flat_map(|luma| (u16::from(*luma) << (bits - 8)).to_le_bytes())
                .collect();
            let mut gray = vec![0; 70];
            words_to_gray(&words, bits, &mut gray);
            assert_eq!(gray, bytes(70));
        }
    }

    #[test]
    fn what_is_too_short_is_converted_as_far_as_it_goes() {
        let mut gray = [7; 4];
        pairs_to_gray(&[1, 2, 3], false, false, &mut gray);
        assert_eq!(gray, [1, 7, 7, 7]);
        words_to_gray(&[0, 1, 2], 16, &mut gray);
        assert_eq!(gray, [1, 7, 7, 7]);
        luma_to_gray(&[9; 9], true, &mut gray[..2]);
        assert_eq!(gray, [0, 0, 7, 7]);
    }
}
