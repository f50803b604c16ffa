//! A gray picture as text: scaled by area average to cells twice as high as wide, then drawn as a ramp, half blocks or braille.

use crate::observe::Picture;

/// How a picture is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Renderer {
    /// One character a cell from dark to light: the fewest bytes, any terminal.
    #[default]
    Ramp,
    /// Two gray pixels a cell: the most faithful, and 20 times the bytes.
    HalfBlock,
    /// Eight dots a cell: the finest edges.
    Braille,
}

impl Renderer {
    /// Returns the next one.
    pub(crate) const fn next(self) -> Renderer {
        match self {
            Self::Ramp => Self::HalfBlock,
            Self::HalfBlock => Self::Braille,
            Self::Braille => Self::Ramp,
        }
    }

    /// Returns what it is called.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ramp => "ramp",
            Self::HalfBlock => "half block",
            Self::Braille => "braille",
        }
    }

    /// Returns how many pixels a cell has, across and down.
    const fn pixels(self) -> (usize, usize) {
        match self {
            Self::Ramp => (1, 1),
            Self::HalfBlock => (1, 2),
            Self::Braille => (2, 4),
        }
    }
}

/// Which part of a picture is seen, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Lens {
    pub(crate) renderer: Renderer,
    /// Stretch what is seen from black to white.
    pub(crate) auto_range: bool,
    pub(crate) invert: bool,
    /// 1, 2, 4 …: this many times nearer.
    pub(crate) zoom: u32,
    /// The middle of what is seen, from 0 to 1.
    pub(crate) centre: (f64, f64),
}

impl Default for Lens {
    fn default() -> Self {
        Lens {
            renderer: Renderer::Ramp,
            auto_range: true,
            invert: false,
            zoom: 1,
            centre: (0.5, 0.5),
        }
    }
}

/// The rows of a drawn picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Art {
    /// Text in the terminal's own colours.
    Text(Vec<String>),
    /// Cells of an upper and a lower gray pixel.
    Gray(Vec<Vec<(u8, u8)>>),
}

/// Gray pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pixels {
    width: usize,
    height: usize,
    gray: Vec<u8>,
}

/// Draws `picture` into at most `columns` x `rows` cells with its proportions kept.
///
/// `light` is whether the background is light, so that ink is dark. Returns `None` when there is nothing to draw or no room.
pub(crate) fn draw(
    picture: &Picture,
    lens: &Lens,
    columns: u16,
    rows: u16,
    light: bool,
) -> Option<Art> {
    let (columns, rows) = size(picture, columns, rows)?;
    let (across, down) = lens.renderer.pixels();
    let mut pixels = scale(picture, lens, columns * across, rows * down);
    stretch(&mut pixels, lens);
    Some(match lens.renderer {
        Renderer::Ramp => Art::Text(ramp(&pixels, light)),
        Renderer::HalfBlock => Art::Gray(half_blocks(&pixels)),
        Renderer::Braille => Art::Text(braille(&pixels, light)),
    })
}

/// Returns the largest size in cells, within the given one, that keeps the proportions of `picture`.
pub(crate) fn size(picture: &Picture, columns: u16, rows: u16) -> Option<(usize, usize)> {
    let (width, height) = (picture.width as usize, picture.height as usize);
    let whole = width
        .checked_mul(height)
        .is_some_and(|size| size > 0 && picture.gray.len() >= size);
    if !whole || columns == 0 || rows == 0 {
        return None;
    }
    let aspect = width as f64 / height as f64;
    let by_height = f64::from(rows) * 2.0 * aspect;
    let across = f64::from(columns).min(by_height).round().max(1.0);
    let down = (across / aspect / 2.0).round().clamp(1.0, f64::from(rows));
    Some((across as usize, down as usize))
}

/// Averages areas of the part that is seen. Very large areas are sampled: at most 8 x 8 pixels each.
fn scale(picture: &Picture, lens: &Lens, width: usize, height: usize) -> Pixels {
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
    let mut gray = Vec::with_capacity(width * height);
    for (y0, y1, dy) in edges(top, down, height, picture.height) {
        for &(x0, x1, dx) in &columns {
            let (mut sum, mut count) = (0u32, 0u32);
            for y in (y0..y1).step_by(dy) {
                let row = &picture.gray[y * picture.width as usize..][x0..x1];
                for &pixel in row.iter().step_by(dx) {
                    sum += u32::from(pixel);
                    count += 1;
                }
            }
            gray.push((sum / count.max(1)) as u8);
        }
    }
    Pixels {
        width,
        height,
        gray,
    }
}

/// Stretches from the 1st to the 99th percentile, in steps of 8 so that noise does not redraw the whole picture.
fn stretch(pixels: &mut Pixels, lens: &Lens) {
    let (low, high) = if lens.auto_range {
        range(&pixels.gray)
    } else {
        (0, 255)
    };
    let span = u32::from(high - low).max(1);
    for pixel in &mut pixels.gray {
        let value = u32::from(pixel.saturating_sub(low)) * 255 / span;
        *pixel = value.min(255) as u8;
        if lens.invert {
            *pixel = 255 - *pixel;
        }
    }
}

fn range(gray: &[u8]) -> (u8, u8) {
    let mut histogram = [0usize; 256];
    for &pixel in gray {
        histogram[usize::from(pixel)] += 1;
    }
    let rank = |skip: usize, mut values: Box<dyn Iterator<Item = u8>>| {
        let mut seen = 0;
        let at = values.find(|&value| {
            seen += histogram[usize::from(value)];
            seen > skip
        });
        at.unwrap_or(0)
    };
    let skip = gray.len() / 100;
    let low = rank(skip, Box::new(0..=255)) / 8 * 8;
    let high = rank(skip, Box::new((0..=255).rev())).saturating_add(7) / 8 * 8;
    // A flat picture stays what it is: its noise is no content.
    if high.saturating_sub(low) < 16 {
        (0, 255)
    } else {
        (low, high)
    }
}

/// From dark to light on a dark background.
const RAMP: [char; 10] = [' ', '.', ':', '-', '=', '+', '*', '#', '%', '@'];

fn ramp(pixels: &Pixels, light: bool) -> Vec<String> {
    let ink = |&pixel: &u8| {
        let pixel = if light { 255 - pixel } else { pixel };
        RAMP[usize::from(pixel) * RAMP.len() / 256]
    };
    pixels
        .gray
        .chunks(pixels.width)
        .map(|row| row.iter().map(ink).collect())
        .collect()
}

fn half_blocks(pixels: &Pixels) -> Vec<Vec<(u8, u8)>> {
    let rows = pixels.gray.chunks(pixels.width * 2);
    rows.map(|two| {
        let (upper, lower) = two.split_at(pixels.width);
        upper.iter().copied().zip(lower.iter().copied()).collect()
    })
    .collect()
}

/// Thresholds of an ordered dither, after Bayer.
const BAYER: [[u8; 4]; 4] = [
    [8, 136, 40, 168],
    [200, 72, 232, 104],
    [56, 184, 24, 152],
    [248, 120, 216, 88],
];

fn braille(pixels: &Pixels, light: bool) -> Vec<String> {
    // The bits of U+2800: dots 1, 2, 3, 7 down the left and 4, 5, 6, 8 down the right.
    const BITS: [[u32; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
    let cell = |column: usize, row: usize| {
        let mut dots = 0;
        for (y, bits) in BITS.iter().enumerate() {
            for (x, bit) in bits.iter().enumerate() {
                let (x, y) = (column * 2 + x, row * 4 + y);
                let bright = pixels.gray[y * pixels.width + x] >= BAYER[y % 4][x % 4];
                dots |= if bright == light { 0 } else { *bit };
            }
        }
        char::from_u32(0x2800 + dots).unwrap_or(' ')
    };
    (0..pixels.height / 4)
        .map(|row| {
            (0..pixels.width / 2)
                .map(|column| cell(column, row))
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture::gradient;

    fn text(art: Option<Art>) -> Vec<String> {
        match art.expect("a picture") {
            Art::Text(rows) => rows,
            Art::Gray(_) => panic!("text was asked for"),
        }
    }

    #[test]
    fn a_picture_keeps_its_proportions_in_cells_twice_as_high_as_wide() {
        assert_eq!(size(&gradient(1280, 720), 32, 30), Some((32, 9)));
        assert_eq!(size(&gradient(1280, 720), 100, 9), Some((32, 9)));
        assert_eq!(size(&gradient(640, 480), 40, 15), Some((40, 15)));
    }

    #[test]
    fn a_gradient_goes_through_the_whole_ramp() {
        assert_eq!(
            text(draw(&gradient(100, 20), &Lens::default(), 10, 1, false)),
            [" .:-=+*#%@"]
        );
        assert_eq!(
            text(draw(&gradient(100, 20), &Lens::default(), 10, 1, true)),
            ["@%#*+=-:. "]
        );
        let inverted = Lens {
            invert: true,
            ..Lens::default()
        };
        assert_eq!(
            text(draw(&gradient(100, 20), &inverted, 10, 1, false)),
            ["@%#*+=-:. "]
        );
    }

    #[test]
    fn the_range_is_stretched_only_when_asked_for_and_never_for_noise() {
        let mut dim = gradient(100, 20);
        dim.gray
            .iter_mut()
            .for_each(|pixel| *pixel = 80 + *pixel / 3);
        let plain = Lens {
            auto_range: false,
            ..Lens::default()
        };
        assert_eq!(text(draw(&dim, &plain, 10, 1, false)), ["---===+++*"]);
        assert!(text(draw(&dim, &Lens::default(), 10, 1, false))[0].starts_with(" ."));
        dim.gray
            .iter_mut()
            .for_each(|pixel| *pixel = 100 + *pixel % 4);
        assert_eq!(
            text(draw(&dim, &Lens::default(), 10, 1, false)),
            ["----------"]
        );
    }

    #[test]
    fn zoom_shows_a_part_and_pan_stops_at_the_edge() {
        let lens = Lens {
            auto_range: false,
            zoom: 4,
            centre: (1.0, 0.5),
            ..Lens::default()
        };
        assert!(text(draw(&gradient(1000, 100), &lens, 10, 1, false))[0].ends_with("%@@@@"));
        let lens = Lens { zoom: 4096, ..lens };
        assert_eq!(text(draw(&gradient(1000, 100), &lens, 2, 1, false)), ["@@"]);
    }

    #[test]
    fn half_blocks_have_two_pixels_and_braille_eight_dots_a_cell() {
        let mut picture = gradient(4, 4);
        picture.gray = [[255u8; 8], [0; 8]].concat();
        let lens = Lens {
            renderer: Renderer::HalfBlock,
            ..Lens::default()
        };
        let row = vec![(255, 0); 2];
        assert_eq!(
            draw(&picture, &lens, 2, 1, false),
            Some(Art::Gray(vec![row]))
        );
        let lens = Lens {
            renderer: Renderer::Braille,
            ..lens
        };
        assert_eq!(text(draw(&picture, &lens, 2, 1, false)), ["⠛⠛"]);
        assert_eq!(text(draw(&picture, &lens, 2, 1, true)), ["⣤⣤"]);
    }

    #[test]
    fn a_picture_with_too_few_pixels_is_not_drawn() {
        let mut picture = gradient(10, 10);
        picture.gray.pop();
        assert_eq!(draw(&picture, &Lens::default(), 5, 5, false), None);
        picture.width = 0;
        assert_eq!(draw(&picture, &Lens::default(), 5, 5, false), None);
    }
}
