//! The loop: the only place that reads a clock.

use std::io::{self, Write};
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::clocks::Clocks;
use super::input::Input;
use super::keys::Screen as View;
use super::model::Model;
use super::signals::{self, Events};
use super::terminal::{self, Screen};
use super::update::{Effect, Message, update};
use super::{Options, Renderer, Sampler, Theme, Wants, background, files, view};
use framebus::clock::monotonic_ns;
use framebus::stop::Stop;

/// How long an escape byte waits for the rest of an arrow key.
const ESCAPE_NS: u64 = 50_000_000;

/// Why the view ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The person quit, or all samples were taken.
    Quit,
    /// Somebody asked to stop.
    Stopped,
    /// The terminal is gone.
    HungUp,
}

/// Shows a bus on the terminal until the person quits or somebody asks to stop.
///
/// Standard output must be a terminal. It is given back as it was, also after a panic. SIGTSTP, SIGCONT and SIGWINCH are handled
/// here; SIGINT, SIGTERM and SIGHUP are the business of `stop`.
///
/// # Errors
/// Fails when the terminal cannot be used.
pub fn run(sampler: &mut dyn Sampler, options: &Options, stop: &Stop) -> io::Result<Outcome> {
    let mut events = Events::new()?;
    let mut screen = Screen::enter(options.mouse, stop)?;
    let mut options = options.clone();
    if options.asks_background && signals::ANSWERS {
        screen.send(background::QUESTION)?;
        let answer = events.answer(stop, background::LIMIT, background::is_complete)?;
        if background::is_light(&answer) == Some(true) {
            options.theme = Theme::Light;
        }
    }
    let options = &options;
    let clocks = Clocks::new(options, monotonic_ns());
    let mut session = Session {
        model: Model::new(options),
        events,
        screen,
        clocks,
        options,
    };
    let (outcome, keep) = match session.run(sampler, stop) {
        // A terminal that goes away fails a drawing before its signal is looked at.
        Err(_) if stop.is_set() => (Outcome::Stopped, false),
        result => result?,
    };
    let Session {
        mut model, screen, ..
    } = session;
    drop(screen);
    if keep {
        // What is left behind has no colours, and no pixels.
        model.lens.renderer = Renderer::Ramp;
        leave_behind(&model)?;
    }
    Ok(outcome)
}

/// Prints the last screen where the shell goes on.
fn leave_behind(model: &Model) -> io::Result<()> {
    let (width, height) = crossterm::terminal::size()?;
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height.saturating_sub(1)));
    view::draw(&mut buffer, model);
    let mut out = io::stdout().lock();
    out.write_all(terminal::plain(&buffer).as_bytes())?;
    out.flush()
}

struct Session<'a> {
    model: Model,
    events: Events,
    screen: Screen,
    clocks: Clocks,
    options: &'a Options,
}

impl Session<'_> {
    fn run(&mut self, sampler: &mut dyn Sampler, stop: &Stop) -> io::Result<(Outcome, bool)> {
        let mut samples = 0;
        let mut escape_ns = None;
        self.measure()?;
        while !stop.is_set() {
            let now = monotonic_ns();
            let sampled = self.clocks.sample_is_due(now, self.model.interval_ms);
            if sampled {
                update(&mut self.model, Message::Buses(sampler.buses()));
                let snapshot = Box::new(sampler.sample(&self.model.bus));
                update(&mut self.model, Message::Snapshot(snapshot));
                samples += 1;
                self.look_at_others(sampler, now);
            }
            let view = self.model.screen == View::View;
            if self
                .clocks
                .picture_is_due(now, self.model.interval_ms, view, sampled)
            {
                self.take_pictures(sampler);
            }
            if self.model.dirty && self.clocks.draw_is_due(now) {
                self.model.take_dirty();
                self.model.hits = self.screen.draw(&self.model)?;
            }
            if self.options.samples.is_some_and(|all| samples >= all) {
                return Ok((Outcome::Quit, true));
            }
            let deadline = self
                .clocks
                .next(self.model.dirty, view)
                .min(escape_ns.unwrap_or(u64::MAX));
            let timeout = Duration::from_nanos(deadline.saturating_sub(monotonic_ns()));
            let woken = self.events.wait(stop, timeout)?;
            if woken.hung_up {
                return Ok((Outcome::HungUp, false));
            }
            if woken.resized {
                self.measure()?;
                update(&mut self.model, Message::Resized);
            }
            if woken.resumed {
                self.screen.lend(|| Ok(()))?;
                self.model.dirty = true;
            }
            if woken.suspend {
                self.carry_out(Effect::Suspend)?;
            }
            while let Some(input) = self.next_input(&mut escape_ns) {
                let Some(effect) = update(&mut self.model, Message::Input(input)) else {
                    continue;
                };
                if let Effect::Quit { keep } = effect {
                    return Ok((Outcome::Quit, keep));
                }
                self.carry_out(effect)?;
            }
        }
        Ok((Outcome::Stopped, false))
    }

    /// Learns how large the terminal's cells are.
    fn measure(&mut self) -> io::Result<()> {
        let (cells, pixels) = self.screen.sizes()?;
        self.model.lens.measure(cells, pixels);
        Ok(())
    }

    /// Looks at the buses that are not in view: on the screen of all buses at what they do, else only for their findings.
    fn look_at_others(&mut self, sampler: &mut dyn Sampler, now: u64) {
        let all = self.model.screen == View::Buses;
        if !self.clocks.others_are_due(now, all) {
            return;
        }
        let others = self.model.buses.iter();
        let others = others.filter(|bus| **bus != self.model.bus);
        let look = |bus: &String| match all {
            true => sampler.sample(bus),
            false => sampler.glance(bus),
        };
        let snapshots: Vec<_> = others.map(look).collect();
        if !snapshots.is_empty() {
            update(&mut self.model, Message::Others(snapshots));
        }
    }

    fn take_pictures(&mut self, sampler: &mut dyn Sampler) {
        if let Some(wants) = self.model.wants() {
            let pictures = sampler.pictures(&self.model.bus, wants);
            update(&mut self.model, Message::Pictures(pictures));
        }
        let of_bus = |bus: String| {
            let picture = sampler.pictures(&bus, Wants::Sampled).pop()?;
            Some((bus, picture))
        };
        let pictures: Vec<_> = self
            .model
            .pictured_buses()
            .into_iter()
            .filter_map(of_bus)
            .collect();
        if !pictures.is_empty() {
            update(&mut self.model, Message::BusPictures(pictures));
        }
    }

    /// Takes an input; an escape byte alone is a key once it has waited long enough.
    fn next_input(&mut self, escape_ns: &mut Option<u64>) -> Option<Input> {
        if let Some(input) = self.events.next() {
            *escape_ns = None;
            return Some(input);
        }
        if !self.events.waits() {
            *escape_ns = None;
            return None;
        }
        let now = monotonic_ns();
        if now < *escape_ns.get_or_insert(now + ESCAPE_NS) {
            return None;
        }
        *escape_ns = None;
        self.events.flush()
    }

    fn carry_out(&mut self, effect: Effect) -> io::Result<()> {
        match effect {
            Effect::Quit { .. } => {}
            Effect::Suspend => {
                self.screen.lend(signals::suspend)?;
                self.model.dirty = true;
            }
            Effect::Redraw => {
                self.screen.forget()?;
                self.model.dirty = true;
            }
            Effect::Sample => self.clocks.sample_now(),
            Effect::Pictures if self.model.screen == View::View => self.clocks.picture_now(),
            Effect::Pictures if self.model.screen == View::Buses => {
                self.clocks.sample_now();
                self.clocks.others_now();
            }
            // Beside tables they are of the tables' moment.
            Effect::Pictures => self.clocks.sample_now(),
            Effect::Mouse(on) => self.screen.set_mouse(on)?,
            Effect::WritePng => {
                let model = &self.model;
                let colour = model.screen == View::View && model.shows_colours();
                // Elsewhere there may be one from some time ago.
                let is_seen = model.is_frozen() || model.wants().is_some();
                let written = model.picture().filter(|_| is_seen).map(|picture| {
                    files::write_png(&self.options.directory, &model.bus, picture, colour)
                });
                self.tell("this screen has no picture to write", written);
            }
            Effect::Export => {
                // As it came: counters that were zeroed here are zeroed for nobody else.
                let snapshot = self.model.track().and_then(|track| track.raw.as_ref());
                let written =
                    snapshot.map(|snapshot| files::export(&self.options.directory, snapshot));
                self.tell("no snapshot to export", written);
            }
        }
        Ok(())
    }

    fn tell(&mut self, nothing: &str, written: Option<io::Result<std::path::PathBuf>>) {
        let text = match written {
            None => nothing.to_owned(),
            Some(Ok(path)) => format!("wrote {}", path.display()),
            Some(Err(error)) => format!("not written: {error}"),
        };
        update(&mut self.model, Message::Notice(text));
    }
}
