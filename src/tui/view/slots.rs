//! The slots: which frame is where, and who holds it.

use crate::tui::format::{clean, or_unknown, span};
use crate::tui::seconds::Seconds;
use crate::tui::strip::{STRIP_S, Strips, Use};
use crate::tui::table::{Column, Line, fit, head, row};
use crate::tui::theme::{Glyphs, Tone};
use framebus::observe::{ConsumerState, Slot, SlotState, Snapshot};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Slot,
    State,
    References,
    Sequence,
    Age,
    Holders,
    Flag,
    Strip,
}

const COLUMNS: [Column<Kind>; 7] = [
    Column::new(Kind::Slot, " #", 2, true, 9),
    Column::new(Kind::State, "STATE", 7, false, 8),
    Column::new(Kind::References, "REF", 3, true, 7),
    Column {
        grow: 2,
        ..Column::new(Kind::Sequence, "SEQ", 8, true, 4)
    },
    Column::new(Kind::Age, "AGE", 6, true, 5),
    Column {
        grow: 60,
        ..Column::new(Kind::Holders, "HOLDERS", 10, false, 6)
    },
    Column::new(Kind::Flag, "", 1, true, 3),
];

const STRIP: Column<Kind> = Column {
    grow: STRIP_S as u16 - 21,
    ..Column::new(Kind::Strip, "SECONDS, NOW AT RIGHT", 21, true, 2)
};

/// A line of the table and the slot that it is about.
pub(crate) struct SlotLine {
    pub(crate) slot: Option<u8>,
    pub(crate) line: Line,
}

/// Returns what stands over the panel.
pub(crate) fn title(snapshot: &Snapshot) -> Line {
    let mut line = Line::new(Tone::Head, format!("SLOTS {}", snapshot.slots.len()));
    let least = snapshot
        .slots_free_min
        .map_or_else(String::new, |least| format!(", min {least} in 60 s"));
    let tone = if snapshot.slots_free == 0 {
        Tone::Bad
    } else {
        Tone::Plain
    };
    line.push(tone, format!(" (free {}{least})", snapshot.slots_free));
    line
}

/// Returns the table in at most `rows` lines. When they are too few, every slot is a sign of a map, and those in use have rows.
///
/// `strips` adds what each slot was used for over the last minute.
pub(crate) fn lines(
    snapshot: &Snapshot,
    strips: Option<&Strips>,
    cells: usize,
    rows: usize,
    glyphs: &Glyphs,
) -> Vec<SlotLine> {
    let mut columns = COLUMNS.to_vec();
    if strips.is_some() {
        columns.insert(5, STRIP);
    }
    let columns = fit(&columns, cells);
    let seconds = columns
        .iter()
        .find(|column| column.kind == Kind::Strip)
        .map_or(0, |column| column.width);
    let no_slot = |line| SlotLine { slot: None, line };
    let is_whole = snapshot.slots.len() < rows;
    let mut lines = Vec::new();
    if !is_whole {
        lines.extend(map(snapshot, cells, glyphs).into_iter().map(no_slot));
        lines.truncate(rows.saturating_sub(2).max(1));
    }
    lines.push(no_slot(head(&columns, None)));
    let left = rows.saturating_sub(lines.len());
    let slots = match is_whole {
        true => snapshot.slots.iter().collect(),
        false => most_telling(snapshot, left, strips.is_some()),
    };
    lines.truncate(rows);
    for slot in slots {
        let strip = strips
            .and_then(|strips| strips.get(&slot.slot))
            .map_or_else(String::new, |strip| draw_strip(strip, seconds, glyphs));
        let line = row(&columns, glyphs, |kind| {
            cell(kind, slot, &strip, snapshot, glyphs)
        });
        lines.push(SlotLine {
            slot: Some(slot.slot),
            line,
        });
    }
    lines
}

/// Returns how many rows the panel of the overview would like to have: a row each for a few slots, else a map and some rows.
pub(crate) fn wish(snapshot: &Snapshot, cells: usize) -> usize {
    let all = snapshot.slots.len();
    if all <= FEW {
        return all + 1;
    }
    let held_for_long = snapshot.slots.iter().filter(|slot| stuck(slot, snapshot));
    all.div_ceil(map_cells(cells)) + 1 + ROWS + held_for_long.count()
}

/// So many slots have a row each, in use or not.
const FEW: usize = 10;
/// Rows beside the map, for slots in use.
const ROWS: usize = 5;

/// Cells of the map: whole tens.
fn map_cells(cells: usize) -> usize {
    (cells.saturating_sub(MAP_LABEL) / 10 * 10).max(10)
}

const MAP_LABEL: usize = 4;

/// Draws every slot as a sign, in its place.
fn map(snapshot: &Snapshot, cells: usize, glyphs: &Glyphs) -> Vec<Line> {
    let [_, free, latest, written, _, held] = glyphs.strip;
    let sign = |slot: &Slot| match slot.state {
        _ if stuck(slot, snapshot) => (Tone::Bad, '!'),
        SlotState::Free => (Tone::Dim, free),
        SlotState::Writing => (Tone::Plain, written),
        SlotState::Held => (Tone::Plain, held),
        SlotState::Latest => (Tone::Good, latest),
    };
    let rows = snapshot.slots.chunks(map_cells(cells));
    rows.map(|row| {
        let first = row.first().map_or(0, |slot| slot.slot);
        let mut line = Line::new(Tone::Dim, format!("{first:>3} "));
        for slot in row {
            let (tone, glyph) = sign(slot);
            line.push(tone, glyph);
        }
        line
    })
    .collect()
}

/// Chooses the slots that are in use: those that are stuck, the newest frame, then what has been held for longest; `free` ones
/// after them, if what they were used for is shown.
fn most_telling(snapshot: &Snapshot, rows: usize, free: bool) -> Vec<&Slot> {
    let importance = |slot: &Slot| match slot.state {
        _ if stuck(slot, snapshot) => 0,
        SlotState::Latest => 1,
        SlotState::Held => 2,
        SlotState::Writing => 3,
        SlotState::Free => 4,
    };
    let mut slots: Vec<_> = snapshot.slots.iter().collect();
    slots.retain(|slot| free || slot.state != SlotState::Free);
    slots.sort_by_key(|slot| {
        (
            importance(slot),
            slot.sequence.unwrap_or(u64::MAX),
            slot.slot,
        )
    });
    slots.truncate(rows);
    slots
}

fn cell(
    kind: Kind,
    slot: &Slot,
    strip: &str,
    snapshot: &Snapshot,
    glyphs: &Glyphs,
) -> (Tone, String) {
    let stuck = stuck(slot, snapshot);
    let tone = if stuck { Tone::Bad } else { Tone::Plain };
    match kind {
        Kind::Slot => (tone, slot.slot.to_string()),
        Kind::State => match slot.state {
            SlotState::Free => (Tone::Dim, "free".into()),
            SlotState::Writing => (Tone::Plain, "writing".into()),
            SlotState::Held => (tone, "held".into()),
            SlotState::Latest => (Tone::Good, "LATEST".into()),
        },
        Kind::References => (tone, slot.references.to_string()),
        Kind::Sequence => (
            Tone::Plain,
            or_unknown(slot.sequence, |sequence| sequence.to_string()),
        ),
        Kind::Age => (tone, or_unknown(slot.age_ms, span)),
        Kind::Holders => (tone, holders(slot, snapshot, glyphs)),
        Kind::Flag => (Tone::Bad, if stuck { "!".into() } else { String::new() }),
        Kind::Strip => (Tone::Plain, strip.to_owned()),
    }
}

fn holders(slot: &Slot, snapshot: &Snapshot, glyphs: &Glyphs) -> String {
    if slot.state == SlotState::Writing {
        return "producer".into();
    }
    let name = |index: &u8| {
        let holder = snapshot
            .consumers
            .iter()
            .find(|consumer| consumer.index == *index);
        let name = holder.map_or("", |consumer| consumer.name.as_str());
        format!("{index} {}", clean(name, glyphs.ascii))
            .trim_end()
            .to_owned()
    };
    match slot.holders.is_empty() {
        true => "-".into(),
        false => slot.holders.iter().map(name).collect::<Vec<_>>().join(", "),
    }
}

fn draw_strip(strip: &Seconds<Use>, seconds: u16, glyphs: &Glyphs) -> String {
    let glyph = |used: Option<Use>| glyphs.strip[used.map_or(0, |used| used as usize)];
    strip.newest(seconds.into()).map(glyph).collect()
}

pub(crate) fn stuck(slot: &Slot, snapshot: &Snapshot) -> bool {
    let is_stuck = |index: &u8| {
        let mut consumers = snapshot.consumers.iter();
        consumers.any(|consumer| consumer.index == *index && consumer.state == ConsumerState::Stuck)
    };
    slot.holders.iter().any(is_stuck)
}
