//! The log: what happened since `top` began to look, the newest at the bottom.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::{findings, inside, section};
use crate::tui::format::{clean, clock};
use crate::tui::model::Model;
use crate::tui::table::Line;
use crate::tui::theme::Tone;

/// Draws the newest entries, or those `scroll` further up.
pub(super) fn draw(canvas: &mut Canvas<'_>, body: Rect, model: &Model) {
    let area = inside(body, body.y + 1, body.height - 1);
    let (all, room) = (
        model.track().map_or(0, |track| track.log.len()),
        usize::from(area.height),
    );
    let back = model.scroll.min(all.saturating_sub(room));
    let last = all - back;
    let first = last.saturating_sub(room);
    let mut title = Line::new(Tone::Head, format!("LOG {all}"));
    title.push(Tone::Plain, " times in UTC");
    if back > 0 {
        title.push(Tone::Warn, format!(", {back} newer below"));
    }
    section(canvas, body.y, body, &title);
    let entries = model
        .track()
        .into_iter()
        .flat_map(|track| track.log.range(first..last));
    let lines: Vec<_> = entries
        .map(|entry| {
            let tone = findings::tone(entry.severity);
            let mut line = Line::new(Tone::Dim, format!(" {} ", clock(entry.time_ms)));
            line.push(
                tone,
                format!(" {:<2} {:<10} ", findings::sign(entry.severity), entry.what),
            );
            line.push(Tone::Plain, clean(&entry.text, canvas.glyphs.ascii));
            line
        })
        .collect();
    canvas.lines(area, &lines);
}
