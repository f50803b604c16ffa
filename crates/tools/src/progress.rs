//! How far, how fast, how long still: a line that is rewritten in place on a terminal, and that a log does not get.

use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::time::Duration;

use framebus::clock::monotonic_ns;
use framebus::source::Progress;
use serde::{Deserialize, Serialize};

use crate::system::can_rewrite;
use crate::{log, stderr};

const SECOND: u64 = 1_000_000_000;
/// How often the line is rewritten.
const IN_PLACE_NS: u64 = SECOND / 4;
/// A rate is that of the last seconds.
const RATE_NS: u64 = 2 * SECOND;
/// What is left is guessed from a longer time, so that it does not leap.
const LEFT_NS: u64 = 10 * SECOND;

/// Whether progress is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShowProgress {
    /// In place, on a terminal.
    #[default]
    Auto,
    /// Also elsewhere: a line a second.
    Always,
    /// Nowhere.
    Never,
}

/// Where it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// A line that is rewritten.
    Terminal,
    /// Lines of the log, also where that has errors alone.
    Lines,
    /// Lines of the log.
    Log,
    Nowhere,
}

impl Place {
    fn of(show: ShowProgress, logged: bool) -> Place {
        let can_rewrite = io::stderr().is_terminal() && can_rewrite(std::env::var_os("TERM"));
        let text = log::is_text();
        match show {
            ShowProgress::Always if can_rewrite && text => Place::Terminal,
            ShowProgress::Always => Place::Lines,
            ShowProgress::Auto if can_rewrite && log::has_plain_lines() => Place::Terminal,
            ShowProgress::Never if can_rewrite => Place::Nowhere,
            _ if logged => Place::Log,
            _ => Place::Nowhere,
        }
    }
}

/// What was at some time.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at_ns: u64,
    frames: u64,
    share: Option<f64>,
}

/// Shows how something goes on. Dropped, it removes its line.
#[derive(Debug)]
pub(crate) struct Meter {
    place: Place,
    every_ns: u64,
    due_ns: u64,
    samples: VecDeque<Sample>,
}

impl Meter {
    /// `logged_ns`: how often the log gets a line where there is no terminal; `None` is never.
    pub(crate) fn new(show: ShowProgress, logged_ns: Option<u64>) -> Meter {
        let place = Place::of(show, logged_ns.is_some());
        let every_ns = match place {
            Place::Terminal => IN_PLACE_NS,
            Place::Lines => SECOND,
            Place::Log | Place::Nowhere => logged_ns.unwrap_or(u64::MAX),
        };
        Meter {
            place,
            every_ns,
            due_ns: monotonic_ns().saturating_add(every_ns),
            samples: VecDeque::new(),
        }
    }

    /// Begins to count.
    pub(crate) fn begin(&mut self, frames: u64) {
        self.samples.clear();
        self.samples.push_back(Sample {
            at_ns: monotonic_ns(),
            frames,
            share: None,
        });
    }

    /// Whether it is time for the next line.
    pub(crate) fn is_due(&mut self) -> bool {
        if self.place == Place::Nowhere {
            return false;
        }
        let now = monotonic_ns();
        let due = now >= self.due_ns;
        if due {
            self.due_ns = now.saturating_add(self.every_ns);
        }
        due
    }

    /// Shows how far the nearest of the goals is, how fast frames come, and what else there is to say: the most important first,
    /// as the rest may not fit.
    pub(crate) fn show(&mut self, frames: u64, goals: &[Progress], more: &[String]) {
        let parts = self.parts(monotonic_ns(), frames, goals, more);
        match self.place {
            Place::Terminal if stderr::has_the_terminal() => {
                stderr::rewrite(&fit(&parts, stderr::columns()));
            }
            // In the background, the line is the shell's.
            Place::Terminal | Place::Nowhere => {}
            Place::Lines => log::say(&parts.join("  ")),
            Place::Log => tracing::info!("{}", parts.join("  ")),
        }
    }

    fn parts(&mut self, now: u64, frames: u64, goals: &[Progress], more: &[String]) -> Vec<String> {
        let goal = goals.iter().filter_map(|goal| Some((goal, goal.share()?)));
        let goal = goal.max_by(|(_, a), (_, b)| a.total_cmp(b));
        let share = goal.map(|(_, share)| share);
        let fps = self.rate(now, frames);
        let left = share.and_then(|share| self.left(now, share));
        self.samples.push_back(Sample {
            at_ns: now,
            frames,
            share,
        });
        while self
            .samples
            .get(1)
            .is_some_and(|second| now.saturating_sub(second.at_ns) >= LEFT_NS)
        {
            self.samples.pop_front();
        }
        let mut parts = Vec::new();
        if let Some((goal, share)) = goal {
            parts.push(format!("{:.0} %", 100.0 * share));
            parts.push(words(goal));
        }
        parts.extend(left.map(|left| format!("{} left", clock(left))));
        parts.push(format!("{fps:.1} fps"));
        parts.extend_from_slice(more);
        parts
    }

    /// Frames a second, in the last seconds.
    fn rate(&self, now: u64, frames: u64) -> f64 {
        let recent = |sample: &&Sample| now.saturating_sub(sample.at_ns) <= RATE_NS;
        let since = self.samples.iter().find(recent).or(self.samples.back());
        since.map_or(0.0, |since| {
            let seconds = now.saturating_sub(since.at_ns) as f64 / SECOND as f64;
            frames.saturating_sub(since.frames) as f64 / seconds.max(1e-9)
        })
    }

    /// How long it still takes, as fast as it has gone.
    fn left(&self, now: u64, share: f64) -> Option<Duration> {
        let known = |sample: &Sample| Some((sample.at_ns, sample.share?));
        let (since_ns, before) = self.samples.iter().find_map(known)?;
        let took_ns = now.checked_sub(since_ns).filter(|took| *took >= SECOND)?;
        let left_ns = took_ns as f64 * (1.0 - share) / (share - before);
        let seconds = left_ns / SECOND as f64;
        (share > before).then(|| Duration::try_from_secs_f64(seconds).ok())?
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.place == Place::Terminal {
            stderr::clear();
        }
    }
}

/// As many of the parts as there is room for: none of them is cut, but the first.
fn fit(parts: &[String], columns: usize) -> String {
    let mut line = String::new();
    for part in parts {
        let gap = if line.is_empty() { "" } else { "  " };
        if line.chars().count() + gap.len() + part.chars().count() > columns {
            break;
        }
        line = format!("{line}{gap}{part}");
    }
    match (line.is_empty(), parts.first()) {
        (true, Some(first)) => first.chars().take(columns).collect(),
        _ => line,
    }
}

fn words(goal: &Progress) -> String {
    match goal {
        Progress::Time { at, of } => format!("{} of {}", clock(*at), clock(*of)),
        Progress::Frames { at, of } => format!("{at} of {of}"),
        _ => String::new(),
    }
}

/// A time as a player shows it.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter() -> Meter {
        Meter {
            place: Place::Nowhere,
            every_ns: SECOND,
            due_ns: 0,
            samples: VecDeque::from([Sample {
                at_ns: 0,
                frames: 0,
                share: None,
            }]),
        }
    }

    fn line(meter: &mut Meter, second: u64, frames: u64, goals: &[Progress]) -> String {
        let more = [format!("seq {frames}")];
        let parts = meter.parts(second * SECOND, frames, goals, &more);
        parts.join("  ")
    }

    #[test]
    fn how_far_how_fast_and_how_long_still() {
        let mut meter = meter();
        let frames = |at| [Progress::Frames { at, of: 1000 }];
        let first = line(&mut meter, 1, 50, &frames(50));
        assert_eq!(first, "5 %  50 of 1000  50.0 fps  seq 50");
        let second = line(&mut meter, 3, 250, &frames(250));
        assert_eq!(second, "25 %  250 of 1000  0:08 left  100.0 fps  seq 250");
        // It stands still: what is left is not known any more once nothing was seen to move.
        let still = line(&mut meter, 4, 250, &frames(250));
        assert!(still.contains("0:11 left"), "{still}");
        for second in 5..30 {
            line(&mut meter, second, 250, &frames(250));
        }
        let still = line(&mut meter, 30, 250, &frames(250));
        assert_eq!(still, "25 %  250 of 1000  0.0 fps  seq 250");
    }

    #[test]
    fn the_goal_that_is_nearest_counts_and_without_one_there_is_no_end() {
        let time = |at, of| Progress::Time {
            at: Duration::from_secs(at),
            of: Duration::from_secs(of),
        };
        let goals = [Progress::Frames { at: 1, of: 10 }, time(3599, 7200)];
        let shown = line(&mut meter(), 2, 1, &goals);
        assert!(shown.starts_with("50 %  59:59 of 2:00:00  "), "{shown}");
        assert_eq!(line(&mut meter(), 2, 100, &[]), "50.0 fps  seq 100");
        let unknown = [time(0, 0), Progress::Frames { at: 0, of: 0 }];
        assert_eq!(line(&mut meter(), 2, 100, &unknown), "50.0 fps  seq 100");
    }

    #[test]
    fn what_does_not_fit_is_left_out_from_the_end() {
        let parts = ["37 %", "0:40 of 1:48", "1:08 left", "29.9 fps"].map(str::to_owned);
        assert_eq!(fit(&parts, 79), "37 %  0:40 of 1:48  1:08 left  29.9 fps");
        assert_eq!(fit(&parts, 38), "37 %  0:40 of 1:48  1:08 left");
        assert_eq!(fit(&parts, 17), "37 %");
        assert_eq!(fit(&parts, 2), "37");
        assert_eq!(fit(&parts, 0), "");
    }
}
