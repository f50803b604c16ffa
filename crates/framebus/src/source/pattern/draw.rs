//! What moves over the background of the test picture: a block, and the frame number.

use crate::layout::Geometry;

/// Pixels of a digit, before it is enlarged.
const GLYPH_WIDTH: usize = 5;
const GLYPH_HEIGHT: usize = 7;
/// Digits that the size is chosen for, so that the number does not change its size before it has more.
const USUAL_DIGITS: usize = 6;
const MOST_DIGITS: usize = 20;

/// Rows of the digits 0 to 9, the leftmost pixel in bit 4.
const DIGITS: [[u8; GLYPH_HEIGHT]; 10] = [
    [0x0e, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0e],
    [0x04, 0x0c, 0x04, 0x04, 0x04, 0x04, 0x0e],
    [0x0e, 0x11, 0x01, 0x02, 0x04, 0x08, 0x1f],
    [0x1f, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0e],
    [0x02, 0x06, 0x0a, 0x12, 0x1f, 0x02, 0x02],
    [0x1f, 0x10, 0x1e, 0x01, 0x01, 0x11, 0x0e],
    [0x06, 0x08, 0x10, 0x1e, 0x11, 0x11, 0x0e],
    [0x1f, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08],
    [0x0e, 0x11, 0x11, 0x0e, 0x11, 0x11, 0x0e],
    [0x0e, 0x11, 0x11, 0x0f, 0x01, 0x02, 0x0c],
];

/// Where the picture is drawn.
pub(super) struct Canvas<'a> {
    pub(super) geometry: Geometry,
    pub(super) gray: &'a mut [u8],
    pub(super) bgr: Option<&'a mut [u8]>,
}

/// A rectangle of pixels; what lies outside the image is not drawn.
#[derive(Debug, Clone, Copy)]
struct Rect {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

/// Draws a white block with a black border that bounces between the edges of the image.
///
/// It is a quarter of the image's shorter side: large enough to be seen to move in a thumbnail of 40x20 characters.
pub(super) fn block(target: &mut Canvas<'_>, frame: u64) {
    let (width, height) = sides(target.geometry);
    let side = (width.min(height) / 4).max(1);
    let border = side / 8;
    let outer = Rect {
        x: bounce(frame, width - side, 90),
        y: bounce(frame, height - side, 61),
        width: side,
        height: side,
    };
    rectangle(target, outer, 0);
    let inner = Rect {
        x: outer.x + border,
        y: outer.y + border,
        width: side - 2 * border,
        height: side - 2 * border,
    };
    rectangle(target, inner, 255);
}

/// Draws the frame number in large white digits on black, in the middle of the image.
///
/// Where an image is too narrow for all digits the last ones are drawn; where not even one fits, none.
pub(super) fn number(target: &mut Canvas<'_>, frame: u64) {
    let (width, height) = sides(target.geometry);
    let mut digits = [0; MOST_DIGITS];
    let mut used = 0;
    let mut rest = frame;
    while used < USUAL_DIGITS || rest > 0 {
        digits[used] = usize::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
        used += 1;
    }
    let scale = (width * 3 / 4 / box_width(used))
        .min(height / 3 / (GLYPH_HEIGHT + 2))
        .max(1);
    while used > 0 && box_width(used) * scale > width {
        used -= 1;
    }
    let frame_box = Rect {
        x: width.saturating_sub(box_width(used) * scale) / 2,
        y: height.saturating_sub((GLYPH_HEIGHT + 2) * scale) / 2,
        width: box_width(used) * scale,
        height: (GLYPH_HEIGHT + 2) * scale,
    };
    if used == 0 || frame_box.height > height {
        return;
    }
    rectangle(target, frame_box, 0);
    for (place, &digit) in digits[..used].iter().rev().enumerate() {
        let x = frame_box.x + (1 + place * (GLYPH_WIDTH + 1)) * scale;
        glyph(target, &DIGITS[digit], x, frame_box.y + scale, scale);
    }
}

/// Digits with a pixel between them and around them.
fn box_width(digits: usize) -> usize {
    digits * (GLYPH_WIDTH + 1) + 1
}

fn glyph(target: &mut Canvas<'_>, rows: &[u8; GLYPH_HEIGHT], x: usize, y: usize, scale: usize) {
    for (row, bits) in rows.iter().enumerate() {
        for column in (0..GLYPH_WIDTH).filter(|column| bits >> (GLYPH_WIDTH - 1 - column) & 1 == 1)
        {
            let pixel = Rect {
                x: x + column * scale,
                y: y + row * scale,
                width: scale,
                height: scale,
            };
            rectangle(target, pixel, 255);
        }
    }
}

/// Fills a rectangle with a shade of gray, in both images: B = G = R = v converts to exactly v.
fn rectangle(target: &mut Canvas<'_>, rect: Rect, shade: u8) {
    let (width, height) = sides(target.geometry);
    let columns = rect.x.min(width)..(rect.x + rect.width).min(width);
    for y in rect.y.min(height)..(rect.y + rect.height).min(height) {
        let pixels = y * width + columns.start..y * width + columns.end;
        if let Some(bgr) = &mut target.bgr {
            bgr[3 * pixels.start..3 * pixels.end].fill(shade);
        }
        target.gray[pixels].fill(shade);
    }
}

/// Moves between 0 and `reach` and back, once in `2 * frames` frames.
fn bounce(frame: u64, reach: usize, frames: u64) -> usize {
    let phase = frame % (2 * frames);
    let way = phase.min(2 * frames - phase);
    let position = way * reach as u64 / frames;
    usize::try_from(position).map_or(reach, |position| position.min(reach))
}

fn sides(geometry: Geometry) -> (usize, usize) {
    (geometry.width as usize, geometry.height as usize)
}
