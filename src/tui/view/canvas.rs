//! Drawing into cells: rules with titles, frames and lines, cut to where there is room.

use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

use crate::tui::blocks::Block;
use crate::tui::format::width;
use crate::tui::graphics::{Image, Placed};
use crate::tui::palette;
use crate::tui::table::Line;
use crate::tui::theme::{Glyphs, Theme, Tone};
use crate::tui::thumbnail::{self, Art};

/// Where to draw, and how it looks.
pub(crate) struct Canvas<'a> {
    pub(crate) buffer: &'a mut Buffer,
    pub(crate) theme: Theme,
    pub(crate) glyphs: &'static Glyphs,
    pub(crate) true_colour: bool,
    /// The pictures that lie over cells.
    pub(crate) placed: Vec<Placed>,
}

impl Canvas<'_> {
    /// Draws a text of at most `cells` cells; returns the column after it.
    pub(crate) fn text(&mut self, x: u16, y: u16, cells: u16, tone: Tone, text: &str) -> u16 {
        self.styled(x, y, cells, self.theme.style(tone), text)
    }

    fn styled(&mut self, x: u16, y: u16, cells: u16, style: Style, text: &str) -> u16 {
        if !self.buffer.area.contains((x, y).into()) {
            return x;
        }
        // What was there is gone with its style: a picture over a rule is not dim.
        let style = Style::reset().patch(style);
        self.buffer.set_stringn(x, y, text, cells.into(), style).0
    }

    /// Draws a line of at most `cells` cells.
    pub(crate) fn line(&mut self, x: u16, y: u16, cells: u16, line: &Line) {
        let (mut at, end) = (x, x.saturating_add(cells));
        for (tone, text) in &line.0 {
            at = self.text(at, y, end.saturating_sub(at), *tone, text);
        }
    }

    /// Draws lines from the top of `area`, as many as there is room for.
    pub(crate) fn lines(&mut self, area: Rect, lines: &[Line]) {
        for (line, y) in lines.iter().zip(area.top()..area.bottom()) {
            self.line(area.x, y, area.width, line);
        }
    }

    /// Draws a rule from `x0` to `x1`, both included, with these ends and a title.
    pub(crate) fn rule(&mut self, y: u16, x: (u16, u16), ends: [&str; 2], title: &Line) {
        let (x0, x1) = x;
        let inner = x1.saturating_sub(x0).saturating_sub(1);
        let rule = self.glyphs.horizontal.repeat(inner.into());
        self.text(x0, y, 1, Tone::Dim, ends[0]);
        self.text(x0 + 1, y, inner, Tone::Dim, &rule);
        self.text(x1, y, 1, Tone::Dim, ends[1]);
        if !title.0.is_empty() {
            let cells = (title.width() as u16).min(inner.saturating_sub(2));
            self.text(x0 + 1, y, 1, Tone::Plain, " ");
            self.line(x0 + 2, y, cells, title);
            self.text(x0 + 2 + cells, y, 1, Tone::Plain, " ");
        }
    }

    /// Draws a text into a rule so that it ends before `x1`.
    pub(crate) fn rule_right(&mut self, y: u16, x1: u16, tone: Tone, text: &str) {
        let cells = width(text) as u16 + 2;
        let x = x1.saturating_sub(cells);
        self.text(x, y, cells, tone, &format!(" {text} "));
    }

    /// Draws a vertical line over the rows of `rows`.
    pub(crate) fn vertical(&mut self, x: u16, rows: std::ops::Range<u16>) {
        for y in rows {
            self.text(x, y, 1, Tone::Dim, self.glyphs.vertical);
        }
    }

    /// Draws a picture in the middle of `area`.
    pub(crate) fn art(&mut self, area: Rect, art: Art) {
        let (rows, columns) = match &art {
            Art::Text(rows) => (rows.len(), rows.first().map_or(0, |row| width(row))),
            Art::Gray(rows) => (rows.len(), rows.first().map_or(0, Vec::len)),
            Art::Colour(rows) => (rows.len(), rows.first().map_or(0, Vec::len)),
            Art::Image(image) => (image.rows.into(), image.columns.into()),
        };
        let x = area.x + area.width.saturating_sub(columns as u16) / 2;
        let y = area.y + area.height.saturating_sub(rows as u16) / 2;
        match art {
            Art::Text(rows) => {
                for (row, y) in rows.iter().zip(y..area.bottom()) {
                    self.text(x, y, area.right().saturating_sub(x), Tone::Plain, row);
                }
            }
            Art::Gray(rows) => {
                for (row, y) in rows.iter().zip(y..area.bottom()) {
                    for (cell, x) in row.iter().zip(x..area.right()) {
                        self.gray(x, y, *cell);
                    }
                }
            }
            Art::Colour(rows) => {
                for (row, y) in rows.iter().zip(y..area.bottom()) {
                    for (cell, x) in row.iter().zip(x..area.right()) {
                        let colour = |bgr| palette::colour(bgr, self.true_colour);
                        self.block(x, y, cell.glyph, [cell.ink, cell.paper].map(colour));
                    }
                }
            }
            Art::Image(image) => self.image(x, y, image),
        }
    }

    /// Leaves cells to a picture of the terminal's own pixels.
    fn image(&mut self, x: u16, y: u16, image: Image) {
        let area = Rect::new(x, y, image.columns, image.rows);
        for position in area.intersection(self.buffer.area).positions() {
            let cell = &mut self.buffer[position];
            cell.reset();
            cell.set_diff_option(CellDiffOption::Skip);
        }
        self.placed.push(Placed { area, image });
    }

    /// Draws a block in two shades; without a theme's colours as half blocks, whose ink is the upper pixel and whose paper the lower.
    fn gray(&mut self, x: u16, y: u16, block: Block<1>) {
        let shades = [block.ink, block.paper].map(|[gray]| gray);
        if self.theme != Theme::None {
            self.block(x, y, block.glyph, shades.map(palette::gray));
            return;
        }
        let bright = |gray, row| thumbnail::is_bright(gray, x.into(), row);
        let row = usize::from(y) * 2;
        let symbol = match (bright(shades[0], row), bright(shades[1], row + 1)) {
            (true, true) => "█",
            (true, false) => "▀",
            (false, true) => "▄",
            (false, false) => " ",
        };
        self.text(x, y, 1, Tone::Plain, symbol);
    }

    fn block(&mut self, x: u16, y: u16, glyph: char, [ink, paper]: [Color; 2]) {
        let style = Style::new().fg(ink).bg(paper);
        self.styled(x, y, 1, style, glyph.encode_utf8(&mut [0; 4]));
    }
}
