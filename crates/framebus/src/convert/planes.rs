//! Any plane from the images that a source has written: gray, BGR, or one in its own format.

use super::yuv::swap_red_and_blue;
use super::{bgr_to_gray, stretch_luma};
use crate::layout::{ColorRange, Format, Geometry, Plane};

/// What there is of a frame, each image of the frame's size without padding.
#[derive(Debug, Clone, Copy, Default)]
pub struct Images<'a> {
    /// The size of the frame.
    pub geometry: Geometry,
    /// Gray in full range.
    pub gray: Option<&'a [u8]>,
    /// Blue, green and red in full range.
    pub bgr: Option<&'a [u8]>,
}

/// What is used for planes that are made from others.
#[derive(Debug, Default)]
pub struct Scratch {
    small: Vec<u8>,
}

/// Writes a plane from the images that there are: colours from BGR, or without colour from gray, and gray from gray, or
/// from BGR. A smaller plane is the mean of the pixels it stands for, as OpenCV's `INTER_AREA`. `false` when the images are
/// not enough, or not of the size they say, or when nothing of this library makes the plane's format.
pub fn fill_plane(
    plane: &Plane,
    target: &mut [u8],
    images: &Images<'_>,
    scratch: &mut Scratch,
) -> bool {
    let Some(size) = plane.size() else {
        return false;
    };
    let pixels = images.geometry.gray_len();
    let gray = images.gray.filter(|gray| gray.len() == pixels);
    let bgr = images.bgr.filter(|bgr| bgr.len() == 3 * pixels);
    if target.len() != plane.bytes() {
        return false;
    }
    let is_gray = [Format::GRAY8, Format::GRAY16].contains(&plane.format);
    let (image, channels) = match (gray, bgr) {
        (Some(gray), _) if is_gray => (gray, 1),
        (_, Some(bgr)) => (bgr, 3),
        (Some(gray), None) => (gray, 1),
        (None, None) => return false,
    };
    if size == images.geometry {
        return write(plane.format, size, image, channels, target);
    }
    let (across, down) = (
        images.geometry.width / size.width,
        images.geometry.height / size.height,
    );
    if across == 0 || down == 0 {
        return false;
    }
    scratch.small.resize(channels * size.gray_len(), 0);
    let image = Image {
        pixels: image,
        width: images.geometry.width as usize,
        channels,
    };
    shrink(
        &image,
        (across.min(down)) as usize,
        size,
        &mut scratch.small,
    );
    write(plane.format, size, &scratch.small, channels, target)
}

/// Converts an image of 1 or 3 channels to a format.
fn write(format: Format, size: Geometry, image: &[u8], channels: usize, target: &mut [u8]) -> bool {
    let colour = channels == 3;
    match format {
        Format::GRAY8 if colour => bgr_to_gray(image, target),
        Format::GRAY8 => target.copy_from_slice(image),
        Format::GRAY16 => {
            for (index, pair) in target.as_chunks_mut::<2>().0.iter_mut().enumerate() {
                // 255 becomes 65535, as OpenCV's convertTo(CV_16U, 257) has it.
                let value = if colour {
                    let mut gray = [0];
                    bgr_to_gray(&image[3 * index..3 * index + 3], &mut gray);
                    gray[0]
                } else {
                    image[index]
                };
                *pair = [value; 2];
            }
        }
        Format::BGR8 if colour => target.copy_from_slice(image),
        Format::RGB8 if colour => {
            swap_red_and_blue(image, target);
        }
        Format::BGR8 | Format::RGB8 => {
            for (pixel, gray) in target.as_chunks_mut::<3>().0.iter_mut().zip(image) {
                *pixel = [*gray; 3];
            }
        }
        Format::NV12 | Format::I420 | Format::YUYV => to_yuv(format, size, image, channels, target),
        _ => return false,
    }
    true
}

/// Weights of BT.601 in limited range, in units of 1/2^20: those of OpenCV's `COLOR_BGR2YUV_I420`.
const LUMA: [i32; 3] = [102_760, 528_482, 269_484];
const CB: [i32; 3] = [460_324, -305_135, -155_188];
const CR: [i32; 3] = [-74_448, -385_875, 460_324];

fn weighted(pixel: [u8; 3], weights: [i32; 3], black: i32) -> u8 {
    let sum: i32 = pixel
        .iter()
        .zip(weights)
        .map(|(value, weight)| i32::from(*value) * weight)
        .sum();
    ((sum + (1 << 19) + (black << 20)) >> 20).clamp(0, 255) as u8
}

/// Luma of every pixel and chroma of the top left one of each 2x2 (of each pair in YUYV), as OpenCV's conversion does.
fn to_yuv(format: Format, size: Geometry, image: &[u8], channels: usize, target: &mut [u8]) {
    let (width, height) = (size.width as usize, size.height as usize);
    let pixel = |index: usize| match channels {
        3 => [image[3 * index], image[3 * index + 1], image[3 * index + 2]],
        _ => [image[index]; 3],
    };
    if format == Format::YUYV {
        for (index, pair) in target.as_chunks_mut::<4>().0.iter_mut().enumerate() {
            let (left, right) = (pixel(2 * index), pixel(2 * index + 1));
            *pair = [
                weighted(left, LUMA, 16),
                weighted(left, CB, 128),
                weighted(right, LUMA, 16),
                weighted(left, CR, 128),
            ];
        }
        return;
    }
    let (luma, chroma) = target.split_at_mut(width * height);
    for (index, luma) in luma.iter_mut().enumerate() {
        *luma = weighted(pixel(index), LUMA, 16);
    }
    let quarter = width * height / 4;
    for row in 0..height / 2 {
        for column in 0..width / 2 {
            let corner = pixel(2 * row * width + 2 * column);
            let index = row * (width / 2) + column;
            let (blue, red) = if format == Format::NV12 {
                (2 * index, 2 * index + 1)
            } else {
                (index, quarter + index)
            };
            chroma[blue] = weighted(corner, CB, 128);
            chroma[red] = weighted(corner, CR, 128);
        }
    }
}

/// An image whose channels are side by side.
struct Image<'a> {
    pixels: &'a [u8],
    width: usize,
    channels: usize,
}

/// Each pixel the mean of `factor` times `factor`, rounded half to even; what is left over at the right and below is not
/// looked at.
fn shrink(image: &Image<'_>, factor: usize, size: Geometry, target: &mut [u8]) {
    let channels = image.channels;
    let row_len = image.width * channels;
    let area = u32::try_from(factor * factor).unwrap_or(u32::MAX);
    let mut sums = vec![0u32; size.width as usize * channels];
    for (y, row) in target.chunks_exact_mut(sums.len()).enumerate() {
        sums.fill(0);
        for source in image
            .pixels
            .chunks_exact(row_len)
            .skip(y * factor)
            .take(factor)
        {
            for (sum, block) in sums
                .chunks_exact_mut(channels)
                .zip(source.chunks_exact(factor * channels))
            {
                for pixel in block.chunks_exact(channels) {
                    for (sum, value) in sum.iter_mut().zip(pixel) {
                        *sum += u32::from(*value);
                    }
                }
            }
        }
        for (pixel, sum) in row.iter_mut().zip(&sums) {
            *pixel = mean(*sum, area);
        }
    }
}

fn mean(sum: u32, area: u32) -> u8 {
    // OpenCV takes the upper half for 2x2, where it has integers, and the even one elsewhere.
    let (whole, rest) = (sum / area, sum % area);
    let up = match (2 * rest).cmp(&area) {
        std::cmp::Ordering::Less => 0,
        std::cmp::Ordering::Equal if area == 4 => 1,
        std::cmp::Ordering::Equal => whole & 1,
        std::cmp::Ordering::Greater => 1,
    };
    (whole + up) as u8
}

/// Gray of an image in any format that this library knows, for whoever looks at a bus without a gray plane; `None` for one
/// that it does not, or that is cut short. Luma in limited range is stretched.
#[must_use]
pub fn gray_of(plane: &Plane, image: &[u8]) -> Option<Vec<u8>> {
    let mut gray = vec![0; plane.size()?.gray_len()];
    gray_into(plane, image, &mut gray).then_some(gray)
}

/// Writes what [`gray_of`] returns; `false` where that is nothing, or `gray` has another length.
pub fn gray_into(plane: &Plane, image: &[u8], gray: &mut [u8]) -> bool {
    let Some(size) = plane.size() else {
        return false;
    };
    if image.len() != plane.bytes()
        || plane.format.len(size) != Some(image.len())
        || gray.len() != size.gray_len()
    {
        return false;
    }
    match plane.format {
        Format::GRAY8 => gray.copy_from_slice(image),
        Format::GRAY16 => {
            for (gray, pair) in gray.iter_mut().zip(image.as_chunks::<2>().0) {
                *gray = pair[1];
            }
        }
        Format::BGR8 => bgr_to_gray(image, gray),
        Format::RGB8 => {
            for (gray, rgb) in gray.chunks_mut(256).zip(image.chunks(3 * 256)) {
                let mut bgr = [0; 3 * 256];
                swap_red_and_blue(rgb, &mut bgr);
                bgr_to_gray(&bgr, gray);
            }
        }
        Format::NV12 | Format::I420 => gray.copy_from_slice(&image[..size.gray_len()]),
        Format::YUYV => super::yuyv_to_gray(image, gray),
        _ => return false,
    }
    let has_luma = plane.format != Format::BGR8 && plane.format != Format::RGB8;
    if plane.range == ColorRange::Limited && has_luma {
        stretch_luma(gray);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::PlaneSpec;

    fn size(width: u32, height: u32) -> Geometry {
        Geometry::new(width, height).expect("a size")
    }

    fn made(text: &str, images: &Images<'_>) -> Option<Vec<u8>> {
        let spec: PlaneSpec = text.parse().expect("a plane");
        let plane = spec.plane(images.geometry).expect("its size");
        let mut target = vec![0xa5; plane.bytes()];
        fill_plane(&plane, &mut target, images, &mut Scratch::default()).then_some(target)
    }

    #[test]
    fn planes_are_made_of_what_there_is() {
        let bgr: Vec<u8> = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [9, 9, 9]].concat();
        let gray = [29, 150, 76, 9];
        let geometry = size(2, 2);
        let both = Images {
            geometry,
            gray: Some(&gray),
            bgr: Some(&bgr),
        };
        let mono = Images { bgr: None, ..both };
        let colour = Images { gray: None, ..both };
        assert_eq!(made("gray", &colour), Some(gray.to_vec()));
        assert_eq!(made("gray", &mono), Some(gray.to_vec()));
        assert_eq!(
            made("gray16", &both),
            Some(vec![29, 29, 150, 150, 76, 76, 9, 9])
        );
        assert_eq!(made("gray16", &colour), made("gray16", &both));
        assert_eq!(
            made("rgb", &both),
            Some(vec![0, 0, 255, 0, 255, 0, 255, 0, 0, 9, 9, 9])
        );
        assert_eq!(
            made("bgr", &mono).map(|bgr| bgr[..6].to_vec()),
            Some(vec![29, 29, 29, 150, 150, 150])
        );
        // The chroma of gray is in the middle.
        assert_eq!(
            made("nv12", &mono).map(|image| image[4..].to_vec()),
            Some(vec![128, 128])
        );
        assert_eq!(
            made("i420", &both).map(|image| image[4..].to_vec()),
            Some(vec![240, 110])
        );
        assert_eq!(
            made(
                "gray",
                &Images {
                    geometry,
                    ..Images::default()
                }
            ),
            None
        );
        assert_eq!(made("meta", &both), None);
    }

    #[test]
    fn a_smaller_plane_is_the_mean_of_its_pixels() {
        let gray: Vec<u8> = vec![1, 2, 10, 10, 0, 3, 4, 20, 20, 0, 9, 9, 9, 9, 9];
        let images = Images {
            geometry: size(5, 3),
            gray: Some(&gray),
            bgr: None,
        };
        // (1 + 2 + 3 + 4) / 4 = 2.5, and the third row and the fifth column are left over.
        assert_eq!(made("gray/2", &images), Some(vec![3, 15]));
        assert_eq!(made("gray/3", &images), Some(vec![7]));
    }

    #[test]
    fn gray_is_found_in_every_format() {
        let bgr: Vec<u8> = (0..4 * 4 * 3).map(|i| (i * 5) as u8).collect();
        let images = Images {
            geometry: size(4, 4),
            gray: None,
            bgr: Some(&bgr),
        };
        let gray = made("gray", &images).expect("gray");
        for text in ["gray", "gray16", "bgr", "rgb", "nv12", "i420", "yuyv"] {
            let spec: PlaneSpec = text.parse().expect("a plane");
            let plane = spec.plane(images.geometry).expect("its size");
            let image = made(text, &images).expect("the plane");
            let seen = gray_of(&plane, &image).expect("gray");
            let near = seen
                .iter()
                .zip(&gray)
                .all(|(one, other)| one.abs_diff(*other) <= 2);
            assert!(near, "{text}: {seen:?}, not {gray:?}");
            assert_eq!(gray_of(&plane, &image[1..]), None);
        }
    }
}
