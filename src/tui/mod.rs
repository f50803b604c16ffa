//! The terminal view behind `framebus top`: snapshot → update → draw.
//!
//! It sees a bus only as owned [`Snapshot`]s and [`Picture`]s that a [`Sampler`] hands it; it reads no shared memory, and no clock
//! outside `run`. Every state of it can therefore be made in a test, and a test draws all of them.
//!
//! | part | what it does |
//! |---|---|
//! | `model`, `track`, `seconds`, `strip`, `held`, `log`, `rows`, `buses` | the state: what is selected, what is remembered of a bus, what happened, what is listed |
//! | `input`, `keys`, `update`, `steps`, `lens` | bytes → keys → the next state; `keys` is also the help screen |
//! | `view`, `theme`, `table`, `format`, `thumbnail`, `blocks`, `scale`, `palette` | the state → cells |
//! | `graphics` | pictures → the terminal's own pixels, where it shows some |
//! | `text`, `drawing` | a snapshot and a picture → lines of text, for `top --once` and `peek` |
//! | `terminal`, `tty`, `signals`, `run`, `clocks`, `files`, `background` | the only parts that touch the world |
//!
//! What every column, key and finding means is in `docs/top.md`.

mod background;
mod blocks;
mod buses;
mod clocks;
mod drawing;
mod figures;
mod files;
mod format;
mod graphics;
mod held;
mod input;
mod keys;
mod lens;
mod log;
mod looking;
mod model;
mod options;
mod palette;
mod rows;
mod run;
mod scale;
mod seconds;
#[cfg_attr(windows, path = "windows/signals.rs")]
mod signals;
mod steps;
mod strip;
mod table;
mod terminal;
mod text;
mod theme;
mod thumbnail;
mod track;
#[cfg_attr(windows, path = "windows/tty.rs")]
mod tty;
mod update;
mod view;
mod woken;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use drawing::{PictureOptions, render_picture};
pub use lens::{Protocol, Renderer};
pub use options::{Options, supports_utf8};
pub use run::{Outcome, run};
pub use text::{TextOptions, render_text};
pub use theme::Theme;

use framebus::observe::{Picture, Snapshot};

/// Where the view gets what it shows.
///
/// Nothing here may wait: a bus that is not there is a [`Snapshot`] that says so. Rates and percentiles are the sampler's; it is
/// asked for the bus in view at the interval that the person chose, and for the others once in a while.
pub trait Sampler {
    /// Lists the buses of this machine, in an order that stays.
    fn buses(&mut self) -> Vec<String>;

    /// Takes one moment of `bus`.
    fn sample(&mut self, bus: &str) -> Snapshot;

    /// Takes one moment of a bus that is not in view, for its findings: what its processes use need not be looked at.
    fn glance(&mut self, bus: &str) -> Snapshot {
        self.sample(bus)
    }

    /// Copies the pictures that are wanted: those of the last sample right after it, others on a clock of their own. One that could not
    /// be copied whole, or is another frame by now, is left out.
    fn pictures(&mut self, bus: &str, wants: Wants) -> Vec<Picture>;
}

/// Which pictures are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// The newest frame.
    Latest,
    /// The frame in this slot.
    Slot(u8),
    /// The newest frame, or the one in this slot, with its colours if it has some.
    Coloured(Option<u8>),
    /// The newest frame of the last sample: what stands beside the tables is of their moment.
    Sampled,
    /// The frame in every slot that had one in the last sample.
    EverySlot,
}
