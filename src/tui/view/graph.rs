//! A value in every second, as bars with a scale.

use crate::tui::format::{or_unknown, rate};
use crate::tui::seconds::Seconds;
use crate::tui::table::Line;
use crate::tui::theme::{Glyphs, Tone};

/// Which value is named beside the graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extreme {
    Least,
    Most,
}

/// What is drawn.
#[derive(Debug)]
pub(super) struct Graph<'a> {
    pub(super) name: &'static str,
    pub(super) values: &'a Seconds<f32>,
    /// The scale goes to this value at least.
    pub(super) least_top: f32,
    /// Seconds below are marked.
    pub(super) bad_below: f32,
    /// How many seconds are drawn at most.
    pub(super) seconds: usize,
    pub(super) extreme: Extreme,
}

/// Cells before the bars: the name and the scale.
const LABEL: usize = 10;
/// Cells after them.
const EXTREME: usize = "  min 120.0 60s".len();

/// Draws it in `rows` lines of at most `cells`: the newest second at the right, a dot where nothing is known.
pub(super) fn lines(graph: &Graph<'_>, cells: usize, rows: usize, glyphs: &Glyphs) -> Vec<Line> {
    let seconds = cells.saturating_sub(LABEL + EXTREME).min(graph.seconds);
    let values: Vec<Option<f32>> = graph.values.newest(seconds).collect();
    let known = || values.iter().flatten().copied();
    let top = known().fold(graph.least_top, f32::max);
    let (word, extreme) = match graph.extreme {
        Extreme::Least => ("min", known().reduce(f32::min)),
        Extreme::Most => ("max", known().reduce(f32::max)),
    };
    let rows = rows.max(1);
    let row = |at: usize| {
        let scale = match (at, rows) {
            (0, 1) => format!("0-{}", scale(top)),
            (0, _) => scale(top),
            (at, rows) if at + 1 == rows => "0".to_owned(),
            _ => String::new(),
        };
        let name = if at == 0 { graph.name } else { "" };
        let mut line = Line::new(Tone::Plain, format!("{name:<3} {scale:>5} "));
        for value in &values {
            let (tone, glyph) = cell(*value, graph, top, (at, rows), glyphs);
            match line.0.last_mut() {
                Some((last, text)) if *last == tone => text.push(glyph),
                _ => line.push(tone, glyph),
            }
        }
        if at + 1 == rows {
            let extreme = or_unknown(extreme, |value| rate(value.into()));
            let tone = match graph.extreme {
                Extreme::Least if known().any(|value| value < graph.bad_below) => Tone::Warn,
                _ => Tone::Plain,
            };
            line.push(tone, format!("  {word} {extreme}"));
            line.push(Tone::Dim, format!(" {seconds}s"));
        }
        line
    };
    (0..rows).map(row).collect()
}

/// Returns what a second looks like in row `at` of `rows`.
fn cell(
    value: Option<f32>,
    graph: &Graph<'_>,
    top: f32,
    (at, rows): (usize, usize),
    glyphs: &Glyphs,
) -> (Tone, char) {
    let last = at + 1 == rows;
    let Some(value) = value else {
        return (Tone::Dim, if last { glyphs.track } else { ' ' });
    };
    let tone = match value < graph.bad_below {
        true if value < graph.bad_below / 2.0 => Tone::Bad,
        true => Tone::Warn,
        false => Tone::Good,
    };
    let share = if top > 0.0 {
        (value / top).clamp(0.0, 1.0)
    } else {
        0.0
    };
    let eighths = (share * 8.0 * rows as f32).ceil() as usize;
    let below = 8 * (rows - 1 - at);
    match eighths.saturating_sub(below).min(8) {
        // Nothing at all is seen as a line, which a gap is not.
        0 if last => (tone, glyphs.bars[0]),
        0 => (Tone::Dim, ' '),
        part => (tone, glyphs.bars[part - 1]),
    }
}

fn scale(value: f32) -> String {
    if value < 9.95 && value.fract() > 0.05 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[f32], rows: usize) -> Vec<String> {
        let mut seconds = Seconds::new(60);
        for (second, value) in values.iter().enumerate() {
            seconds.push(second as u64, Some(*value), f32::min);
        }
        let graph = Graph {
            name: "fps",
            values: &seconds,
            least_top: 30.0,
            bad_below: 27.0,
            seconds: 60,
            extreme: Extreme::Least,
        };
        let lines = lines(&graph, 30, rows, Glyphs::of(false));
        lines.iter().map(|line| line.print(false)).collect()
    }

    #[test]
    fn it_has_a_scale_and_a_track() {
        assert_eq!(
            drawn(&[30.0, 0.0, 15.0], 1),
            ["fps  0-30 ··█▁▄  min 0.0 5s"]
        );
        assert_eq!(
            drawn(&[30.0, 0.0, 15.0], 2),
            ["fps    30   █", "        0 ··█▁█  min 0.0 5s"]
        );
    }
}
