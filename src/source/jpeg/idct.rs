//! From coefficients to pixels: the inverse cosine transform of 8x8 blocks.
//!
//! It is that of C. Loeffler, A. Ligtenberg and G. Moschytz (ICASSP 1989) with 12 multiplications, in 13-bit fixed point, as
//! libjpeg's `jidctint.c` has it. Eight columns are one vector; the compiler makes one
//! instruction of it where the processor has those.

use std::num::Wrapping;

use multiversion::multiversion;

/// A block: its coefficients, columns behind one another, times their quantisers.
pub(super) type Block = [i16; 64];

/// Transforms a row of blocks into 8 rows of pixels, which begin `stride` apart. What stands out of `width` or of the last
/// row is not written. `last` says of each block the place of its last coefficient, in zigzag order.
#[multiversion(targets(
    "x86_64+avx512f+avx512bw+avx512dq+avx512vl",
    "x86_64+avx2",
    "aarch64+neon"
))]
pub(super) fn transform_row(
    blocks: &[Block],
    last: &[u8],
    pixels: &mut [u8],
    stride: usize,
    width: usize,
) {
    for (number, (block, last)) in blocks.iter().zip(last).enumerate() {
        let x = 8 * number;
        if x >= width {
            return;
        }
        let len = (width - x).min(8);
        let rows = pixels.chunks_mut(stride).take(8);
        if *last == 0 {
            let gray = clamp(((i32::from(block[0]) + 4) >> 3) + 128);
            for row in rows {
                row[x..x + len].fill(gray);
            }
            continue;
        }
        let values = transform(block);
        for (row, values) in rows.zip(&values) {
            if let Some(whole) = row.get_mut(x..x + 8).filter(|_| len == 8) {
                whole.copy_from_slice(values);
            } else {
                row[x..x + len].copy_from_slice(&values[..len]);
            }
        }
    }
}

/// 64 numbers; what is in `[8 * n..8 * n + 8]` is one vector.
type Numbers = [i32; 64];

#[inline(always)]
fn clamp(value: i32) -> u8 {
    value.clamp(0, 255) as u8
}

#[inline(always)]
fn transform(block: &Block) -> [[u8; 8]; 8] {
    let mut columns = [0; 64];
    for (to, from) in columns.iter_mut().zip(block) {
        *to = i32::from(*from);
    }
    // Along the rows, then along the columns.
    let along = one_dimension::<11, 0>(&columns);
    let mut rows = [0; 64];
    for y in 0..8 {
        for x in 0..8 {
            rows[8 * y + x] = along[8 * x + y];
        }
    }
    let down = one_dimension::<18, 128>(&rows);
    let mut pixels = [[0; 8]; 8];
    for (pixel, value) in pixels.as_flattened_mut().iter_mut().zip(&down) {
        *pixel = clamp(*value);
    }
    pixels
}

/// Transforms eight lanes at once: the loop is what the compiler makes a vector of. What damaged pictures have may overflow,
/// and wraps.
#[inline(always)]
fn one_dimension<const SHIFT: u32, const ADD: i32>(v: &Numbers) -> Numbers {
    let mut result = [0; 64];
    let round = Wrapping((1 << (SHIFT - 1)) + (ADD << SHIFT));
    for lane in 0..8 {
        let at = |number: usize| Wrapping(v[8 * number + lane]);
        let z1 = (at(2) + at(6)) * Wrapping(4433);
        let even2 = z1 - at(6) * Wrapping(15137);
        let even3 = z1 + at(2) * Wrapping(6270);
        let even0 = ((at(0) + at(4)) << 13) + round;
        let even1 = ((at(0) - at(4)) << 13) + round;
        let (a0, a3) = (even0 + even3, even0 - even3);
        let (a1, a2) = (even1 + even2, even1 - even2);
        let z5 = (at(7) + at(3) + at(5) + at(1)) * Wrapping(9633);
        let z1 = (at(7) + at(1)) * Wrapping(-7373);
        let z2 = (at(5) + at(3)) * Wrapping(-20995);
        let z3 = (at(7) + at(3)) * Wrapping(-16069) + z5;
        let z4 = (at(5) + at(1)) * Wrapping(-3196) + z5;
        let odd0 = at(7) * Wrapping(2446) + z1 + z3;
        let odd1 = at(5) * Wrapping(16819) + z2 + z4;
        let odd2 = at(3) * Wrapping(25172) + z2 + z3;
        let odd3 = at(1) * Wrapping(12299) + z1 + z4;
        let mut set = |number: usize, value: Wrapping<i32>| {
            result[8 * number + lane] = value.0 >> SHIFT;
        };
        set(0, a0 + odd3);
        set(1, a1 + odd2);
        set(2, a2 + odd1);
        set(3, a3 + odd0);
        set(4, a3 - odd0);
        set(5, a2 - odd1);
        set(6, a1 - odd2);
        set(7, a0 - odd3);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::{FRAC_1_SQRT_2, PI};

    /// The formula of T.81, A.3.3.
    fn formula(block: &Block) -> Vec<f64> {
        let scale = |n: usize| if n == 0 { FRAC_1_SQRT_2 } else { 1.0 };
        let wave = |x: usize, n: usize| ((2 * x + 1) as f64 * n as f64 * PI / 16.0).cos();
        let mut pixels = Vec::new();
        for y in 0..8 {
            for x in 0..8 {
                let mut sum = 0.0;
                for v in 0..8 {
                    for u in 0..8 {
                        let value = f64::from(block[8 * u + v]);
                        sum += scale(u) * scale(v) * value * wave(x, u) * wave(y, v);
                    }
                }
                pixels.push((sum / 4.0 + 128.0).clamp(0.0, 255.0));
            }
        }
        pixels
    }

    #[test]
    fn pixels_are_those_of_the_formula_within_one() {
        let mut random = 1_u32;
        for round in 0..50 {
            let mut block = [0; 64];
            for (place, value) in block.iter_mut().enumerate() {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let size = 400 / (place as i32 + 1) + 3;
                *value = ((random >> 8) as i32 % size - size / 2) as i16;
            }
            let mut pixels = vec![0; 8 * 11];
            let last = if round == 0 { 0 } else { 63 };
            if round == 0 {
                block[1..].fill(0);
            }
            transform_row(&[block], &[last], &mut pixels, 11, 8);
            for (number, expected) in formula(&block).iter().enumerate() {
                let got = f64::from(pixels[number / 8 * 11 + number % 8]);
                assert!((got - expected).abs() <= 1.0, "{number}: {got} {expected}");
            }
        }
    }

    #[test]
    fn what_stands_out_is_not_written() {
        let mut pixels = [7; 2 * 13];
        transform_row(
            &[[0; 64], [0; 64], [0; 64]],
            &[0, 5, 5],
            &mut pixels,
            13,
            11,
        );
        assert_eq!(pixels[..11], [128; 11]);
        assert_eq!(pixels[11..13], [7, 7]);
        assert_eq!(pixels[13..24], [128; 11]);
    }
}
