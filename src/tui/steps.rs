//! From one row, or one bus, to another.

use super::keys::Screen;
use super::model::{Model, Overlay};

/// Returns the row `rows` further on; the first step without a selection selects where it last was.
pub(super) fn moved(at: Option<usize>, last: usize, rows: isize, count: usize) -> Option<usize> {
    let newest = count.checked_sub(1)?;
    let to = match at {
        Some(at) => at.saturating_add_signed(rows),
        None if rows.unsigned_abs() > 1 => last.saturating_add_signed(rows),
        None => last,
    };
    Some(to.min(newest))
}

/// Goes on to another bus; returns whether there is one.
pub(super) fn change_bus(model: &mut Model, step: usize) -> bool {
    if model.buses.len() < 2 {
        model.notice = Some("there is no other bus".into());
        return false;
    }
    let at = model
        .buses
        .iter()
        .position(|bus| *bus == model.bus)
        .unwrap_or(0);
    let bus = model.buses[(at + step) % model.buses.len()].clone();
    show_bus(model, bus);
    true
}

/// Shows a bus.
pub(super) fn show_bus(model: &mut Model, bus: String) {
    if model.screen != Screen::Buses {
        model.freeze(false);
    }
    model.bus = bus;
    (model.selected, model.selected_slot, model.view_slot) = (None, None, None);
    if matches!(model.overlay, Overlay::Detail(_)) {
        model.overlay = Overlay::None;
    }
}
