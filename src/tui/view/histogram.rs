//! A histogram of durations: time to the right on a logarithmic scale, how often upwards.

use crate::tui::format::count;
use crate::tui::table::Line;
use crate::tui::theme::{Glyphs, Tone};
use framebus::observe::{Bucket, bucket_number};

/// Cells at the left for the number of frames, with a space after it.
const GUTTER: usize = 7;
/// Bars do not get higher than this, however large the screen is.
const HIGHEST: usize = 8;
/// A bucket does not get wider than this: it is an eighth of an octave.
const WIDEST: usize = 3;

/// Draws how often it took how long into `rows` lines of `cells` cells: what it is, the bars, and the times below them.
/// `Vec::new()` where there is no room for a bar.
pub(super) fn lines(buckets: &[Bucket], cells: usize, rows: usize, glyphs: &Glyphs) -> Vec<Line> {
    let (Some(width), Some(height)) = (cells.checked_sub(GUTTER), rows.checked_sub(2)) else {
        return Vec::new();
    };
    if width == 0 || height == 0 {
        return Vec::new();
    }
    let frames: u64 = buckets.iter().map(|bucket| u64::from(bucket.count)).sum();
    let plural = if frames == 1 { "" } else { "s" };
    let mut title = Line::new(Tone::Head, "BUSY, LAST 60 s");
    title.push(
        Tone::Plain,
        format!("  {} frame{plural} released", count(frames, 6)),
    );
    let Some(scale) = Scale::over(buckets, width) else {
        return vec![title];
    };
    let columns = scale.columns(buckets);
    let most = columns.iter().copied().max().unwrap_or(0).max(1);
    let height = height.min(HIGHEST);
    let mut lines = vec![title];
    for row in (0..height).rev() {
        let label = if row + 1 == height {
            count(most, GUTTER - 1)
        } else {
            String::new()
        };
        let mut line = Line::new(Tone::Plain, format!("{label:>6} "));
        let bars = columns
            .iter()
            .map(|frames| bar(*frames, most, row, height, glyphs));
        line.push(Tone::Good, bars.collect::<String>());
        lines.push(line);
    }
    let mut axis = Line::new(Tone::Plain, format!("{:>6} ", 0));
    axis.push(Tone::Plain, scale.axis(glyphs));
    lines.push(axis);
    lines
}

/// The part of a column's bar that is in `row`, counted from below; the least that is not nothing is seen.
fn bar(frames: u64, most: u64, row: usize, height: usize, glyphs: &Glyphs) -> char {
    let steps = (frames * 8 * height as u64).div_ceil(most) as usize;
    match steps.saturating_sub(row * 8).min(8) {
        0 => ' ',
        level => glyphs.bars[level - 1],
    }
}

/// Which bucket is drawn where.
#[derive(Debug, Clone, Copy)]
struct Scale {
    low_ms: f64,
    high_ms: f64,
    /// The first bucket, and how many there are.
    first: usize,
    buckets: usize,
    /// Buckets that share a column where there is little room; columns of a bucket where there is much.
    merged: usize,
    wide: usize,
}

impl Scale {
    /// From the round time below the shortest to the one above the longest, so that the scale seldom changes.
    fn over(buckets: &[Bucket], width: usize) -> Option<Scale> {
        let (low_ms, high_ms) = (
            round_below(buckets.first()?.from_ms),
            round_above(buckets.last()?.to_ms),
        );
        let first = bucket_number(low_ms);
        let buckets = bucket_number(high_ms) + 1 - first;
        Some(Scale {
            low_ms,
            high_ms,
            first,
            buckets,
            merged: buckets.div_ceil(width),
            wide: (width / buckets).clamp(1, WIDEST),
        })
    }

    fn width(&self) -> usize {
        self.buckets.div_ceil(self.merged) * self.wide
    }

    fn column(&self, ms: f64) -> usize {
        let bucket = bucket_number(ms).clamp(self.first, self.first + self.buckets - 1);
        (bucket - self.first) / self.merged * self.wide
    }

    fn columns(&self, buckets: &[Bucket]) -> Vec<u64> {
        let mut columns = vec![0; self.width()];
        for bucket in buckets {
            let at = self.column(bucket.from_ms);
            for column in &mut columns[at..at + self.wide] {
                *column += u64::from(bucket.count);
            }
        }
        columns
    }

    /// A rule with a mark and its name at every round time that has room for it.
    fn axis(&self, glyphs: &Glyphs) -> String {
        let mut axis = String::new();
        let mut used = 0;
        let mut ms = self.low_ms;
        while ms <= self.high_ms * 1.001 {
            let (at, name) = (self.column(ms), name(ms));
            let fits = at + 1 + name.len() <= self.width();
            if fits && (used == 0 || at > used) {
                axis.push_str(&glyphs.horizontal.repeat(at - used));
                axis.push_str(glyphs.cross[1]);
                axis.push_str(&name);
                used = at + 1 + name.len();
            }
            ms = next_round(ms);
        }
        axis + &glyphs.horizontal.repeat(self.width() - used)
    }
}

/// The shortest time of the scale: what took less is drawn with it.
const SHORTEST_MS: f64 = 0.001;

/// The largest of 1, 2, 5, 10, 20 … that is not above `ms`; at least [`SHORTEST_MS`].
fn round_below(ms: f64) -> f64 {
    let mut round = SHORTEST_MS;
    while next_round(round) <= ms {
        round = next_round(round);
    }
    round
}

fn round_above(ms: f64) -> f64 {
    let round = round_below(ms);
    if round < ms || round <= SHORTEST_MS {
        next_round(round)
    } else {
        round
    }
}

/// 2 after 1, 5 after 2, 10 after 5.
fn next_round(ms: f64) -> f64 {
    let power = 10f64.powf((ms * 1.001).log10().floor());
    power
        * match ms / power {
            digit if digit < 1.5 => 2.0,
            digit if digit < 3.5 => 5.0,
            _ => 10.0,
        }
}

fn name(ms: f64) -> String {
    match ms {
        _ if ms < 0.999 => format!("{:.0}us", ms * 1e3),
        _ if ms < 999.0 => format!("{ms:.0}ms"),
        _ => format!("{:.0}s", ms / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::fixture::histogram;
    use crate::tui::theme::{ASCII, UNICODE};

    fn drawn(buckets: &[Bucket], cells: usize, rows: usize, glyphs: &Glyphs) -> Vec<String> {
        let lines = lines(buckets, cells, rows, glyphs);
        lines.iter().map(|line| line.print(false)).collect()
    }

    #[test]
    fn round_times_follow_one_another() {
        let mut ms = 0.001;
        let mut names = vec![];
        for _ in 0..24 {
            names.push(name(ms));
            ms = next_round(ms);
        }
        assert_eq!(names[..5], ["1us", "2us", "5us", "10us", "20us"]);
        assert_eq!(names[8..12], ["500us", "1ms", "2ms", "5ms"]);
        assert_eq!(names[17..20], ["500ms", "1s", "2s"]);
        assert_eq!(
            (name(round_below(9.9)), name(round_above(9.9))),
            ("5ms".into(), "10ms".into())
        );
    }

    #[test]
    fn the_bars_stand_over_their_times() {
        let counted = histogram(&[(10.0, 90), (20.0, 45), (90.0, 1)]);
        assert_eq!(
            drawn(&counted, 40, 4, &ASCII),
            [
                "BUSY, LAST 60 s  136 frames released",
                "    90     #",
                "           #   #       _",
                "     0 +5ms----+20ms-----",
            ]
        );
        let counted = histogram(&[(10.0, 90), (11.5, 30), (40.0, 1)]);
        assert_eq!(
            drawn(&counted, 60, 5, &UNICODE),
            [
                "BUSY, LAST 60 s  121 frames released",
                "    90         █",
                "               █",
                "               ██              ▁",
                "     0 ┴5ms────┴10ms───┴20ms──────",
            ]
        );
    }

    #[test]
    fn whatever_was_counted_fits_where_there_is_room() {
        let all: Vec<_> = (0..40)
            .map(|octave| (0.00003 * 1.7f64.powi(octave), 7))
            .collect();
        for buckets in [
            histogram(&all),
            histogram(&[(0.0, 1)]),
            histogram(&[(3.0, 1)]),
        ] {
            for cells in 0..150 {
                for rows in 0..12 {
                    let lines = drawn(&buckets, cells, rows, &UNICODE);
                    assert!(lines.len() <= rows.max(1), "{cells}x{rows}");
                    let wide = |line: &String| line.chars().count() <= cells.max(40);
                    assert!(lines.iter().all(wide), "{cells}x{rows}: {lines:#?}");
                }
            }
        }
        assert_eq!(
            drawn(&[], 60, 5, &UNICODE),
            ["BUSY, LAST 60 s  0 frames released"]
        );
    }
}
