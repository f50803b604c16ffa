//! What belongs together: tables and pictures of one moment, and text that was pasted at once.

use super::super::input::Input;
use super::super::keys::Screen;
use super::super::model::Overlay;
use super::*;

#[test]
fn a_frozen_screen_has_tables_and_pictures_of_one_moment() {
    let mut model = model(fixture::live());
    let mut later = fixture::at(fixture::live(), 5);
    later.slots[3].sequence = Some(120_649);
    feed(&mut model, later.clone());
    // Over a slow line the next picture comes with the next sample.
    let newest = |model: &Model| {
        let shown = model.shown().expect("a snapshot");
        let table = shown.slots[3].sequence;
        (table, model.picture().map(|picture| picture.sequence))
    };
    assert_eq!(newest(&model), (Some(120_649), Some(120_634)));
    type_in(&mut model, " ");
    assert_eq!(newest(&model), (Some(120_634), Some(120_634)));
    type_in(&mut model, " ");
    update(&mut model, Message::Pictures(fixture::pictures(&later)));
    type_in(&mut model, " ");
    assert_eq!(newest(&model), (Some(120_649), Some(120_649)));
}

#[test]
fn pasted_text_goes_into_the_filter_and_is_no_key() {
    let mut model = model(fixture::live());
    let paste = |model: &mut Model, text: &str| {
        for c in text.chars() {
            assert_eq!(update(model, Message::Input(Input::Pasted(c))), None);
        }
    };
    paste(&mut model, "q2?");
    assert_eq!(
        (model.screen, model.overlay),
        (Screen::Overview, Overlay::None)
    );
    type_in(&mut model, "/");
    paste(&mut model, "yolo");
    assert_eq!(model.listing.filter, "yolo");
}
