//! Pictures: colours, View's status line, and what is said of files.

use insta::assert_snapshot;
use ratatui::style::Color;

use super::super::keys::Screen;
use super::super::theme::Theme;
use super::super::{Wants, fixture, view};
use super::*;

/// A model that shows a coloured picture in View.
pub(super) fn coloured() -> Model {
    let mut model = model(fixture::live());
    type_in(&mut model, "4C");
    update(
        &mut model,
        Message::Pictures(vec![fixture::coloured(3, 120_634)]),
    );
    press(&mut model, Key::Up);
    model
}

/// The colours of the first and the last cell of a picture's row.
fn ends(model: &Model) -> [(Color, Color); 2] {
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
    view::draw(&mut buffer, model);
    let row: Vec<_> = (0..80).map(|x| &buffer[(x, 10)]).collect();
    let is_picture = |cell: &&&ratatui::buffer::Cell| cell.bg != Color::Reset;
    let first = row.iter().find(is_picture);
    let last = row.iter().rev().find(is_picture);
    [first, last].map(|cell| cell.map_or_else(Default::default, |cell| (cell.fg, cell.bg)))
}

#[test]
fn view_is_in_colour_where_the_terminal_and_the_theme_have_some() {
    let mut model = coloured();
    assert_snapshot!("view_colour", draw(&model, 80, 24));
    let is_gray = |colour| matches!(colour, Color::Indexed(232..=255));
    let [(red, _), (blue, _)] = ends(&model);
    assert!(matches!(red, Color::Indexed(16..=231)), "{red:?}");
    assert!(matches!(blue, Color::Indexed(16..=231)), "{blue:?}");
    assert_ne!(red, blue);
    model.true_colour = true;
    let [(red, _), (blue, _)] = ends(&model);
    assert!(matches!(red, Color::Rgb(50.., 0, 0)), "{red:?}");
    assert!(matches!(blue, Color::Rgb(0, 0, 50..)), "{blue:?}");
    type_in(&mut model, "C");
    let [(left, _), (right, _)] = ends(&model);
    assert!(is_gray(left) && is_gray(right), "{left:?} {right:?}");
    type_in(&mut model, "C");
    model.theme = Theme::None;
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
    view::draw(&mut buffer, &model);
    let plain = |cell: &ratatui::buffer::Cell| (cell.fg, cell.bg) == (Color::Reset, Color::Reset);
    assert!(buffer.content().iter().all(plain));
}

#[test]
fn view_has_the_metadata_of_a_frame_in_one_line_where_it_is_text() {
    let mut model = model(fixture::live());
    type_in(&mut model, "4");
    let mut sequence = 120_634;
    let mut show = |metadata: &[u8]| {
        sequence += 1;
        let mut picture = fixture::picture(3, sequence);
        picture.metadata = metadata.to_vec();
        update(&mut model, Message::Pictures(vec![picture]));
        draw(&model, 80, 24)
    };
    let text = show(b"{\"pattern\":7,\n\"gain\":1.5}\n");
    assert!(
        text.contains("metadata {\"pattern\":7, \"gain\":1.5}"),
        "{text}"
    );
    assert!(show("x".repeat(200).as_bytes()).contains("xxx…"));
    for none in [&b""[..], b" \n", b"\xff\x00"] {
        let text = show(none);
        assert!(
            !text.contains("metadata") && text.contains("sharpness"),
            "{text}"
        );
    }
}

#[test]
fn colours_are_wanted_where_they_are_seen() {
    let mut model = model(fixture::live());
    assert_eq!(type_in(&mut model, "4C"), Some(Effect::Pictures));
    assert_eq!(model.lens.renderer, Renderer::Quadrant);
    assert_eq!(model.wants(), Some(Wants::Coloured(None)));
    type_in(&mut model, ">");
    assert_eq!(model.wants(), Some(Wants::Coloured(Some(0))));
    type_in(&mut model, "C");
    assert_eq!(model.wants(), Some(Wants::Slot(0)));
    type_in(&mut model, "C1");
    assert_eq!(model.wants(), Some(Wants::Sampled), "beside tables in gray");
    type_in(&mut model, "40TT");
    assert_eq!(model.theme, Theme::None);
    assert_eq!(model.wants(), Some(Wants::Latest));
    type_in(&mut model, "C");
    assert!(draw(&model, 80, 24).contains("no colours in this theme"));
    let mut gray = fixture::live();
    if let Some(segment) = gray.segment.as_mut() {
        segment.format = "gray8".into();
        segment.planes.truncate(1);
    }
    feed(&mut model, gray);
    type_in(&mut model, "TC");
    assert!(draw(&model, 80, 24).contains("the bus keeps no colours"));
}

#[test]
fn pictures_beside_the_tables_are_gray() {
    let mut model = coloured();
    model.true_colour = true;
    for key in ["1", "3"] {
        type_in(&mut model, key);
        let mut buffer = Buffer::empty(Rect::new(0, 0, 100, 30));
        view::draw(&mut buffer, &model);
        let mut colours = buffer.content().iter().map(|cell| cell.fg);
        assert!(colours.all(|colour| !matches!(colour, Color::Rgb(..))));
    }
}

#[test]
fn a_picture_over_the_rule_of_a_panel_is_not_dim() {
    let model = model(fixture::live());
    let mut buffer = Buffer::empty(Rect::new(0, 0, 80, 24));
    view::draw(&mut buffer, &model);
    let dim = |x| {
        let modifier = buffer[(x, 7)].modifier;
        modifier.contains(ratatui::style::Modifier::DIM)
    };
    assert!(dim(50) && (54..78).all(|x| !dim(x)));
}

#[test]
fn the_status_line_of_view_is_not_cut_and_loses_fields_in_order() {
    let mut model = coloured();
    type_in(&mut model, "izzzzz");
    let fields = [
        "320x180",
        "in colour",
        "auto-range",
        "sharpness",
        "inverted",
        "zoom 32x",
    ];
    let mut lost = 0;
    for width in (60..=120).rev() {
        let text = draw(&model, width, 24);
        let line = text.lines().nth(21).expect("a line");
        let missing: Vec<_> = fields
            .iter()
            .filter(|field| !line.contains(**field))
            .collect();
        assert!(missing.len() >= lost, "{width}: {line}");
        lost = missing.len();
        assert_eq!(
            missing,
            fields[..lost].iter().collect::<Vec<_>>(),
            "{width}: {line}"
        );
        assert!(
            line.contains("min ") && line.contains("zoom 32x"),
            "{width}: {line}"
        );
    }
    assert!((1..=4).contains(&lost));
    for keys in ["R", "R", "a"] {
        type_in(&mut model, keys);
        assert!(draw(&model, 80, 24).contains("zoom 32x "));
    }
}

#[test]
fn a_notice_is_read_in_full_on_every_screen() {
    let mut model = coloured();
    let path = format!(
        "wrote /home/somebody/{}/framebus-cam0-120634.png",
        "a/b".repeat(70)
    );
    update(&mut model, Message::Notice(path.clone()));
    for key in ["1", "2", "3", "4", "5"] {
        // As `type_in` would, without the key that takes the notice away.
        model.screen = Screen::ALL[key.parse::<usize>().expect("a number") - 1];
        let text = draw(&model, 80, 24);
        let rows = text.lines().map(|line| line.trim_matches(['│', ' ']));
        assert!(rows.collect::<String>().contains(&path), "{text}");
    }
    assert_snapshot!("notice", draw(&model, 80, 24));
    assert_eq!(model.lens.renderer, Renderer::Quadrant);
}
