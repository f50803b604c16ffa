//! Pictures as pixels, for terminals that show some: sixel (DEC's VT340, xterm, foot, mlterm, WezTerm) and kitty's protocol (kitty,
//! Ghostty, Konsole). The terminal is never asked whether it does: who says so knows.
//!
//! The cells below a picture are left out of what is drawn as text, so that a picture stays where it is until its place is needed
//! for something else, and is sent again only when it has changed or something was drawn over it.

mod kitty;
mod sixel;

use std::io::{self, Write};

use ratatui::layout::Rect;

use super::lens::Protocol;

/// A picture that lies over cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) area: Rect,
    pub(crate) image: Image,
}

/// Pixels, as many as the cells below them have, or fewer where the terminal makes them larger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) protocol: Protocol,
    /// In cells.
    pub(crate) columns: u16,
    /// In cells.
    pub(crate) rows: u16,
    /// In pixels.
    pub(crate) width: usize,
    pub(crate) pixels: Shades,
}

/// What a pixel is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shades {
    Gray(Vec<u8>),
    /// Red, green and blue.
    Colour(Vec<[u8; 3]>),
}

impl Image {
    /// In pixels.
    pub(crate) fn height(&self) -> usize {
        let count = match &self.pixels {
            Shades::Gray(pixels) => pixels.len(),
            Shades::Colour(pixels) => pixels.len(),
        };
        count / self.width.max(1)
    }
}

/// What the terminal shows.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// The screen that they were placed on.
    screen: Rect,
    placed: Vec<Placed>,
    /// Whether they may be gone.
    is_lost: bool,
}

impl Shown {
    /// Sends what changed, after the cells of `screen` have been drawn.
    pub(crate) fn send(
        &mut self,
        out: &mut impl Write,
        screen: Rect,
        placed: Vec<Placed>,
    ) -> io::Result<()> {
        // A screen of another size has been cleared.
        let is_lost = self.is_lost || self.screen != screen;
        for (at, old) in self.placed.iter().enumerate() {
            let protocol = old.image.protocol;
            let stays = |new: &&Placed| new.area == old.area && new.image.protocol == protocol;
            let stays = !is_lost && placed.get(at).filter(stays).is_some();
            // Cells that are text again have erased a sixel picture; one of kitty's lies over them.
            if protocol == Protocol::Kitty && !stays {
                kitty::delete(out, at)?;
            }
        }
        for (at, new) in placed.iter().enumerate() {
            if !is_lost && self.placed.get(at) == Some(new) {
                continue;
            }
            // What was text before is left alone by the cells' drawing, and a picture covers its cells up to a few pixels.
            if is_lost || self.placed.get(at).is_none_or(|old| old.area != new.area) {
                blank(out, new.area)?;
            }
            go_to(out, new.area.x, new.area.y)?;
            match new.image.protocol {
                Protocol::Sixel => sixel::write(out, &new.image)?,
                Protocol::Kitty => kitty::write(out, &new.image, at)?,
            }
        }
        *self = Shown {
            screen,
            placed,
            is_lost: false,
        };
        Ok(())
    }

    /// Notes that the terminal may show anything by now: all of it is sent again.
    pub(crate) const fn forget(&mut self) {
        self.is_lost = true;
    }
}

/// Moves the cursor, from where a picture is drawn. A terminal counts from 1.
fn go_to(out: &mut impl Write, x: u16, y: u16) -> io::Result<()> {
    write!(out, "\x1b[{};{}H", y + 1, x + 1)
}

fn blank(out: &mut impl Write, area: Rect) -> io::Result<()> {
    for y in area.rows().map(|row| row.y) {
        go_to(out, area.x, y)?;
        write!(out, "{:width$}", "", width = usize::from(area.width))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(protocol: Protocol, x: u16, shade: u8) -> Placed {
        Placed {
            area: Rect::new(x, 2, 2, 1),
            image: Image {
                protocol,
                columns: 2,
                rows: 1,
                width: 4,
                pixels: Shades::Gray(vec![shade; 24]),
            },
        }
    }

    fn sent(shown: &mut Shown, placed: Vec<Placed>) -> String {
        let mut out = Vec::new();
        let screen = Rect::new(0, 0, 80, 24);
        shown.send(&mut out, screen, placed).expect("bytes");
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_picture_is_sent_when_it_changed_and_not_otherwise() {
        for protocol in [Protocol::Sixel, Protocol::Kitty] {
            let mut shown = Shown::default();
            let first = sent(&mut shown, vec![placed(protocol, 5, 10)]);
            let blank = "\x1b[3;6H  \x1b[3;6H\x1b";
            assert!(first.starts_with(blank), "{first:?}");
            assert_eq!(sent(&mut shown, vec![placed(protocol, 5, 10)]), "");
            let changed = sent(&mut shown, vec![placed(protocol, 5, 200)]);
            assert!(changed.starts_with("\x1b[3;6H\x1b") && !changed.contains("a=d"));
            shown.forget();
            let again = sent(&mut shown, vec![placed(protocol, 5, 200)]);
            assert!(again.ends_with(&changed));
            let mut out = Vec::new();
            let larger = Rect::new(0, 0, 100, 30);
            let same = vec![placed(protocol, 5, 200)];
            shown.send(&mut out, larger, same).expect("bytes");
            assert!(out.ends_with(changed.as_bytes()));
        }
    }

    #[test]
    fn a_picture_of_kittys_is_taken_away_when_it_moves_or_is_no_more() {
        let mut shown = Shown::default();
        let two = vec![
            placed(Protocol::Kitty, 5, 10),
            placed(Protocol::Kitty, 9, 20),
        ];
        sent(&mut shown, two);
        let moved = sent(&mut shown, vec![placed(Protocol::Kitty, 6, 10)]);
        assert_eq!(moved.matches("a=d,d=I").count(), 2);
        assert!(moved.contains("\x1b[3;7H  \x1b[3;7H\x1b_Ga=T"));
        let none = sent(&mut shown, vec![]);
        assert!(none.contains("a=d,d=I") && !none.contains("a=T"));
        assert_eq!(sent(&mut shown, vec![]), "");
        let mut sixel = Shown::default();
        sent(&mut sixel, vec![placed(Protocol::Sixel, 5, 10)]);
        assert_eq!(sent(&mut sixel, vec![]), "", "the cells are drawn over it");
    }
}
