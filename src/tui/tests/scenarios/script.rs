//! The language of the scenario files: text → steps. `README.md` beside this file says what they mean.

use std::str::{FromStr, SplitWhitespace};

/// A line that does something.
#[derive(Debug)]
pub(super) struct Step {
    /// Counted from 1.
    pub(super) line: usize,
    /// The line as it is written.
    pub(super) text: String,
    pub(super) action: Action,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    Bus(Bus),
    Join(Join),
    Publish(u32),
    Tick { ns: u64 },
    Take(u8),
    Release(u8),
    Stop(u8),
    Continue(u8),
    Leave(u8),
    Die(u8),
    Stall,
    Recover,
    Kill,
    End,
    Restart,
    Unlink,
    Shm { percent: u64 },
    Expect(Expected),
    Show(Show),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bus {
    pub(super) size: (u32, u32),
    pub(super) fps: u32,
    pub(super) consumers: u8,
    pub(super) history: u8,
    pub(super) cpu_percent: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Join {
    pub(super) index: u8,
    pub(super) name: String,
    pub(super) language: String,
    /// How long it works on a frame; without, it does only what the script says.
    pub(super) busy_ns: Option<u64>,
    pub(super) every_frame: bool,
    pub(super) cpu_percent: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expected {
    /// All of them, worst first, as `kind` or `kind:consumer`.
    Findings(Vec<String>),
    State(String),
    Consumer(u8, String),
    Skipped(u8, u64),
    Generation(u64),
    Log(String),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Show {
    pub(super) size: (u16, u16),
    pub(super) screen: Shown,
    /// The picture's name.
    pub(super) name: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Shown {
    /// The screen behind a key.
    Screen(char),
    Detail(u8),
}

/// Reads a scenario. What is wrong is said with file and line.
pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.split('#').next().unwrap_or_default().trim();
        if text.is_empty() {
            continue;
        }
        let action = action(text).map_err(|why| format!("{file}:{line}: {text}: {why}"))?;
        steps.push(Step {
            line,
            text: text.to_owned(),
            action,
        });
    }
    Ok(steps)
}

fn action(text: &str) -> Result<Action, String> {
    let mut words = Words(text.split_whitespace());
    let action = match words.next("an action")? {
        "bus" => Action::Bus(bus(&mut words)?),
        "join" => Action::Join(join(&mut words)?),
        "publish" => Action::Publish(words.value("how many frames")?),
        "tick" => Action::Tick {
            ns: words.time("how long")?,
        },
        "take" => Action::Take(words.index()?),
        "release" => Action::Release(words.index()?),
        "stop" => Action::Stop(words.index()?),
        "continue" => Action::Continue(words.index()?),
        "leave" => Action::Leave(words.index()?),
        "die" => Action::Die(words.index()?),
        "stall" => Action::Stall,
        "recover" => Action::Recover,
        "kill" => Action::Kill,
        "end" => Action::End,
        "restart" => Action::Restart,
        "unlink" => Action::Unlink,
        "shm" => Action::Shm {
            percent: words.value("how many percent are used")?,
        },
        "expect" => Action::Expect(expected(&mut words)?),
        "show" => Action::Show(show(&mut words)?),
        other => return Err(format!("there is no action {other}")),
    };
    match words.0.next() {
        None => Ok(action),
        Some(word) => Err(format!("what is {word}?")),
    }
}

fn bus(words: &mut Words<'_>) -> Result<Bus, String> {
    let mut bus = Bus {
        size: words.size()?,
        fps: 30,
        consumers: 4,
        history: 0,
        cpu_percent: None,
    };
    while let Some(word) = words.0.next() {
        match word {
            "fps" => bus.fps = words.value("frames a second")?,
            "consumers" => bus.consumers = words.value("how many consumers")?,
            "history" => bus.history = words.value("how many slots")?,
            "cpu" => bus.cpu_percent = Some(words.value("percent")?),
            _ => return Err(format!("a bus has no {word}")),
        }
    }
    if bus.fps == 0 {
        return Err("a rate of 0".to_owned());
    }
    Ok(bus)
}

fn join(words: &mut Words<'_>) -> Result<Join, String> {
    let mut join = Join {
        index: words.index()?,
        name: words.next("its name")?.to_owned(),
        language: words.next("its language")?.to_owned(),
        busy_ns: None,
        every_frame: false,
        cpu_percent: None,
    };
    while let Some(word) = words.0.next() {
        match word {
            "busy" => join.busy_ns = Some(words.time("how long for a frame")?),
            "every-frame" => join.every_frame = true,
            "cpu" => join.cpu_percent = Some(words.value("percent")?),
            _ => return Err(format!("a consumer has no {word}")),
        }
    }
    Ok(join)
}

fn expected(words: &mut Words<'_>) -> Result<Expected, String> {
    Ok(match words.next("what is expected")? {
        "findings" => {
            let mut findings = vec![words.next("a finding, or none")?.to_owned()];
            findings.extend(words.0.by_ref().map(str::to_owned));
            if findings == ["none"] {
                findings.clear();
            }
            Expected::Findings(findings)
        }
        "state" => Expected::State(words.next("a state of the bus")?.to_owned()),
        "consumer" => Expected::Consumer(words.index()?, words.next("its state")?.to_owned()),
        "skipped" => Expected::Skipped(words.index()?, words.value("how many frames")?),
        "generation" => Expected::Generation(words.value("a number")?),
        "log" => Expected::Log(words.next("a word of the log")?.to_owned()),
        other => return Err(format!("{other} cannot be expected")),
    })
}

fn show(words: &mut Words<'_>) -> Result<Show, String> {
    let (width, height) = words.size()?;
    let side = |side: u32| u16::try_from(side).map_err(|_| format!("{side} is too large"));
    let size = (side(width)?, side(height)?);
    let name = words.next("a screen")?;
    let screen = match name {
        "overview" => Shown::Screen('1'),
        "consumers" => Shown::Screen('2'),
        "slots" => Shown::Screen('3'),
        "view" => Shown::Screen('4'),
        "log" => Shown::Screen('5'),
        "detail" => Shown::Detail(words.index()?),
        other => return Err(format!("there is no screen {other}")),
    };
    let name = match words.0.next() {
        None => name,
        Some("as") => words.next("a name")?,
        Some(word) => return Err(format!("what is {word}?")),
    };
    Ok(Show {
        size,
        screen,
        name: name.to_owned(),
    })
}

/// The words of a line.
struct Words<'a>(SplitWhitespace<'a>);

impl<'a> Words<'a> {
    fn next(&mut self, what: &str) -> Result<&'a str, String> {
        self.0.next().ok_or_else(|| format!("{what} is missing"))
    }

    fn value<T: FromStr>(&mut self, what: &str) -> Result<T, String> {
        let word = self.next(what)?;
        word.parse()
            .map_err(|_| format!("{word} does not say {what}"))
    }

    fn index(&mut self) -> Result<u8, String> {
        self.value("which consumer")
    }

    /// Such as 640x480.
    fn size(&mut self) -> Result<(u32, u32), String> {
        let word = self.next("a size")?;
        word.split_once('x')
            .and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)))
            .ok_or_else(|| format!("{word} is not a size such as 640x480"))
    }

    /// Such as 500ms, in nanoseconds.
    fn time(&mut self, what: &str) -> Result<u64, String> {
        let word = self.next(what)?;
        let units = [("us", 1e3), ("ms", 1e6), ("s", 1e9)];
        units
            .iter()
            .find_map(|(unit, ns)| Some(word.strip_suffix(unit)?.parse::<f64>().ok()? * ns))
            .filter(|ns| (0.0..1e13).contains(ns))
            .map(|ns| ns.round() as u64)
            .ok_or_else(|| format!("{word} is not a time such as 500ms or 2s"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_makes_no_sense_is_named_with_its_file() {
        let told = [
            ("fly away", "there is no action fly"),
            ("join 300 yolo py", "300 does not say which consumer"),
            ("join 0 yolo", "its language is missing"),
            ("bus 640 fps 30", "640 is not a size such as 640x480"),
            ("tick 5", "5 is not a time such as 500ms or 2s"),
            ("stall now", "what is now?"),
            ("expect", "what is expected is missing"),
            ("show 80x24 kitchen", "there is no screen kitchen"),
        ];
        for (line, why) in told {
            let text = format!("# a scenario\n\n{line} # so\nstall\n");
            let error = parse("odd.txt", &text).expect_err(line);
            assert_eq!(error, format!("odd.txt:3: {line}: {why}"));
        }
    }

    #[test]
    fn times_have_units() {
        let times = [("80us", 80_000), ("1.5s", 1_500_000_000), ("0ms", 0)];
        for (text, ns) in times {
            let steps = parse("times.txt", &format!("tick {text}")).expect(text);
            assert_eq!(steps[0].action, Action::Tick { ns });
        }
    }
}
