//! Sixel: bands of six rows, each as many passes as it has colours.
//!
//! Written here: the palette is the same for every picture, 16 shades of gray (as many registers as a VT340 has) or a cube of 216
//! colours, so that nothing flickers and nothing has to be computed; encoders in use make a palette for each picture.

use std::io::{self, Write};

use super::{Image, Shades};

/// Shades of gray.
const GRAYS: usize = 16;
/// Steps of each of three colours.
const STEPS: usize = 6;

/// Writes a picture; the cursor is in its upper left cell.
pub(super) fn write(out: &mut impl Write, image: &Image) -> io::Result<()> {
    let (width, height) = (image.width, image.height());
    // 0;1: what is not drawn stays; 1;1: square pixels; the size, so that a terminal can make room at once.
    write!(out, "\x1bP0;1q\"1;1;{width};{height}")?;
    let indices: Vec<u8> = match &image.pixels {
        Shades::Gray(pixels) => {
            for gray in 0..GRAYS {
                let percent = gray * 100 / (GRAYS - 1);
                write!(out, "#{gray};2;{percent};{percent};{percent}")?;
            }
            let shade = |(at, gray): (usize, &u8)| step(*gray, at % width, at / width, GRAYS);
            pixels.iter().enumerate().map(shade).collect()
        }
        Shades::Colour(pixels) => {
            let percent = |step: usize| step * 100 / (STEPS - 1);
            for number in 0..STEPS.pow(3) {
                let (r, g, b) = (
                    number / STEPS / STEPS,
                    number / STEPS % STEPS,
                    number % STEPS,
                );
                let (r, g, b) = (percent(r), percent(g), percent(b));
                write!(out, "#{number};2;{r};{g};{b}")?;
            }
            let shade = |(at, rgb): (usize, &[u8; 3])| {
                rgb.iter().fold(0, |number, value| {
                    number * STEPS as u8 + step(*value, at % width, at / width, STEPS)
                })
            };
            pixels.iter().enumerate().map(shade).collect()
        }
    };
    for (number, band) in indices.chunks(width * 6).enumerate() {
        if number > 0 {
            out.write_all(b"-")?;
        }
        write_band(out, band, width)?;
    }
    out.write_all(b"\x1b\\")
}

/// Thresholds of an ordered dither over 4 x 4 pixels, after Bayer, in sixteenths.
const BAYER: [[usize; 4]; 4] = [[0, 8, 2, 10], [12, 4, 14, 6], [3, 11, 1, 9], [15, 7, 13, 5]];

/// Returns which of `steps` steps from 0 to 255 stands for `value` here: the one below or above it, so that their mean is right.
fn step(value: u8, x: usize, y: usize, steps: usize) -> u8 {
    let threshold = BAYER[y % 4][x % 4] * 2 + 1;
    ((usize::from(value) * (steps - 1) * 32 + threshold * 255) / (255 * 32)) as u8
}

/// Writes six rows: a pass for each colour that is in them.
fn write_band(out: &mut impl Write, band: &[u8], width: usize) -> io::Result<()> {
    // Of every colour that is in the band, which of the six rows of each column have it.
    let mut passes: [Option<Vec<u8>>; 256] = [const { None }; 256];
    for (y, row) in band.chunks(width).enumerate() {
        for (x, colour) in row.iter().enumerate() {
            passes[usize::from(*colour)].get_or_insert_with(|| vec![0; width])[x] |= 1 << y;
        }
    }
    let passes = passes.iter().enumerate();
    let passes = passes.filter_map(|(colour, columns)| Some((colour, columns.as_ref()?)));
    for (number, (colour, columns)) in passes.enumerate() {
        if number > 0 {
            out.write_all(b"$")?;
        }
        write!(out, "#{colour}")?;
        let mut runs = columns.chunk_by(|a, b| a == b).peekable();
        while let Some(run) = runs.next() {
            // What is empty up to the end of the row is left out.
            if run[0] != 0 || runs.peek().is_some() {
                write_run(out, run[0], run.len())?;
            }
        }
    }
    Ok(())
}

fn write_run(out: &mut impl Write, bits: u8, count: usize) -> io::Result<()> {
    let letter = [b'?' + bits];
    if count > 3 {
        write!(out, "!{count}")?;
        return out.write_all(&letter);
    }
    (0..count).try_for_each(|_| out.write_all(&letter))
}

#[cfg(test)]
mod tests {
    use super::super::Protocol;
    use super::*;

    /// Reads what `write` writes: percent of red, green and blue of every pixel.
    fn read(bytes: &[u8]) -> (usize, Vec<[u8; 3]>) {
        let text = std::str::from_utf8(bytes).expect("text");
        let body = text.strip_prefix("\x1bP0;1q\"1;1;").expect("a start");
        let body = body.strip_suffix("\x1b\\").expect("an end");
        let at = body.find('#').expect("a palette");
        let (width, height) = body[..at].split_once(';').expect("a size");
        let (width, height): (usize, usize) = (
            width.parse().expect("a number"),
            height.parse().expect("a number"),
        );
        let (mut palette, mut colour) = (vec![[0; 3]; 256], 0);
        let mut pixels = vec![[255; 3]; width * height];
        let (mut x, mut y, mut count) = (0, 0, 1);
        let mut rest = &body[at..];
        while let Some(letter) = rest.chars().next() {
            rest = &rest[1..];
            let end = rest
                .find(|c: char| !(c.is_ascii_digit() || c == ';'))
                .unwrap_or(rest.len());
            let numbers: Vec<usize> = rest[..end]
                .split(';')
                .filter_map(|number| number.parse().ok())
                .collect();
            match (letter, &numbers[..]) {
                ('#', [number, 2, rgb @ ..]) => {
                    palette[*number] = [0, 1, 2].map(|at| rgb[at] as u8)
                }
                ('#', [number]) => colour = *number,
                ('!', [number]) => count = *number,
                ('$', []) => x = 0,
                ('-', []) => (x, y) = (0, y + 6),
                ('?'..='~', []) => {
                    for _ in 0..std::mem::replace(&mut count, 1) {
                        for row in (0..6).filter(|row| (letter as u8 - b'?') >> row & 1 == 1) {
                            pixels[(y + row) * width + x] = palette[colour];
                        }
                        x += 1;
                    }
                }
                other => panic!("{other:?}"),
            }
            rest = &rest[end..];
        }
        (width, pixels)
    }

    fn image(width: usize, pixels: Shades) -> Image {
        Image {
            protocol: Protocol::Sixel,
            columns: 1,
            rows: 1,
            width,
            pixels,
        }
    }

    #[test]
    fn every_pixel_is_drawn_and_the_mean_is_kept() {
        for (width, height) in [(1, 1), (4, 6), (37, 12), (64, 13)] {
            for gray in [0, 1, 90, 128, 254, 255] {
                let mut bytes = Vec::new();
                let one = image(width, Shades::Gray(vec![gray; width * height]));
                write(&mut bytes, &one).expect("bytes");
                let (across, pixels) = read(&bytes);
                assert_eq!((across, pixels.len()), (width, width * height));
                let sum: f64 = pixels.iter().map(|[red, ..]| f64::from(*red)).sum();
                let mean = sum / pixels.len() as f64 * 2.55;
                let off = if width < 4 { 17.0 } else { 4.0 };
                assert!(
                    (mean - f64::from(gray)).abs() < off,
                    "{width}x{height} {gray}: {mean}"
                );
            }
        }
    }

    #[test]
    fn an_edge_is_where_it_was_and_colours_are_in_their_order() {
        let mut bytes = Vec::new();
        let gray = (0..8 * 7)
            .map(|at| if at % 8 < 3 { 0 } else { 255 })
            .collect();
        write(&mut bytes, &image(8, Shades::Gray(gray))).expect("bytes");
        let (_, pixels) = read(&bytes);
        for (at, pixel) in pixels.iter().enumerate() {
            assert_eq!(*pixel, if at % 8 < 3 { [0; 3] } else { [100; 3] });
        }
        bytes.clear();
        let colours = vec![[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]];
        write(&mut bytes, &image(4, Shades::Colour(colours))).expect("bytes");
        let (_, pixels) = read(&bytes);
        assert_eq!(pixels, [[100, 0, 0], [0, 100, 0], [0, 0, 100], [100; 3]]);
    }

    #[test]
    fn a_flat_picture_takes_few_bytes() {
        let mut bytes = Vec::new();
        write(&mut bytes, &image(640, Shades::Gray(vec![255; 640 * 360]))).expect("bytes");
        assert!(bytes.len() < 1_000, "{}", bytes.len());
    }
}
