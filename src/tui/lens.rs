//! How pictures are looked at.

/// How a picture is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Renderer {
    /// One character a cell from dark to light: the fewest bytes, any terminal.
    #[default]
    Ramp,
    /// Two pixels a cell, gray or in colour: the most faithful, and 20 times the bytes.
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
    pub(super) const fn pixels(self) -> (usize, usize) {
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
        self.colour && self.renderer == Renderer::HalfBlock
    }
}
