//! The view as a person meets it: keys in, screens out.

mod buses;
mod crowd;
mod docs;
mod graphics;
mod keys;
mod moments;
mod pictures;
mod scenarios;
mod screens;

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::input::{Input, Key};
use super::model::Model;
use super::update::{Effect, Message, update};
use super::{Options, Renderer, fixture, terminal, view};
use framebus::observe::Snapshot;

/// Makes a model that has seen `snapshot` for some seconds, and a picture of every slot.
fn model(snapshot: Snapshot) -> Model {
    let mut options = Options::detect("cam0", |name| {
        (name == "LANG").then(|| "C.UTF-8".to_owned())
    });
    options.interval = Duration::from_millis(500);
    // A picture that is text can be read in a snapshot.
    options.renderer = Renderer::Ramp;
    let mut model = Model::new(&options);
    let pictures = fixture::pictures(&snapshot);
    for second in 0..5 {
        feed(&mut model, fixture::at(snapshot.clone(), second));
    }
    update(&mut model, Message::Pictures(pictures));
    model
}

fn feed(model: &mut Model, snapshot: Snapshot) {
    update(model, Message::Snapshot(Box::new(snapshot)));
}

/// Presses a key.
fn press(model: &mut Model, key: Key) -> Option<Effect> {
    update(model, Message::Input(Input::Key(key)))
}

/// Types characters.
fn type_in(model: &mut Model, text: &str) -> Option<Effect> {
    text.chars()
        .map(|c| press(model, Key::Char(c)))
        .last()
        .flatten()
}

/// Draws the model as text.
fn draw(model: &Model, width: u16, height: u16) -> String {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view::draw(&mut buffer, model);
    terminal::plain(&buffer)
}
