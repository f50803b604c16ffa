//! Lines of toned text, and tables whose columns fall away in a fixed order.

use super::format::{pad, width};
use super::theme::{Glyphs, Theme, Tone};

/// A line: texts with what they mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Line(pub(crate) Vec<(Tone, String)>);

impl Line {
    /// Makes a line of one text.
    pub(crate) fn new(tone: Tone, text: impl Into<String>) -> Line {
        Line(vec![(tone, text.into())])
    }

    /// Adds a text.
    pub(crate) fn push(&mut self, tone: Tone, text: impl Into<String>) {
        self.0.push((tone, text.into()));
    }

    /// Returns how many cells it takes.
    pub(crate) fn width(&self) -> usize {
        self.0.iter().map(|(_, text)| width(text)).sum()
    }

    /// Fills up with spaces so that `text` ends at `cells`, when there is room for it.
    pub(crate) fn push_right(&mut self, tone: Tone, text: &str, cells: usize) {
        let used = self.width() + width(text);
        if used < cells {
            self.push(Tone::Plain, " ".repeat(cells - used));
            self.push(tone, text);
        }
    }

    /// Gives every text the tone of a selected row.
    pub(crate) fn select(&mut self) {
        for (tone, _) in &mut self.0 {
            *tone = Tone::Selected;
        }
    }

    /// Returns it as printed text without trailing spaces, with escape codes when `colour`.
    pub(crate) fn print(&self, colour: bool) -> String {
        let mut out = String::new();
        for (tone, text) in &self.0 {
            let start = if colour { Theme::escape(*tone) } else { "" };
            out.push_str(start);
            out.push_str(text);
            if !start.is_empty() {
                out.push_str("\x1b[0m");
            }
        }
        out.truncate(out.trim_end().len());
        out
    }
}

/// Adds the words of `text` to `line`, over as many lines as that takes; the others start where the text does.
pub(crate) fn wrap(mut line: Line, tone: Tone, text: &str, cells: usize) -> Vec<Line> {
    let (mut lines, indent) = (Vec::new(), line.width());
    let mut used = indent;
    for word in text.split_whitespace() {
        let space = if used > indent { " " } else { "" };
        if used > indent && used + space.len() + width(word) > cells {
            lines.push(std::mem::take(&mut line));
            line.push(tone, format!("{}{word}", " ".repeat(indent)));
            used = indent + width(word);
        } else {
            used += space.len() + width(word);
            line.push(tone, format!("{space}{word}"));
        }
    }
    lines.push(line);
    lines
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column<K> {
    /// Which one it is.
    pub(crate) kind: K,
    /// What stands over it.
    pub(crate) title: &'static str,
    /// Its cells, at least as many as the title has.
    pub(crate) width: u16,
    /// How many cells it may take more when there is room.
    pub(crate) grow: u16,
    /// Whether its texts end at its right edge.
    pub(crate) right: bool,
    /// The column with the lowest number falls away first.
    pub(crate) keep: u8,
}

impl<K> Column<K> {
    /// Makes a column that does not grow.
    pub(crate) const fn new(
        kind: K,
        title: &'static str,
        width: u16,
        right: bool,
        keep: u8,
    ) -> Column<K> {
        Column {
            kind,
            title,
            width,
            grow: 0,
            right,
            keep,
        }
    }
}

/// Returns how many cells the column of this kind has; none when it has fallen away.
pub(crate) fn cells_of<K: PartialEq>(columns: &[Column<K>], kind: &K) -> usize {
    let found = columns.iter().find(|column| column.kind == *kind);
    found.map_or(0, |column| usize::from(column.width))
}

/// Chooses the columns that fit into `cells`, and gives what is left over to those that grow, in order.
pub(crate) fn fit<K: Copy>(columns: &[Column<K>], cells: usize) -> Vec<Column<K>> {
    let mut chosen = columns.to_vec();
    let total = |columns: &[Column<K>]| {
        columns
            .iter()
            .map(|c| usize::from(c.width) + 1)
            .sum::<usize>()
            .saturating_sub(1)
    };
    while total(&chosen) > cells && chosen.len() > 1 {
        let least = chosen
            .iter()
            .enumerate()
            .min_by_key(|(_, c)| c.keep)
            .map_or(0, |(at, _)| at);
        chosen.remove(least);
    }
    let mut left = cells.saturating_sub(total(&chosen));
    for column in &mut chosen {
        let more = left.min(usize::from(column.grow));
        column.width += u16::try_from(more).unwrap_or(0);
        left -= more;
    }
    chosen
}

/// Makes the line over a table; `marked` is the column it is sorted by.
pub(crate) fn head<K: Copy + PartialEq>(columns: &[Column<K>], marked: Option<K>) -> Line {
    row(columns, Glyphs::of(true), |kind| {
        let tone = if marked == Some(kind) {
            Tone::Key
        } else {
            Tone::Head
        };
        let title = columns
            .iter()
            .find(|c| c.kind == kind)
            .map_or("", |c| c.title);
        (tone, title.to_owned())
    })
}

/// Makes a row of a table.
pub(crate) fn row<K: Copy>(
    columns: &[Column<K>],
    glyphs: &Glyphs,
    mut cell: impl FnMut(K) -> (Tone, String),
) -> Line {
    let mut line = Line::default();
    for (at, column) in columns.iter().enumerate() {
        if at > 0 {
            line.push(Tone::Plain, " ");
        }
        let (tone, text) = cell(column.kind);
        line.push(
            tone,
            pad(&text, column.width.into(), column.right, glyphs.cut),
        );
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column<char>; 3] = [
        Column {
            kind: 'a',
            title: "A",
            width: 3,
            grow: 4,
            right: false,
            keep: 9,
        },
        Column {
            kind: 'b',
            title: "B",
            width: 3,
            grow: 0,
            right: true,
            keep: 1,
        },
        Column {
            kind: 'c',
            title: "C",
            width: 3,
            grow: 0,
            right: true,
            keep: 5,
        },
    ];

    #[test]
    fn columns_fall_away_in_their_order_and_the_rest_keeps_its_place() {
        let kinds = |cells| {
            fit(&COLUMNS, cells)
                .iter()
                .map(|c| c.kind)
                .collect::<String>()
        };
        assert_eq!(
            [kinds(11), kinds(10), kinds(6), kinds(1)],
            ["abc", "ac", "a", "a"]
        );
    }

    #[test]
    fn what_is_left_over_goes_to_a_column_that_grows() {
        let line = row(&fit(&COLUMNS, 40), Glyphs::of(true), |kind| {
            (Tone::Plain, kind.to_string())
        });
        assert_eq!(line.print(false), "a         b   c");
    }

    #[test]
    fn a_long_text_goes_on_below_where_it_starts() {
        let lines = wrap(
            Line::new(Tone::Warn, "!  "),
            Tone::Plain,
            "one two three",
            10,
        );
        let text: Vec<_> = lines.iter().map(|line| line.print(false)).collect();
        assert_eq!(text, ["!  one two", "   three"]);
        assert_eq!(wrap(Line::default(), Tone::Plain, "", 10).len(), 1);
    }

    #[test]
    fn escape_codes_are_printed_only_when_asked_for() {
        let line = Line::new(Tone::Bad, "x");
        assert_eq!(
            (line.print(false).as_str(), line.print(true).as_str()),
            ("x", "\x1b[1;31mx\x1b[0m")
        );
    }
}
