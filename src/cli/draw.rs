//! A picture made of text: half blocks in colour, or an ASCII ramp.

use std::fmt::Write;

use crate::sink::Pixels;
use framebus::layout::Geometry;

/// From dark to bright.
const RAMP: &[u8] = b" .:-=+*#%@";

/// Draws an image at most `columns` wide and `rows` high, in its proportions; a character is twice as high as wide.
pub(super) fn draw(
    geometry: Geometry,
    pixels: Pixels<'_>,
    columns: u32,
    rows: u32,
    color: bool,
) -> String {
    let (width, height) = (f64::from(geometry.width), f64::from(geometry.height));
    let scale = (f64::from(columns) / width).min(f64::from(2 * rows) / height);
    let columns = ((width * scale) as u32).clamp(1, columns);
    let rows = ((height * scale / 2.0) as u32).clamp(1, rows);
    let image = Shrunk {
        geometry,
        pixels,
        columns,
        rows: 2 * rows,
    };
    let mut text = String::new();
    for row in 0..rows {
        for column in 0..columns {
            let (top, bottom) = (image.mean(column, 2 * row), image.mean(column, 2 * row + 1));
            // Writing to a String cannot fail.
            let _ = if color {
                let ([r, g, b], [low_r, low_g, low_b]) = (top, bottom);
                write!(
                    text,
                    "\x1b[38;2;{r};{g};{b};48;2;{low_r};{low_g};{low_b}m\u{2580}"
                )
            } else {
                let gray = (luma(top) + luma(bottom)) / 2;
                write!(text, "{}", char::from(RAMP[gray * (RAMP.len() - 1) / 255]))
            };
        }
        text.push_str(if color { "\x1b[0m\n" } else { "\n" });
    }
    text
}

struct Shrunk<'a> {
    geometry: Geometry,
    pixels: Pixels<'a>,
    columns: u32,
    rows: u32,
}

impl Shrunk<'_> {
    /// The mean of the pixels that one cell covers: red, green, blue.
    fn mean(&self, column: u32, row: u32) -> [u8; 3] {
        let span = |at: u32, cells: u32, pixels: u32| {
            let edge = |at: u32| (u64::from(at) * u64::from(pixels) / u64::from(cells)) as usize;
            let (first, end) = (edge(at), edge(at + 1));
            let first = first.min(pixels as usize - 1);
            first..end.max(first + 1)
        };
        let Geometry { width, height } = self.geometry;
        let mut sums = [0u64; 3];
        let mut count = 0;
        for y in span(row, self.rows, height) {
            for x in span(column, self.columns, width) {
                let at = y * width as usize + x;
                let [r, g, b] = match self.pixels {
                    Pixels::Gray(gray) => [gray[at]; 3],
                    Pixels::Bgr(bgr) => [bgr[3 * at + 2], bgr[3 * at + 1], bgr[3 * at]],
                };
                for (sum, value) in sums.iter_mut().zip([r, g, b]) {
                    *sum += u64::from(value);
                }
                count += 1;
            }
        }
        sums.map(|sum| u8::try_from(sum / count).unwrap_or(u8::MAX))
    }
}

fn luma([r, g, b]: [u8; 3]) -> usize {
    (usize::from(r) * 299 + usize::from(g) * 587 + usize::from(b) * 114) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Geometry = Geometry {
        width: 4,
        height: 2,
    };

    #[test]
    fn dark_is_blank_and_bright_is_dense() {
        let gray = [0, 0, 255, 255, 0, 0, 255, 255];
        assert_eq!(draw(SIZE, Pixels::Gray(&gray), 4, 10, false), "  @@\n");
        assert_eq!(draw(SIZE, Pixels::Gray(&gray), 2, 10, false), " @\n");
    }

    #[test]
    fn a_half_block_is_two_pixels() {
        let bgr = [[255, 0, 0], [0, 0, 255]].concat();
        let size = Geometry {
            width: 1,
            height: 2,
        };
        let text = draw(size, Pixels::Bgr(&bgr), 1, 1, true);
        assert_eq!(text, "\u{1b}[38;2;0;0;255;48;2;255;0;0m\u{2580}\u{1b}[0m\n");
    }
}
