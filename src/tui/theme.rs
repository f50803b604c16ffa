//! What a text means, and how that looks: colours are only here, and no meaning is in a colour alone.

use ratatui::style::{Color, Modifier, Style};

/// The colours of `top`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Theme {
    /// For a dark background.
    #[default]
    Dark,
    /// For a light background.
    Light,
    /// No colours: bold, dim and reverse only.
    None,
}

/// What a text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Dim,
    Title,
    Head,
    Good,
    Warn,
    Bad,
    Key,
    Selected,
}

impl Theme {
    /// Returns the theme that `T` changes to.
    pub(crate) const fn next(self) -> Theme {
        match self {
            Self::Dark => Self::Light,
            Self::Light => Self::None,
            Self::None => Self::Dark,
        }
    }

    /// Returns the name of the theme.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Dark => "dark",
            Self::Light => "light",
            Self::None => "none",
        }
    }

    /// Returns how `tone` looks.
    pub(crate) fn style(self, tone: Tone) -> Style {
        let style = Style::new();
        let modifier = match tone {
            Tone::Plain | Tone::Good => Modifier::empty(),
            Tone::Dim => Modifier::DIM,
            Tone::Selected => Modifier::REVERSED,
            Tone::Title | Tone::Head | Tone::Bad | Tone::Key => Modifier::BOLD,
            Tone::Warn if self == Self::None => Modifier::BOLD,
            Tone::Warn => Modifier::empty(),
        };
        let colour = match (self, tone) {
            (Self::Dark, Tone::Title | Tone::Key) => Some(Color::Cyan),
            (Self::Dark, Tone::Good) => Some(Color::Green),
            (Self::Dark, Tone::Warn) => Some(Color::Yellow),
            (Self::Dark, Tone::Bad) => Some(Color::LightRed),
            // Yellow and cyan are hard to read on white.
            (Self::Light, Tone::Title | Tone::Key) => Some(Color::Blue),
            (Self::Light, Tone::Good) => Some(Color::Green),
            (Self::Light, Tone::Warn) => Some(Color::Magenta),
            (Self::Light, Tone::Bad) => Some(Color::Red),
            _ => None,
        };
        colour
            .map_or(style, |colour| style.fg(colour))
            .add_modifier(modifier)
    }

    /// Returns the escape code that starts `tone` in printed text; empty where it is plain.
    pub(crate) const fn escape(tone: Tone) -> &'static str {
        match tone {
            Tone::Plain | Tone::Selected => "",
            Tone::Dim => "\x1b[2m",
            Tone::Title | Tone::Key | Tone::Head => "\x1b[1m",
            Tone::Good => "\x1b[32m",
            Tone::Warn => "\x1b[33m",
            Tone::Bad => "\x1b[1;31m",
        }
    }
}

/// The characters that are drawn with: Unicode, or what every terminal has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Glyphs {
    pub(crate) ascii: bool,
    pub(crate) horizontal: &'static str,
    pub(crate) vertical: &'static str,
    pub(crate) top: [&'static str; 3],
    pub(crate) middle: [&'static str; 2],
    pub(crate) cross: [&'static str; 3],
    pub(crate) bottom: [&'static str; 3],
    pub(crate) dot: &'static str,
    pub(crate) cut: char,
    pub(crate) marker: &'static str,
    pub(crate) bars: [char; 8],
    /// A second without a value.
    pub(crate) track: char,
    /// A slot in one second: never seen, free, latest, written, held for a part of it, held.
    pub(crate) strip: [char; 6],
}

/// Box drawing and block characters.
pub(crate) static UNICODE: Glyphs = Glyphs {
    ascii: false,
    horizontal: "─",
    vertical: "│",
    top: ["┌", "┬", "┐"],
    middle: ["├", "┤"],
    cross: ["┬", "┴", "┼"],
    bottom: ["└", "┴", "┘"],
    dot: "·",
    cut: '…',
    marker: "▶",
    track: '·',
    bars: ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
    strip: [' ', '·', '▪', '▫', '▒', '█'],
};

/// ASCII only.
pub(crate) static ASCII: Glyphs = Glyphs {
    ascii: true,
    horizontal: "-",
    vertical: "|",
    top: ["+", "+", "+"],
    middle: ["+", "+"],
    cross: ["+", "+", "+"],
    bottom: ["+", "+", "+"],
    dot: "-",
    cut: '~',
    marker: ">",
    track: ' ',
    bars: ['_', '.', ':', '-', '=', '+', '*', '#'],
    strip: [' ', '.', 'o', 'w', '+', '#'],
};

impl Glyphs {
    /// Returns the set for a terminal.
    pub(crate) const fn of(ascii: bool) -> &'static Glyphs {
        if ascii { &ASCII } else { &UNICODE }
    }

    /// Draws values as bars from 0 to `top`; a missing value is a gap.
    pub(crate) fn bars(&self, values: impl Iterator<Item = Option<f32>>, top: f32) -> String {
        let bar = |value: f32| {
            let share = if top > 0.0 {
                (value / top).clamp(0.0, 1.0)
            } else {
                0.0
            };
            self.bars[((share * 8.0).ceil() as usize).clamp(1, 8) - 1]
        };
        values.map(|value| value.map_or(self.track, bar)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TONES: [Tone; 9] = [
        Tone::Plain,
        Tone::Dim,
        Tone::Title,
        Tone::Head,
        Tone::Good,
        Tone::Warn,
        Tone::Bad,
        Tone::Key,
        Tone::Selected,
    ];

    #[test]
    fn the_theme_without_colours_has_none() {
        for tone in TONES {
            let style = Theme::None.style(tone);
            assert_eq!((style.fg, style.bg), (None, None), "{tone:?}");
        }
    }

    #[test]
    fn the_light_theme_uses_no_colour_that_white_swallows() {
        for tone in TONES {
            let pale = [Color::Yellow, Color::White, Color::Cyan, Color::LightGreen];
            assert!(
                !Theme::Light
                    .style(tone)
                    .fg
                    .is_some_and(|fg| pale.contains(&fg)),
                "{tone:?}"
            );
        }
    }

    #[test]
    fn ascii_glyphs_are_ascii() {
        assert!(ASCII.bars.iter().chain(&ASCII.strip).all(char::is_ascii));
        assert_eq!(
            ASCII.bars([Some(0.0), None, Some(30.0)].into_iter(), 30.0),
            "_ #"
        );
    }
}
