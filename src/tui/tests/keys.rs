//! What every key does.

use super::super::files;
use super::super::input::{Input, Key};
use super::super::keys::{Action, KEYS, Screen};
use super::super::model::{Overlay, Target};
use super::super::rows::Sort;
use super::super::theme::{ASCII, Theme};
use super::super::track::ConsumerKey;
use super::super::{Wants, fixture};
use super::*;

const HMI: ConsumerKey = ConsumerKey {
    index: 3,
    pid: 4377,
};
const YOLO: ConsumerKey = ConsumerKey {
    index: 0,
    pid: 4410,
};

#[test]
fn q_and_ctrl_c_quit_and_capital_q_leaves_the_screen_behind() {
    let mut model = model(fixture::live());
    assert_eq!(type_in(&mut model, "q"), Some(Effect::Quit { keep: false }));
    assert_eq!(
        press(&mut model, Key::Ctrl('c')),
        Some(Effect::Quit { keep: false })
    );
    assert_eq!(type_in(&mut model, "Q"), Some(Effect::Quit { keep: true }));
    type_in(&mut model, "/");
    assert_eq!(type_in(&mut model, "q"), None, "it goes into the filter");
    assert_eq!(
        press(&mut model, Key::Ctrl('c')),
        Some(Effect::Quit { keep: false })
    );
}

#[test]
fn screens_are_reached_by_number_tab_and_arrows() {
    let mut model = model(fixture::live());
    for screen in Screen::ALL {
        press(&mut model, Key::Char(screen.key()));
        assert_eq!(model.screen, screen);
    }
    press(&mut model, Key::Tab);
    assert_eq!(model.screen, Screen::Buses);
    press(&mut model, Key::BackTab);
    assert_eq!(model.screen, Screen::Log);
    press(&mut model, Key::Right);
    assert_eq!(model.screen, Screen::Buses);
    type_in(&mut model, "lh");
    assert_eq!(model.screen, Screen::Buses);
    press(&mut model, Key::Left);
    assert_eq!(model.screen, Screen::Log);
    type_in(&mut model, "v");
    assert_eq!((model.screen, model.view_slot), (Screen::View, None));
    press(&mut model, Key::Esc);
    assert_eq!(model.screen, Screen::Overview);
}

#[test]
fn the_selection_follows_its_row() {
    let mut model = model(fixture::live());
    type_in(&mut model, "jj");
    assert_eq!(model.selected.map(|key| key.index), Some(1));
    type_in(&mut model, "k");
    assert_eq!(model.selected, Some(YOLO));
    feed(&mut model, fixture::stuck());
    assert_eq!(
        (model.selected, model.selected_row()),
        (Some(YOLO), Some(2)),
        "hmi and qa went to the top"
    );
    press(&mut model, Key::Home);
    assert_eq!(model.selected, Some(HMI));
    press(&mut model, Key::End);
    assert_eq!(model.selected.map(|key| key.index), Some(2));
    press(&mut model, Key::PageUp);
    assert_eq!(model.selected, Some(HMI));
    press(&mut model, Key::PageDown);
    assert_eq!(model.selected.map(|key| key.index), Some(2));
    press(&mut model, Key::Esc);
    assert_eq!(model.selected, None);
}

#[test]
fn a_consumer_that_went_hands_the_selection_to_its_place() {
    let mut model = model(fixture::stuck());
    type_in(&mut model, "j");
    assert_eq!(model.selected, Some(HMI));
    let mut next = fixture::stuck();
    next.consumers.retain(|consumer| consumer.index != 3);
    feed(&mut model, next);
    assert_eq!(model.selected.map(|key| key.index), Some(4));
    let mut none = fixture::stuck();
    none.consumers.clear();
    feed(&mut model, none);
    assert_eq!(model.selected, None);
    type_in(&mut model, "jk");
}

#[test]
fn enter_opens_a_consumer_and_arrows_go_on_to_the_next() {
    let mut model = model(fixture::stuck());
    press(&mut model, Key::Enter);
    assert_eq!(
        model.overlay,
        Overlay::Detail(HMI),
        "the worst, when none is selected"
    );
    press(&mut model, Key::Down);
    assert_eq!(
        model.overlay,
        Overlay::Detail(ConsumerKey {
            index: 4,
            pid: 4220
        })
    );
    press(&mut model, Key::Esc);
    assert_eq!(model.overlay, Overlay::None);
}

#[test]
fn enter_on_a_slot_shows_it() {
    let mut model = model(fixture::live());
    type_in(&mut model, "3jj");
    assert_eq!(press(&mut model, Key::Enter), Some(Effect::Pictures));
    assert_eq!(
        (model.screen, model.view_slot, model.wants()),
        (Screen::View, Some(1), Some(Wants::Slot(1)))
    );
    assert_eq!(model.picture().map(|picture| picture.slot), Some(1));
    type_in(&mut model, "0");
    assert_eq!(model.wants(), Some(Wants::Latest));
    type_in(&mut model, "<");
    assert_eq!(model.view_slot, Some(5));
    type_in(&mut model, ">>");
    assert_eq!(model.view_slot, Some(0));
}

#[test]
fn only_pictures_that_are_seen_are_wanted() {
    let mut model = model(fixture::live());
    assert_eq!(model.wants(), Some(Wants::Sampled));
    type_in(&mut model, "3");
    assert_eq!(model.wants(), Some(Wants::EverySlot));
    type_in(&mut model, "t");
    assert_eq!(model.wants(), None);
    type_in(&mut model, "4");
    assert_eq!(model.wants(), Some(Wants::Latest), "View is a picture");
    type_in(&mut model, " ");
    assert_eq!(model.wants(), None);
    type_in(&mut model, " 2");
    assert_eq!(model.wants(), None);
}

#[test]
fn a_frozen_screen_stands_still_and_the_counters_go_on() {
    let mut model = model(fixture::live());
    type_in(&mut model, "f");
    let before = draw(&model, 100, 30);
    assert!(before.contains("FROZEN"));
    model.take_dirty();
    feed(&mut model, fixture::at(fixture::stuck(), 9));
    update(
        &mut model,
        Message::Pictures(vec![fixture::picture(3, 999_999)]),
    );
    assert!(!model.dirty, "there is nothing new to draw");
    assert_eq!(draw(&model, 100, 30), before);
    type_in(&mut model, " ");
    assert!(draw(&model, 100, 30).contains("stuck-consumer"));
    assert!(model.track().is_some_and(|track| {
        track
            .log
            .iter()
            .any(|entry| entry.text.contains("stuck-consumer"))
    }));
}

#[test]
fn a_filter_is_typed_kept_and_cleared() {
    let mut model = model(fixture::stuck());
    type_in(&mut model, "/yox");
    press(&mut model, Key::Backspace);
    assert_eq!((model.rows().len(), model.editing), (1, true));
    press(&mut model, Key::Enter);
    assert_eq!((model.rows().len(), model.editing), (1, false));
    press(&mut model, Key::Esc);
    assert_eq!(model.rows().len(), 5);
    type_in(&mut model, "/zzz");
    assert!(draw(&model, 100, 30).contains("none match"));
    press(&mut model, Key::Esc);
    assert_eq!((model.rows().len(), model.editing), (5, false));
}

#[test]
fn s_r_x_and_c_change_what_is_listed() {
    let mut model = model(fixture::stuck());
    type_in(&mut model, "ssssssssss");
    assert_eq!(model.listing.sort, Sort::Id);
    type_in(&mut model, "sr");
    assert_eq!(
        (model.listing.sort, model.listing.arrow()),
        (Sort::Name, 'v')
    );
    type_in(&mut model, "x");
    assert_eq!(model.rows().len(), 2);
    type_in(&mut model, "x");
    assert!(draw(&model, 100, 30).contains("80423"));
    type_in(&mut model, "c");
    assert!(!draw(&model, 100, 30).contains("80423"));
    assert!(draw(&model, 100, 30).contains("zeroed 14:03:35"));
    type_in(&mut model, "c");
    assert!(!draw(&model, 100, 30).contains("80423"), "it counts anew");
    type_in(&mut model, "u");
    assert!(draw(&model, 100, 30).contains("80423"));
}

#[test]
fn plus_and_minus_step_from_a_tenth_of_a_second_to_ten() {
    let mut model = model(fixture::live());
    type_in(&mut model, "+");
    assert_eq!(model.interval_ms, 200);
    type_in(&mut model, "+");
    assert_eq!(model.interval_ms, 100);
    type_in(&mut model, "+");
    assert_eq!(model.interval_ms, 100);
    type_in(&mut model, "--------");
    assert_eq!(model.interval_ms, 10_000);
    assert!(draw(&model, 100, 30).contains("0.1 Hz"));
}

#[test]
fn the_picture_can_be_drawn_otherwise() {
    let mut model = model(fixture::live());
    type_in(&mut model, "4R");
    assert_eq!(model.lens.renderer, Renderer::HalfBlock);
    type_in(&mut model, "RRR");
    assert_eq!(model.lens.renderer, Renderer::Ramp);
    type_in(&mut model, "ai");
    assert_eq!((model.lens.auto_range, model.lens.invert), (false, true));
    type_in(&mut model, "zzz");
    press(&mut model, Key::Right);
    press(&mut model, Key::Up);
    let (x, y) = model.lens.centre;
    assert!(model.lens.zoom == 8 && x > 0.5 && y < 0.5);
    for _ in 0..200 {
        press(&mut model, Key::Left);
    }
    assert_eq!(model.lens.centre.0, 1.0 / 16.0, "it stops at the edge");
    type_in(&mut model, "ZZZZ");
    assert_eq!(model.lens.zoom, 1);
    type_in(&mut model, "0");
    assert_eq!(model.lens.centre, (0.5, 0.5));
    model.glyphs = &ASCII;
    type_in(&mut model, "R");
    assert_eq!(
        model.lens.renderer,
        Renderer::Ramp,
        "an ASCII terminal has no other"
    );
}

#[test]
fn w_e_m_and_t_reach_the_world_as_effects() {
    let mut model = model(fixture::live());
    assert_eq!(type_in(&mut model, "w"), Some(Effect::WritePng));
    assert_eq!(type_in(&mut model, "e"), Some(Effect::Export));
    assert_eq!(type_in(&mut model, "m"), Some(Effect::Mouse(true)));
    assert_eq!(type_in(&mut model, "m"), Some(Effect::Mouse(false)));
    type_in(&mut model, "T");
    assert_eq!(model.theme, Theme::Light);
    assert_eq!(press(&mut model, Key::Ctrl('z')), Some(Effect::Suspend));
    assert_eq!(press(&mut model, Key::Ctrl('l')), Some(Effect::Redraw));
    let directory = tempfile::tempdir().expect("a directory");
    let picture = model.picture().expect("a picture");
    files::write_png(directory.path(), "cam0", picture, false).expect("a file");
}

#[test]
fn brackets_go_through_the_buses() {
    let mut model = model(fixture::live());
    assert_eq!(type_in(&mut model, "]"), None);
    update(
        &mut model,
        Message::Buses(vec!["cam0".into(), "cam1".into(), "cam2".into()]),
    );
    assert_eq!(type_in(&mut model, "]"), Some(Effect::Sample));
    assert_eq!(model.bus, "cam1");
    assert!(draw(&model, 100, 30).contains("cam0 [cam1] cam2"));
    type_in(&mut model, "[[");
    assert_eq!(model.bus, "cam2");
    type_in(&mut model, "]");
    assert!(
        model.shown().is_some_and(|shown| shown.producer.is_some()),
        "what was seen of cam0 is still there"
    );
    update(&mut model, Message::Buses(vec!["cam1".into()]));
    assert_eq!(
        model.buses,
        ["cam0", "cam1"],
        "the bus that is waited for keeps its tab"
    );
}

#[test]
fn the_log_and_the_help_scroll() {
    let mut model = model(fixture::live());
    type_in(&mut model, "5kkk");
    assert_eq!(model.scroll, 3);
    type_in(&mut model, "G");
    assert_eq!(model.scroll, 0);
    type_in(&mut model, "?j");
    assert_eq!((model.overlay, model.scroll), (Overlay::Help, 1));
    type_in(&mut model, "?");
    assert_eq!(model.overlay, Overlay::None);
}

#[test]
fn the_mouse_selects_opens_and_changes_screens() {
    let mut model = model(fixture::stuck());
    let mut buffer = Buffer::empty(Rect::new(0, 0, 100, 30));
    model.hits = view::draw(&mut buffer, &model).hits;
    let hit = *model
        .hits
        .iter()
        .find(|hit| hit.target == Target::Consumer(YOLO))
        .expect("a row");
    update(&mut model, Message::Input(Input::Click(20, hit.y)));
    assert_eq!(model.selected, Some(YOLO));
    update(&mut model, Message::Input(Input::Wheel(1)));
    update(&mut model, Message::Input(Input::Wheel(-1)));
    update(&mut model, Message::Input(Input::Click(20, hit.y)));
    assert_eq!(model.overlay, Overlay::Detail(YOLO));
    let log = *model
        .hits
        .iter()
        .find(|hit| hit.target == Target::Screen(Screen::Log))
        .expect("a tab");
    update(&mut model, Message::Input(Input::Click(log.x.0, log.y)));
    assert_eq!(model.screen, Screen::Log);
    assert_eq!(
        update(&mut model, Message::Input(Input::Click(0, 29))),
        None
    );
}

#[test]
fn every_key_of_the_map_can_be_pressed_anywhere() {
    for snapshot in [fixture::absent(), fixture::stuck()] {
        for screen in "12345?".chars() {
            let mut model = model(snapshot.clone());
            press(&mut model, Key::Char(screen));
            for binding in KEYS {
                for key in binding.keys {
                    press(&mut model, *key);
                    draw(&model, 100, 30);
                    model.editing &= binding.action == Action::Filter;
                    if model.editing {
                        press(&mut model, Key::Esc);
                    }
                }
            }
        }
    }
}

#[test]
fn a_key_that_means_nothing_does_nothing() {
    let mut model = model(fixture::live());
    let before = draw(&model, 100, 30);
    assert_eq!(type_in(&mut model, "yYüß*"), None);
    assert_eq!(draw(&model, 100, 30), before);
}
