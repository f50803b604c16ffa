//! The table of all buses.

use super::{findings, producer};
use crate::tui::buses::{self, BusRow};
use crate::tui::format::{clean, count, cut_source, or_unknown, rate, span, width};
use crate::tui::table::{Column, Line, cells_of, fit, head, row};
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

/// The last to fall away has the highest number.
const COLUMNS: [Column<Kind>; 12] = [
    Column::new(Kind::Sign, "", 2, false, 97),
    Column::new(Kind::Bus, "BUS", 8, false, 99),
    Column::new(Kind::State, "STATE", 8, false, 90),
    Column::new(Kind::Fps, "FPS", 5, true, 95),
    Column::new(Kind::Age, "AGE", 5, true, 80),
    Column::new(Kind::Consumers, "CONS", 4, true, 70),
    Column::new(Kind::Dropped, "DROP", 5, true, 20),
    Column::new(Kind::Cpu, "CPU%", 4, true, 60),
    Column::new(Kind::Size, "SIZE", 9, true, 10),
    Column {
        grow: 40,
        ..Column::new(Kind::History, "FPS 60s", 20, true, 30)
    },
    Column {
        grow: 70,
        ..Column::new(Kind::Finding, "FINDING", 16, false, 98)
    },
    Column {
        grow: 200,
        ..Column::new(Kind::Source, "SOURCE", 14, false, 5)
    },
];

/// Cells that a name may take beyond what its column has at least.
const LONGEST_NAME: usize = 24;

/// Returns the head of the table and a line for each of the buses that are seen, of those listed.
pub(super) fn lines(
    rows: &[BusRow<'_>],
    seen: &[BusRow<'_>],
    cells: usize,
    glyphs: &Glyphs,
) -> Vec<Line> {
    let longest = rows.iter().map(|row| width(row.bus)).max().unwrap_or(0);
    let mut columns = COLUMNS.to_vec();
    columns[1].grow = longest.min(LONGEST_NAME).saturating_sub(8) as u16;
    // What is wrong is worth more than where it comes from.
    columns[10].width = (cells / 3).clamp(16, 34) as u16;
    let columns = fit(&columns, cells);
    let seconds = cells_of(&columns, &Kind::History);
    let source_cells = cells_of(&columns, &Kind::Source);
    let mut lines = vec![head(&columns, None)];
    lines.extend(seen.iter().map(|bus| {
        row(&columns, glyphs, |kind| {
            let (tone, text) = cell(kind, bus, seconds, glyphs);
            match kind {
                Kind::Source => (tone, cut_source(&text, source_cells, glyphs.cut)),
                _ => (tone, text),
            }
        })
    }));
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
