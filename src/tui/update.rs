//! From one state to the next: pure, no clock, no terminal, no file.

use super::buses;
use super::input::{Input, Key};
use super::keys::{self, Action, Screen};
use super::looking;
use super::model::{INTERVALS_MS, Model, Overlay, Target};
use super::steps;
use super::track::ConsumerKey;
use framebus::observe::{Picture, Snapshot};

/// Steps round all screens to the one before.
const BACK: usize = Screen::ALL.len() - 1;

/// What happened.
#[derive(Debug)]
pub(crate) enum Message {
    Input(Input),
    Buses(Vec<String>),
    Snapshot(Box<Snapshot>),
    Pictures(Vec<Picture>),
    /// Moments of the buses that are not the one in view.
    Others(Vec<Snapshot>),
    /// The newest pictures of buses.
    BusPictures(Vec<(String, Picture)>),
    /// Something to tell the person, until the next key.
    Notice(String),
    /// The terminal has another size, or its content is lost.
    Resized,
}

/// What `update` cannot do itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Quit; `keep` leaves the screen behind.
    Quit { keep: bool },
    /// Stop the process until it is continued.
    Suspend,
    /// Draw everything again.
    Redraw,
    /// Take a sample now.
    Sample,
    /// Take the pictures now.
    Pictures,
    /// Turn the mouse on or off.
    Mouse(bool),
    /// Write the picture that is shown.
    WritePng,
    /// Write the snapshot that is shown.
    Export,
}

/// Takes a message; returns what is left to do.
pub(crate) fn update(model: &mut Model, message: Message) -> Option<Effect> {
    match message {
        Message::Input(input) => {
            model.dirty = true;
            model.notice = None;
            return input_effect(model, input);
        }
        Message::Snapshot(snapshot) => {
            let changed = model.live().ingest(*snapshot);
            if !model.is_frozen() {
                follow_selection(model);
                model.dirty |= changed;
            }
        }
        Message::Pictures(pictures) => {
            let track = model.live();
            let what = |picture: &Picture| (picture.sequence, picture.bgr.is_some());
            let new = pictures.iter().any(|new| {
                let old = track.pictures.get(&new.slot);
                old.is_none_or(|old| what(old) != what(new))
            });
            if new {
                track.take_pictures(pictures);
                model.dirty |= !model.is_frozen();
            }
        }
        Message::Others(snapshots) => {
            let before = buses::in_trouble(model);
            snapshots.into_iter().for_each(|now| model.ingest(now));
            model.dirty |= model.screen == Screen::Buses && !model.is_frozen();
            model.dirty |= buses::in_trouble(model) != before;
        }
        Message::BusPictures(pictures) => {
            for (bus, picture) in pictures {
                model.dirty |= model.take_picture(&bus, picture) && !model.is_frozen();
            }
        }
        Message::Buses(mut buses) => {
            // The bus that was asked for has a tab also while it is absent.
            if !buses.contains(&model.bus) {
                buses.push(model.bus.clone());
                buses.sort();
            }
            model.dirty |= buses != model.buses;
            model.buses = buses;
            model.forget_buses();
        }
        Message::Notice(text) => {
            model.notice = Some(text);
            model.dirty = true;
        }
        Message::Resized => model.dirty = true,
    }
    None
}

fn input_effect(model: &mut Model, input: Input) -> Option<Effect> {
    match input {
        Input::Key(key) if model.editing => {
            edit_filter(model, key);
            if key == Key::Ctrl('c') {
                Some(Effect::Quit { keep: false })
            } else {
                None
            }
        }
        Input::Key(key) => act(model, keys::action(key)?),
        Input::Pasted(c) => {
            if model.editing {
                edit_filter(model, Key::Char(c));
            }
            None
        }
        Input::Wheel(rows) => act(model, if rows < 0 { Action::Up } else { Action::Down }),
        Input::Click(x, y) => {
            let hit = model
                .hits
                .iter()
                .find(|hit| hit.y == y && hit.x.0 <= x && x < hit.x.1)?;
            match hit.target {
                Target::Screen(screen) => return go(model, screen),
                Target::Consumer(key) if model.selected == Some(key) => {
                    return act(model, Action::Open);
                }
                Target::Consumer(key) => model.selected = Some(key),
                Target::Slot(slot) => model.selected_slot = Some(slot),
                Target::Bus(at) => {
                    let bus = model.buses.get(at)?.clone();
                    if bus == model.bus {
                        return act(model, Action::Open);
                    }
                    steps::show_bus(model, bus);
                    return Some(Effect::Sample);
                }
            }
            None
        }
    }
}

fn edit_filter(model: &mut Model, key: Key) {
    match key {
        Key::Char(c) if model.listing.filter.chars().count() < 24 => model.listing.filter.push(c),
        Key::Backspace => drop(model.listing.filter.pop()),
        Key::Enter => model.editing = false,
        Key::Esc => {
            model.editing = false;
            model.listing.filter.clear();
        }
        _ => {}
    }
}

fn act(model: &mut Model, action: Action) -> Option<Effect> {
    match action {
        Action::Quit => return Some(Effect::Quit { keep: false }),
        Action::QuitKeep => return Some(Effect::Quit { keep: true }),
        Action::Suspend => return Some(Effect::Suspend),
        Action::Redraw => return Some(Effect::Redraw),
        Action::Export => return Some(Effect::Export),
        Action::WritePng => return Some(Effect::WritePng),
        Action::Mouse => {
            model.mouse = !model.mouse;
            model.notice = Some(format!("mouse {}", if model.mouse { "on" } else { "off" }));
            return Some(Effect::Mouse(model.mouse));
        }
        Action::Help => {
            model.overlay = if model.overlay == Overlay::Help {
                Overlay::None
            } else {
                Overlay::Help
            };
            model.scroll = 0;
        }
        Action::Back => back(model),
        Action::Open => return open(model),
        Action::Screen(screen) => return go(model, screen),
        Action::NextScreen => return go(model, model.screen.step(1)),
        Action::PreviousScreen => return go(model, model.screen.step(BACK)),
        Action::NextBus => return steps::change_bus(model, 1).then_some(Effect::Sample),
        Action::PreviousBus => {
            let back = model.buses.len().saturating_sub(1);
            return steps::change_bus(model, back).then_some(Effect::Sample);
        }
        Action::Up => return step(model, -1),
        Action::Down => return step(model, 1),
        Action::PageUp => return step(model, -10),
        Action::PageDown => return step(model, 10),
        Action::Top => return step(model, -1_000_000),
        Action::Bottom => return step(model, 1_000_000),
        Action::Left | Action::Right => return sideways(model, action == Action::Right),
        _ => return show(model, action),
    }
    None
}

/// Changes what is shown, or how.
fn show(model: &mut Model, action: Action) -> Option<Effect> {
    match action {
        Action::Freeze => model.freeze(!model.is_frozen()),
        Action::Filter => model.editing = true,
        Action::Sort => model.listing.sort = model.listing.sort.next(),
        Action::Reverse => model.listing.reverse = !model.listing.reverse,
        Action::OnlyFindings => model.listing.only_findings = !model.listing.only_findings,
        Action::Zero => {
            model.live().zero();
            model.notice = Some("counters of this view zeroed; u: undo".into());
        }
        Action::Unzero => {
            model.live().unzero();
            model.notice = Some("counters from the start".into());
        }
        Action::Faster => change_interval(model, |ms| {
            INTERVALS_MS.into_iter().rev().find(|step| *step < ms)
        }),
        Action::Slower => {
            change_interval(model, |ms| INTERVALS_MS.into_iter().find(|step| *step > ms))
        }
        Action::Thumbnails => {
            model.thumbnails = !model.thumbnails;
            return Some(Effect::Pictures);
        }
        Action::Theme => {
            model.theme = model.theme.next();
            model.notice = Some(format!("theme {}", model.theme.name()));
        }
        Action::Renderer | Action::Colour => {
            looking::draw_otherwise(model, action == Action::Colour);
            // With colours, or without them.
            return Some(Effect::Pictures);
        }
        Action::AutoRange => {
            model.lens.auto_range = !model.lens.auto_range;
            model.notice = Some(format!(
                "auto-range {}",
                if model.lens.auto_range { "on" } else { "off" }
            ));
        }
        Action::Invert => model.lens.invert = !model.lens.invert,
        Action::ZoomIn => model.lens.zoom = (model.lens.zoom * 2).min(32),
        Action::ZoomOut => model.lens.zoom = (model.lens.zoom / 2).max(1),
        Action::ResetView => {
            (model.lens.zoom, model.lens.centre, model.view_slot) = (1, (0.5, 0.5), None);
        }
        Action::NextSlot | Action::PreviousSlot => {
            looking::choose_slot(model, action == Action::NextSlot);
            return Some(Effect::Pictures);
        }
        _ => {}
    }
    None
}

fn go(model: &mut Model, screen: Screen) -> Option<Effect> {
    model.screen = screen;
    model.overlay = Overlay::None;
    model.scroll = 0;
    Some(Effect::Pictures)
}

fn back(model: &mut Model) {
    match model.overlay {
        Overlay::None if !model.listing.filter.is_empty() => model.listing.filter.clear(),
        Overlay::None if !matches!(model.screen, Screen::Overview | Screen::Buses) => {
            go(model, Screen::Overview);
        }
        Overlay::None => model.selected = None,
        _ => model.overlay = Overlay::None,
    }
}

fn open(model: &mut Model) -> Option<Effect> {
    match (model.overlay, model.screen) {
        (Overlay::None, Screen::Buses) => {
            // What the buses were filtered by are not the names of its consumers.
            model.listing.filter.clear();
            return go(model, Screen::Overview);
        }
        (Overlay::None, Screen::Slots) => {
            model.view_slot = model.selected_slot;
            return go(model, Screen::View);
        }
        (Overlay::None, Screen::Overview | Screen::Consumers) => {
            if model.selected_row().is_none() {
                step(model, 0);
            }
            if let Some(key) = model.selected {
                model.overlay = Overlay::Detail(key);
            }
        }
        (Overlay::None, _) => {}
        _ => model.overlay = Overlay::None,
    }
    None
}

/// Moves by rows: the selection, the log, the help or the picture, whichever is seen.
fn step(model: &mut Model, rows: isize) -> Option<Effect> {
    let scroll = |model: &mut Model, rows| {
        model.scroll = model.scroll.saturating_add_signed(rows).min(100_000)
    };
    match (model.overlay, model.screen) {
        (Overlay::Help, _) => scroll(model, rows),
        (Overlay::None, Screen::Log) => scroll(model, -rows),
        (Overlay::None, Screen::View) => {
            looking::pan(model, 0.0, if rows < 0 { -1.0 } else { 1.0 })
        }
        (Overlay::None, Screen::Buses) => {
            let buses: Vec<String> = buses::rows(model)
                .iter()
                .map(|row| row.bus.to_owned())
                .collect();
            let at = buses.iter().position(|bus| *bus == model.bus);
            let to = steps::moved(at, 0, rows, buses.len());
            if let Some(bus) = to.and_then(|at| buses.get(at)) {
                steps::show_bus(model, bus.clone());
                return Some(Effect::Sample);
            }
        }
        (Overlay::None, Screen::Slots) => {
            let slots: Vec<u8> = model.shown().map_or(vec![], |now| {
                now.slots.iter().map(|slot| slot.slot).collect()
            });
            let at = model
                .selected_slot
                .and_then(|slot| slots.iter().position(|other| *other == slot));
            model.selected_slot =
                steps::moved(at, 0, rows, slots.len()).and_then(|at| slots.get(at).copied());
        }
        _ => {
            let keys: Vec<_> = model.rows().into_iter().map(ConsumerKey::of).collect();
            if let Some(at) =
                steps::moved(model.selected_row(), model.selected_at, rows, keys.len())
            {
                model.selected_at = at;
                model.selected = keys.get(at).copied();
            }
            if let (Overlay::Detail(_), Some(key)) = (model.overlay, model.selected) {
                model.overlay = Overlay::Detail(key);
            }
        }
    }
    None
}

fn sideways(model: &mut Model, right: bool) -> Option<Effect> {
    match (model.overlay, model.screen) {
        (Overlay::None, Screen::View) => looking::pan(model, if right { 1.0 } else { -1.0 }, 0.0),
        (Overlay::None, screen) => return go(model, screen.step(if right { 1 } else { BACK })),
        _ => {}
    }
    None
}

fn change_interval(model: &mut Model, step: impl Fn(u64) -> Option<u64>) {
    model.interval_ms = step(model.interval_ms).unwrap_or(model.interval_ms);
    model.notice = Some(format!(
        "a sample every {} s",
        model.interval_ms as f64 / 1e3
    ));
}

/// Keeps the selection on its consumer; when that went, on the one in its place.
fn follow_selection(model: &mut Model) {
    if model.selected.is_none() {
        return;
    }
    match model.selected_row() {
        Some(at) => model.selected_at = at,
        None => {
            let rows = model.rows();
            let at = model.selected_at.min(rows.len().saturating_sub(1));
            model.selected = rows.get(at).map(|consumer| ConsumerKey::of(consumer));
        }
    }
}
