//! Pictures as the terminal's own pixels: what is sent of them, and when.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use ratatui::backend::CrosstermBackend;
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::super::Protocol;
use super::super::graphics::Shown;
use super::super::theme::ASCII;
use super::pictures::coloured;
use super::*;

/// Draws on one terminal after the other; returns what each drawing sends.
struct Sent {
    terminal: Terminal<CrosstermBackend<Bytes>>,
    bytes: Bytes,
    shown: Shown,
}

impl Sent {
    fn new() -> Sent {
        let bytes = Bytes::default();
        let options = TerminalOptions {
            viewport: Viewport::Fixed(Rect::new(0, 0, 100, 30)),
        };
        let backend = CrosstermBackend::new(bytes.clone());
        Sent {
            terminal: Terminal::with_options(backend, options).expect("a terminal"),
            bytes,
            shown: Shown::default(),
        }
    }

    fn draw(&mut self, model: &Model) -> String {
        self.bytes.0.lock().expect("a lock").clear();
        terminal::draw(&mut self.terminal, &mut self.shown, model).expect("a drawing");
        let bytes = self.bytes.0.lock().expect("a lock");
        String::from_utf8(bytes.clone()).expect("text")
    }
}

#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<Vec<u8>>>);

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("a lock").extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_terminals_own_pixels_stay_until_something_else_is_there() {
    for (protocol, start) in [
        (Protocol::Sixel, "\x1bP0;1q"),
        (Protocol::Kitty, "\x1b_Ga=T"),
    ] {
        let mut model = coloured();
        model.lens.protocol = Some(protocol);
        model.lens.renderer = Renderer::Pixels(protocol);
        let mut sent = Sent::new();
        let count = |text: &str| text.matches(start).count();
        assert_eq!(count(&sent.draw(&model)), 1, "beside the tables");
        assert_eq!(count(&sent.draw(&model)), 0, "it is there");
        type_in(&mut model, "3");
        let slots = sent.draw(&model);
        assert!(count(&slots) > 1, "one for each slot");
        type_in(&mut model, "?");
        let help = sent.draw(&model);
        assert_eq!(count(&help), 0);
        let taken_away = help.matches("\x1b_Ga=d").count();
        let expected = if protocol == Protocol::Kitty {
            count(&slots)
        } else {
            0
        };
        assert_eq!(taken_away, expected);
        press(&mut model, Key::Esc);
        assert_eq!(count(&sent.draw(&model)), count(&slots), "they are back");
        type_in(&mut model, "4");
        assert_eq!(count(&sent.draw(&model)), 1);
        assert!(draw(&model, 100, 30).contains(model.lens.renderer.name()));
        type_in(&mut model, "R");
        assert_eq!(count(&sent.draw(&model)), 0, "a ramp is text");
        type_in(&mut model, "RRRR");
        assert_eq!(count(&sent.draw(&model)), 1);
        model.glyphs = &ASCII;
        assert!(draw(&model, 100, 30).is_ascii());
        type_in(&mut model, "RR");
        assert_eq!(model.lens.renderer, Renderer::Pixels(protocol));
    }
}
