//! A picture as lines of text: what `framebus peek` prints, drawn as the view draws it.

use std::fmt::Write;

use framebus::observe::Picture;
use ratatui::style::Color;

use super::blocks::Blocks;
use super::lens::{Lens, Renderer};
use super::palette;
use super::thumbnail::{self, Art};

/// How a picture is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PictureOptions {
    /// The most cells in a row.
    pub columns: u16,
    /// The most rows.
    pub rows: u16,
    /// Whether escape codes colour it: blocks, instead of characters from dark to light.
    pub colour: bool,
    /// Whether the terminal has 24-bit colours; else it has 256.
    pub true_colour: bool,
    /// Whether the background is light, so that characters are dark.
    pub light: bool,
}

/// Writes a picture as large as there is room for; every row ends with a line break. Without pixels it is empty.
#[must_use]
pub fn render_picture(picture: &Picture, options: PictureOptions) -> String {
    let renderer = if options.colour {
        Renderer::Quadrant
    } else {
        Renderer::Ramp
    };
    let lens = Lens {
        renderer,
        ..Lens::default()
    };
    let (columns, rows) = (options.columns, options.rows);
    match thumbnail::draw(picture, &lens, columns, rows, options.light) {
        // Neither renderer makes pixels.
        None | Some(Art::Image(_)) => String::new(),
        Some(Art::Text(rows)) => rows.iter().map(|row| format!("{row}\n")).collect(),
        Some(Art::Gray(rows)) => blocks(&rows, |[gray]| palette::gray(gray)),
        Some(Art::Colour(rows)) => blocks(&rows, |bgr| palette::colour(bgr, options.true_colour)),
    }
}

fn blocks<const N: usize>(rows: &Blocks<N>, colour: impl Fn([u8; N]) -> Color) -> String {
    let mut text = String::new();
    for row in rows {
        let mut before = None;
        for cell in row {
            let colours = [cell.ink, cell.paper].map(&colour);
            if before != Some(colours) {
                let [ink, paper] = colours.map(code);
                // Writing to a String cannot fail.
                let _ = write!(text, "\x1b[38;{ink};48;{paper}m");
                before = Some(colours);
            }
            text.push(cell.glyph);
        }
        text.push_str("\x1b[0m\n");
    }
    text
}

/// What selects a colour of the palette in an escape code, after 38 or 48.
fn code(colour: Color) -> String {
    match colour {
        Color::Rgb(r, g, b) => format!("2;{r};{g};{b}"),
        Color::Indexed(number) => format!("5;{number}"),
        // The palette has no others.
        _ => "5;0".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: PictureOptions = PictureOptions {
        columns: 4,
        rows: 10,
        colour: false,
        true_colour: true,
        light: false,
    };

    fn picture(width: u32, height: u32, gray: &[u8], bgr: Option<Vec<u8>>) -> Picture {
        Picture {
            width,
            height,
            slot: 0,
            sequence: 1,
            gray: gray.to_vec(),
            bgr,
            metadata: Vec::new(),
        }
    }

    #[test]
    fn dark_is_blank_and_bright_is_dense_or_the_other_way_round() {
        let half = picture(4, 2, &[0, 0, 255, 255, 0, 0, 255, 255], None);
        assert_eq!(render_picture(&half, PLAIN), "  @@\n");
        let small = PictureOptions {
            columns: 2,
            ..PLAIN
        };
        assert_eq!(render_picture(&half, small), " @\n");
        let light = PictureOptions {
            light: true,
            ..PLAIN
        };
        assert_eq!(render_picture(&half, light), "@@  \n");
        assert_eq!(render_picture(&picture(4, 2, &[], None), PLAIN), "");
    }

    #[test]
    fn a_block_is_two_colours_of_what_colours_the_terminal_has() {
        let bgr = [[255, 0, 0], [0, 0, 255]].concat();
        let blue_over_red = picture(1, 2, &[29, 76], Some(bgr));
        let colour = PictureOptions {
            columns: 1,
            colour: true,
            ..PLAIN
        };
        assert_eq!(
            render_picture(&blue_over_red, colour),
            "\u{1b}[38;2;0;0;255;48;2;255;0;0m▀\u{1b}[0m\n"
        );
        let few = PictureOptions {
            true_colour: false,
            ..colour
        };
        assert_eq!(
            render_picture(&blue_over_red, few),
            "\u{1b}[38;5;21;48;5;196m▀\u{1b}[0m\n"
        );
        let black_over_white = picture(2, 2, &[0, 0, 255, 255], None);
        let two = PictureOptions {
            columns: 2,
            ..colour
        };
        assert_eq!(
            render_picture(&black_over_white, two),
            "\u{1b}[38;5;232;48;5;255m▀▀\u{1b}[0m\n"
        );
    }
}
