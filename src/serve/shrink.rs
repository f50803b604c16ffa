//! Makes pictures smaller: each pixel is the mean of those that it stands for.

use framebus::layout::Geometry;

/// The size that a picture has with so many columns: never larger than it is, and in its own proportions.
pub(super) fn shrunk(size: Geometry, width: u32) -> Geometry {
    if width >= size.width {
        return size;
    }
    let height = u64::from(size.height) * u64::from(width) + u64::from(size.width) / 2;
    let height = (height / u64::from(size.width)).max(1);
    Geometry {
        width,
        height: u32::try_from(height).unwrap_or(size.height),
    }
}

/// Makes packed pixels of `channels` bytes smaller.
pub(super) fn shrink(image: &[u8], from: Geometry, to: Geometry, channels: usize) -> Vec<u8> {
    let (width, row_len) = (to.width as usize, from.width as usize * channels);
    let mut small = Vec::with_capacity(width * to.height as usize * channels);
    let columns: Vec<(usize, usize)> = (0..to.width)
        .map(|column| part(column, from.width, to.width))
        .collect();
    let mut sums = vec![0u32; width * channels];
    for row in 0..to.height {
        let (top, bottom) = part(row, from.height, to.height);
        sums.fill(0);
        for line in image[top * row_len..bottom * row_len].chunks_exact(row_len) {
            for (sum, (left, right)) in sums.chunks_exact_mut(channels).zip(&columns) {
                for pixel in line[left * channels..right * channels].chunks_exact(channels) {
                    for (sum, value) in sum.iter_mut().zip(pixel) {
                        *sum += u32::from(*value);
                    }
                }
            }
        }
        for (sum, (left, right)) in sums.chunks_exact(channels).zip(&columns) {
            let count = ((right - left) * (bottom - top)) as u32;
            small.extend(sum.iter().map(|sum| ((sum + count / 2) / count) as u8));
        }
    }
    small
}

/// Which of `all` the part `index` of `parts` stands for: at least one.
fn part(index: u32, all: u32, parts: u32) -> (usize, usize) {
    let at = |index: u32| (u64::from(index) * u64::from(all) / u64::from(parts)) as usize;
    let (first, end) = (at(index), at(index + 1));
    (first, end.max(first + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(width: u32, height: u32) -> Geometry {
        Geometry { width, height }
    }

    #[test]
    fn a_picture_keeps_its_proportions_and_never_grows() {
        assert_eq!(shrunk(size(1280, 720), 320), size(320, 180));
        assert_eq!(shrunk(size(1280, 720), 5000), size(1280, 720));
        assert_eq!(shrunk(size(1000, 1), 10), size(10, 1));
    }

    #[test]
    fn a_pixel_is_the_mean_of_those_that_it_stands_for() {
        let image = [0, 10, 20, 30, 40, 50, 60, 71];
        assert_eq!(shrink(&image, size(4, 2), size(2, 1), 1), [25, 45]);
        let bgr = [0, 100, 200, 10, 110, 210];
        assert_eq!(shrink(&bgr, size(2, 1), size(1, 1), 3), [5, 105, 205]);
        let odd: Vec<u8> = (0..35).collect();
        let small = shrink(&odd, size(7, 5), size(3, 2), 1);
        assert_eq!(small.len(), 6);
        assert_eq!(shrink(&odd, size(7, 5), size(7, 5), 1), odd);
    }
}
