//! Plays a scenario: a real segment, the real sampler and the real view; only time and processes are made up.

use std::collections::BTreeSet;

use super::cast::{BEGIN_NS, COPY_NS, Cast, SECOND};
use super::script::{Action, Expected, Show, Shown, Step, parse};
use super::*;
use crate::tui::Wants;
use crate::tui::keys::Screen;
use crate::tui::model::Overlay;
use crate::tui::track::ConsumerKey;
use framebus::observe::{Baseline, Consumer, Sampler, Thresholds};

/// As `top` samples.
const SAMPLE_NS: u64 = SECOND / 2;
/// How old the newest frame is when `publish` is over, so that a look then finds consumers at work.
const LEAD_NS: u64 = 12 * SECOND / 1000;
/// What the bus is called on the screen: its real name is another one each time.
const SHOWN_AS: &str = "cam0";

/// Plays a scenario; `show` is given what is to be seen, and the line that says so. What went wrong is said with file and
/// line.
pub(super) fn play(
    file: &str,
    text: &str,
    mut show: impl FnMut(&Show, &str, String),
) -> Result<(), String> {
    let steps = parse(file, text)?;
    let mut player = Player::new()?;
    let mut names = BTreeSet::new();
    for Step { line, text, action } in steps {
        let failed = |why| format!("{file}:{line}: {text}: {why}");
        if let Action::Show(shown) = &action {
            if !names.insert(shown.name.clone()) {
                return Err(failed(format!("{} was shown before", shown.name)));
            }
            show(shown, &text, player.draw(shown).map_err(failed)?);
        } else {
            player.act(&action).map_err(failed)?;
        }
    }
    Ok(())
}

struct Player {
    cast: Cast,
    sampler: Sampler,
    model: Model,
    /// When the next sample is due.
    sample_ns: u64,
}

impl Player {
    fn new() -> Result<Player, String> {
        let cast = Cast::new()?;
        let sampler = Sampler::in_world(
            cast.name.clone(),
            Baseline::FirstLook,
            Thresholds::default(),
            Box::new(cast.world.clone()),
        );
        let options = Options::detect(SHOWN_AS, |name| {
            (name == "LANG").then(|| "C.UTF-8".to_owned())
        });
        Ok(Player {
            cast,
            sampler,
            model: Model::new(&options),
            sample_ns: BEGIN_NS,
        })
    }

    fn act(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::Publish(frames) => self.publish(*frames)?,
            Action::Tick { ns } => self.advance(self.cast.now() + ns),
            Action::Expect(expected) => self.expect(expected)?,
            other => self.cast.act(other)?,
        }
        Ok(())
    }

    /// Lets so many frame periods go by, with a frame in each.
    fn publish(&mut self, frames: u32) -> Result<(), String> {
        let (begin, fps) = (self.cast.now(), self.cast.fps());
        let lead = LEAD_NS.min(SECOND / fps / 2);
        let copy = COPY_NS.min(lead / 2);
        for frame in 1..=u64::from(frames) {
            // Rounded up, so that the sample that is due with the last frame is taken.
            let end = begin + (frame * SECOND).div_ceil(fps);
            self.advance(end - lead + copy);
            self.cast.publish(copy)?;
            self.advance(end);
        }
        Ok(())
    }

    /// Lets time go by: consumers that act by themselves do, and samples are taken.
    fn advance(&mut self, until_ns: u64) {
        loop {
            let next = self.cast.next_act();
            let act_ns = next.map_or(u64::MAX, |(ns, _)| ns);
            let due_ns = act_ns.min(self.sample_ns);
            if due_ns > until_ns {
                break;
            }
            self.cast.world.go_on_to(due_ns);
            match next {
                Some((ns, index)) if ns == due_ns => self.cast.work(index),
                _ => self.sample(),
            }
        }
        self.cast.world.go_on_to(until_ns);
    }

    /// Takes a sample as `top` does.
    fn sample(&mut self) {
        self.cast.beat();
        while self.sample_ns <= self.cast.now() {
            self.sample_ns += SAMPLE_NS;
        }
        let mut snapshot = self.sampler.sample(false);
        let real = self.cast.name.to_string();
        let rename = |text: &mut String| *text = text.replace(&real, SHOWN_AS);
        rename(&mut snapshot.bus);
        snapshot.message.as_mut().map(rename);
        if let Some(segment) = &mut snapshot.segment {
            rename(&mut segment.name);
        }
        for finding in &mut snapshot.findings {
            rename(&mut finding.text);
        }
        feed(&mut self.model, snapshot);
    }

    /// The newest snapshot. It may be half a second old, as it is for a person.
    fn look(&mut self) -> Snapshot {
        if self.model.live().raw.is_none() {
            self.sample();
        }
        let raw = self.model.live().raw.clone();
        raw.expect("a snapshot was taken")
    }

    fn expect(&mut self, expected: &Expected) -> Result<(), String> {
        let snapshot = self.look();
        match expected {
            Expected::Findings(kinds) => {
                let found = snapshot.findings.iter().map(|finding| {
                    let index = finding.consumer.map(|index| format!(":{index}"));
                    finding.kind.clone() + &index.unwrap_or_default()
                });
                same(kinds.clone(), found.collect())
            }
            Expected::State(state) => same(state.clone(), in_json(snapshot.state)),
            Expected::Consumer(index, state) => {
                same(state.clone(), in_json(of(&snapshot, *index)?.state))
            }
            Expected::Skipped(index, frames) => same(*frames, of(&snapshot, *index)?.skipped),
            Expected::Generation(generation) => {
                let segment = snapshot.segment.ok_or("there is no segment")?;
                same(*generation, segment.generation)
            }
            Expected::Log(word) => {
                let log = &self.model.live().log;
                let words: Vec<&str> = log.iter().map(|entry| entry.what).collect();
                if words.contains(&word.as_str()) {
                    return Ok(());
                }
                Err(format!("the log says {words:?}"))
            }
        }
    }

    /// Draws a screen, with the pictures that it wants.
    fn draw(&mut self, show: &Show) -> Result<String, String> {
        let snapshot = self.look();
        match show.screen {
            Shown::Screen(key) => {
                type_in(&mut self.model, &key.to_string());
            }
            Shown::Detail(index) => {
                self.model.screen = Screen::Consumers;
                let key = ConsumerKey::of(of(&snapshot, index)?);
                self.model.overlay = Overlay::Detail(key);
            }
        }
        let pictures = match self.model.wants() {
            Some(Wants::Sampled) => self.sampler.sampled_picture().into_iter().collect(),
            Some(Wants::EverySlot) => self.sampler.pictures(),
            Some(Wants::Slot(slot)) => self.sampler.picture(Some(slot)).into_iter().collect(),
            Some(Wants::Coloured(slot)) => {
                self.sampler.picture_in_colour(slot).into_iter().collect()
            }
            Some(Wants::Latest) => self.sampler.picture(None).into_iter().collect(),
            None => Vec::new(),
        };
        update(&mut self.model, Message::Pictures(pictures));
        let (width, height) = show.size;
        let mut terminal =
            Terminal::new(TestBackend::new(width, height)).map_err(|error| error.to_string())?;
        terminal
            .draw(|frame| drop(view::draw(frame.buffer_mut(), &self.model)))
            .map_err(|error| error.to_string())?;
        self.model.overlay = Overlay::None;
        Ok(terminal::plain(terminal.backend().buffer()))
    }
}

fn of(snapshot: &Snapshot, index: u8) -> Result<&Consumer, String> {
    let mut consumers = snapshot.consumers.iter();
    let found = consumers.find(|consumer| consumer.index == index);
    found.ok_or_else(|| format!("no consumer {index} is shown"))
}

/// A state as `--json` calls it.
fn in_json(state: impl serde::Serialize) -> String {
    let value = serde_json::to_value(state).expect("a state");
    value.as_str().unwrap_or_default().to_owned()
}

fn same<T: PartialEq + std::fmt::Debug>(expected: T, found: T) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    Err(format!("it is {found:?}, not {expected:?}"))
}
