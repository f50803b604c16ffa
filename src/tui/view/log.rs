//! The log: what happened since `top` began to look, the newest at the bottom.

use std::collections::VecDeque;

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::{findings, inside, section};
use crate::tui::format::{clean, clock};
use crate::tui::log::Entry;
use crate::tui::model::Model;
use crate::tui::table::{Line, wrap};
use crate::tui::theme::{Glyphs, Tone};

/// Draws the newest entries, or those `scroll` further up; a long one takes several lines.
pub(super) fn draw(canvas: &mut Canvas<'_>, body: Rect, model: &Model) {
    let area = inside(body, body.y + 1, body.height - 1);
    let (all, room) = (
        model.track().map_or(0, |track| track.log.len()),
        usize::from(area.height),
    );
    let back = model.scroll.min(all.saturating_sub(1));
    let mut title = Line::new(Tone::Head, format!("LOG {all}"));
    title.push(Tone::Plain, " times in UTC");
    if back > 0 {
        title.push(Tone::Warn, format!(", {back} newer below"));
    }
    section(canvas, body.y, body, &title);
    let cells = usize::from(area.width) - 1;
    let mut lines = VecDeque::new();
    for entry in model
        .track()
        .into_iter()
        .flat_map(|track| track.log.iter().rev().skip(back))
    {
        let wrapped = entry_lines(entry, cells, canvas.glyphs);
        if lines.len() + wrapped.len() > room {
            break;
        }
        wrapped
            .into_iter()
            .rev()
            .for_each(|line| lines.push_front(line));
    }
    canvas.lines(area, lines.make_contiguous());
}

fn entry_lines(entry: &Entry, cells: usize, glyphs: &Glyphs) -> Vec<Line> {
    let tone = findings::tone(entry.severity);
    let mut line = Line::new(Tone::Dim, format!(" {} ", clock(entry.time_ms)));
    line.push(
        tone,
        format!(" {:<2} {:<10} ", findings::sign(entry.severity), entry.what),
    );
    wrap(line, Tone::Plain, &clean(&entry.text, glyphs.ascii), cells)
}
