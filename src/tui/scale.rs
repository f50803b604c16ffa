//! Part of a picture, scaled by area average and stretched, as pixels of one byte (gray) or three (blue, green, red).

use framebus::observe::Picture;

use super::lens::Lens;

/// Scaled pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pixels<const N: usize> {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<[u8; N]>,
}

/// Returns the largest size in cells, within the given one, that keeps the proportions of `picture`.
pub(crate) fn size(picture: &Picture, columns: u16, rows: u16) -> Option<(usize, usize)> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let whole = width.checked_mul(height).is_some_and(|size| {
        size > 0
            && picture.gray.len() >= size
            && picture.bgr.as_ref().is_none_or(|bgr| bgr.len() / 3 >= size)
    });
    if !whole || columns == 0 || rows == 0 {
        return None;
    }
    let aspect = width as f64 / height as f64;
    let by_height = f64::from(rows) * 2.0 * aspect;
    let across = f64::from(columns).min(by_height).round().max(1.0);
    let down = (across / aspect / 2.0).round().clamp(1.0, f64::from(rows));
    Some((across as usize, down as usize))
}

/// Averages areas of the part of `image` that is seen, and stretches them. Very large areas are sampled: at most 8 x 8 pixels each.
///
/// `image` has the size of `picture` and `N` bytes a pixel.
pub(crate) fn scale<const N: usize>(
    picture: &Picture,
    image: &[u8],
    lens: &Lens,
    width: usize,
    height: usize,
) -> Pixels<N> {
    let seen = |size: u32, centre: f64| {
        let (size, part) = (
            f64::from(size),
            f64::from(size) / f64::from(lens.zoom.max(1)),
        );
        ((centre * size - part / 2.0).clamp(0.0, size - part), part)
    };
    let ((left, across), (top, down)) = (
        seen(picture.width, lens.centre.0),
        seen(picture.height, lens.centre.1),
    );
    let edges = |start: f64, length: f64, cells: usize, limit: u32| -> Vec<(usize, usize, usize)> {
        let edge = |at: usize| (start + length * at as f64 / cells as f64) as usize;
        let range = |at| {
            let from = edge(at).min(limit as usize - 1);
            let to = edge(at + 1).clamp(from + 1, limit as usize);
            (from, to, (to - from).div_ceil(8))
        };
        (0..cells).map(range).collect()
    };
    let columns = edges(left, across, width, picture.width);
    let (all, _) = image.as_chunks::<N>();
    let mut pixels = Vec::with_capacity(width * height);
    for (y0, y1, dy) in edges(top, down, height, picture.height) {
        for &(x0, x1, dx) in &columns {
            let (mut sums, mut count) = ([0u32; N], 0u32);
            for y in (y0..y1).step_by(dy) {
                let row = &all[y * picture.width as usize..][x0..x1];
                for pixel in row.iter().step_by(dx) {
                    for (sum, value) in sums.iter_mut().zip(pixel) {
                        *sum += u32::from(*value);
                    }
                    count += 1;
                }
            }
            pixels.push(sums.map(|sum| (sum / count.max(1)) as u8));
        }
    }
    stretch(&mut pixels, lens);
    Pixels {
        width,
        height,
        pixels,
    }
}

/// Stretches from the 1st to the 99th percentile, in steps of 8 so that noise does not redraw the whole picture. Colours keep their
/// hue: all are stretched alike, by what they are together.
fn stretch<const N: usize>(pixels: &mut [[u8; N]], lens: &Lens) {
    let (low, high) = if lens.auto_range {
        range(pixels.as_flattened())
    } else {
        (0, 255)
    };
    let span = u32::from(high - low).max(1);
    for value in pixels.as_flattened_mut() {
        let stretched = u32::from(value.saturating_sub(low)) * 255 / span;
        *value = stretched.min(255) as u8;
        if lens.invert {
            *value = 255 - *value;
        }
    }
}

fn range(values: &[u8]) -> (u8, u8) {
    let mut histogram = [0usize; 256];
    for &value in values {
        histogram[usize::from(value)] += 1;
    }
    let rank = |skip: usize, mut values: Box<dyn Iterator<Item = u8>>| {
        let mut seen = 0;
        let at = values.find(|&value| {
            seen += histogram[usize::from(value)];
            seen > skip
        });
        at.unwrap_or(0)
    };
    let skip = values.len() / 100;
    let low = rank(skip, Box::new(0..=255)) / 8 * 8;
    let high = rank(skip, Box::new((0..=255).rev())).saturating_add(7) / 8 * 8;
    // A flat picture stays what it is: its noise is no content.
    if high.saturating_sub(low) < 16 {
        (0, 255)
    } else {
        (low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture::gradient;

    #[test]
    fn a_picture_keeps_its_proportions_in_cells_twice_as_high_as_wide() {
        assert_eq!(size(&gradient(1280, 720), 32, 30), Some((32, 9)));
        assert_eq!(size(&gradient(1280, 720), 100, 9), Some((32, 9)));
        assert_eq!(size(&gradient(640, 480), 40, 15), Some((40, 15)));
    }
}
