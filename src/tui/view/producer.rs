//! The producer: is the camera alive, how fast, how regular.

use super::graph;
use crate::tui::buses;
use crate::tui::format::{self, clean, cut_source, millis, nominal, or_unknown, pad, rate, span};
use crate::tui::seconds::Seconds;
use crate::tui::table::Line;
use crate::tui::theme::{Glyphs, Tone};
use framebus::observe::{BusState, Lockstep, Producer, Snapshot};

/// Returns the lines of the panel, the most important first. `fps` adds the rate over the last minute.
pub(crate) fn lines(
    snapshot: &Snapshot,
    fps: Option<&Seconds<f32>>,
    cells: usize,
    graph_rows: usize,
    glyphs: &Glyphs,
) -> Vec<Line> {
    let Some(producer) = &snapshot.producer else {
        let text = snapshot.message.as_deref().unwrap_or("none");
        return vec![Line::new(Tone::Dim, clean(text, glyphs.ascii))];
    };
    let mut lines = vec![identity(snapshot, producer, cells, glyphs)];
    if let Some(lockstep) = &producer.lockstep {
        lines.push(pace(snapshot, lockstep, cells, glyphs));
    }
    lines.extend(flow(&figures(snapshot, producer), cells));
    if let Some(fps) = fps {
        lines.extend(history(producer, fps, cells, graph_rows, glyphs));
    }
    lines
}

/// Returns what stands over the panel.
pub(crate) fn title(snapshot: &Snapshot) -> Line {
    let mut line = Line::new(Tone::Head, "PRODUCER");
    let (tone, word) = state(snapshot.state, buses::state(snapshot.state));
    line.push(Tone::Plain, " ");
    line.push(tone, word);
    line
}

/// Returns how the word for a state looks.
pub(super) fn state(state: BusState, word: &str) -> (Tone, String) {
    let tone = match state {
        BusState::Absent => Tone::Dim,
        BusState::Starting => Tone::Plain,
        BusState::Running => Tone::Good,
        BusState::Ended => Tone::Warn,
        BusState::Unreadable | BusState::Stalled | BusState::Gone => Tone::Bad,
    };
    (tone, word.to_owned())
}

/// Returns whether it gives fewer frames than it announced.
pub(super) fn is_slow(producer: &Producer) -> bool {
    let low = |(fps, nominal): (f64, f64)| fps < nominal * 0.9;
    producer.fps.zip(producer.nominal_fps).is_some_and(low)
}

fn identity(snapshot: &Snapshot, producer: &Producer, cells: usize, glyphs: &Glyphs) -> Line {
    let mut line = Line::default();
    line.push(Tone::Plain, format!("pid {}  ", producer.pid));
    let running = matches!(snapshot.state, BusState::Running | BusState::Stalled);
    let right = match running {
        true => format!("up {}", format::uptime(producer.uptime_s)),
        false => format!("last sign of life {} ago", span(producer.heartbeat_age_ms)),
    };
    let room = cells.saturating_sub(line.width() + right.len() + 1);
    line.push(
        Tone::Plain,
        cut_source(&clean(&producer.source, glyphs.ascii), room, glyphs.cut),
    );
    let tone = if running { Tone::Plain } else { Tone::Bad };
    line.push_right(tone, &right, cells);
    line
}

/// Whose pace it is, in lockstep.
fn pace(snapshot: &Snapshot, lockstep: &Lockstep, cells: usize, glyphs: &Glyphs) -> Line {
    let text = match lockstep.consumer {
        Some(index) => {
            let consumer = snapshot.consumers.iter().find(|other| other.index == index);
            let name = consumer.map_or("", |consumer| consumer.name.as_str());
            let percent = or_unknown(lockstep.waited_percent, |percent| format!("{percent:.0}"));
            let name = clean(name, glyphs.ascii);
            format!("lockstep: pace of {index} {name}, waited for {percent} %")
        }
        None => "lockstep: waits for nobody now".to_owned(),
    };
    Line::new(Tone::Plain, format::cut(&text, cells, glyphs.cut))
}

/// The numbers, each as wide as it ever gets, so that nothing moves when it grows.
fn figures(snapshot: &Snapshot, producer: &Producer) -> Vec<(Tone, String)> {
    let bad = |value: u64| if value > 0 { Tone::Bad } else { Tone::Plain };
    let fps = or_unknown(producer.fps, rate);
    let of = producer
        .nominal_fps
        .map_or_else(String::new, |fps| format!(" of {}", nominal(fps)));
    let fps_tone = if is_slow(producer) {
        Tone::Warn
    } else {
        Tone::Plain
    };
    let old = snapshot.state != BusState::Running;
    let age_tone = if old { Tone::Bad } else { Tone::Plain };
    let interval = &producer.interval_ms;
    let ms = |value| or_unknown(value, millis);
    let mut figures = vec![
        (
            Tone::Plain,
            pad(&format!("seq {}", producer.sequence), 11, false, '~'),
        ),
        (fps_tone, pad(&format!("{fps} fps{of}"), 14, false, '~')),
        (
            age_tone,
            pad(
                &format!("age {}", or_unknown(producer.age_ms, span)),
                9,
                false,
                '~',
            ),
        ),
        (
            bad(producer.dropped),
            pad(
                &format!("dropped {}", format::count(producer.dropped, 4)),
                9,
                false,
                '~',
            ),
        ),
        (
            bad(producer.starved),
            pad(
                &format!("starved {}", format::count(producer.starved, 4)),
                9,
                false,
                '~',
            ),
        ),
        (
            Tone::Plain,
            format!(
                "interval p50 {:>4}  p99 {:>4}  max {:>4} ms",
                ms(interval.p50),
                ms(interval.p99),
                ms(interval.max)
            ),
        ),
        (
            Tone::Plain,
            format!("copy {:>4} ms", ms(producer.copy_ms.p50)),
        ),
        (
            Tone::Plain,
            format!(
                "cpu {:>3}%",
                or_unknown(producer.cpu_percent, |cpu| format!("{cpu:.0}"))
            ),
        ),
    ];
    // Only cameras that number their frames tell; what is never there needs no room.
    if producer.source_dropped > 0 {
        let lost = format!("lost {}", format::count(producer.source_dropped, 4));
        figures.insert(5, (Tone::Warn, pad(&lost, 9, false, '~')));
    }
    figures
}

/// Puts items beside each other, two cells apart, each into the first line that has room for it.
fn flow(items: &[(Tone, String)], cells: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (tone, text) in items {
        let needed = format::width(text.trim_end());
        let line = match lines
            .iter()
            .position(|line| line.width() + 2 + needed <= cells)
        {
            Some(at) => &mut lines[at],
            None => {
                lines.push(Line::default());
                let newest = lines.len() - 1;
                &mut lines[newest]
            }
        };
        if !line.0.is_empty() {
            line.push(Tone::Plain, "  ");
        }
        line.push(*tone, text.clone());
    }
    lines
}

/// Draws the rate over the last minute in `rows` lines: with a scale, and seconds below nine tenths of what was announced marked.
pub(super) fn history(
    producer: &Producer,
    fps: &Seconds<f32>,
    cells: usize,
    rows: usize,
    glyphs: &Glyphs,
) -> Vec<Line> {
    let nominal = producer.nominal_fps.unwrap_or(0.0) as f32;
    graph::lines(
        &graph::Graph {
            name: "fps",
            values: fps,
            least_top: nominal,
            bad_below: nominal * 0.9,
            seconds: 60,
            extreme: graph::Extreme::Least,
        },
        cells,
        rows,
        glyphs,
    )
}
