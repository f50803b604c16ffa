//! The keys that change how pictures are looked at.

use super::lens::Renderer;
use super::model::Model;
use super::theme::Theme;

/// Goes on to the next renderer, or from gray to colour and back.
pub(super) fn draw_otherwise(model: &mut Model, colour: bool) {
    let has_colours = model.bus_has_colours();
    let lens = &mut model.lens;
    let notice = if model.glyphs.ascii && lens.protocol.is_none() {
        "blocks and braille need a UTF-8 terminal".into()
    } else if !colour {
        lens.renderer = match (lens.renderer.next(lens.protocol), lens.protocol) {
            // Blocks and braille are no ASCII.
            (Renderer::HalfBlock, Some(protocol)) if model.glyphs.ascii => {
                Renderer::Pixels(protocol)
            }
            (next, _) => next,
        };
        format!("drawn as {}", lens.renderer.name())
    } else if model.theme == Theme::None {
        "no colours in this theme: T changes it".into()
    } else if !has_colours {
        "the bus keeps no colours: its source has none".into()
    } else {
        // Asked for where there are none yet, they are to be seen at once.
        lens.colour = !lens.has_colours();
        if lens.colour && !lens.has_colours() {
            lens.renderer = Renderer::Quadrant;
        }
        match lens.colour {
            true => format!("{} in colour", lens.renderer.name()),
            false => "gray".into(),
        }
    };
    model.notice = Some(notice);
}

/// Moves by an eighth of what is seen.
pub(super) fn pan(model: &mut Model, x: f64, y: f64) {
    let part = 1.0 / f64::from(model.lens.zoom);
    let within = |value: f64| value.clamp(part / 2.0, 1.0 - part / 2.0);
    let (cx, cy) = model.lens.centre;
    model.lens.centre = (within(cx + x * part / 8.0), within(cy + y * part / 8.0));
}

/// Goes through the newest frame, slot 0, slot 1 and so on.
pub(super) fn choose_slot(model: &mut Model, next: bool) {
    let count = model.shown().map_or(0, |now| now.slots.len());
    let at = model.view_slot.map_or(0, |slot| usize::from(slot) + 1);
    let at = (at + if next { 1 } else { count }) % (count + 1);
    model.view_slot = at.checked_sub(1).and_then(|slot| u8::try_from(slot).ok());
}
