//! YCbCr as cameras and videos have it, to BGR and to each other.

use super::ycc_to_bgr;
use crate::layout::{ColorRange, Format, Plane};

/// Converts an image in NV12, I420, YUYV or RGB to packed BGR. In limited range the result is bit for bit that of OpenCV's
/// `COLOR_YUV2BGR_NV12`, `_I420` and `_YUY2` (BT.601 in 20-bit fixed point); in full range it is JPEG's formula. Each chroma
/// value serves the pixels it stands for. `false` for another format, or where lengths are not those of the plane.
pub fn to_bgr(plane: &Plane, image: &[u8], bgr: &mut [u8]) -> bool {
    let Some(size) = plane.size() else {
        return false;
    };
    let known = plane.format.len(size) == Some(image.len()) && plane.format.fits(size);
    if !known || bgr.len() != size.bgr_len() {
        return false;
    }
    let (width, height) = (size.width as usize, size.height as usize);
    let full = plane.range == ColorRange::Full;
    let (luma, chroma) = image.split_at(size.gray_len().min(image.len()));
    match plane.format {
        Format::BGR8 => bgr.copy_from_slice(image),
        Format::RGB8 => {
            swap_red_and_blue(image, bgr);
        }
        Format::NV12 => {
            for (row, (luma, bgr)) in rows(luma, bgr, width).enumerate() {
                let chroma = &chroma[row / 2 * width..][..width];
                let blue = chroma.iter().step_by(2).flat_map(|value| [*value; 2]);
                let red = chroma
                    .iter()
                    .skip(1)
                    .step_by(2)
                    .flat_map(|value| [*value; 2]);
                convert_row(luma, blue, red, full, bgr);
            }
        }
        Format::I420 => {
            let half = width / 2;
            let (blues, reds) = chroma.split_at(half * (height / 2));
            for (row, (luma, bgr)) in rows(luma, bgr, width).enumerate() {
                let own = row / 2 * half..(row / 2 + 1) * half;
                let blue = blues[own.clone()].iter().flat_map(|value| [*value; 2]);
                let red = reds[own].iter().flat_map(|value| [*value; 2]);
                convert_row(luma, blue, red, full, bgr);
            }
        }
        Format::YUYV => {
            for (row, bgr) in image
                .chunks_exact(2 * width)
                .zip(bgr.chunks_exact_mut(3 * width))
            {
                let luma: Vec<u8> = row.iter().step_by(2).copied().collect();
                let pairs = row.as_chunks::<4>().0;
                let blue = pairs.iter().flat_map(|pair| [pair[1]; 2]);
                let red = pairs.iter().flat_map(|pair| [pair[3]; 2]);
                convert_row(&luma, blue, red, full, bgr);
            }
        }
        _ => return false,
    }
    true
}

/// The rows of luma and of BGR, side by side.
fn rows<'a>(
    luma: &'a [u8],
    bgr: &'a mut [u8],
    width: usize,
) -> impl Iterator<Item = (&'a [u8], &'a mut [u8])> {
    luma.chunks_exact(width)
        .zip(bgr.chunks_exact_mut(3 * width))
}

/// RGB from BGR, or BGR from RGB.
pub(super) fn swap_red_and_blue(from: &[u8], to: &mut [u8]) {
    let pixels = to.as_chunks_mut::<3>().0.iter_mut();
    for (to, from) in pixels.zip(from.as_chunks::<3>().0) {
        *to = [from[2], from[1], from[0]];
    }
}

fn convert_row(
    luma: &[u8],
    blue: impl Iterator<Item = u8>,
    red: impl Iterator<Item = u8>,
    full: bool,
    bgr: &mut [u8],
) {
    if full {
        let (blue, red): (Vec<u8>, Vec<u8>) = blue.zip(red).unzip();
        ycc_to_bgr(luma, &blue, &red, false, bgr);
        return;
    }
    let chroma = blue.zip(red);
    for ((pixel, luma), (blue, red)) in bgr.as_chunks_mut::<3>().0.iter_mut().zip(luma).zip(chroma)
    {
        *pixel = limited_pixel(*luma, blue, red);
    }
}

/// In units of 1/2^20: 1.164, 1.596, 0.813, 0.391, 2.018.
fn limited_pixel(luma: u8, blue: u8, red: u8) -> [u8; 3] {
    let y = (i32::from(luma) - 16).max(0) * 1_220_542;
    let (cb, cr) = (i32::from(blue) - 128, i32::from(red) - 128);
    let half = 1 << 19;
    let shifted = |value: i32| (value >> 20).clamp(0, 255) as u8;
    [
        shifted(y + half + 2_116_026 * cb),
        shifted(y + half - 852_492 * cr - 409_993 * cb),
        shifted(y + half + 1_673_527 * cr),
    ]
}

/// Makes NV12 of I420 or I420 of NV12, which have the same numbers in another order. `false` for other formats, or sizes
/// that are not the same.
pub fn reorder(from: &Plane, image: &[u8], to: &Plane, target: &mut [u8]) -> bool {
    let formats = [Format::NV12, Format::I420];
    let fits = formats.contains(&from.format)
        && formats.contains(&to.format)
        && (from.width, from.height) == (to.width, to.height)
        && image.len() == from.bytes()
        && target.len() == image.len();
    if !fits {
        return false;
    }
    if from.format == to.format {
        target.copy_from_slice(image);
        return true;
    }
    let pixels = from.width as usize * from.height as usize;
    target[..pixels].copy_from_slice(&image[..pixels]);
    let (chroma, target) = (&image[pixels..], &mut target[pixels..]);
    let half = chroma.len() / 2;
    for index in 0..half {
        if to.format == Format::NV12 {
            target[2 * index] = chroma[index];
            target[2 * index + 1] = chroma[half + index];
        } else {
            target[index] = chroma[2 * index];
            target[half + index] = chroma[2 * index + 1];
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Geometry;

    fn plane(format: Format, range: ColorRange) -> Plane {
        let size = Geometry::new(4, 2).expect("a size");
        Plane {
            range,
            ..Plane::of(format, size).expect("a plane")
        }
    }

    #[test]
    fn the_three_orders_of_one_picture_are_one_picture() {
        let luma = [16, 235, 81, 145, 41, 210, 106, 170];
        let nv12 = [&luma[..], &[90, 240, 54, 34]].concat();
        let i420 = [&luma[..], &[90, 54, 240, 34]].concat();
        let (from, to) = (
            plane(Format::NV12, ColorRange::Limited),
            plane(Format::I420, ColorRange::Limited),
        );
        let mut other = vec![0; 12];
        assert!(reorder(&from, &nv12, &to, &mut other));
        assert_eq!(other, i420);
        assert!(reorder(&to, &i420, &from, &mut other));
        assert_eq!(other, nv12);
        let (mut one, mut two) = ([0; 24], [0; 24]);
        assert!(to_bgr(&from, &nv12, &mut one) && to_bgr(&to, &i420, &mut two));
        assert_eq!(one, two);
        assert!(!to_bgr(&to, &i420[1..], &mut two));
        assert!(!to_bgr(
            &plane(Format::GRAY16, ColorRange::Full),
            &[0; 16],
            &mut two
        ));
    }

    #[test]
    fn black_and_white_are_those_of_the_range() {
        let image = [16, 16, 235, 235, 16, 16, 235, 235, 128, 128, 128, 128];
        let mut bgr = [7; 24];
        assert!(to_bgr(
            &plane(Format::I420, ColorRange::Limited),
            &image,
            &mut bgr
        ));
        assert_eq!(bgr[..12], [0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255, 255]);
        assert!(to_bgr(
            &plane(Format::I420, ColorRange::Full),
            &image,
            &mut bgr
        ));
        assert_eq!(
            bgr[..12],
            [16, 16, 16, 16, 16, 16, 235, 235, 235, 235, 235, 235]
        );
    }
}
