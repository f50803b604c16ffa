//! The consumers: who takes frames, how many, how late, how long.

use crate::tui::format::{
    OPEN, UNKNOWN, clean, count, cut_middle, or_unknown, pair, rate, ratio, span, uptime, width,
};
use crate::tui::rows::{Sort, has_finding};
use crate::tui::table::{Column, Line, cells_of, fit, head, row};
use crate::tui::theme::{Glyphs, Tone};
use framebus::observe::{Consumer, ConsumerState, Snapshot};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    State,
    Id,
    Name,
    Language,
    Pid,
    Fps,
    Share,
    Skip,
    Triggers,
    Slot,
    Held,
    Wait,
    Busy,
    Ratio,
    Age,
    Cpu,
    Taken,
    Coalesced,
    Since,
    Memory,
    Mode,
}

/// The last to fall away has the highest number: what shows a stuck consumer, and which process it is.
const COLUMNS: [Column<Kind>; 21] = [
    Column::new(Kind::State, "S", 1, false, 99),
    Column::new(Kind::Id, "ID", 2, true, 98),
    Column::new(Kind::Name, "NAME", 8, false, 97),
    Column::new(Kind::Language, "LANG", 4, false, 10),
    Column::new(Kind::Pid, "PID", 7, true, 60),
    Column::new(Kind::Fps, "FPS", 5, true, 95),
    Column::new(Kind::Share, "%CAM", 4, true, 16),
    Column::new(Kind::Skip, "SKIP", 6, true, 50),
    Column::new(Kind::Triggers, "TRIG/s", 6, true, 30),
    Column::new(Kind::Slot, "SLOT", 4, true, 20),
    Column::new(Kind::Held, "HELD", 5, true, 96),
    Column::new(Kind::Wait, "WAIT50/99", 9, true, 12),
    Column::new(Kind::Busy, "BUSY50/99", 9, true, 70),
    Column::new(Kind::Ratio, " B/P", 4, true, 65),
    Column::new(Kind::Age, "AGE", 5, true, 14),
    Column::new(Kind::Cpu, "CPU%", 4, true, 40),
    Column::new(Kind::Taken, "TAKEN", 8, true, 5),
    Column::new(Kind::Coalesced, "COAL", 6, true, 3),
    Column::new(Kind::Since, "SINCE", 9, true, 4),
    Column::new(Kind::Memory, "MEM", 9, true, 2),
    Column::new(Kind::Mode, "WAITS BY", 8, false, 1),
];

/// Returns what stands over the panel.
pub(crate) fn title(snapshot: &Snapshot) -> Line {
    let gone = snapshot
        .consumers
        .iter()
        .filter(|consumer| consumer.state == ConsumerState::Gone)
        .count();
    let mut line = Line::new(Tone::Head, "CONSUMERS");
    line.push(
        Tone::Plain,
        format!(" {} live", snapshot.consumers.len() - gone),
    );
    if gone > 0 {
        line.push(Tone::Warn, format!(", {gone} gone"));
    }
    line
}

/// Returns the head of the table and a line for each of `rows`; `sort` is marked in the head.
pub(crate) fn lines(
    snapshot: &Snapshot,
    rows: &[&Consumer],
    sort: Sort,
    cells: usize,
    glyphs: &Glyphs,
) -> Vec<Line> {
    let columns = fit_names(snapshot, cells);
    let name_cells = cells_of(&columns, &Kind::Name);
    let mut lines = vec![head(&columns, Some(sorted(sort)))];
    for consumer in rows {
        let flagged = has_finding(snapshot, consumer);
        lines.push(row(&columns, glyphs, |kind| {
            let (tone, text) = match kind {
                Kind::Name => {
                    let (tone, text) = cell(kind, consumer, glyphs);
                    (tone, cut_middle(&text, name_cells, glyphs.cut))
                }
                kind => cell(kind, consumer, glyphs),
            };
            (row_tone(consumer, kind, flagged).unwrap_or(tone), text)
        }));
    }
    lines
}

/// Chooses the columns: names have what they need before others come, up to a fifth of the row, and grow first of all.
fn fit_names(snapshot: &Snapshot, cells: usize) -> Vec<Column<Kind>> {
    let names = snapshot
        .consumers
        .iter()
        .map(|consumer| width(&consumer.name));
    let longest = names.max().unwrap_or(0).min(LONGEST_NAME);
    let mut columns = COLUMNS.to_vec();
    for column in columns
        .iter_mut()
        .filter(|column| column.kind == Kind::Name)
    {
        let least = longest.clamp(8, (cells / 5).clamp(8, 16));
        column.width = least as u16;
        column.grow = longest.saturating_sub(least) as u16;
    }
    fit(&columns, cells)
}

/// Cells that a name may take where there is room.
const LONGEST_NAME: usize = 40;

const fn sorted(sort: Sort) -> Kind {
    match sort {
        Sort::Id => Kind::Id,
        Sort::Name => Kind::Name,
        Sort::Fps => Kind::Fps,
        Sort::Skip => Kind::Skip,
        Sort::Held => Kind::Held,
        Sort::Wait => Kind::Wait,
        Sort::Busy => Kind::Busy,
        Sort::Ratio => Kind::Ratio,
        Sort::Age => Kind::Age,
        Sort::Cpu => Kind::Cpu,
    }
}

/// Returns the tone of a whole row that stands out.
fn row_tone(consumer: &Consumer, kind: Kind, flagged: bool) -> Option<Tone> {
    let telling = matches!(
        kind,
        Kind::State | Kind::Id | Kind::Name | Kind::Held | Kind::Slot
    );
    match consumer.state {
        ConsumerState::Stuck if telling => Some(Tone::Bad),
        ConsumerState::Gone => Some(Tone::Dim),
        ConsumerState::Idle if telling => Some(Tone::Warn),
        _ if flagged && kind == Kind::State => Some(Tone::Warn),
        _ => None,
    }
}

fn cell(kind: Kind, consumer: &Consumer, glyphs: &Glyphs) -> (Tone, String) {
    // A gone consumer's counters stay; a stuck one's frame has begun and has not ended.
    let stuck = consumer.state == ConsumerState::Stuck;
    let gone = consumer.state == ConsumerState::Gone;
    let unless_gone = |value: u64, width| {
        if gone {
            UNKNOWN.into()
        } else {
            count(value, width)
        }
    };
    let unless_stuck = |text: String| {
        if stuck && text == UNKNOWN {
            OPEN.into()
        } else {
            text
        }
    };
    let text = match kind {
        Kind::State => consumer.state.letter().into(),
        Kind::Id => consumer.index.to_string(),
        Kind::Name if consumer.name.is_empty() => "-".into(),
        Kind::Name => clean(&consumer.name, glyphs.ascii),
        Kind::Language => clean(&consumer.language, glyphs.ascii),
        Kind::Pid => consumer.pid.to_string(),
        Kind::Fps => or_unknown(consumer.fps, rate),
        Kind::Share => or_unknown(consumer.percent_of_camera, |share| format!("{share:.0}")),
        Kind::Skip => unless_gone(consumer.skipped, 6),
        Kind::Triggers => or_unknown(consumer.triggers_per_s, rate),
        Kind::Slot => consumer
            .slot
            .map_or_else(|| "-".into(), |slot| slot.to_string()),
        Kind::Held => or_unknown(consumer.held_ms, span),
        Kind::Wait => pair(consumer.wait_ms.p50, consumer.wait_ms.p99),
        Kind::Busy => unless_stuck(pair(consumer.busy_ms.p50, consumer.busy_ms.p99)),
        Kind::Ratio => unless_stuck(or_unknown(consumer.busy_per_period, ratio)),
        Kind::Age => or_unknown(consumer.age_ms, span),
        Kind::Cpu => or_unknown(consumer.cpu_percent, |cpu| format!("{cpu:.0}")),
        Kind::Taken => unless_gone(consumer.taken, 8),
        Kind::Coalesced => unless_gone(consumer.coalesced, 6),
        Kind::Since => uptime(consumer.since_s),
        Kind::Memory => or_unknown(consumer.rss_bytes, crate::tui::format::bytes),
        Kind::Mode => clean(&consumer.trigger, glyphs.ascii),
    };
    (Tone::Plain, text)
}
