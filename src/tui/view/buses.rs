//! All buses: a line each, the pictures of as many as there is room for, and what is wrong with them.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::{bus_table, findings, inside, picture, section};
use crate::tui::buses::{self, BusRow};
use crate::tui::format::width;
use crate::tui::model::{Hit, Model, Target};
use crate::tui::table::Line;
use crate::tui::theme::{Glyphs, Tone};
use framebus::observe::Finding;

/// Draws the screen.
pub(super) fn draw(canvas: &mut Canvas<'_>, body: Rect, model: &Model, hits: &mut Vec<Hit>) {
    let rows = buses::rows(model);
    let heights = share(usize::from(body.height), &rows, model.thumbnails);
    let (first, seen) = window(&rows, model, heights.table - 1);
    section(canvas, body.y, body, &title(&rows, seen, first, model));
    let area = inside(body, body.y + 1, heights.table as u16);
    let mut lines = bus_table::lines(&rows, seen, area.width.into(), canvas.glyphs);
    for (at, bus) in seen.iter().enumerate() {
        let y = area.y + 1 + at as u16;
        hits.push(Hit {
            y,
            x: (body.x, body.right()),
            target: Target::Bus(bus.at),
        });
        if bus.bus == model.bus {
            lines[at + 1].select();
            canvas.text(body.x, y, 1, Tone::Key, canvas.glyphs.marker);
        }
    }
    if rows.is_empty() {
        let none = if model.buses.is_empty() {
            "none; for example: framebus produce pattern"
        } else {
            "none match"
        };
        lines.push(Line::new(Tone::Dim, none));
    }
    canvas.lines(area, &lines);
    let mut y = area.bottom();
    if heights.findings > 0 {
        let found = all_findings(&rows);
        section(canvas, y, body, &findings_title(&found, heights.findings));
        let area = inside(body, y + 1, heights.findings as u16);
        let lines = findings_lines(&found, area.width.into(), heights.findings, canvas.glyphs);
        canvas.lines(area, &lines);
        y = area.bottom();
    }
    if heights.pictures > 0 {
        let area = inside(body, y + 1, heights.pictures as u16);
        let shown = draw_pictures(canvas, area, &rows, model, hits);
        let mut title = Line::new(Tone::Head, "PICTURES");
        if shown < rows.len() {
            title.push(Tone::Dim, format!(" {shown} of {}", rows.len()));
        }
        section(canvas, y, body, &title);
    }
}

/// How the rows below the first rule are shared out; pictures and findings have a rule of their own above them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Heights {
    table: usize,
    findings: usize,
    pictures: usize,
}

/// Rows of the smallest picture that can be recognised, with its caption.
const LEAST_PICTURE: usize = 4;
const LEAST_WIDTH: u16 = 8;

fn share(height: usize, rows: &[BusRow<'_>], thumbnails: bool) -> Heights {
    let left = height.saturating_sub(1);
    let table = (rows.len().max(1) + 1).min(left);
    let mut left = left - table;
    // Every row says the worst of its bus: the rest is for where there is room.
    let found = all_findings(rows).len();
    let more = rows
        .iter()
        .filter_map(BusRow::shown)
        .any(|now| now.findings.len() > 1);
    let least = if thumbnails { 2 * LEAST_PICTURE } else { 0 };
    let findings = match found > 0 && (more || left > 3 * LEAST_PICTURE) {
        true => left.saturating_sub(least + 1).min(found).min(left / 3),
        false => 0,
    };
    if findings > 0 {
        left -= findings + 1;
    }
    let pictures = match thumbnails && left > LEAST_PICTURE {
        true => left - 1,
        false => 0,
    };
    // What nobody needs is the table's: its rule closes the screen.
    let table = if pictures == 0 { table + left } else { table };
    Heights {
        table,
        findings,
        pictures,
    }
}

/// Returns the rows that `room` has room for, those around the selected one.
fn window<'r, 'a>(rows: &'r [BusRow<'a>], model: &Model, room: usize) -> (usize, &'r [BusRow<'a>]) {
    let selected = rows.iter().position(|row| row.bus == model.bus);
    let first = selected.map_or(0, |at| at.saturating_sub(room.saturating_sub(1) / 2));
    let first = first.min(rows.len().saturating_sub(room));
    (first, &rows[first..(first + room).min(rows.len())])
}

fn title(rows: &[BusRow<'_>], seen: &[BusRow<'_>], first: usize, model: &Model) -> Line {
    let mut line = Line::new(Tone::Head, format!("BUSES {}", model.buses.len()));
    let worst = rows.iter().filter_map(BusRow::trouble).max();
    let troubled = rows.iter().filter(|row| row.trouble().is_some()).count();
    match worst {
        Some(worst) => line.push(findings::tone(worst), format!(", {troubled} in trouble")),
        None => line.push(Tone::Good, " all well"),
    }
    if rows.len() < model.buses.len() {
        line.push(Tone::Warn, format!(", {} listed", rows.len()));
    }
    if seen.len() < rows.len() {
        let (from, to) = (first + 1, first + seen.len());
        line.push(
            Tone::Warn,
            format!(", rows {from} to {to} of {}", rows.len()),
        );
    }
    line
}

/// Returns every finding with its bus, worst first.
fn all_findings<'a>(rows: &[BusRow<'a>]) -> Vec<(&'a str, &'a Finding)> {
    let of_bus = |row: &BusRow<'a>| {
        let bus = row.bus;
        let findings = row.shown().map_or(&[][..], |now| &now.findings);
        findings.iter().map(move |finding| (bus, finding))
    };
    let mut found: Vec<_> = rows.iter().flat_map(of_bus).collect();
    found.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    found
}

fn findings_title(found: &[(&str, &Finding)], rows: usize) -> Line {
    let mut line = Line::new(Tone::Head, "FINDINGS");
    let worst = found
        .first()
        .map_or(Tone::Plain, |(_, finding)| findings::tone(finding.severity));
    line.push(worst, format!(" {}", found.len()));
    if rows < found.len() {
        line.push(Tone::Warn, format!(", {rows} shown"));
    }
    line
}

fn findings_lines(
    found: &[(&str, &Finding)],
    cells: usize,
    rows: usize,
    glyphs: &Glyphs,
) -> Vec<Line> {
    let seen = &found[..rows.min(found.len())];
    let widest = seen.iter().map(|(bus, _)| width(bus)).max().unwrap_or(0);
    let kinds = seen.iter().map(|(_, finding)| width(&finding.kind)).max();
    let line = |(bus, finding): &(&str, &Finding)| {
        let mut line = findings::label(finding, kinds.unwrap_or(0), glyphs);
        line.push(Tone::Plain, format!("{bus:<widest$} "));
        findings::end_of(line, finding, cells, glyphs)
    };
    seen.iter().map(line).collect()
}

/// Draws the pictures of as many buses as are recognised, those around the selected one; returns of how many.
fn draw_pictures(
    canvas: &mut Canvas<'_>,
    area: Rect,
    rows: &[BusRow<'_>],
    model: &Model,
    hits: &mut Vec<Hit>,
) -> usize {
    let aspect = rows
        .iter()
        .find_map(|row| row.shown()?.segment.as_ref())
        .map_or(1.5, |segment| {
            f64::from(segment.width) / f64::from(segment.height.max(1))
        });
    let most = rows.len() as u16;
    let fits = |count: u16| {
        let grid = picture::grid(count, area, aspect)?;
        (grid.1 >= LEAST_WIDTH && usize::from(grid.2) + 1 >= LEAST_PICTURE).then_some((count, grid))
    };
    let Some((shown, (columns, width, height))) = (1..=most).rev().find_map(fits) else {
        return 0;
    };
    let (_, seen) = window(rows, model, shown.into());
    for (at, bus) in seen.iter().enumerate() {
        let (column, line) = (at as u16 % columns, at as u16 / columns);
        let cell = Rect::new(
            area.x + column * (width + 1),
            area.y + line * (height + 1),
            width,
            height + 1,
        );
        let tone = match (bus.bus == model.bus, bus.trouble()) {
            (_, Some(severity)) => findings::tone(severity),
            (true, None) => Tone::Key,
            (false, None) => Tone::Head,
        };
        let mark = if bus.bus == model.bus {
            canvas.glyphs.marker
        } else {
            " "
        };
        let sign = bus.trouble().map_or("", findings::sign);
        let caption = format!("{mark}{} {sign}", bus.bus);
        canvas.text(cell.x, cell.y, cell.width, tone, &caption);
        hits.extend((cell.y..cell.bottom()).map(|y| Hit {
            y,
            x: (cell.x, cell.right()),
            target: Target::Bus(bus.at),
        }));
        let below = Rect::new(cell.x, cell.y + 1, width, height);
        if let Some(picture) = bus.track.and_then(|track| track.latest_picture()) {
            picture::draw_small(canvas, below, model, picture);
        }
    }
    shown.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_row_is_lost_and_pictures_come_before_the_rest_of_the_findings() {
        for height in 3..80 {
            let heights = share(height, &[], true);
            let rules = 1 + usize::from(heights.findings > 0) + usize::from(heights.pictures > 0);
            let all = heights.table + heights.findings + heights.pictures + rules;
            assert_eq!(all, height);
        }
    }
}
