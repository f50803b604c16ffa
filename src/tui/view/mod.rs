//! The state as cells: one file a panel.

mod bus_table;
mod buses;
mod canvas;
pub(crate) mod consumers;
mod detail;
pub(crate) mod findings;
mod graph;
mod header;
mod help;
mod histogram;
mod log;
mod overview;
mod picture;
pub(crate) mod producer;
pub(crate) mod slots;
mod slots_screen;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use self::canvas::Canvas;
use super::format;
use super::graphics::Placed;
use super::keys::Screen;
use super::model::{Hit, Model, Overlay};
use super::table::Line;
use super::theme::Tone;
use framebus::observe::BusState;

/// The least that the screens need.
const LEAST: (u16, u16) = (60, 15);

/// What is in a drawing beside its cells.
#[derive(Debug, Default)]
pub(crate) struct Drawn {
    /// The places that can be clicked.
    pub(crate) hits: Vec<Hit>,
    /// The pictures that lie over cells.
    pub(crate) placed: Vec<Placed>,
}

/// Draws the state into `buffer`.
pub(crate) fn draw(buffer: &mut Buffer, model: &Model) -> Drawn {
    let mut canvas = Canvas {
        buffer,
        theme: model.theme,
        glyphs: model.glyphs,
        true_colour: model.true_colour,
        placed: Vec::new(),
    };
    let hits = draw_cells(&mut canvas, model);
    Drawn {
        hits,
        placed: canvas.placed,
    }
}

fn draw_cells(canvas: &mut Canvas<'_>, model: &Model) -> Vec<Hit> {
    let area = canvas.buffer.area;
    let mut hits = Vec::new();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let text = too_small(area.width, area.height);
        let text = format::cut(&text, area.width.into(), model.glyphs.cut);
        canvas.text(
            area.x,
            area.y + area.height / 2,
            area.width,
            Tone::Title,
            &text,
        );
        return hits;
    }
    let body = header::draw(canvas, area, model, &mut hits);
    let readable = model.shown().filter(|snapshot| snapshot.segment.is_some());
    let readable = readable.filter(|snapshot| snapshot.state != BusState::Unreadable);
    match (model.overlay, readable) {
        (Overlay::Help, _) => help::draw(canvas, body, model),
        (Overlay::None, _) if model.screen == Screen::Log => log::draw(canvas, body, model),
        (Overlay::None, _) if model.screen == Screen::Buses => {
            buses::draw(canvas, body, model, &mut hits);
        }
        (_, None) => {
            section(canvas, body.y, body, &Line::default());
            header::draw_waiting(canvas, body, model);
        }
        (Overlay::Detail(key), Some(snapshot)) => detail::draw(canvas, body, model, snapshot, key),
        (Overlay::None, Some(snapshot)) => match model.screen {
            Screen::Overview => overview::draw(canvas, body, model, snapshot, &mut hits),
            Screen::Consumers => overview::draw_consumers(canvas, body, model, snapshot, &mut hits),
            Screen::Slots => slots_screen::draw(canvas, body, model, snapshot, &mut hits),
            Screen::View => picture::draw_view(canvas, body, model, snapshot),
            Screen::Buses | Screen::Log => {}
        },
    }
    header::draw_notice(canvas, area, model);
    hits
}

/// Returns the longest way to say it that a terminal of this size has room for.
fn too_small(width: u16, height: u16) -> String {
    let (w, h) = LEAST;
    let ways = [
        format!("framebus top needs {w}x{h}, this is {width}x{height}"),
        format!("top needs {w}x{h}, not {width}x{height}"),
        format!("needs {w}x{h}"),
        format!("{w}x{h}"),
    ];
    let fits = |text: &&String| text.len() <= usize::from(width);
    ways.iter().find(fits).cloned().unwrap_or_default()
}

/// Draws the rule over a section of `body`.
fn section(canvas: &mut Canvas<'_>, y: u16, body: Rect, title: &Line) {
    let ends = canvas.glyphs.middle;
    canvas.rule(y, (body.x, body.right() - 1), ends, title);
}

/// Returns the cells between the frame's sides from row `y` on, with a space on each side.
const fn inside(body: Rect, y: u16, height: u16) -> Rect {
    Rect {
        x: body.x + 1,
        y,
        width: body.width - 2,
        height,
    }
}
