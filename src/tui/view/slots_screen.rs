//! The slots at full height: their use over a minute, and the pictures in them.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::{inside, overview, picture, section, slots};
use crate::tui::model::{Hit, Model, Target};
use crate::tui::table::Line;
use crate::tui::theme::Tone;
use framebus::observe::Snapshot;

/// Rows of the pictures' part: its rule, a caption, and the lowest picture that says something.
const LEAST_PICTURES: usize = 6;

/// Draws the slots with their use over a minute, and the picture of every one.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    body: Rect,
    model: &Model,
    snapshot: &Snapshot,
    hits: &mut Vec<Hit>,
) {
    let all = usize::from(body.height) - 1;
    let most = all * 6 / 10;
    // Lower pictures are recognised by nobody: the rows are the table's.
    let height = if model.thumbnails && all - most >= LEAST_PICTURES {
        match snapshot.slots.len() + 1 {
            whole if whole <= most => whole,
            _ => slots::wish(snapshot, usize::from(body.width) - 4).min(most),
        }
    } else {
        all
    };
    section(canvas, body.y, body, &slots::title(snapshot));
    let area = overview::padded(body, body.right() - 1, body.y + 1, height);
    let strips = model.track().map(|track| &track.slots);
    let mut lines = slots::lines(snapshot, strips, area.width.into(), height, canvas.glyphs);
    for (line, y) in lines.iter_mut().zip(area.y..) {
        let Some(slot) = line.slot else {
            continue;
        };
        hits.push(Hit {
            y,
            x: (body.x, body.right()),
            target: Target::Slot(slot),
        });
        if model.selected_slot == Some(slot) {
            line.line.select();
            canvas.text(body.x, y, 1, Tone::Key, canvas.glyphs.marker);
        }
    }
    canvas.lines(
        area,
        &lines.into_iter().map(|line| line.line).collect::<Vec<_>>(),
    );
    let y = area.bottom();
    if y + 3 < body.bottom() {
        let mut title = Line::new(Tone::Head, "PICTURES");
        let [_, free, latest, written, had, held] = canvas.glyphs.strip;
        title.push(
            Tone::Dim,
            format!(
                "   strip: {held} held all along  {had} at times  {written} written  {latest} newest  {free} free"
            ),
        );
        section(canvas, y, body, &title);
        picture::draw_slots(
            canvas,
            inside(body, y + 1, body.bottom() - y - 1),
            model,
            snapshot,
        );
    }
}
