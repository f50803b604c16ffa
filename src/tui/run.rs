//! The loop: the only place that reads a clock.

use std::io::{self, Write};
use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::input::Input;
use super::keys::Screen as View;
use super::model::Model;
use super::signals::{self, Events};
use super::terminal::{self, Screen};
use super::update::{Effect, Message, update};
use super::{Options, Sampler, Wants, files, view};
use framebus::clock::monotonic_ns;
use framebus::stop::Stop;

/// The least time between two drawings: a held key does not flood the line.
const DRAW_NS: u64 = 33_000_000;
/// How long an escape byte waits for the rest of an arrow key.
const ESCAPE_NS: u64 = 50_000_000;
/// How often View takes a picture, where the line is fast.
const VIEW_NS: u64 = 200_000_000;
/// How often the buses that are not in view are looked at: on the screen of all buses, and on others for their findings.
const OTHERS_NS: (u64, u64) = (1_000_000_000, 2_000_000_000);

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
    let events = Events::new()?;
    let screen = Screen::enter(options.mouse, stop)?;
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
    let Session { model, screen, .. } = session;
    drop(screen);
    if keep {
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

/// When what is to be done next.
#[derive(Debug)]
struct Clocks {
    sample_ns: u64,
    picture_ns: u64,
    draw_ns: u64,
    others_ns: u64,
    slow_picture_ns: u64,
}

impl Clocks {
    fn new(options: &Options, now: u64) -> Clocks {
        let slow_picture_ns =
            u64::try_from(options.picture_interval.as_nanos()).unwrap_or(u64::MAX);
        Clocks {
            sample_ns: now,
            picture_ns: now,
            draw_ns: now,
            others_ns: now,
            slow_picture_ns,
        }
    }

    fn sample_is_due(&mut self, now: u64, interval_ms: u64) -> bool {
        due(&mut self.sample_ns, now, interval_ms * 1_000_000)
    }

    /// Pictures keep their own time in View, fast where the line is. Beside the tables they come with a sample, and with every one unless
    /// those come faster than pictures should.
    fn picture_is_due(&mut self, now: u64, interval_ms: u64, view: bool, sampled: bool) -> bool {
        let slow = self.slow_picture_ns;
        if view {
            let interval = if slow < 1_000_000_000 {
                slow.min(VIEW_NS)
            } else {
                slow
            };
            return due(&mut self.picture_ns, now, interval);
        }
        let interval = slow.max(interval_ms * 1_000_000);
        // A sample is never quite on time.
        let due = sampled
            && self.picture_ns.min(now.saturating_add(interval)) <= now + interval_ms * 500_000;
        if due {
            self.picture_ns = now + interval;
        }
        due
    }

    /// They come with a sample of the bus in view, which is never quite on time.
    fn others_are_due(&mut self, now: u64, all: bool) -> bool {
        let interval = if all { OTHERS_NS.0 } else { OTHERS_NS.1 };
        let is_due = self.others_ns.min(now.saturating_add(interval)) <= now + 50_000_000;
        if is_due {
            self.others_ns = now + interval;
        }
        is_due
    }

    fn others_now(&mut self) {
        self.others_ns = 0;
    }

    fn draw_is_due(&mut self, now: u64) -> bool {
        let due = now >= self.draw_ns;
        if due {
            self.draw_ns = now + DRAW_NS;
        }
        due
    }

    fn sample_now(&mut self) {
        (self.sample_ns, self.picture_ns) = (0, 0);
    }

    fn picture_now(&mut self) {
        self.picture_ns = 0;
    }

    fn next(&self, dirty: bool, view: bool) -> u64 {
        let next = match view {
            true => self.sample_ns.min(self.picture_ns),
            false => self.sample_ns,
        };
        if dirty { next.min(self.draw_ns) } else { next }
    }
}

/// Returns whether it is time, and sets the next time: in step, or from now when a step was missed.
fn due(next_ns: &mut u64, now: u64, interval: u64) -> bool {
    *next_ns = (*next_ns).min(now.saturating_add(interval));
    if now < *next_ns {
        return false;
    }
    *next_ns += interval;
    if *next_ns <= now {
        *next_ns = now + interval;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn clocks(picture_ms: u64) -> Clocks {
        let mut options = Options::detect("cam0", |_| None);
        options.picture_interval = Duration::from_millis(picture_ms);
        Clocks::new(&options, 0)
    }

    #[test]
    fn samples_keep_step_and_a_missed_one_is_not_made_up_for() {
        let mut clocks = clocks(500);
        let times = [0, 100, 501, 999, 1000, 2700, 2701, 3200];
        let due = times.map(|ms| clocks.sample_is_due(ms * MS, 500));
        assert_eq!(due, [true, false, true, false, true, true, false, true]);
    }

    #[test]
    fn a_shorter_interval_counts_at_once() {
        let mut clocks = clocks(500);
        assert!(clocks.sample_is_due(0, 10_000));
        assert!(!clocks.sample_is_due(MS, 200));
        assert!(clocks.sample_is_due(201 * MS, 200));
    }

    #[test]
    fn pictures_are_slow_over_ssh_and_fast_in_view_elsewhere() {
        let counted = |mut clocks: Clocks, interval_ms, view| {
            let mut is_due = |now| {
                let sampled = clocks.sample_is_due(now, interval_ms);
                clocks.picture_is_due(now, interval_ms, view, sampled)
            };
            (0..100).filter(|step| is_due(step * 100 * MS)).count()
        };
        assert_eq!(counted(clocks(500), 500, false), 20);
        assert_eq!(counted(clocks(500), 500, true), 50);
        assert_eq!(counted(clocks(1000), 500, true), 10);
        assert_eq!(counted(clocks(500), 5000, false), 2);
        assert_eq!(counted(clocks(1000), 500, false), 10);
        assert_eq!(counted(clocks(500), 100, false), 20);
    }

    #[test]
    fn pictures_beside_tables_come_with_a_sample_and_wake_nobody_between() {
        let mut clocks = clocks(500);
        assert!(clocks.sample_is_due(0, 500) && clocks.picture_is_due(0, 500, false, true));
        assert!(!clocks.picture_is_due(600 * MS, 500, false, false));
        assert_eq!(clocks.next(false, false), 500 * MS);
        clocks.picture_now();
        assert_eq!(
            (clocks.next(false, false), clocks.next(false, true)),
            (500 * MS, 0)
        );
    }

    #[test]
    fn nothing_new_is_not_drawn_for() {
        let mut clocks = clocks(500);
        assert!(
            clocks.sample_is_due(0, 500)
                && clocks.picture_is_due(0, 500, true, true)
                && clocks.draw_is_due(0)
        );
        assert_eq!(clocks.next(false, false), 500 * MS);
        assert_eq!(
            (clocks.next(false, true), clocks.next(true, false)),
            (200 * MS, DRAW_NS)
        );
    }
}
