//! A picture in cells twice as high as wide: scaled, then drawn as a ramp, blocks, braille or the terminal's own pixels.

use super::blocks::{Blocks, halves, quadrants};
use super::graphics::{Image, Shades};
use super::lens::{Lens, Protocol, Renderer};
use super::scale::{Pixels, scale, size};
use framebus::observe::Picture;

/// The rows of a drawn picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Art {
    /// Text in the terminal's own colours.
    Text(Vec<String>),
    /// Blocks in two shades of gray.
    Gray(Blocks<1>),
    /// Blocks in two colours of blue, green and red.
    Colour(Blocks<3>),
    /// The terminal's own pixels.
    Image(Image),
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
    if let Some(protocol) = lens.renderer.protocol() {
        let size = (columns, rows);
        return Some(Art::Image(image(picture, lens, protocol, size)));
    }
    let (across, down) = lens.pixels();
    let (width, height) = (columns * across, rows * down);
    if let Some(bgr) = picture.bgr.as_ref().filter(|_| lens.has_colours()) {
        let pixels = scale(picture, bgr, lens, width, height);
        return Some(Art::Colour(match lens.renderer {
            Renderer::Quadrant => quadrants(&pixels),
            _ => halves(&pixels),
        }));
    }
    let mut pixels = scale(picture, &picture.gray, lens, width, height);
    if lens.renderer == Renderer::Ramp && lens.auto_range {
        sharpen(&mut pixels);
    }
    Some(match lens.renderer {
        Renderer::Ramp => Art::Text(ramp(&pixels, light)),
        Renderer::HalfBlock => Art::Gray(halves(&pixels)),
        Renderer::Quadrant => Art::Gray(quadrants(&pixels)),
        Renderer::Braille => Art::Text(braille(&pixels, light)),
        Renderer::Pixels(_) => return None,
    })
}

/// Draws with the terminal's own pixels.
fn image(
    picture: &Picture,
    lens: &Lens,
    protocol: Protocol,
    (columns, rows): (usize, usize),
) -> Image {
    let (across, down) = lens.pixels();
    let (mut width, mut height) = (columns * across, rows * down);
    match protocol {
        // The last band has six rows as the others: what has fewer would reach into the cells below.
        Protocol::Sixel => height = (height / 6 * 6).max(6),
        // The terminal makes it larger: no more pixels are sent than there are.
        Protocol::Kitty => {
            width = width.min(picture.width as usize);
            height = height.min(picture.height as usize);
        }
    }
    let bgr = picture.bgr.as_ref().filter(|_| lens.has_colours());
    let pixels = match bgr {
        Some(bgr) => {
            let scaled = scale::<3>(picture, bgr, lens, width, height).pixels;
            Shades::Colour(scaled.into_iter().map(|[b, g, r]| [r, g, b]).collect())
        }
        None => {
            let scaled = scale::<1>(picture, &picture.gray, lens, width, height).pixels;
            Shades::Gray(scaled.into_flattened())
        }
    };
    Image {
        protocol,
        columns: columns as u16,
        rows: rows as u16,
        width,
        pixels,
    }
}

/// From dark to light on a dark background.
const RAMP: [char; 10] = [' ', '.', ':', '-', '=', '+', '*', '#', '%', '@'];

fn ramp(pixels: &Pixels<1>, light: bool) -> Vec<String> {
    let ink = |&[pixel]: &[u8; 1]| {
        let pixel = if light { 255 - pixel } else { pixel };
        RAMP[usize::from(pixel) * RAMP.len() / 256]
    };
    pixels
        .pixels
        .chunks(pixels.width)
        .map(|row| row.iter().map(ink).collect())
        .collect()
}

/// The most columns, and the fewest rows, of a picture that is sharpened: a larger one has enough cells, a smaller one too few.
const SHARPENED: (usize, usize) = (60, 5);

/// Sets every pixel of a small picture off from those around it (unsharp masking): ten characters do not tell a person
/// from the road behind, and so much of the range goes to light and shade that nobody looks for.
fn sharpen(pixels: &mut Pixels<1>) {
    let (width, height) = (pixels.width, pixels.height);
    if width > SHARPENED.0 || height < SHARPENED.1 {
        return;
    }
    let before = pixels.pixels.clone();
    let around = |x: usize, y: usize| {
        let rows = y.saturating_sub(1)..(y + 2).min(height);
        let columns = x.saturating_sub(2)..(x + 3).min(width);
        let (mut sum, mut count) = (0, 0);
        for y in rows {
            for [pixel] in &before[y * width..][columns.clone()] {
                sum += i32::from(*pixel);
                count += 1;
            }
        }
        sum / count
    };
    for (at, [pixel]) in pixels.pixels.iter_mut().enumerate() {
        let value = i32::from(*pixel);
        let edge = value - around(at % width, at / width);
        let tone = 128 + (value - 128) * 4 / 5;
        *pixel = (tone + edge * 6 / 5).clamp(0, 255) as u8;
    }
}

/// Thresholds of an ordered dither, after Bayer.
const BAYER: [[u8; 4]; 4] = [
    [8, 136, 40, 168],
    [200, 72, 232, 104],
    [56, 184, 24, 152],
    [248, 120, 216, 88],
];

/// Returns whether a pixel in this place is bright, where there is no gray.
pub(crate) fn is_bright(gray: u8, x: usize, y: usize) -> bool {
    gray >= BAYER[y % 4][x % 4]
}

fn braille(pixels: &Pixels<1>, light: bool) -> Vec<String> {
    // The bits of U+2800: dots 1, 2, 3, 7 down the left and 4, 5, 6, 8 down the right.
    const BITS: [[u32; 2]; 4] = [[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]];
    let cell = |column: usize, row: usize| {
        let mut dots = 0;
        for (y, bits) in BITS.iter().enumerate() {
            for (x, bit) in bits.iter().enumerate() {
                let (x, y) = (column * 2 + x, row * 4 + y);
                let bright = is_bright(pixels.pixels[y * pixels.width + x][0], x, y);
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
    use super::super::blocks::Block;
    use super::*;
    use crate::tui::fixture::gradient;

    fn text(art: Option<Art>) -> Vec<String> {
        match art.expect("a picture") {
            Art::Text(rows) => rows,
            Art::Gray(_) | Art::Colour(_) | Art::Image(_) => panic!("text was asked for"),
        }
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
    fn a_small_picture_sets_things_off_from_what_is_around_them() {
        // A gray thing on a slightly lighter ground, beside the black and white that take the range.
        let mut picture = gradient(40, 24);
        for (at, pixel) in picture.gray.iter_mut().enumerate() {
            let (x, y) = (at % 40, at / 40);
            *pixel = match x {
                0..4 => 0,
                36.. => 255,
                18..22 if (8..16).contains(&y) => 130,
                _ => 145,
            };
        }
        let rows = text(draw(&picture, &Lens::default(), 40, 12, false));
        let row: Vec<char> = rows[6].chars().collect();
        let ink = |at: usize| RAMP.iter().position(|glyph| *glyph == row[at]);
        assert_ne!(ink(18), ink(10), "{rows:?}");
        let plain = Lens {
            auto_range: false,
            ..Lens::default()
        };
        let rows = text(draw(&picture, &plain, 40, 12, false));
        assert_eq!(rows[6].chars().nth(18), rows[6].chars().nth(10));
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
        let half = |ink, paper| Block {
            glyph: '▀',
            ink: [ink],
            paper: [paper],
        };
        let row = vec![half(255, 0); 2];
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
    fn only_blocks_have_colours_and_gray_when_asked_for() {
        let mut picture = gradient(2, 2);
        picture.gray = vec![29, 29, 150, 150];
        picture.bgr = Some([[255, 0, 0], [255, 0, 0], [0, 255, 0], [0, 255, 0]].concat());
        let lens = Lens {
            renderer: Renderer::HalfBlock,
            auto_range: false,
            ..Lens::default()
        };
        fn half<const N: usize>(ink: [u8; N], paper: [u8; N]) -> Block<N> {
            let glyph = '▀';
            Block { glyph, ink, paper }
        }
        let row = vec![half([255, 0, 0], [0, 255, 0]); 2];
        let colour = draw(&picture, &lens, 2, 1, false);
        assert_eq!(colour, Some(Art::Colour(vec![row])));
        let row = vec![half([0, 255, 255], [255, 0, 255]); 2];
        let inverted = Lens {
            invert: true,
            ..lens
        };
        let colour = draw(&picture, &inverted, 2, 1, false);
        assert_eq!(colour, Some(Art::Colour(vec![row])));
        let gray = Lens {
            colour: false,
            ..lens
        };
        let row = vec![half([29], [150]); 2];
        let drawn = draw(&picture, &gray, 2, 1, false);
        assert_eq!(drawn, Some(Art::Gray(vec![row])));
        let quadrant = Lens {
            renderer: Renderer::Quadrant,
            ..lens
        };
        let drawn = draw(&picture, &quadrant, 1, 1, false);
        let row = vec![half([255, 0, 0], [0, 255, 0])];
        assert_eq!(drawn, Some(Art::Colour(vec![row])));
        let ramp = Lens {
            renderer: Renderer::Ramp,
            ..lens
        };
        assert_eq!(text(draw(&picture, &ramp, 2, 1, false)).len(), 1);
        picture.bgr.as_mut().map(Vec::pop);
        assert_eq!(draw(&picture, &lens, 2, 1, false), None);
    }

    #[test]
    fn pixels_are_those_of_the_terminal_and_no_more_than_it_can_use() {
        let picture = gradient(320, 180);
        let drawn = |protocol, colour| {
            let lens = Lens {
                renderer: Renderer::Pixels(protocol),
                cell: (8, 17),
                colour,
                ..Lens::default()
            };
            match draw(&picture, &lens, 32, 20, false) {
                Some(Art::Image(image)) => image,
                other => panic!("{other:?}"),
            }
        };
        let image = drawn(Protocol::Sixel, true);
        assert_eq!((image.columns, image.rows), (32, 9));
        assert_eq!((image.width, image.height()), (256, 150));
        let image = drawn(Protocol::Kitty, false);
        assert_eq!((image.width, image.height()), (256, 153));
        let near = Lens {
            renderer: Renderer::Pixels(Protocol::Kitty),
            ..Lens::default()
        };
        let Some(Art::Image(image)) = draw(&picture, &near, 100, 100, false) else {
            panic!("no picture");
        };
        assert_eq!((image.width, image.height()), (320, 180));
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
