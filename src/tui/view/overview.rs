//! The overview, and the screens that show one of its tables at full height.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::{consumers, detail, findings, inside, picture, producer, section, slots};
use crate::tui::model::{Hit, Model, Target};
use crate::tui::scale;
use crate::tui::table::Line;
use crate::tui::theme::Tone;
use crate::tui::track::ConsumerKey;
use framebus::observe::{Consumer, Snapshot};

/// How the rows of a screen are shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heights {
    producer: usize,
    slots: usize,
    consumers: usize,
    detail: usize,
    findings: usize,
}

/// What every panel would like to have.
#[derive(Debug, Clone, Copy)]
struct Wish {
    /// Without and with its history.
    producer: (usize, usize),
    slots: usize,
    consumers: usize,
    findings: usize,
    /// Rows that the picture can use beside producer and slots.
    picture: usize,
    /// Rows that it may have: the rest says more with a consumer's detail.
    picture_most: usize,
    /// Rows that the detail of a consumer takes at least; 0 without one.
    detail: usize,
}

impl Wish {
    /// Returns whether every panel has what it would like, the picture too, and a row for another consumer is left.
    const fn is_granted(&self, heights: Heights) -> bool {
        heights.producer >= self.producer.1
            && heights.slots >= self.slots
            && heights.consumers > self.consumers
            && heights.findings >= self.findings
            && heights.producer + heights.slots + 1 >= self.picture
            && self.picture <= self.picture_most
    }
}

/// Columns that the panels beside the picture keep when it grows.
const TABLES: u16 = 68;

/// Shares out `rows` so that a stuck consumer is seen on any screen: first a little for everyone, then consumers, then the rest.
fn share(rows: usize, wish: Wish) -> Heights {
    let mut heights = Heights {
        producer: 2,
        slots: 1,
        consumers: 3,
        detail: 0,
        findings: 1,
    };
    let mut left = rows.saturating_sub(7);
    let mut give = |height: &mut usize, upto: usize| {
        let more = upto.saturating_sub(*height).min(left);
        *height += more;
        left -= more;
    };
    give(&mut heights.consumers, wish.consumers.min(5));
    give(&mut heights.slots, wish.slots.min(3));
    give(&mut heights.findings, wish.findings.min(2));
    give(&mut heights.producer, wish.producer.0);
    give(&mut heights.slots, wish.slots.min(4));
    give(&mut heights.consumers, wish.consumers.min(7));
    give(&mut heights.slots, wish.slots.min(7));
    give(&mut heights.consumers, wish.consumers.min(10));
    give(&mut heights.producer, wish.producer.1);
    give(&mut heights.slots, wish.slots);
    give(&mut heights.findings, wish.findings);
    give(&mut heights.consumers, wish.consumers);
    let beside = (heights.producer + 1).min(wish.picture);
    give(&mut heights.slots, wish.picture - beside);
    // What is left tells more: the rate as a curve, and a consumer in detail.
    if wish.producer.1 > wish.producer.0 {
        give(&mut heights.producer, wish.producer.1 + CURVE);
    }
    if wish.detail > 0 && left > wish.detail {
        heights.detail = left;
        left = 0;
    }
    heights.consumers += left;
    heights
}

/// Rows that the rate of the producer gets more where there is room.
const CURVE: usize = 3;

/// Draws the overview.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    body: Rect,
    model: &Model,
    snapshot: &Snapshot,
    hits: &mut Vec<Hit>,
) {
    let glyphs = canvas.glyphs;
    let fps = model.track().map(|track| &track.fps);
    let rows = model.rows();
    let taken = model.picture();
    let detailed = detailed(model, &rows);
    let cells = |aside: u16| usize::from(body.width - 1 - aside) - 3;
    let producer_lines = |aside, rows| producer::lines(snapshot, fps, cells(aside), rows, glyphs);
    let finding_lines = findings::wrapped(snapshot, usize::from(body.width) - 4, glyphs).len();
    let shared = |aside: u16| {
        let lines = producer_lines(aside, 1).len();
        let slots = slots::wish(snapshot, cells(aside));
        let wish = Wish {
            producer: (lines - 1, lines),
            slots,
            consumers: rows.len().max(1) + 1,
            findings: finding_lines,
            picture: taken
                .and_then(|picture| scale::size(picture, aside, 200))
                .map_or(0, |(_, rows)| rows),
            picture_most: (lines + CURVE + slots + 2).max(usize::from(body.height) * 2 / 5),
            detail: if detailed.is_some() { DETAIL } else { 0 },
        };
        let heights = share(usize::from(body.height).saturating_sub(4), wish);
        (wish.is_granted(heights), heights)
    };
    let third = (body.width - 2) / 3;
    let aside = match model.thumbnails && body.width >= 76 {
        // Rows that nobody needs are for a larger picture, as far as the tables keep their columns.
        true => (third..=body.width.saturating_sub(TABLES).min(body.width / 2))
            .rev()
            .find(|aside| taken.is_some() && shared(*aside).0)
            .unwrap_or(third),
        false => 0,
    };
    let split = body.right() - 1 - aside;
    let heights = shared(aside).1;
    let others = producer_lines(aside, 1).len() - 1;
    let producer_lines = producer_lines(aside, heights.producer.saturating_sub(others).max(1));

    let mut y = body.y;
    let top = y;
    section(canvas, y, body, &producer::title(snapshot));
    canvas.lines(
        padded(body, split, y + 1, heights.producer),
        &producer_lines,
    );
    y += 1 + heights.producer as u16;
    section(canvas, y, body, &slots::title(snapshot));
    let area = padded(body, split, y + 1, heights.slots);
    let lines = slots::lines(
        snapshot,
        None,
        usize::from(area.width),
        heights.slots,
        glyphs,
    );
    canvas.lines(
        area,
        &lines.into_iter().map(|line| line.line).collect::<Vec<_>>(),
    );
    y += 1 + heights.slots as u16;
    consumers_section(canvas, body, (y, heights.consumers), model, snapshot, hits);
    if aside > 0 {
        let area = Rect::new(split, top, body.right() - split, y - top + 1);
        picture::draw_aside(canvas, area, model, taken);
    }
    y += 1 + heights.consumers as u16;
    y = draw_detail(canvas, body, (y, heights.detail), model, snapshot, detailed);
    section(
        canvas,
        y,
        body,
        &findings::title(snapshot, heights.findings),
    );
    let area = padded(body, body.right() - 1, y + 1, heights.findings);
    let lines = findings::lines(snapshot, area.width.into(), heights.findings, glyphs);
    canvas.lines(area, &lines);
}

/// Returns the consumer whose detail fills what nobody needs: the selected one, else the first.
fn detailed(model: &Model, rows: &[&Consumer]) -> Option<ConsumerKey> {
    let selected = model.selected_row().and_then(|at| rows.get(at));
    selected
        .or(rows.first())
        .map(|consumer| ConsumerKey::of(consumer))
}

/// Rows that the detail of a consumer takes at least, with its rule.
const DETAIL: usize = 9;

/// Draws the detail of a consumer in `height` rows from `y` on, its rule with them; returns the row after it.
fn draw_detail(
    canvas: &mut Canvas<'_>,
    body: Rect,
    (y, height): (u16, usize),
    model: &Model,
    snapshot: &Snapshot,
    consumer: Option<ConsumerKey>,
) -> u16 {
    let area = Rect {
        y,
        height: height as u16,
        ..body
    };
    if let Some(key) = consumer.filter(|_| height > 0) {
        detail::draw_below(canvas, area, model, snapshot, key);
    }
    area.bottom()
}

/// Draws the consumers at full height.
pub(super) fn draw_consumers(
    canvas: &mut Canvas<'_>,
    body: Rect,
    model: &Model,
    snapshot: &Snapshot,
    hits: &mut Vec<Hit>,
) {
    let whole = findings::wrapped(snapshot, usize::from(body.width) - 4, canvas.glyphs).len();
    let found = whole.min(usize::from(body.height) / 4);
    let rows = usize::from(body.height).saturating_sub(2 + found);
    let listed = model.rows();
    let spare = rows.saturating_sub(listed.len() + 2);
    let detailed = detailed(model, &listed).filter(|_| spare >= DETAIL);
    let height = if detailed.is_some() { spare } else { 0 };
    let rows = rows - height;
    consumers_section(canvas, body, (body.y, rows), model, snapshot, hits);
    let y = body.y + 1 + rows as u16;
    let y = draw_detail(canvas, body, (y, height), model, snapshot, detailed);
    section(canvas, y, body, &findings::title(snapshot, found));
    let area = padded(body, body.right() - 1, y + 1, found);
    let lines = findings::lines(snapshot, area.width.into(), found, canvas.glyphs);
    canvas.lines(area, &lines);
}

/// Draws the consumers in `height` rows under a rule in row `y`; of too many, those around the selected one.
fn consumers_section(
    canvas: &mut Canvas<'_>,
    body: Rect,
    (y, height): (u16, usize),
    model: &Model,
    snapshot: &Snapshot,
    hits: &mut Vec<Hit>,
) {
    let rows = model.rows();
    let room = height.saturating_sub(1);
    let first = model
        .selected_row()
        .map_or(0, |at| at.saturating_sub(room.saturating_sub(1) / 2));
    let first = first.min(rows.len().saturating_sub(room));
    let seen = &rows[first..(first + room).min(rows.len())];
    let mut title = consumers::title(snapshot);
    if rows.len() < snapshot.consumers.len() {
        title.push(Tone::Warn, format!(", {} listed", rows.len()));
    }
    if seen.len() < rows.len() {
        title.push(
            Tone::Warn,
            format!(
                ", rows {} to {} of {}",
                first + 1,
                first + seen.len(),
                rows.len()
            ),
        );
    }
    section(canvas, y, body, &title);
    let area = inside(body, y + 1, height as u16);
    let mut lines = consumers::lines(
        snapshot,
        seen,
        model.listing.sort,
        area.width.into(),
        canvas.glyphs,
    );
    if rows.is_empty() {
        let none = if snapshot.consumers.is_empty() {
            "none; for example: framebus consume -i auto"
        } else {
            "none match"
        };
        lines.push(Line::new(Tone::Dim, none));
    }
    for (at, consumer) in seen.iter().enumerate() {
        let (key, row) = (ConsumerKey::of(consumer), y + 2 + at as u16);
        hits.push(Hit {
            y: row,
            x: (body.x, body.right()),
            target: Target::Consumer(key),
        });
        if model.selected == Some(key) {
            lines[at + 1].select();
            canvas.text(body.x, row, 1, Tone::Key, canvas.glyphs.marker);
        }
    }
    canvas.lines(area, &lines);
}

/// Returns the cells from the left side to column `right`, with a space on either side.
pub(super) fn padded(body: Rect, right: u16, y: u16, height: usize) -> Rect {
    Rect {
        x: body.x + 2,
        y,
        width: right.saturating_sub(body.x + 3),
        height: height as u16,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WISH: Wish = Wish {
        producer: (3, 4),
        slots: 7,
        consumers: 6,
        findings: 2,
        picture: 9,
        picture_most: 40,
        detail: DETAIL,
    };

    #[test]
    fn rows_are_shared_out_and_none_is_lost() {
        for rows in 7..200 {
            let heights = share(rows, WISH);
            assert_eq!(
                heights.producer
                    + heights.slots
                    + heights.consumers
                    + heights.detail
                    + heights.findings,
                rows,
                "{rows}"
            );
        }
    }

    #[test]
    fn on_a_small_screen_consumers_come_before_slots() {
        assert_eq!(
            share(16, WISH),
            Heights {
                producer: 3,
                slots: 5,
                consumers: 6,
                detail: 0,
                findings: 2
            }
        );
        assert_eq!(
            share(9, WISH),
            Heights {
                producer: 2,
                slots: 1,
                consumers: 5,
                detail: 0,
                findings: 1
            }
        );
    }

    #[test]
    fn a_large_screen_gives_everyone_what_they_wish() {
        let heights = share(
            60,
            Wish {
                picture: 30,
                ..WISH
            },
        );
        assert_eq!(
            (heights.producer, heights.slots, heights.findings),
            (7, 25, 2)
        );
    }
}
