//! All buses: a line each, the pictures of as many as there is room for, and what is wrong with them.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::{findings, inside, picture, producer, section};
use crate::tui::buses::{self, BusRow};
use crate::tui::format::{clean, count, or_unknown, rate, span, width};
use crate::tui::model::{Hit, Model, Target};
use crate::tui::table::{Column, Line, fit, head, row};
use crate::tui::theme::{Glyphs, Tone};
use framebus::observe::{BusState, ConsumerState, Finding, Producer, Severity, Snapshot};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sign,
    Bus,
    State,
    Fps,
    Age,
    Consumers,
    Dropped,
    Cpu,
    Size,
    History,
    Finding,
    Source,
}

const fn column(
    kind: Kind,
    title: &'static str,
    width: u16,
    right: bool,
    keep: u8,
) -> Column<Kind> {
    Column {
        kind,
        title,
        width,
        grow: 0,
        right,
        keep,
    }
}

/// The last to fall away has the highest number.
const COLUMNS: [Column<Kind>; 12] = [
    column(Kind::Sign, "", 2, false, 97),
    column(Kind::Bus, "BUS", 8, false, 99),
    column(Kind::State, "STATE", 8, false, 90),
    column(Kind::Fps, "FPS", 5, true, 95),
    column(Kind::Age, "AGE", 5, true, 80),
    column(Kind::Consumers, "CONS", 4, true, 70),
    column(Kind::Dropped, "DROP", 5, true, 20),
    column(Kind::Cpu, "CPU%", 4, true, 60),
    column(Kind::Size, "SIZE", 9, true, 10),
    Column {
        grow: 40,
        ..column(Kind::History, "FPS 60s", 20, true, 30)
    },
    Column {
        grow: 70,
        ..column(Kind::Finding, "FINDING", 16, false, 98)
    },
    Column {
        grow: 200,
        ..column(Kind::Source, "SOURCE", 14, false, 5)
    },
];

/// Cells that a name may take beyond what its column has at least.
const LONGEST_NAME: usize = 24;

/// Draws the screen.
pub(super) fn draw(canvas: &mut Canvas<'_>, body: Rect, model: &Model, hits: &mut Vec<Hit>) {
    let rows = buses::rows(model);
    let heights = share(usize::from(body.height), &rows, model.thumbnails);
    let (first, seen) = window(&rows, model, heights.table - 1);
    section(canvas, body.y, body, &title(&rows, seen, first, model));
    let area = inside(body, body.y + 1, heights.table as u16);
    let mut lines = table(&rows, seen, area.width.into(), canvas.glyphs);
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

fn table(rows: &[BusRow<'_>], seen: &[BusRow<'_>], cells: usize, glyphs: &Glyphs) -> Vec<Line> {
    let longest = rows.iter().map(|row| width(row.bus)).max().unwrap_or(0);
    let mut columns = COLUMNS.to_vec();
    columns[1].grow = longest.min(LONGEST_NAME).saturating_sub(8) as u16;
    // What is wrong is worth more than where it comes from.
    columns[10].width = (cells / 3).clamp(16, 34) as u16;
    let columns = fit(&columns, cells);
    let seconds = columns
        .iter()
        .find(|column| column.kind == Kind::History)
        .map_or(0, |column| usize::from(column.width));
    let mut lines = vec![head(&columns, None)];
    lines.extend(
        seen.iter()
            .map(|bus| row(&columns, glyphs, |kind| cell(kind, bus, seconds, glyphs))),
    );
    lines
}

fn cell(kind: Kind, bus: &BusRow<'_>, seconds: usize, glyphs: &Glyphs) -> (Tone, String) {
    let trouble = bus.trouble();
    let marked = trouble.map_or(Tone::Plain, findings::tone);
    let Some(now) = bus.shown() else {
        let text = match kind {
            Kind::Bus => bus.bus,
            Kind::State => "...",
            _ => "",
        };
        return (Tone::Dim, text.to_owned());
    };
    let producer = now.producer.as_ref();
    let of = |value: Option<f64>, show: fn(f64) -> String| or_unknown(value, show);
    match kind {
        Kind::Sign => {
            let sign = bus
                .worst()
                .map_or("", |worst| findings::sign(worst.severity));
            (marked, sign.to_owned())
        }
        Kind::Bus => (marked, bus.bus.to_owned()),
        Kind::State => producer::state(now.state, buses::state(now.state)),
        Kind::Fps => {
            let tone = if producer.is_some_and(producer::is_slow) {
                Tone::Warn
            } else {
                Tone::Plain
            };
            (tone, of(producer.and_then(|producer| producer.fps), rate))
        }
        Kind::Age => {
            let tone = match now.state {
                BusState::Running => Tone::Plain,
                _ => Tone::Bad,
            };
            (
                tone,
                of(producer.and_then(|producer| producer.age_ms), span),
            )
        }
        Kind::Consumers => (Tone::Plain, live(now).to_string()),
        Kind::Dropped => {
            let dropped = producer.map_or(0, |producer| producer.dropped);
            let tone = if dropped > 0 { Tone::Warn } else { Tone::Plain };
            (tone, count(dropped, 5))
        }
        Kind::Cpu => (Tone::Plain, of(cpu(now), |cpu| format!("{cpu:.0}"))),
        Kind::Size => {
            let size = now.segment.as_ref();
            let text = size.map(|segment| format!("{}x{}", segment.width, segment.height));
            (Tone::Plain, text.unwrap_or_default())
        }
        Kind::History => (Tone::Good, history(bus, producer, seconds, glyphs)),
        Kind::Finding => finding(now, bus.worst(), glyphs),
        Kind::Source => {
            let source = producer.map_or("", |producer| producer.source.as_str());
            (Tone::Dim, clean(source, glyphs.ascii))
        }
    }
}

fn live(now: &Snapshot) -> usize {
    let there = |consumer: &&_| {
        let consumer: &framebus::observe::Consumer = consumer;
        consumer.state != ConsumerState::Gone
    };
    now.consumers.iter().filter(there).count()
}

/// What the producer and the consumers use together; one process may be several consumers.
fn cpu(now: &Snapshot) -> Option<f64> {
    let producer = now.producer.as_ref();
    let producer = producer.map(|producer| (producer.pid, producer.cpu_percent));
    let consumers = now.consumers.iter();
    let mut used: Vec<(u32, f64)> = consumers
        .map(|consumer| (consumer.pid, consumer.cpu_percent))
        .chain(producer)
        .filter_map(|(pid, cpu)| Some((pid, cpu?)))
        .collect();
    used.sort_by_key(|(pid, _)| *pid);
    used.dedup_by_key(|(pid, _)| *pid);
    (!used.is_empty()).then(|| used.iter().map(|(_, cpu)| cpu).sum())
}

fn history(
    bus: &BusRow<'_>,
    producer: Option<&Producer>,
    seconds: usize,
    glyphs: &Glyphs,
) -> String {
    let Some(track) = bus.track else {
        return String::new();
    };
    let values: Vec<_> = track.fps.newest(seconds).collect();
    let nominal = producer.and_then(|producer| producer.nominal_fps);
    let top = values
        .iter()
        .flatten()
        .copied()
        .fold(nominal.unwrap_or(0.0) as f32, f32::max);
    glyphs.bars(values.into_iter(), top)
}

/// Says the worst of a bus, and how much more there is.
fn finding(now: &Snapshot, worst: Option<&Finding>, glyphs: &Glyphs) -> (Tone, String) {
    let Some(worst) = worst else {
        let message = now.message.as_deref().unwrap_or("-");
        return (Tone::Dim, clean(message, glyphs.ascii));
    };
    let tone = match worst.severity {
        Severity::Info => Tone::Dim,
        severity => findings::tone(severity),
    };
    let more = match now.findings.len() {
        0 | 1 => String::new(),
        all => format!("(+{}) ", all - 1),
    };
    let text = findings::without_asides(&clean(&worst.text, glyphs.ascii));
    (tone, format!("{more}{}: {text}", worst.kind))
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
