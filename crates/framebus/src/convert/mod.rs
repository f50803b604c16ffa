//! Gray images from the pixel formats that cameras and pipes deliver.
//!
//! Every function converts the common prefix of its two slices: as many pixels as both hold in full. Nothing is read or
//! written beyond it, a shorter slice is not an error, and no length makes a function panic. Rows are packed, so a whole
//! image is one call; a width that is not a multiple of anything is converted as exactly as any other.
//!
//! The code is safe Rust that the compiler vectorises; on x86-64 the widest instructions that the processor has (AVX-512,
//! AVX2) are chosen at run time, once. All of them give the same bytes.

mod luma;
mod planes;
mod yuv;

pub use luma::{luma_to_gray, pairs_to_gray, words_to_gray};

use multiversion::multiversion;
use multiversion::target::selected_target;

pub use planes::{Images, Scratch, fill_plane, gray_into, gray_of};
pub use yuv::{reorder, to_bgr};

/// Pixels that are converted together: one AVX-512 register of gray.
const BLOCK: usize = 64;

/// Converts packed BGR pixels to gray, bit for bit as OpenCV's `COLOR_BGR2GRAY` does.
///
/// `bgr` holds 3 bytes a pixel, `gray` one. Converts `min(bgr.len() / 3, gray.len())` pixels and leaves the rest of `gray`
/// as it is.
///
/// The formula is ITU-R BT.601's luma in 15-bit fixed point: `(R * 9798 + G * 19235 + B * 3735 + 16384) >> 15`. Its
/// weights add up to 32768, so that a pixel with B = G = R = v gives exactly v.
///
/// # Examples
/// ```
/// let mut gray = [0; 2];
/// framebus::convert::bgr_to_gray(&[255, 0, 0, 7, 7, 7], &mut gray);
/// assert_eq!(gray, [29, 7]);
/// ```
pub fn bgr_to_gray(bgr: &[u8], gray: &mut [u8]) {
    let pixels = gray.len().min(bgr.len() / 3);
    bgr_to_gray_dispatched(&bgr[..3 * pixels], &mut gray[..pixels]);
}

/// Takes the luma of packed YUYV (YUY2) pixels: `Y0 U Y1 V`, 2 bytes a pixel.
///
/// Converts `min(yuyv.len() / 2, gray.len())` pixels and leaves the rest of `gray` as it is. The range stays what it is in
/// the source, which for a camera is usually limited (16–235): [`stretch_luma`] makes it full.
///
/// # Examples
/// ```
/// let mut gray = [0; 2];
/// framebus::convert::yuyv_to_gray(&[10, 128, 20, 128], &mut gray);
/// assert_eq!(gray, [10, 20]);
/// ```
pub fn yuyv_to_gray(yuyv: &[u8], gray: &mut [u8]) {
    let pixels = gray.len().min(yuyv.len() / 2);
    yuyv_to_gray_dispatched(&yuyv[..2 * pixels], &mut gray[..pixels]);
}

/// Stretches limited-range luma (16 is black, 235 white) to full range, in place: `(Y - 16) * 255 / 219`, rounded. What is
/// below black or above white becomes black or white.
///
/// # Examples
/// ```
/// let mut gray = [0, 16, 126, 235, 255];
/// framebus::convert::stretch_luma(&mut gray);
/// assert_eq!(gray, [0, 0, 128, 255, 255]);
/// ```
pub fn stretch_luma(gray: &mut [u8]) {
    stretch_luma_dispatched(gray);
}

/// Makes BGR pixels of the three planes of YCbCr, BT.601, in 16-bit fixed point; `limited` is luma from 16 to 235.
pub fn ycc_to_bgr(luma: &[u8], blue: &[u8], red: &[u8], limited: bool, bgr: &mut [u8]) {
    // In units of 1/65536: luma; blue of Cb; green of Cb and Cr; red of Cr.
    let (dark, y, b_cb, g_cb, g_cr, r_cr) = if limited {
        (16, 76309, 132_201, 25675, 53279, 104_597)
    } else {
        (0, 65536, 116_130, 22554, 46802, 91881)
    };
    let shifted = |value: i32| ((value + (1 << 15)) >> 16).clamp(0, 255) as u8;
    for (((pixel, luma), blue), red) in bgr.chunks_exact_mut(3).zip(luma).zip(blue).zip(red) {
        let y = (i32::from(*luma) - dark) * y;
        let (cb, cr) = (i32::from(*blue) - 128, i32::from(*red) - 128);
        pixel[0] = shifted(y + b_cb * cb);
        pixel[1] = shifted(y - g_cb * cb - g_cr * cr);
        pixel[2] = shifted(y + r_cr * cr);
    }
}

/// Converts BGR pixels to the two chroma planes of YCbCr, BT.601 in full range (ITU-T T.871, as JPEG has it), in 16-bit
/// fixed point. With the gray image of [`bgr_to_gray`] as Y they are the whole picture.
pub fn bgr_to_chroma(bgr: &[u8], blue: &mut [u8], red: &mut [u8]) {
    let shifted = |value: i32| ((value + (128 << 16) + (1 << 15)) >> 16).clamp(0, 255) as u8;
    for ((pixel, blue), red) in bgr.chunks_exact(3).zip(blue).zip(red) {
        let [b, g, r] = [pixel[0], pixel[1], pixel[2]].map(i32::from);
        *blue = shifted(32768 * b - 21709 * g - 11059 * r);
        *red = shifted(-5329 * b - 27439 * g + 32768 * r);
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn bgr_to_gray_dispatched(bgr: &[u8], gray: &mut [u8]) {
    // Other architectures do not know the name, and asking for it there does not compile.
    const IN_PAIRS: bool =
        cfg!(target_arch = "x86_64") && selected_target!().supports_feature_str("avx2");
    let (blocks, tail) = bgr.as_chunks::<{ 3 * BLOCK }>();
    let (gray_blocks, gray_tail) = gray.as_chunks_mut::<BLOCK>();
    for (bgr, gray) in blocks.iter().zip(gray_blocks) {
        if IN_PAIRS {
            block_in_pairs(bgr, gray);
        } else {
            pixels_one_by_one(bgr, gray);
        }
    }
    pixels_one_by_one(tail, gray_tail);
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn yuyv_to_gray_dispatched(yuyv: &[u8], gray: &mut [u8]) {
    let (blocks, tail) = yuyv.as_chunks::<{ 2 * BLOCK }>();
    let (gray_blocks, gray_tail) = gray.as_chunks_mut::<BLOCK>();
    for (yuyv, gray) in blocks.iter().zip(gray_blocks) {
        // As 16-bit numbers that are narrowed: a shuffle of bytes would take four times as long.
        for (gray, &pair) in gray.iter_mut().zip(yuyv.as_chunks::<2>().0) {
            *gray = u16::from_le_bytes(pair) as u8;
        }
    }
    for (gray, pair) in gray_tail.iter_mut().zip(tail.as_chunks::<2>().0) {
        *gray = pair[0];
    }
}

#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
fn stretch_luma_dispatched(gray: &mut [u8]) {
    let (blocks, tail) = gray.as_chunks_mut::<BLOCK>();
    for block in blocks {
        *block = stretched_block(block);
    }
    for luma in tail {
        *luma = stretched(*luma);
    }
}

/// Luma without the 16 below black, at most the 219 of white.
#[inline(always)]
fn above_black(luma: u8) -> u8 {
    luma.saturating_sub(16).min(219)
}

/// 256 times what luma above black is in full range, rounded: 255/219 is 298/256 and 21/65536 closely enough for all 220
/// values, as a test finds, and no sum has more than 16 bits.
#[inline(always)]
fn stretched_times_256(above_black: u16) -> u16 {
    above_black * 298 + ((above_black * 21) >> 8) + 128
}

#[inline(always)]
fn stretched(luma: u8) -> u8 {
    (stretched_times_256(above_black(luma).into()) >> 8) as u8
}

/// Even and odd pixels in the two halves of 16-bit lanes, so that no byte has to cross a lane to be widened or narrowed.
#[inline(always)]
fn stretched_block(luma: &[u8; BLOCK]) -> [u8; BLOCK] {
    let mut block = luma.map(above_black);
    for pair in block.as_chunks_mut::<2>().0 {
        let both = u16::from_le_bytes(*pair);
        let even = stretched_times_256(both & 0xff) >> 8;
        let odd = stretched_times_256(both >> 8) & 0xff00;
        *pair = (even | odd).to_le_bytes();
    }
    block
}

#[inline(always)]
fn pixels_one_by_one(bgr: &[u8], gray: &mut [u8]) {
    for (gray, &[b, g, r]) in gray.iter_mut().zip(bgr.as_chunks::<3>().0) {
        *gray = (luma_times_128(b.into(), g.into(), r.into()) >> 7) as u8;
    }
}

/// Separates the colours, then computes even and odd pixels in the two halves of 16-bit lanes, so that no byte has to
/// cross a lane to be widened or narrowed.
#[inline(always)]
fn block_in_pairs(bgr: &[u8; 3 * BLOCK], gray: &mut [u8; BLOCK]) {
    let mut blue = [0; BLOCK];
    let mut green = [0; BLOCK];
    let mut red = [0; BLOCK];
    for i in 0..BLOCK {
        blue[i] = bgr[3 * i];
        green[i] = bgr[3 * i + 1];
        red[i] = bgr[3 * i + 2];
    }
    let (blue, green, red) = (pairs(&blue), pairs(&green), pairs(&red));
    for (i, gray) in gray.as_chunks_mut::<2>().0.iter_mut().enumerate() {
        let (b, g, r) = (
            u16::from_le_bytes(blue[i]),
            u16::from_le_bytes(green[i]),
            u16::from_le_bytes(red[i]),
        );
        let even = luma_times_128(b & 0xff, g & 0xff, r & 0xff) >> 7;
        let odd = luma_times_128(b >> 8, g >> 8, r >> 8) << 1 & 0xff00;
        *gray = (even | odd).to_le_bytes();
    }
}

#[inline(always)]
fn pairs(plane: &[u8; BLOCK]) -> &[[u8; 2]] {
    plane.as_chunks().0
}

/// Computes luma, rounded, with 7 bits of fraction, in 16 bits: the 32-bit products of the formula cost twice as much.
///
/// A weight is `256 * high + low`. With `h` and `l` the sums of the high and of the low products, the formula is
/// `(256 * h + l + 16384) >> 15`, and because 16384 is `256 * 64` that is `(h + 64 + (l >> 8)) >> 7`, exactly. The largest
/// `l` is 65280 and the largest result 32704.
#[inline(always)]
fn luma_times_128(b: u16, g: u16, r: u16) -> u16 {
    let high = r * 38 + g * 75 + b * 14;
    let low = r * 70 + g * 35 + b * 151;
    high + 64 + (low >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formula(b: u8, g: u8, r: u8) -> u8 {
        let sum = u32::from(r) * 9798 + u32::from(g) * 19235 + u32::from(b) * 3735 + 16384;
        u8::try_from(sum >> 15).expect("the weights add up to 1")
    }

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[3]
        };
        (0..len).map(|_| next()).collect()
    }

    fn expected(bgr: &[u8]) -> Vec<u8> {
        bgr.as_chunks::<3>()
            .0
            .iter()
            .map(|&[b, g, r]| formula(b, g, r))
            .collect()
    }

    #[test]
    fn colours_survive_the_way_to_ycc_and_back() {
        let bgr = noise(3 * 999);
        let (mut gray, mut blue, mut red) = (vec![0; 999], vec![0; 999], vec![0; 999]);
        bgr_to_gray(&bgr, &mut gray);
        bgr_to_chroma(&bgr, &mut blue, &mut red);
        let mut back = vec![0; bgr.len()];
        ycc_to_bgr(&gray, &blue, &red, false, &mut back);
        // Three roundings to whole numbers.
        let close = |(one, other): (&u8, &u8)| one.abs_diff(*other) <= 2;
        assert!(bgr.iter().zip(&back).all(close));
        let mut white = [0; 3];
        ycc_to_bgr(&[235], &[128], &[128], true, &mut white);
        assert_eq!(white, [255; 3]);
    }

    #[test]
    fn limited_luma_is_stretched_as_the_formula_says_at_every_length() {
        let wanted = |luma: u8| {
            let full = (f64::from(luma) - 16.0) * 255.0 / 219.0;
            full.round().clamp(0.0, 255.0) as u8
        };
        for len in (0..=256).chain([1000]) {
            let luma: Vec<u8> = (0..len).map(|i: usize| (i % 256) as u8).collect();
            let mut gray = luma.clone();
            stretch_luma(&mut gray);
            let want: Vec<u8> = luma.into_iter().map(wanted).collect();
            assert_eq!(gray, want);
        }
    }

    #[test]
    fn every_colour_converts_as_the_formula_says() {
        // All values of red, in one image a pair of blue and green; in steps that reach both ends.
        let steps: Vec<u8> = (0..=255).step_by(5).collect();
        let mut gray = [0; 256];
        for &b in &steps {
            for &g in &steps {
                let bgr: Vec<u8> = (0..=255).flat_map(|r| [b, g, r]).collect();
                bgr_to_gray(&bgr, &mut gray);
                assert_eq!(gray[..], expected(&bgr), "blue {b}, green {g}");
            }
        }
    }

    #[test]
    fn the_16_bit_formula_is_exact_for_all_colours() {
        for b in 0..=255 {
            for g in 0..=255 {
                for r in 0..=255 {
                    let luma = luma_times_128(b.into(), g.into(), r.into()) >> 7;
                    assert_eq!(luma, u16::from(formula(b, g, r)), "{b} {g} {r}");
                }
            }
        }
    }

    #[test]
    fn noise_of_every_length_converts_and_nothing_else_is_written() {
        let bgr = noise(3 * 300);
        let want = expected(&bgr);
        for pixels in 0..=300 {
            let mut gray = vec![0xa5; 310];
            bgr_to_gray(&bgr[..3 * pixels], &mut gray);
            assert_eq!(gray[..pixels], want[..pixels]);
            assert!(
                gray[pixels..].iter().all(|&byte| byte == 0xa5),
                "{pixels} pixels"
            );
        }
    }

    #[test]
    fn a_short_gray_image_or_a_broken_pixel_ends_the_conversion() {
        let bgr = noise(3 * 100 + 2);
        let mut gray = vec![0; 70];
        bgr_to_gray(&bgr, &mut gray);
        assert_eq!(gray, expected(&bgr)[..70]);
        let mut gray = vec![0; 101];
        bgr_to_gray(&bgr, &mut gray);
        assert_eq!(gray[..100], expected(&bgr));
        assert_eq!(gray[100], 0);
    }

    #[test]
    fn equal_blue_green_and_red_are_the_gray_value_itself() {
        let bgr: Vec<u8> = (0..=255).flat_map(|v| [v; 3]).collect();
        let mut gray = [0; 256];
        bgr_to_gray(&bgr, &mut gray);
        assert!(gray.iter().copied().eq(0..=255));
    }

    #[test]
    fn yuyv_gives_its_luma_at_every_length() {
        let yuyv = noise(2 * 200 + 1);
        for pixels in 0..=200 {
            let mut gray = vec![0xa5; 201];
            yuyv_to_gray(&yuyv[..2 * pixels + 1], &mut gray);
            assert!(
                gray[..pixels]
                    .iter()
                    .zip(yuyv.iter().step_by(2))
                    .all(|(gray, y)| gray == y)
            );
            assert!(gray[pixels..].iter().all(|&byte| byte == 0xa5));
        }
    }
}
