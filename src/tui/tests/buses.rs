//! The screen of all buses: which are in trouble, and which is opened.

use framebus::observe::{Finding, Severity};
use insta::assert_snapshot;

use super::super::input::Key;
use super::super::keys::Screen;
use super::*;

/// The bus of the fixture under another name.
fn named(snapshot: Snapshot, bus: &str) -> Snapshot {
    Snapshot {
        bus: bus.into(),
        ..snapshot
    }
}

/// A model with this many buses, of which the second has a stuck consumer and the third has lost its producer.
fn many(count: usize) -> Model {
    let mut model = model(fixture::live());
    let buses: Vec<String> = (0..count).map(|number| format!("cam{number}")).collect();
    update(&mut model, Message::Buses(buses.clone()));
    for second in 5..10 {
        let others = buses[1..].iter().enumerate().map(|(at, bus)| {
            let now = match at {
                0 => fixture::stuck(),
                1 => fixture::gone(),
                _ => fixture::live(),
            };
            named(fixture::at(now, second), bus)
        });
        update(&mut model, Message::Others(others.collect()));
    }
    let pictures = buses.iter().enumerate();
    let pictures = pictures.map(|(at, bus)| (bus.clone(), fixture::picture(3, 9 * at as u64)));
    update(&mut model, Message::BusPictures(pictures.collect()));
    model
}

#[test]
fn all_buses_have_a_line_and_those_in_trouble_come_first() {
    for count in [1, 4, 12] {
        let mut model = many(count.max(4));
        if count == 1 {
            update(&mut model, Message::Buses(vec!["cam0".into()]));
        }
        type_in(&mut model, "b");
        for (width, height) in [(60, 15), (80, 24), (100, 30), (120, 40), (200, 60)] {
            assert_snapshot!(
                format!("buses_{count}_{width}x{height}"),
                draw(&model, width, height)
            );
        }
        model.glyphs = &super::super::theme::ASCII;
        assert!(draw(&model, 120, 40).is_ascii());
    }
}

#[test]
fn the_other_screens_name_the_buses_in_trouble() {
    let model = many(12);
    let text = draw(&model, 80, 24);
    let title = text.lines().next().expect("a line");
    assert!(
        title.contains("[cam0] 1 of 12 \u{b7} !! cam1 cam2"),
        "{title}"
    );
}

#[test]
fn a_row_is_selected_and_opened() {
    let mut model = many(12);
    assert_eq!(type_in(&mut model, "b"), Some(Effect::Pictures));
    press(&mut model, Key::Home);
    assert_eq!(model.bus, "cam2", "its producer is gone, which is worst");
    assert_eq!(type_in(&mut model, "j"), Some(Effect::Sample));
    assert_eq!(model.bus, "cam1");
    press(&mut model, Key::Enter);
    assert_eq!(model.screen, Screen::Overview);
    assert!(draw(&model, 100, 30).contains("stuck-consumer"));
}

#[test]
fn a_frozen_screen_of_all_buses_stays_and_opens_what_was_frozen() {
    let mut model = many(4);
    type_in(&mut model, "b ");
    let before = draw(&model, 120, 40);
    let later = named(fixture::at(fixture::gone(), 20), "cam3");
    update(&mut model, Message::Others(vec![later]));
    assert_eq!(draw(&model, 120, 40), before);
    press(&mut model, Key::End);
    assert_eq!((model.bus.as_str(), model.is_frozen()), ("cam3", true));
    press(&mut model, Key::Enter);
    assert!(draw(&model, 100, 30).contains("PRODUCER running"));
}

#[test]
fn a_filter_and_findings_choose_the_buses_that_are_listed() {
    let mut model = many(12);
    type_in(&mut model, "b/cam1");
    press(&mut model, Key::Enter);
    let text = draw(&model, 120, 40);
    assert!(text.contains("3 listed"), "{text}");
    press(&mut model, Key::Esc);
    type_in(&mut model, "x");
    let text = draw(&model, 120, 40);
    assert!(text.contains("2 listed"), "{text}");
}

#[test]
fn what_is_good_to_know_moves_no_row() {
    let mut model = many(4);
    let mut now = named(fixture::at(fixture::live(), 20), "cam3");
    now.findings = vec![Finding {
        kind: "slow-consumer".into(),
        severity: Severity::Info,
        consumer: Some(0),
        text: "0 yolo needs 98.0 ms".into(),
    }];
    let rows = |model: &Model| -> Vec<String> {
        let rows = super::super::buses::rows(model);
        rows.iter().map(|row| row.bus.to_owned()).collect()
    };
    let before = rows(&model);
    update(&mut model, Message::Others(vec![now]));
    assert_eq!(rows(&model), before);
}

#[test]
fn a_bus_that_is_gone_is_forgotten() {
    let mut model = many(4);
    update(&mut model, Message::Buses(vec!["cam0".into()]));
    assert!(model.track_of("cam3").is_none());
}
