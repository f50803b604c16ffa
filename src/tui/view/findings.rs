//! What an expert would point at.

use crate::observe::{Finding, Severity, Snapshot};
use crate::tui::format::{clean, cut, pad};
use crate::tui::table::{Line, wrap};
use crate::tui::theme::{Glyphs, Tone};

/// Returns what stands over the panel when it has `rows` rows.
pub(crate) fn title(snapshot: &Snapshot, rows: usize) -> Line {
    let mut line = Line::new(Tone::Head, "FINDINGS");
    let (all, worst) = (
        snapshot.findings.len(),
        snapshot
            .findings
            .iter()
            .map(|finding| finding.severity)
            .max(),
    );
    line.push(worst.map_or(Tone::Plain, tone), format!(" {all}"));
    if rows < all {
        line.push(Tone::Warn, format!(", {rows} shown (key 5 has all)"));
    }
    line
}

/// Returns the findings, worst first, in at most `rows` lines: whole when there is room, else a line each, cut.
pub(crate) fn lines(snapshot: &Snapshot, cells: usize, rows: usize, glyphs: &Glyphs) -> Vec<Line> {
    let whole = wrapped(snapshot, cells, glyphs);
    if whole.len() <= rows {
        return whole;
    }
    let start = |finding: &Finding| {
        let mut line = label(finding, glyphs);
        let room = cells.saturating_sub(line.width());
        line.push(
            Tone::Plain,
            cut(&clean(&finding.text, glyphs.ascii), room, glyphs.cut),
        );
        line
    };
    snapshot.findings.iter().take(rows).map(start).collect()
}

/// Returns the findings with their whole text, over as many lines as that takes.
pub(crate) fn wrapped(snapshot: &Snapshot, cells: usize, glyphs: &Glyphs) -> Vec<Line> {
    if snapshot.findings.is_empty() {
        return vec![Line::new(Tone::Dim, "none")];
    }
    let lines = |finding: &Finding| {
        let text = clean(&finding.text, glyphs.ascii);
        wrap(label(finding, glyphs), Tone::Plain, &text, cells)
    };
    snapshot.findings.iter().flat_map(lines).collect()
}

fn label(finding: &Finding, glyphs: &Glyphs) -> Line {
    let (sign, tone) = (sign(finding.severity), tone(finding.severity));
    let mut line = Line::new(
        tone,
        format!("{sign:<2} {}", pad(&finding.kind, 16, false, glyphs.cut)),
    );
    line.push(Tone::Plain, " ");
    line
}

/// Returns how a severity is written: not by colour alone.
pub(crate) const fn sign(severity: Severity) -> &'static str {
    match severity {
        Severity::Info => "i",
        Severity::Warning => "!",
        Severity::Critical => "!!",
    }
}

/// Returns how a severity looks.
pub(crate) const fn tone(severity: Severity) -> Tone {
    match severity {
        Severity::Info => Tone::Plain,
        Severity::Warning => Tone::Warn,
        Severity::Critical => Tone::Bad,
    }
}
