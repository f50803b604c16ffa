//! What an expert would point at.

use crate::tui::format::{clean, cut, pad, width};
use crate::tui::table::{Line, wrap};
use crate::tui::theme::{Glyphs, Tone};
use framebus::observe::{Finding, Severity, Snapshot};

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
    let kinds = kinds(snapshot);
    let start = |finding| end_of(label(finding, kinds, glyphs), finding, cells, glyphs);
    snapshot.findings.iter().take(rows).map(start).collect()
}

/// Ends a line with the text of a finding, as much of it as there is room for.
pub(super) fn end_of(mut line: Line, finding: &Finding, cells: usize, glyphs: &Glyphs) -> Line {
    let room = cells.saturating_sub(line.width());
    let mut text = clean(&finding.text, glyphs.ascii);
    if width(&text) > room {
        text = without_asides(&text);
    }
    line.push(Tone::Plain, cut(&text, room, glyphs.cut));
    line
}

/// Returns the findings with their whole text, over as many lines as that takes.
pub(crate) fn wrapped(snapshot: &Snapshot, cells: usize, glyphs: &Glyphs) -> Vec<Line> {
    if snapshot.findings.is_empty() {
        return vec![Line::new(Tone::Dim, "none")];
    }
    let kinds = kinds(snapshot);
    let lines = |finding: &Finding| {
        let text = clean(&finding.text, glyphs.ascii);
        wrap(label(finding, kinds, glyphs), Tone::Plain, &text, cells)
    };
    snapshot.findings.iter().flat_map(lines).collect()
}

/// Returns how wide the widest kind is.
fn kinds(snapshot: &Snapshot) -> usize {
    let kinds = snapshot.findings.iter().map(|finding| width(&finding.kind));
    kinds.max().unwrap_or(0)
}

/// Leaves out what stands in parentheses: in a short line the end of the sentence says more.
pub(super) fn without_asides(text: &str) -> String {
    let mut short = String::new();
    let mut rest = text;
    while let Some((before, aside)) = rest.split_once(" (") {
        let Some((_, after)) = aside.split_once(')') else {
            break;
        };
        short.push_str(before);
        rest = after;
    }
    short + rest
}

pub(super) fn label(finding: &Finding, kinds: usize, glyphs: &Glyphs) -> Line {
    let (sign, tone) = (sign(finding.severity), tone(finding.severity));
    let mut line = Line::new(
        tone,
        format!("{sign:<2} {}", pad(&finding.kind, kinds, false, glyphs.cut)),
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
