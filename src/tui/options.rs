//! What the view starts with, and what the environment says of the terminal.

use std::path::PathBuf;
use std::time::Duration;

use super::{Renderer, Theme};

/// What the view starts with.
#[derive(Debug, Clone)]
pub struct Options {
    /// The bus that is shown first.
    pub bus: String,
    /// Whether the screen of all buses is shown first.
    pub all_buses: bool,
    /// How often it is sampled: from 0.1 s to 10 s.
    pub interval: Duration,
    /// How often pictures are copied and drawn; View draws them five times a second when this is below 1 s.
    pub picture_interval: Duration,
    /// How pictures are drawn.
    pub renderer: Renderer,
    /// The colours.
    pub theme: Theme,
    /// Whether the terminal is asked, once at the start, if its background is light.
    pub asks_background: bool,
    /// Whether the terminal has 24-bit colours, for pictures; else it has 256.
    pub true_colour: bool,
    /// Whether only ASCII is drawn.
    pub ascii: bool,
    /// Whether the mouse is used.
    pub mouse: bool,
    /// Whether pictures are drawn beside the tables.
    pub thumbnails: bool,
    /// Where `w` and `e` write their files.
    pub directory: PathBuf,
    /// Quit after so many samples, and leave the last screen on the terminal.
    pub samples: Option<u64>,
}

impl Options {
    /// Returns what suits the terminal that the environment describes; `variable` looks one up.
    ///
    /// `NO_COLOR` takes the colours out; `COLORFGBG` tells a light background; `COLORTERM` 24-bit colours; over SSH (`SSH_CONNECTION`) pictures come once a
    /// second; the mouse is off until `m`; a locale without UTF-8 or `TERM=linux` means ASCII.
    ///
    /// # Examples
    /// ```
    /// let options = framebus_cli::tui::Options::detect("cam0", |name| std::env::var(name).ok());
    /// assert_eq!(options.bus, "cam0");
    /// ```
    pub fn detect(bus: &str, variable: impl Fn(&str) -> Option<String>) -> Options {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let background =
            set("COLORFGBG").and_then(|value| value.rsplit(';').next()?.parse::<u8>().ok());
        let theme = match background {
            _ if set("NO_COLOR").is_some() => Theme::None,
            Some(7 | 15) => Theme::Light,
            _ => Theme::Dark,
        };
        let ascii = !supports_utf8(&variable);
        let ssh = set("SSH_CONNECTION").is_some();
        Options {
            bus: bus.to_owned(),
            all_buses: false,
            interval: Duration::from_millis(500),
            picture_interval: Duration::from_millis(if ssh { 1000 } else { 500 }),
            // Where there are colours and UTF-8 a small picture is recognised in blocks alone.
            renderer: match theme {
                _ if ascii => Renderer::Ramp,
                Theme::None => Renderer::Braille,
                Theme::Dark | Theme::Light => Renderer::Quadrant,
            },
            theme,
            // Never over a slow line: an answer that comes late would be taken for keys, and be seen.
            asks_background: background.is_none()
                && theme != Theme::None
                && !ssh
                && set("TERM").is_some_and(|term| answers(&term)),
            true_colour: matches!(set("COLORTERM").as_deref(), Some("truecolor" | "24bit")),
            ascii,
            mouse: false,
            thumbnails: true,
            directory: PathBuf::from("."),
            samples: None,
        }
    }
}

/// Whether a terminal of this name answers what its colours are, or at least says what it is, and shows nothing of the question.
fn answers(term: &str) -> bool {
    const KNOWN: [&str; 10] = [
        "xterm",
        "tmux",
        "screen",
        "rxvt",
        "alacritty",
        "foot",
        "kitty",
        "wezterm",
        "ghostty",
        "konsole",
    ];
    KNOWN.iter().any(|known| term.starts_with(known))
}

/// Returns whether the environment describes a terminal that shows UTF-8; `variable` looks one up.
pub fn supports_utf8(variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let locale = set("LC_ALL")
        .or_else(|| set("LC_CTYPE"))
        .or_else(|| set("LANG"));
    let utf8 = locale.is_some_and(|locale| locale.to_lowercase().replace('-', "").contains("utf8"));
    utf8 && set("TERM").is_none_or(|term| term != "linux")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(variables: &[(&str, &str)]) -> Options {
        let find = |name: &str| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Options::detect("cam0", find)
    }

    #[test]
    fn no_color_and_a_light_background_choose_the_theme() {
        assert_eq!(detect(&[]).theme, Theme::Dark);
        assert_eq!(detect(&[("COLORFGBG", "0;15")]).theme, Theme::Light);
        assert_eq!(
            detect(&[("COLORFGBG", "0;15"), ("NO_COLOR", "1")]).theme,
            Theme::None
        );
        assert_eq!(detect(&[("NO_COLOR", "")]).theme, Theme::Dark);
    }

    #[test]
    fn a_terminal_is_asked_for_its_background_where_the_line_is_quick() {
        let xterm = ("TERM", "xterm-256color");
        let asks = |variables: &[(&str, &str)]| detect(variables).asks_background;
        assert!(asks(&[xterm]) && asks(&[("TERM", "tmux-256color")]));
        assert!(!asks(&[("TERM", "linux")]) && !asks(&[("TERM", "vt100")]) && !asks(&[]));
        assert!(!asks(&[xterm, ("SSH_CONNECTION", "::1 2 ::1 22")]));
        assert!(!asks(&[xterm, ("COLORFGBG", "15;0")]));
        assert!(!asks(&[xterm, ("NO_COLOR", "1")]));
    }

    #[test]
    fn pictures_are_blocks_where_there_are_colours_and_utf8() {
        let utf8 = ("LANG", "C.UTF-8");
        assert_eq!(detect(&[utf8]).renderer, Renderer::Quadrant);
        assert_eq!(
            detect(&[utf8, ("NO_COLOR", "1")]).renderer,
            Renderer::Braille
        );
        assert_eq!(detect(&[]).renderer, Renderer::Ramp);
    }

    #[test]
    fn a_terminal_has_24_bits_of_colour_when_it_says_so() {
        assert!(detect(&[("COLORTERM", "truecolor")]).true_colour);
        assert!(detect(&[("COLORTERM", "24bit")]).true_colour);
        assert!(!detect(&[("COLORTERM", "yes")]).true_colour);
        assert!(!detect(&[]).true_colour);
    }

    #[test]
    fn a_terminal_without_utf8_gets_ascii() {
        assert!(!detect(&[("LANG", "de_DE.UTF-8")]).ascii);
        assert!(!detect(&[("LC_ALL", "C.utf8"), ("LANG", "C")]).ascii);
        assert!(detect(&[("LANG", "C.UTF-8"), ("LC_ALL", "C")]).ascii);
        assert!(detect(&[("LANG", "C.UTF-8"), ("TERM", "linux")]).ascii);
        assert!(detect(&[]).ascii);
    }

    #[test]
    fn over_ssh_pictures_come_once_a_second() {
        assert_eq!(
            detect(&[("SSH_CONNECTION", "10.0.0.1 2 10.0.0.2 22")]).picture_interval,
            Duration::from_secs(1)
        );
    }
}
