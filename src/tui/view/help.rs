//! The help, made from the key map.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::{inside, section};
use crate::tui::keys::{Group, KEYS};
use crate::tui::model::Model;
use crate::tui::table::Line;
use crate::tui::theme::Tone;

/// Draws the help; it scrolls where it is too long.
pub(super) fn draw(canvas: &mut Canvas<'_>, body: Rect, model: &Model) {
    let area = inside(body, body.y + 1, body.height - 1);
    let two = area.width >= 110;
    let lines = lines(two);
    let room = usize::from(area.height);
    let first = model.scroll.min(lines.len().saturating_sub(room));
    let last = (first + room).min(lines.len());
    let mut title = Line::new(Tone::Head, "HELP");
    title.push(
        Tone::Plain,
        "  no key changes the bus; docs/top.md says what every column and finding means",
    );
    if last - first < lines.len() {
        title.0.truncate(1);
        title.push(
            Tone::Plain,
            format!(
                "  lines {} to {last} of {}, j k scroll",
                first + 1,
                lines.len()
            ),
        );
    }
    section(canvas, body.y, body, &title);
    canvas.lines(
        Rect {
            x: area.x + 1,
            width: area.width - 2,
            ..area
        },
        &lines[first..last],
    );
}

fn lines(two: bool) -> Vec<Line> {
    let [moving, showing, picture, program] = Group::ALL.map(group);
    if !two {
        return [moving, showing, picture, program, words()].concat();
    }
    let (left, right) = (
        [moving, showing].concat(),
        [picture, program, words()].concat(),
    );
    let mut both = Vec::new();
    for at in 0..left.len().max(right.len()) {
        let mut line = left.get(at).cloned().unwrap_or_default();
        line.push(
            Tone::Plain,
            " ".repeat(56usize.saturating_sub(line.width())),
        );
        line.0.extend(right.get(at).cloned().unwrap_or_default().0);
        both.push(line);
    }
    both
}

fn group((group, title): (Group, &'static str)) -> Vec<Line> {
    let mut lines = vec![Line::new(Tone::Head, title)];
    for binding in KEYS.iter().filter(|binding| binding.group == group) {
        let mut line = Line::new(Tone::Key, format!("  {:<9} ", binding.label));
        line.push(Tone::Plain, binding.help);
        lines.push(line);
    }
    lines
}

fn words() -> Vec<Line> {
    let mut lines = vec![Line::new(Tone::Head, "COLUMNS")];
    let words = [
        ("S", "R reads, W waits, S slow, K stuck, I idle,"),
        ("", "P only on its pipe, D gone"),
        ("%CAM", "frames used of those published"),
        ("SKIP", "frames that it did not take"),
        ("HELD", "age of its lease"),
        ("WAIT", "published to woken, p50/p99"),
        ("BUSY", "woken to released, p50/p99"),
        ("B/P", "BUSY / frame period; above 1 it skips"),
        ("AGE", "now less the capture of its frame"),
        ("--- +++", "not known; begun and not ended"),
    ];
    for (word, text) in words {
        let mut line = Line::new(Tone::Key, format!("  {word:<9} "));
        line.push(Tone::Plain, text);
        lines.push(line);
    }
    lines
}
