//! How pictures are looked at.

/// How a picture is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Renderer {
    /// One character a cell from dark to light: the fewest bytes, any terminal.
    #[default]
    Ramp,
    /// Two pixels a cell, gray or in colour: faithful, and 20 times the bytes.
    HalfBlock,
    /// Four pixels a cell in two shades or colours: the finest that is still gray.
    Quadrant,
    /// Eight dots a cell: the finest edges.
    Braille,
    /// The terminal's own pixels, for one that shows them.
    Pixels(Protocol),
}

/// How a terminal is sent pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// DEC's, as in xterm, foot, mlterm and WezTerm.
    Sixel,
    /// Kitty's, also in Ghostty and Konsole.
    Kitty,
}

impl Renderer {
    /// Returns the next one; pixels are among them where the person said that the terminal shows them.
    pub(crate) fn next(self, protocol: Option<Protocol>) -> Renderer {
        match self {
            Self::Ramp => Self::HalfBlock,
            Self::HalfBlock => Self::Quadrant,
            Self::Quadrant => Self::Braille,
            Self::Braille => protocol.map_or(Self::Ramp, Self::Pixels),
            Self::Pixels(_) => Self::Ramp,
        }
    }

    /// Returns how pixels are sent, if they are.
    pub(crate) const fn protocol(self) -> Option<Protocol> {
        match self {
            Self::Pixels(protocol) => Some(protocol),
            Self::Ramp | Self::HalfBlock | Self::Quadrant | Self::Braille => None,
        }
    }

    /// Returns what it is called.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ramp => "ramp",
            Self::HalfBlock => "half block",
            Self::Quadrant => "quadrant",
            Self::Braille => "braille",
            Self::Pixels(Protocol::Sixel) => "sixel",
            Self::Pixels(Protocol::Kitty) => "kitty",
        }
    }
}

/// The pixels of a cell, where the terminal does not tell: those of a VT340.
const CELL: (u16, u16) = (10, 20);

/// Which part of a picture is seen, and how.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Lens {
    pub(crate) renderer: Renderer,
    /// How the terminal is sent pixels, if it shows some.
    pub(crate) protocol: Option<Protocol>,
    /// How many pixels of the terminal a cell has, across and down.
    pub(crate) cell: (u16, u16),
    /// In colour, where the renderer and the picture have colours.
    pub(crate) colour: bool,
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
            protocol: None,
            cell: CELL,
            colour: true,
            auto_range: true,
            invert: false,
            zoom: 1,
            centre: (0.5, 0.5),
        }
    }
}

impl Lens {
    /// Returns whether colours are seen of a picture that has some.
    pub(crate) fn has_colours(&self) -> bool {
        self.colour && !matches!(self.renderer, Renderer::Ramp | Renderer::Braille)
    }

    /// Notes the terminal's size in cells and in pixels; one that does not know its pixels says 0.
    pub(crate) fn measure(&mut self, cells: (u16, u16), pixels: (u16, u16)) {
        let part = |pixels: u16, cells: u16| pixels.checked_div(cells).filter(|part| *part > 0);
        let cell = part(pixels.0, cells.0).zip(part(pixels.1, cells.1));
        self.cell = cell.unwrap_or(CELL);
    }

    /// Returns how many pixels are drawn in a cell, across and down.
    pub(super) const fn pixels(&self) -> (usize, usize) {
        match self.renderer {
            Renderer::Ramp => (1, 1),
            Renderer::HalfBlock => (1, 2),
            Renderer::Quadrant => (2, 2),
            Renderer::Braille => (2, 4),
            Renderer::Pixels(_) => (self.cell.0 as usize, self.cell.1 as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_has_what_the_terminal_says_or_a_usual_size() {
        let mut lens = Lens::default();
        lens.measure((80, 24), (640, 408));
        assert_eq!(lens.cell, (8, 17));
        for (cells, pixels) in [
            ((80, 24), (0, 0)),
            ((0, 0), (640, 408)),
            ((80, 24), (79, 408)),
        ] {
            lens.measure(cells, pixels);
            assert_eq!(lens.cell, CELL);
        }
    }

    #[test]
    fn pixels_are_chosen_only_where_there_are_some() {
        assert_eq!(Renderer::Braille.next(None), Renderer::Ramp);
        let sixel = Renderer::Pixels(Protocol::Sixel);
        assert_eq!(Renderer::Braille.next(Some(Protocol::Sixel)), sixel);
        assert_eq!(sixel.next(Some(Protocol::Sixel)), Renderer::Ramp);
    }
}
