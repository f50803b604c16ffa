//! Pictures: beside the overview, of every slot, and over the whole screen.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::{inside, section, slots};
use crate::tui::figures;
use crate::tui::format::or_unknown;
use crate::tui::lens::{Lens, Renderer};
use crate::tui::model::Model;
use crate::tui::table::Line;
use crate::tui::theme::{Theme, Tone};
use crate::tui::thumbnail;
use framebus::observe::{Picture, Slot, SlotState, Snapshot};

/// Draws the newest picture into the right side of the overview; `area` has the frame's lines on all sides.
pub(super) fn draw_aside(
    canvas: &mut Canvas<'_>,
    area: Rect,
    model: &Model,
    picture: Option<&Picture>,
) {
    let [down, up, _] = canvas.glyphs.cross;
    for y in area.y + 1..area.bottom() - 1 {
        // The rules of the panels at the left end at this side.
        canvas.text(
            area.x,
            y,
            area.width - 1,
            Tone::Plain,
            &" ".repeat(usize::from(area.width - 1)),
        );
        let joins =
            canvas.buffer[(area.x - 1, y)].symbol() == canvas.glyphs.horizontal && area.x > 1;
        let side = if joins {
            canvas.glyphs.middle[1]
        } else {
            canvas.glyphs.vertical
        };
        canvas.text(area.x, y, 1, Tone::Dim, side);
        canvas.text(area.right() - 1, y, 1, Tone::Dim, canvas.glyphs.vertical);
    }
    let title = picture.map_or_else(
        || Line::new(Tone::Dim, "no picture"),
        |picture| caption(picture, canvas),
    );
    let ends = [down, canvas.glyphs.middle[1]];
    canvas.rule(area.y, (area.x, area.right() - 1), ends, &title);
    canvas.text(area.x, area.bottom() - 1, 1, Tone::Dim, up);
    let cells = Rect::new(area.x + 1, area.y + 1, area.width - 2, area.height - 2);
    if let Some(picture) = picture {
        draw(canvas, cells, picture, &beside(&model.lens));
    }
}

/// Draws the picture of every slot side by side.
pub(super) fn draw_slots(canvas: &mut Canvas<'_>, area: Rect, model: &Model, snapshot: &Snapshot) {
    let aspect = snapshot.segment.as_ref().map_or(1.5, |segment| {
        f64::from(segment.width) / f64::from(segment.height.max(1))
    });
    let fits = |count: u16| {
        let grid = grid(count, area, aspect)?;
        (grid.1 >= LEAST_WIDTH || count == 1).then_some((count, grid))
    };
    let all = snapshot.slots.len() as u16;
    let Some((count, (columns, width, height))) = (1..=all).rev().find_map(fits) else {
        return;
    };
    for (at, slot) in telling(snapshot, model, count.into())
        .into_iter()
        .enumerate()
    {
        let (column, row) = (at as u16 % columns, at as u16 / columns);
        let cell = Rect::new(
            area.x + column * (width + 1),
            area.y + row * (height + 1),
            width,
            height + 1,
        );
        if cell.bottom() > area.bottom() {
            break;
        }
        let tone = if model.selected_slot == Some(slot.slot) {
            Tone::Key
        } else {
            Tone::Head
        };
        let taken = model
            .track()
            .and_then(|track| track.pictures.get(&slot.slot))
            // One of another frame than the table has would be of another moment.
            .filter(|picture| Some(picture.sequence) == slot.sequence);
        let mark = match slot.state {
            _ if slots::stuck(slot, snapshot) => "!",
            SlotState::Latest => "LATEST",
            SlotState::Held => "held",
            SlotState::Writing => "writing",
            SlotState::Free => "",
        };
        let sequence = or_unknown(slot.sequence, |sequence| sequence.to_string());
        // What it is used for says more than the sequence, which the table has.
        let whole = format!("{} {sequence} {mark}", slot.slot);
        let title = match whole.trim_end().len() <= usize::from(width) || mark.is_empty() {
            true => whole,
            false => format!("{} {mark}", slot.slot),
        };
        canvas.text(cell.x, cell.y, cell.width, tone, &title);
        if let Some(picture) = taken {
            draw(
                canvas,
                Rect::new(cell.x, cell.y + 1, width, height),
                picture,
                &beside(&model.lens),
            );
        }
    }
}

/// Cells of the smallest picture that says something.
const LEAST_WIDTH: u16 = 14;

/// Chooses the slots whose pictures are drawn when not all have room, by number: the selected one, what is held, the newest frames.
fn telling<'a>(snapshot: &'a Snapshot, model: &Model, count: usize) -> Vec<&'a Slot> {
    let importance = |slot: &Slot| match slot.state {
        _ if model.selected_slot == Some(slot.slot) => 0,
        _ if slots::stuck(slot, snapshot) => 1,
        SlotState::Latest => 2,
        SlotState::Held => 3,
        SlotState::Free | SlotState::Writing => 4,
    };
    let mut slots: Vec<_> = snapshot.slots.iter().collect();
    slots.sort_by_key(|slot| (importance(slot), std::cmp::Reverse(slot.sequence)));
    slots.truncate(count);
    slots.sort_by_key(|slot| slot.slot);
    slots
}

/// Returns the columns of the grid that shows `count` pictures largest, and the size of each.
pub(super) fn grid(count: u16, area: Rect, aspect: f64) -> Option<(u16, u16, u16)> {
    let fits = |columns: u16| {
        let rows = count.div_ceil(columns);
        let width = ((area.width + 1) / columns).checked_sub(1)?;
        let height = (area.height / rows).checked_sub(1)?;
        let by_height = (f64::from(height) * 2.0 * aspect) as u16;
        let width = width.min(by_height.max(8));
        let height = height.min((f64::from(width) / aspect / 2.0).ceil() as u16);
        (width >= 4 && height >= 1).then_some((columns, width, height))
    };
    (1..=count)
        .filter_map(fits)
        .max_by_key(|(_, width, height)| u32::from(*width) * u32::from(*height))
}

/// Draws a picture over the whole screen, with its figures in a line below.
pub(super) fn draw_view(canvas: &mut Canvas<'_>, body: Rect, model: &Model, snapshot: &Snapshot) {
    let Some(picture) = model.picture() else {
        let which = model.view_slot.map_or_else(
            || "the newest frame".to_owned(),
            |slot| format!("slot {slot}"),
        );
        section(canvas, body.y, body, &Line::new(Tone::Head, "PICTURE"));
        let area = inside(body, body.y + body.height / 2, 1);
        canvas.lines(
            area,
            &[Line::new(
                Tone::Dim,
                format!("   waiting for a picture of {which}"),
            )],
        );
        return;
    };
    let mut title = caption(picture, canvas);
    let newest = snapshot
        .producer
        .as_ref()
        .map_or(0, |producer| producer.sequence);
    match model.view_slot {
        None => title.push(Tone::Dim, " (newest)"),
        Some(_) => title.push(
            Tone::Dim,
            format!(
                " (chosen, {} behind)",
                newest.saturating_sub(picture.sequence)
            ),
        ),
    }
    section(canvas, body.y, body, &title);
    let cells = body.width - 4;
    let known = metadata(picture, canvas.glyphs.ascii);
    let lines = 1 + u16::from(known.is_some());
    let area = inside(body, body.y + 1, body.height - 1 - lines);
    draw(canvas, area, picture, &model.lens);
    if let Some(text) = known {
        let mut line = Line::new(Tone::Dim, "metadata ");
        line.push(
            Tone::Plain,
            cut(&text, usize::from(cells) - 9, canvas.glyphs.cut),
        );
        canvas.line(body.x + 2, body.bottom() - 2, cells, &line);
    }
    let line = status(picture, model, cells.into());
    canvas.line(body.x + 2, body.bottom() - 1, cells, &line);
}

/// Returns what the producer knows of the frame as one line, where it is text.
fn metadata(picture: &Picture, ascii: bool) -> Option<String> {
    let text = std::str::from_utf8(&picture.metadata).ok()?;
    let shown = |c: char| match c {
        c if c.is_control() => ' ',
        c if ascii && !c.is_ascii() => '?',
        c => c,
    };
    let line: String = text.trim().chars().map(shown).collect();
    (!line.is_empty()).then_some(line)
}

fn cut(text: &str, cells: usize, sign: char) -> String {
    if text.chars().count() <= cells {
        return text.to_owned();
    }
    let kept = text.chars().take(cells.saturating_sub(1));
    kept.chain([sign]).collect()
}

/// Returns how a picture is drawn beside the tables: the whole of it, and in gray, which is a tenth of the bytes.
const fn beside(lens: &Lens) -> Lens {
    Lens {
        zoom: 1,
        colour: false,
        ..*lens
    }
}

/// Returns the figures of the picture and how it is drawn. Where there is no room for all, the size, the renderer, the range and the
/// sharpness fall away, in this order; the figures are as wide as they can get, so that nothing jumps.
fn status(picture: &Picture, model: &Model, cells: usize) -> Line {
    let figures = figures::figures(picture);
    let number =
        |value: Option<f64>, cells| or_unknown(value, |value| format!("{value:>cells$.0}"));
    let lens = &model.lens;
    let renderer = match picture.bgr.is_some() && model.shows_colours() {
        true => format!("{} in colour", lens.renderer.name()),
        false if model.glyphs.ascii && lens.renderer.protocol().is_none() => {
            Renderer::Ramp.name().into()
        }
        false => lens.renderer.name().to_owned(),
    };
    let range = match lens.auto_range {
        true => "auto-range",
        false => "full range",
    };
    let inverted = if lens.invert { "inverted" } else { "" };
    // From 0, what is always there, to what falls away first.
    let fields = [
        (
            4,
            Tone::Plain,
            format!("{}x{}", picture.width, picture.height),
        ),
        (
            0,
            Tone::Plain,
            format!(
                "min {}  mean {}  max {}",
                number(figures.map(|figures| figures.min.into()), 3),
                number(figures.map(|figures| figures.mean), 3),
                number(figures.map(|figures| figures.max.into()), 3),
            ),
        ),
        (
            1,
            Tone::Plain,
            format!(
                "sharpness {}",
                number(figures.map(|figures| figures.sharpness), 5)
            ),
        ),
        (3, Tone::Dim, renderer),
        (2, Tone::Dim, range.to_owned()),
        (0, Tone::Dim, inverted.to_owned()),
        (0, Tone::Dim, format!("zoom {}x", lens.zoom)),
    ];
    let line = |most: u8| {
        let mut line = Line::default();
        let seen = fields
            .iter()
            .filter(|(rank, _, text)| *rank <= most && !text.is_empty());
        for (_, tone, text) in seen {
            let gap = if line.0.is_empty() { "" } else { "  " };
            line.push(*tone, format!("{gap}{text}"));
        }
        line
    };
    let fits = (0..=4).rev().map(line).find(|line| line.width() <= cells);
    fits.unwrap_or_else(|| line(0))
}

fn caption(picture: &Picture, canvas: &Canvas<'_>) -> Line {
    let dot = canvas.glyphs.dot;
    Line::new(
        Tone::Plain,
        format!("slot {} {dot} seq {}", picture.slot, picture.sequence),
    )
}

/// Draws the whole of a picture into a small place.
pub(super) fn draw_small(canvas: &mut Canvas<'_>, area: Rect, model: &Model, picture: &Picture) {
    draw(canvas, area, picture, &beside(&model.lens));
}

fn draw(canvas: &mut Canvas<'_>, area: Rect, picture: &Picture, lens: &Lens) {
    let renderer = match lens.renderer {
        Renderer::HalfBlock | Renderer::Quadrant | Renderer::Braille if canvas.glyphs.ascii => {
            Renderer::Ramp
        }
        // In black and white, two pixels of a character are as many as its colours.
        Renderer::Quadrant if canvas.theme == Theme::None => Renderer::HalfBlock,
        renderer => renderer,
    };
    let lens = Lens {
        renderer,
        // Gray without a theme's colours is black and white; so is a picture that has colours.
        colour: lens.colour && canvas.theme != Theme::None,
        ..*lens
    };
    if let Some(art) = thumbnail::draw(
        picture,
        &lens,
        area.width,
        area.height,
        canvas.theme == Theme::Light,
    ) {
        canvas.art(area, art);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_as_large_as_their_grid_allows() {
        let area = Rect::new(0, 0, 98, 16);
        assert_eq!(grid(6, area, 16.0 / 9.0), Some((3, 24, 7)));
        assert_eq!(grid(2, area, 16.0 / 9.0), Some((2, 48, 14)));
        assert_eq!(grid(0, area, 1.0), None);
        assert_eq!(grid(200, Rect::new(0, 0, 10, 2), 1.0), None);
    }
}
