//! The tables as text: `--once`, batch mode, a log.

use super::rows::{Listing, Sort};
use super::table::Line;
use super::theme::{Glyphs, Tone};
use super::view::{consumers, findings, producer, slots};
use crate::tui::format::{bytes, clean, clock};
use framebus::observe::Snapshot;

/// How text is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextOptions {
    /// Cells of the longest line; columns fall away below 100.
    pub width: usize,
    /// Whether only ASCII is written.
    pub ascii: bool,
    /// Whether escape codes colour it.
    pub colour: bool,
}

impl Default for TextOptions {
    fn default() -> Self {
        TextOptions {
            width: 100,
            ascii: true,
            colour: false,
        }
    }
}

/// Writes a snapshot as the tables that `top` shows, without a frame and a picture; it ends with a line break.
///
/// # Examples
/// ```
/// use framebus::observe::Snapshot;
/// use framebus_cli::tui::{TextOptions, render_text};
///
/// fn print(snapshot: &Snapshot) {
///     print!("{}", render_text(snapshot, TextOptions::default()));
/// }
/// ```
#[must_use]
pub fn render_text(snapshot: &Snapshot, options: TextOptions) -> String {
    let glyphs = Glyphs::of(options.ascii);
    let cells = options.width.max(60);
    let mut lines = vec![title(snapshot, glyphs)];
    if snapshot.producer.is_none() {
        let text = snapshot
            .message
            .clone()
            .unwrap_or_else(|| format!("{:?}", snapshot.state).to_lowercase());
        lines.push(Line::new(Tone::Plain, clean(&text, options.ascii)));
    } else {
        lines.push(producer::title(snapshot));
        lines.extend(producer::lines(snapshot, None, cells.min(100), 1, glyphs));
        lines.push(slots::title(snapshot));
        lines.extend(
            slots::lines(snapshot, None, cells, usize::MAX, glyphs)
                .into_iter()
                .map(|line| line.line),
        );
        lines.push(consumers::title(snapshot));
        let rows = Listing::default().rows(snapshot);
        lines.extend(consumers::lines(snapshot, &rows, Sort::Id, cells, glyphs));
    }
    lines.push(findings::title(snapshot, usize::MAX));
    // A log may be wider than a screen: a finding is never cut.
    lines.extend(findings::lines(snapshot, usize::MAX, usize::MAX, glyphs));
    lines
        .iter()
        .map(|line| line.print(options.colour) + "\n")
        .collect()
}

fn title(snapshot: &Snapshot, glyphs: &Glyphs) -> Line {
    let mut parts = vec![
        format!("framebus {}", snapshot.bus),
        format!("{} UTC", clock(snapshot.time_ms)),
    ];
    if let Some(segment) = &snapshot.segment {
        parts.push(format!(
            "{}x{} {}",
            segment.width, segment.height, segment.format
        ));
        parts.push(format!("gen {}", segment.generation));
        parts.push(bytes(segment.bytes));
    }
    Line::new(
        Tone::Title,
        clean(&parts.join(&format!(" {} ", glyphs.dot)), glyphs.ascii),
    )
}
