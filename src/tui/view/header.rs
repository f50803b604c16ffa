//! The frame around every screen: what is seen at the top, which keys help at the bottom.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::findings;
use crate::tui::buses;
use crate::tui::format::{bytes, clean, clock, width};
use crate::tui::keys::Screen;
use crate::tui::model::{Hit, Model, Overlay, Target};
use crate::tui::table::Line;
use crate::tui::theme::{Glyphs, Tone};
use framebus::observe::{BusState, Segment};

/// Draws the frame; returns where the screen goes, with the row of its first rule on top.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    area: Rect,
    model: &Model,
    hits: &mut Vec<Hit>,
) -> Rect {
    let (x0, x1) = (area.x, area.right() - 1);
    let (top, bottom) = (area.y, area.bottom() - 1);
    let glyphs = canvas.glyphs;
    canvas.vertical(x0, top + 1..bottom);
    canvas.vertical(x1, top + 1..bottom);
    title_row(canvas, top, (x0, x1), model);
    screens_row(canvas, top + 1, (x0, x1), model, hits);
    canvas.line(
        x0 + 2,
        bottom - 1,
        area.width - 4,
        &footer(model, usize::from(area.width - 4)),
    );
    canvas.rule(
        bottom,
        (x0, x1),
        [glyphs.bottom[0], glyphs.bottom[2]],
        &Line::default(),
    );
    Rect::new(x0, top + 2, area.width, area.height - 4)
}

fn title_row(canvas: &mut Canvas<'_>, y: u16, (x0, x1): (u16, u16), model: &Model) {
    let glyphs = canvas.glyphs;
    let snapshot = model.shown();
    let segment = snapshot.and_then(|snapshot| snapshot.segment.as_ref());
    let mut right = vec![];
    if model.is_frozen() {
        right.push("FROZEN".to_owned());
    }
    right.push("READ-ONLY".into());
    right.push(format!("{:.1} Hz", 1000.0 / model.interval_ms as f64));
    right.extend(
        segment
            .filter(|_| model.screen != Screen::Buses)
            .map(|segment| bytes(segment.bytes)),
    );
    let mut left = vec!["framebus top".to_owned(), tabs(model)];
    // Those of one bus do not tell about all.
    let segment = segment.filter(|_| model.screen != Screen::Buses);
    left.extend(segment.map(format_of));
    left.extend(segment.map(|segment| format!("gen {}", segment.generation)));
    let trouble = elsewhere(model);
    let join = |parts: &[String]| parts.join(&format!(" {} ", glyphs.dot));
    // The least needed falls away first: memory, then generation, then format, then the rate.
    let room = usize::from(x1 - x0).saturating_sub(8 + trouble.width());
    let fits = |left: &[String], right: &[String]| width(&join(left)) + width(&join(right)) <= room;
    for parts in [4, 3, 2] {
        if !fits(&left, &right) {
            right.truncate(if parts == 2 {
                1
            } else {
                right.len().min(2 + usize::from(model.is_frozen()))
            });
        }
        if !fits(&left, &right) {
            left.truncate(parts - 1);
        }
    }
    canvas.rule(y, (x0, x1), [glyphs.top[0], glyphs.top[2]], &{
        let mut line = Line::new(Tone::Title, join(&left));
        line.0.extend(trouble.0);
        line
    });
    let tone = if model.is_frozen() {
        Tone::Warn
    } else {
        Tone::Dim
    };
    if fits(&left, &right) {
        canvas.rule_right(y, x1 - 1, tone, &join(&right));
    }
}

/// Names the other buses that are in trouble.
fn elsewhere(model: &Model) -> Line {
    let troubled = buses::in_trouble(model);
    let others: Vec<_> = troubled
        .iter()
        .filter(|(bus, _)| *bus != model.bus && model.screen != Screen::Buses)
        .collect();
    let worst = others.iter().map(|(_, severity)| *severity).max();
    let Some(worst) = worst else {
        return Line::default();
    };
    let named: Vec<_> = others
        .iter()
        .take(NAMED)
        .map(|(bus, _)| bus.as_str())
        .collect();
    let more = match others.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" +{more}"),
    };
    let (sign, tone) = (findings::sign(worst), findings::tone(worst));
    let mut line = Line::new(Tone::Title, format!(" {} ", model.glyphs.dot));
    line.push(tone, format!("{sign} {}{more}", named.join(" ")));
    line
}

/// How many of the other buses in trouble are named.
const NAMED: usize = 2;

/// Names the buses; the one that is shown stands in brackets when there are more.
fn tabs(model: &Model) -> String {
    let name = |bus: &String| match *bus == model.bus {
        true => format!("[{bus}]"),
        false => bus.clone(),
    };
    match model.buses.len() {
        count if model.screen == Screen::Buses => match count {
            1 => "1 bus".to_owned(),
            _ => format!("{count} buses"),
        },
        0 | 1 => model.bus.clone(),
        2..=4 => model.buses.iter().map(name).collect::<Vec<_>>().join(" "),
        count => {
            let at = model
                .buses
                .iter()
                .position(|bus| *bus == model.bus)
                .unwrap_or(0);
            format!("[{}] {} of {count}", model.bus, at + 1)
        }
    }
}

fn format_of(segment: &Segment) -> String {
    format!("{}x{} {}", segment.width, segment.height, segment.format)
}

fn screens_row(
    canvas: &mut Canvas<'_>,
    y: u16,
    (x0, x1): (u16, u16),
    model: &Model,
    hits: &mut Vec<Hit>,
) {
    let short = x1 - x0 < 77;
    let mut x = x0 + 2;
    for screen in Screen::ALL {
        let number = screen.key();
        let name = if short {
            &screen.name()[..screen.name().len().min(4)]
        } else {
            screen.name()
        };
        let (tone, text) = match screen == model.screen {
            true => (Tone::Key, format!("[{number}]{name}")),
            false => (Tone::Plain, format!("{number} {name}")),
        };
        let end = canvas.text(x, y, x1 - x, tone, &text);
        hits.push(Hit {
            y,
            x: (x, end),
            target: Target::Screen(screen),
        });
        x = end + 2;
    }
    let listing = &model.listing;
    let mut parts = vec!["? help".to_owned()];
    if model.screen != Screen::Buses {
        parts.push(format!("sort: {} {}", listing.sort.name(), listing.arrow()));
    }
    if let Some(ms) = model.track().and_then(|track| track.zeroed_ms()) {
        parts.push(format!("zeroed {}", clock(ms)));
    }
    if listing.only_findings {
        parts.push("only findings".into());
    }
    if !model.editing && !listing.filter.is_empty() {
        parts.push(format!("filter: {}", listing.filter));
    }
    let plain = if model.screen == Screen::Buses { 1 } else { 2 };
    while parts.len() > 1
        && parts.iter().map(|part| width(part) + 3).sum::<usize>() > usize::from(x1 - x)
    {
        // The order that rows are in can be seen; a filter cannot.
        parts.remove(1);
    }
    parts.reverse();
    let text = clean(&parts.join("   "), canvas.glyphs.ascii);
    let cells = width(&text) as u16;
    if x + cells + 2 <= x1 {
        // What leaves something out is not to be overlooked.
        let tone = match parts.len() > plain {
            true => Tone::Warn,
            false => Tone::Dim,
        };
        canvas.text(x1 - 1 - cells, y, cells, tone, &text);
    }
}

fn footer(model: &Model, cells: usize) -> Line {
    if model.notice.is_some() {
        // It may need more than this row.
        return Line::default();
    }
    if model.editing {
        let typed = clean(&model.listing.filter, model.glyphs.ascii);
        let mut line = Line::new(Tone::Key, format!("filter: {typed}_"));
        for hint in ["Enter keep", "Esc clear", "name, language, state or pid"] {
            if line.width() + 3 + hint.len() <= cells {
                line.push(Tone::Plain, format!("   {hint}"));
            }
        }
        return line;
    }
    let keys: &[(&str, &str)] = match (model.overlay, model.screen) {
        (Overlay::Help, _) => &[("Esc", "back"), ("j k", "scroll"), ("q", "quit")],
        (Overlay::Detail(_), _) => &[
            ("Esc", "back"),
            ("j k", "next consumer"),
            ("space", "freeze"),
            ("q", "quit"),
        ],
        (_, Screen::Buses) => &[
            ("q", "quit"),
            ("j k", "select"),
            ("Enter", "open"),
            ("space", "freeze"),
            ("x", "findings"),
            ("/", "filter"),
            ("t", "thumbnails"),
            ("?", "help"),
        ],
        (_, Screen::View) => &[
            ("q", "quit"),
            ("R", "renderer"),
            ("C", "colour"),
            ("z Z", "zoom"),
            ("< >", "slot"),
            ("w", "PNG"),
            ("a", "range"),
            ("i", "invert"),
            ("arrows", "pan"),
            ("?", "help"),
        ],
        (_, Screen::Slots) => &[
            ("q", "quit"),
            ("space", "freeze"),
            ("j k", "select"),
            ("Enter", "view"),
            ("t", "thumbnails"),
            ("R", "renderer"),
            ("?", "help"),
        ],
        (_, Screen::Log) => &[
            ("q", "quit"),
            ("space", "freeze"),
            ("j k", "scroll"),
            ("G", "newest"),
            ("?", "help"),
        ],
        _ => &[
            ("q", "quit"),
            ("space", "freeze"),
            ("/", "filter"),
            ("s", "sort"),
            ("r", "reverse"),
            ("Enter", "detail"),
            ("v", "view"),
            ("t", "thumbnails"),
            ("c", "zero"),
            ("?", "help"),
        ],
    };
    let mut line = Line::default();
    for (key, what) in keys {
        if line.width() + key.len() + what.len() + 1 > cells {
            break;
        }
        line.push(Tone::Key, *key);
        line.push(Tone::Plain, format!(" {what}  "));
    }
    line
}

/// Draws the notice from the last row inside the frame of `area` upwards, over what is there: where a file went is told in full.
pub(super) fn draw_notice(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let Some(notice) = &model.notice else {
        return;
    };
    let text = clean(notice, model.glyphs.ascii);
    let cells = usize::from(area.width - 4);
    let rows = wrapped(&text, cells);
    let most = usize::from(area.height - 4);
    let first = rows.len().saturating_sub(most);
    let y = area.bottom() - 1 - (rows.len() - first) as u16;
    for (row, y) in rows[first..].iter().zip(y..) {
        let filled = format!(" {row:<cells$} ");
        // Over the ends of a rule too.
        canvas.vertical(area.x, y..y + 1);
        canvas.vertical(area.right() - 1, y..y + 1);
        canvas.text(area.x + 1, y, area.width - 2, Tone::Warn, &filled);
    }
}

/// Cuts a text where a row is full: a path has no better places.
fn wrapped(text: &str, cells: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for c in text.chars() {
        let last = rows.last().map_or(0, |row| width(row));
        if last + width(c.encode_utf8(&mut [0; 4])) > cells {
            rows.push(String::new());
        }
        if let Some(row) = rows.last_mut() {
            row.push(c);
        }
    }
    rows
}

/// Draws what there is to say of a bus that has no tables.
pub(super) fn draw_waiting(canvas: &mut Canvas<'_>, body: Rect, model: &Model) {
    let lines = waiting(model, canvas.glyphs);
    let y = body.y + body.height.saturating_sub(lines.len() as u16) / 2;
    let area = Rect::new(
        body.x + 4,
        y,
        body.width.saturating_sub(8),
        body.bottom().saturating_sub(y + 1),
    );
    canvas.lines(area, &lines);
}

fn waiting(model: &Model, glyphs: &Glyphs) -> Vec<Line> {
    let Some(snapshot) = model.shown() else {
        return vec![Line::new(
            Tone::Title,
            format!("looking for bus {}", model.bus),
        )];
    };
    let (tone, text) = match snapshot.state {
        BusState::Unreadable => (Tone::Bad, "the bus cannot be read"),
        BusState::Starting => (Tone::Title, "the producer is starting"),
        _ => (Tone::Title, "waiting for the bus"),
    };
    let text = snapshot.message.as_deref().unwrap_or(text);
    let mut lines = vec![Line::new(tone, clean(text, glyphs.ascii))];
    if snapshot.state == BusState::Absent {
        lines.push(Line::default());
        lines.push(Line::new(
            Tone::Plain,
            "It appears here as soon as a producer runs, for example:",
        ));
        lines.push(Line::new(
            Tone::Key,
            format!("    framebus produce /dev/video0 --bus {}", snapshot.bus),
        ));
    }
    let others: Vec<_> = model
        .buses
        .iter()
        .filter(|bus| **bus != model.bus)
        .cloned()
        .collect();
    if !others.is_empty() {
        lines.push(Line::default());
        lines.push(Line::new(
            Tone::Plain,
            format!("Other buses, with [ and ]: {}", others.join(" ")),
        ));
    }
    lines
}
