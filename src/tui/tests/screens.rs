//! Every screen in every state and size, against the pictures beside this file.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use insta::assert_snapshot;
use ratatui::backend::{CrosstermBackend, TestBackend};
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

use super::super::graphics::Shown;
use super::super::input::Key;
use super::super::theme::{ASCII, Theme};
use super::super::{TextOptions, fixture, render_text, terminal, view};
use super::*;

const SIZES: [(u16, u16); 3] = [(80, 24), (100, 30), (200, 60)];

fn each_size(name: &str, model: &Model) {
    for (width, height) in SIZES {
        assert_snapshot!(
            format!("{name}_{width}x{height}"),
            draw(model, width, height)
        );
    }
}

#[test]
fn the_overview_in_every_state() {
    each_size("empty", &model(fixture::absent()));
    each_size("live", &model(fixture::live()));
    each_size("stuck", &model(fixture::stuck()));
    each_size("gone", &model(fixture::gone()));
}

#[test]
fn the_other_screens() {
    let mut model = model(fixture::live());
    feed(&mut model, fixture::at(fixture::stuck(), 6));
    for (key, name) in [
        ('2', "consumers"),
        ('3', "slots"),
        ('4', "view"),
        ('5', "log"),
    ] {
        type_in(&mut model, &key.to_string());
        each_size(name, &model);
    }
    type_in(&mut model, "2");
    press(&mut model, Key::Enter);
    each_size("detail", &model);
}

#[test]
fn help_filter_freeze_and_selection_are_seen() {
    let mut help = model(fixture::stuck());
    type_in(&mut help, "?");
    each_size("help", &help);
    let mut filter = model(fixture::stuck());
    type_in(&mut filter, "/yo");
    each_size("filter", &filter);
    let mut frozen = model(fixture::stuck());
    type_in(&mut frozen, " jj");
    feed(&mut frozen, fixture::gone());
    each_size("frozen", &frozen);
}

#[test]
fn themes_and_ascii() {
    let mut light = model(fixture::stuck());
    light.theme = Theme::Light;
    each_size("light", &light);
    let mut ascii = model(fixture::stuck());
    ascii.glyphs = &ASCII;
    each_size("ascii", &ascii);
    assert!(draw(&ascii, 100, 30).is_ascii());
    for key in "2345?".chars() {
        press(&mut ascii, Key::Esc);
        type_in(&mut ascii, &key.to_string());
        assert!(draw(&ascii, 100, 30).is_ascii(), "{key}");
    }
}

#[test]
fn the_light_theme_draws_dark_ink() {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).expect("a terminal");
    let mut model = model(fixture::stuck());
    model.theme = Theme::Light;
    terminal
        .draw(|frame| drop(view::draw(frame.buffer_mut(), &model)))
        .expect("a drawing");
    let pale = [
        ratatui::style::Color::Yellow,
        ratatui::style::Color::Cyan,
        ratatui::style::Color::White,
    ];
    let cells = terminal.backend().buffer().content();
    assert!(cells.iter().all(|cell| !pale.contains(&cell.fg)));
}

#[test]
fn half_blocks_and_braille() {
    let mut model = model(fixture::live());
    type_in(&mut model, "4");
    (model.lens.renderer, model.theme) = (Renderer::HalfBlock, Theme::None);
    assert_snapshot!("view_half_block_without_colours", draw(&model, 80, 24));
    model.lens.renderer = Renderer::Braille;
    assert_snapshot!("view_braille", draw(&model, 80, 24));
}

#[test]
fn too_small_a_terminal_says_what_it_needs() {
    let model = model(fixture::live());
    assert_eq!(
        draw(&model, 59, 30).trim(),
        "framebus top needs 60x15, this is 59x30"
    );
    assert_eq!(draw(&model, 20, 5).trim(), "needs 60x15");
    for width in 0..60 {
        let text = draw(&model, width, 5);
        assert_eq!(text.contains("60x15"), width >= 5, "{width}: {text}");
    }
    assert_snapshot!("narrow_60x15", draw(&model, 60, 15));
    assert_snapshot!("narrow_70x20", draw(&model, 70, 20));
}

#[test]
fn no_size_and_no_screen_panics() {
    for snapshot in [fixture::absent(), fixture::stuck(), fixture::gone()] {
        let mut model = model(snapshot);
        for keys in ["1", "2", "3", "4", "5", "?"] {
            type_in(&mut model, keys);
            for width in (1..130).step_by(3) {
                for height in (1..50).step_by(2) {
                    draw(&model, width, height);
                }
            }
        }
    }
}

#[test]
fn the_text_form_holds_the_same_tables() {
    assert_snapshot!(
        "text_stuck",
        render_text(&fixture::stuck(), TextOptions::default())
    );
    assert_snapshot!(
        "text_absent",
        render_text(&fixture::absent(), TextOptions::default())
    );
    assert_snapshot!(
        "text_wide",
        render_text(
            &fixture::live(),
            TextOptions {
                width: 180,
                ascii: false,
                colour: false
            }
        )
    );
    let coloured = render_text(
        &fixture::stuck(),
        TextOptions {
            colour: true,
            ..TextOptions::default()
        },
    );
    assert!(coloured.contains("\x1b[1;31m"));
    assert!(!render_text(&fixture::stuck(), TextOptions::default()).contains('\x1b'));
}

/// Counts what is written.
#[derive(Clone, Default)]
struct Counter(Arc<Mutex<usize>>);

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        *self.0.lock().expect("a lock") += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_moving_picture_stays_under_5_kb_a_drawing() {
    let counter = Counter::default();
    let options = TerminalOptions {
        viewport: Viewport::Fixed(Rect::new(0, 0, 100, 30)),
    };
    let mut terminal = Terminal::with_options(CrosstermBackend::new(counter.clone()), options)
        .expect("a terminal");
    for screen in ["1", "4"] {
        let mut model = model(fixture::live());
        type_in(&mut model, screen);
        terminal::draw(&mut terminal, &mut Shown::default(), &model).expect("a drawing");
        for step in 1..20 {
            *counter.0.lock().expect("a lock") = 0;
            let mut snapshot = fixture::at(fixture::live(), step);
            for slot in &mut snapshot.slots {
                slot.sequence = slot.sequence.map(|sequence| sequence + 15 * step);
            }
            feed(&mut model, snapshot);
            let moved = fixture::picture(3, 120_634 + 15 * step);
            update(&mut model, Message::Pictures(vec![moved]));
            terminal::draw(&mut terminal, &mut Shown::default(), &model).expect("a drawing");
            let bytes = *counter.0.lock().expect("a lock");
            assert!(bytes < 5_000, "{bytes} bytes for screen {screen}");
        }
    }
}

#[test]
fn a_consumer_that_works_has_a_histogram() {
    let mut model = model(fixture::live());
    type_in(&mut model, "2");
    press(&mut model, Key::Enter);
    each_size("detail_live", &model);
    model.glyphs = &ASCII;
    assert_snapshot!("detail_live_ascii", draw(&model, 80, 24));
    assert!(draw(&model, 120, 40).is_ascii());
}
