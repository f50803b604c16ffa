//! One consumer: where its time goes, and what it held.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::graph::{self, Extreme, Graph};
use super::{consumers, findings, histogram, inside, section};
use crate::tui::format::{clean, clock, millis, or_unknown, uptime};
use crate::tui::model::Model;
use crate::tui::rows::Sort;
use crate::tui::table::{Line, wrap};
use crate::tui::theme::{Glyphs, Tone};
use crate::tui::track::{ConsumerKey, ConsumerTrack, HISTORY_S};
use framebus::observe::{Consumer, ConsumerState, Percentiles, Snapshot};

/// Draws the consumer `key` over the whole screen, its row of the table with it.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    body: Rect,
    model: &Model,
    snapshot: &Snapshot,
    key: ConsumerKey,
) {
    draw_into(canvas, body, model, snapshot, key, true);
}

/// Draws the consumer `key` below the table.
pub(super) fn draw_below(
    canvas: &mut Canvas<'_>,
    area: Rect,
    model: &Model,
    snapshot: &Snapshot,
    key: ConsumerKey,
) {
    draw_into(canvas, area, model, snapshot, key, false);
}

fn draw_into(
    canvas: &mut Canvas<'_>,
    body: Rect,
    model: &Model,
    snapshot: &Snapshot,
    key: ConsumerKey,
    row: bool,
) {
    let glyphs = canvas.glyphs;
    let found = snapshot
        .consumers
        .iter()
        .find(|consumer| ConsumerKey::of(consumer) == key);
    let Some(consumer) = found else {
        section(
            canvas,
            body.y,
            body,
            &Line::new(Tone::Head, format!("CONSUMER {}", key.index)),
        );
        let text = format!(
            "  consumer {} (pid {}) is gone; Esc goes back",
            key.index, key.pid
        );
        canvas.lines(inside(body, body.y + 2, 1), &[Line::new(Tone::Dim, text)]);
        return;
    };
    let name = clean(&consumer.name, glyphs.ascii);
    section(
        canvas,
        body.y,
        body,
        &Line::new(Tone::Head, format!("CONSUMER {} {name}", consumer.index)),
    );
    let cells = usize::from(body.width) - 4;
    if row {
        let mut lines = consumers::lines(
            snapshot,
            &[consumer],
            Sort::Id,
            usize::from(body.width - 2),
            glyphs,
        );
        lines
            .iter_mut()
            .for_each(|line| line.0.insert(0, (Tone::Plain, String::new())));
        canvas.lines(inside(body, body.y + 1, 2), &lines);
    }
    let track = model.track().and_then(|track| track.consumers.get(&key));
    let above = if row { 3 } else { 1 };
    let area = inside(body, body.y + above, body.height.saturating_sub(above));
    let area = Rect {
        x: area.x + 1,
        width: area.width - 2,
        ..area
    };
    let mut parts = vec![
        identity(consumer, snapshot, cells, glyphs),
        latency(consumer, snapshot, cells, glyphs),
    ];
    let used: usize = parts.iter().map(Vec::len).sum();
    // Curves say more than gaps, and the histogram has its height first.
    let room = usize::from(area.height).saturating_sub(used + TALL_BARS);
    let rows = (room / 2).clamp(1, CURVE);
    parts.extend(track.map(|track| histories(track, snapshot, cells, rows, glyphs)));
    let used: usize = parts.iter().map(Vec::len).sum();
    let spare = usize::from(area.height).saturating_sub(used);
    // Lines between the parts look better; the bars below them say more.
    let mut gaps = spare.saturating_sub(BARS).min(parts.len());
    let mut lines = Vec::new();
    for part in parts {
        lines.extend(part);
        if gaps > 0 {
            lines.push(Line::default());
            gaps -= 1;
        }
    }
    canvas.lines(area, &lines);
    let below = Rect {
        y: area.y + (lines.len() as u16).min(area.height),
        height: area.height.saturating_sub(lines.len() as u16),
        ..area
    };
    draw_histogram(canvas, below, consumer, track);
}

/// Lines that the histogram should have at least: what it is, three of bars, the times.
const BARS: usize = 5;
/// Lines that the histogram has before curves get higher than a line.
const TALL_BARS: usize = 10;
/// Rows of the highest curve.
const CURVE: usize = 6;
/// Cells of the list of frames, and of the gap before it.
const HELD: u16 = 34;

/// Draws the histogram and beside it, where there is room, the last frames held.
fn draw_histogram(
    canvas: &mut Canvas<'_>,
    area: Rect,
    consumer: &Consumer,
    track: Option<&ConsumerTrack>,
) {
    let mut left = area;
    if let Some(track) = track.filter(|_| area.width > 2 * HELD && area.height > 2) {
        left.width -= HELD;
        let right = Rect {
            x: left.right() + 3,
            width: HELD - 3,
            ..area
        };
        canvas.lines(right, &held(track, canvas.glyphs));
    }
    let lines = histogram::lines(
        &consumer.busy_histogram,
        left.width.into(),
        left.height.into(),
        canvas.glyphs,
    );
    canvas.lines(left, &lines);
}

fn identity(consumer: &Consumer, snapshot: &Snapshot, cells: usize, glyphs: &Glyphs) -> Vec<Line> {
    let state = match consumer.state {
        ConsumerState::Reading => "reads a frame",
        ConsumerState::Waiting => "waits for a frame",
        ConsumerState::Slow => "slower than the camera",
        ConsumerState::Stuck => "stuck on one frame",
        ConsumerState::Idle => "idle, takes no frames",
        ConsumerState::PipeOnly => "only on its pipe",
        ConsumerState::Gone => "is gone",
    };
    let gone = consumer.state == ConsumerState::Gone;
    let since = uptime(consumer.since_s);
    let when = match (gone, consumer.gone.as_deref()) {
        (false, _) => format!("attached for {since}"),
        (true, Some("detached")) => format!("detached {since} ago"),
        (true, _) => format!("died {since} ago"),
    };
    let trigger = clean(&consumer.trigger, glyphs.ascii);
    let texts = [
        format!("{state}; {when}; uid {}; waits by {trigger}", consumer.uid),
        format!(
            "published {}, taken {}, skipped {}, pending {}; triggers {}, coalesced {}",
            consumer.published,
            consumer.taken,
            consumer.skipped,
            consumer.pending,
            consumer.triggers,
            consumer.coalesced
        ),
    ];
    let mut lines: Vec<_> = texts
        .iter()
        .flat_map(|text| wrap(Line::default(), Tone::Plain, text, cells))
        .collect();
    for finding in snapshot
        .findings
        .iter()
        .filter(|finding| finding.consumer == Some(consumer.index))
    {
        let start = format!("{} {}: ", findings::sign(finding.severity), finding.kind);
        let tone = findings::tone(finding.severity);
        lines.extend(wrap(
            Line::new(tone, start),
            tone,
            &clean(&finding.text, glyphs.ascii),
            cells,
        ));
    }
    lines
}

/// Returns the table of times, each with a bar that shows its median and its 99th percentile on one scale.
fn latency(consumer: &Consumer, snapshot: &Snapshot, cells: usize, glyphs: &Glyphs) -> Vec<Line> {
    let copy = snapshot
        .producer
        .as_ref()
        .map_or_else(Percentiles::default, |producer| producer.copy_ms);
    let rows = [
        ("captured > published", copy),
        ("published > woken WAIT", consumer.wait_ms),
        ("woken > released BUSY", consumer.busy_ms),
        ("captured > released", consumer.total_ms),
    ];
    let top = rows
        .iter()
        .filter_map(|(_, times)| times.p99)
        .fold(0.0, f64::max);
    let mut head = Line::new(Tone::Head, format!("{:<22}", "LAST 60 s, ms"));
    for title in ["COUNT", "p50", "p90", "p99", "max"] {
        head.push(Tone::Head, format!("{title:>8}"));
    }
    let room = cells.saturating_sub(head.width() + 2).min(60);
    let (full, part) = shades(glyphs);
    let legend = format!("  {full} p50 {part} p99");
    if crate::tui::format::width(&legend) <= room + 2 {
        head.push(Tone::Dim, legend);
    }
    let mut lines = vec![head];
    for (name, times) in rows {
        let mut line = Line::new(Tone::Plain, format!("{name:<22}{:>8}", times.count));
        for value in [times.p50, times.p90, times.p99, times.max] {
            line.push(Tone::Plain, format!("{:>8}", or_unknown(value, millis)));
        }
        if let (Some(p50), Some(p99), true) = (times.p50, times.p99, top > 0.0) {
            line.push(Tone::Plain, "  ");
            line.push(Tone::Good, bar(p50 / top, p99 / top, room, glyphs));
        }
        lines.push(line);
    }
    lines
}

/// Draws a bar: full to `solid`, light to `light`, both from 0 to 1.
fn bar(solid: f64, light: f64, cells: usize, glyphs: &Glyphs) -> String {
    let at = |share: f64| ((share.clamp(0.0, 1.0) * cells as f64).round() as usize).min(cells);
    let (solid, light) = (at(solid), at(light).max(at(solid)));
    let (full, part) = shades(glyphs);
    full.repeat(solid) + &part.repeat(light - solid)
}

/// What a bar is drawn with: up to the median, and on to the 99th percentile.
const fn shades(glyphs: &Glyphs) -> (&'static str, &'static str) {
    if glyphs.ascii {
        ("#", "-")
    } else {
        ("█", "▒")
    }
}

fn histories(
    track: &ConsumerTrack,
    snapshot: &Snapshot,
    cells: usize,
    rows: usize,
    glyphs: &Glyphs,
) -> Vec<Line> {
    let producer = snapshot.producer.as_ref();
    let nominal = producer.and_then(|producer| producer.nominal_fps);
    let graph = |name, values, least_top, extreme| {
        let graph = Graph {
            name,
            values,
            least_top,
            // A consumer may be as slow as it likes.
            bad_below: 0.0,
            seconds: HISTORY_S,
            extreme,
        };
        graph::lines(&graph, cells, rows, glyphs)
    };
    let fps = graph(
        "fps",
        &track.fps,
        nominal.unwrap_or(0.0) as f32,
        Extreme::Least,
    );
    let cpu = graph("cpu", &track.cpu, 100.0, Extreme::Most);
    [fps, cpu].concat()
}

/// Returns the frames that it was seen to hold, the newest first.
fn held(track: &ConsumerTrack, glyphs: &Glyphs) -> Vec<Line> {
    let mut lines = vec![Line::new(Tone::Head, "HELD FROM       SEQ SLOT    FOR")];
    for held in track.held.iter().rev() {
        let text = format!(
            "{:<9}{:>10} {:>4} {:>6}",
            clock(held.time_ms),
            held.sequence,
            held.slot.map_or("-".to_owned(), |slot| slot.to_string()),
            held.how_long(glyphs.ascii)
        );
        lines.push(Line::new(Tone::Plain, text));
    }
    lines
}
