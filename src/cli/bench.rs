//! `framebus bench`: what the bus costs on this machine, beside the bare primitives in the same run.

mod report;
mod run;

use std::env;
use std::iter::once;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use clap::{Args, Parser};

use super::units::{MAX_FPS, parse_duration, parse_size, show_duration};
use super::{Cli, Verb, print};
use crate::measure::{self, Pace, Role, asked_to_end};
use framebus::bus::CreateError;
use framebus::layout::{Geometry, MAX_CONSUMERS};

/// Measure the overhead of the bus, compared with the bare primitives of the system
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct BenchArgs {
    /// Frame size
    #[arg(long, value_name = "WxH", value_parser = parse_size, default_value = "1920x1080")]
    pub size: Geometry,
    /// Frames per second, a whole number
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=MAX_FPS as i64))]
    pub fps: u32,
    /// Consumers, one process each
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_CONSUMERS)))]
    pub consumers: u8,
    /// Rounds; each one measures everything that is compared
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub rounds: u16,
    /// How long to measure in total
    #[arg(long, value_name = "TIME", default_value = "12s", value_parser = parse_duration)]
    pub duration: Duration,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

const AFTER_HELP: &str = "\
It creates its own buses, bench<pid>-…, and removes them; no other bus is touched.
Each round starts new consumers, because it matters where the system places them. \
A ratio is taken within each round; the median over the rounds is printed. \
Other load distorts the result: use an idle machine, more --rounds or a longer --duration.

Examples:
  framebus bench
  framebus bench --size 640x480 --fps 200 --consumers 1 --duration 5s
  framebus bench --json | jq '{wake_us: .wake.bus_us.median, ratio: .wake.ratio.median}'";

/// The ways that have turns at the pace of a camera.
const WAYS: f64 = 5.0;
/// Which part of the time these have; the rest is without pauses.
const PACED: f64 = 0.85;
/// The fewest frames that a turn makes sense with.
const LEAST_FRAMES: u32 = 3;

/// What is measured.
#[derive(Debug, Clone, Copy)]
struct Plan {
    size: Geometry,
    consumers: u8,
    rounds: usize,
    pace: Pace,
    /// How long each of the turns without pauses lasts.
    busy: Duration,
}

impl Plan {
    fn of(args: &BenchArgs) -> anyhow::Result<Plan> {
        let rounds = f64::from(args.rounds);
        let all = args.duration.as_secs_f64();
        let pace = Pace::lasting(args.fps, all * PACED / rounds / WAYS);
        if pace.frames < LEAST_FRAMES {
            let frames = LEAST_FRAMES;
            let least = Pace { frames, ..pace }.seconds() * rounds * WAYS / PACED;
            // Rounded up, and what was cut off in computing it.
            let least = Duration::from_secs(least as u64 + 1);
            bail!(
                "{} are too short for {} rounds at {} fps: use --duration {} or fewer --rounds",
                show_duration(args.duration),
                args.rounds,
                args.fps,
                show_duration(least)
            );
        }
        Ok(Plan {
            size: args.size,
            consumers: args.consumers,
            rounds: args.rounds.into(),
            pace,
            busy: Duration::from_secs_f64(all * (1.0 - PACED) / rounds / run::BUSY_TURNS),
        })
    }
}

/// Measures, in a process of its own that this one clears up after.
///
/// # Errors
/// One sentence for a person.
pub fn main(args: &BenchArgs) -> anyhow::Result<ExitCode> {
    // Usage is checked before anything is made.
    Plan::of(args)?;
    if cfg!(debug_assertions) {
        tracing::warn!("this framebus was built without optimisation: its figures are worse");
    }
    tracing::info!(
        "measuring for about {}: {} at {} fps, consumers: {}; Ctrl-C stops it",
        show_duration(args.duration),
        args.size,
        args.fps,
        args.consumers
    );
    Ok(measure::supervise(env::args_os().skip(1))?)
}

/// Plays this process's role, if it was started by [`main`] to have one; that is no part of the command line.
pub(super) fn play() -> Option<anyhow::Result<ExitCode>> {
    let mut arguments = env::args_os().skip(1);
    let role = Role::of(arguments.next()?.to_str()?)?;
    let words: Vec<String> = arguments
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    Some(measure::play(&role, &words, || match &role {
        Role::Run => run_as(&words),
        other => bail!("there is no role {other:?}"),
    }))
}

/// Measures as the arguments of [`main`]'s process say.
fn run_as(words: &[String]) -> anyhow::Result<ExitCode> {
    let cli = Cli::parse_from(once("framebus").chain(words.iter().map(String::as_str)));
    cli.log.logging().init();
    let Verb::Bench(args) = &cli.verb else {
        bail!("only bench measures");
    };
    let stop = asked_to_end()?;
    let measured = run::measure(&Plan::of(args)?, &stop);
    // The kind of a bus's error has an exit code.
    let figures = measured.map_err(|error| match error.downcast::<CreateError>() {
        Ok(error) => anyhow::Error::from(error),
        Err(error) => error.into(),
    })?;
    if let Some(figures) = figures {
        print(&if args.json {
            report::json(args, &figures)?
        } else {
            report::text(args, &figures)
        })?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(words: &[&str]) -> anyhow::Result<Plan> {
        let cli = Cli::try_parse_from(["framebus", "bench"].iter().chain(words)).expect("usage");
        let Verb::Bench(args) = cli.verb else {
            panic!("another verb");
        };
        Plan::of(&args)
    }

    #[test]
    fn what_is_proposed_when_the_time_is_too_short_is_long_enough() {
        for rounds in ["1", "7", "1000"] {
            let error = plan(&["--fps", "1", "--rounds", rounds, "--duration", "1s"])
                .expect_err("too short")
                .to_string();
            let (_, proposed) = error.split_once("--duration ").expect("a proposal");
            let proposed = proposed.split(' ').next().expect("a duration");
            plan(&["--fps", "1", "--rounds", rounds, "--duration", proposed]).expect(proposed);
        }
    }

    #[test]
    fn a_plan_lasts_as_long_as_it_may() {
        for words in [
            &[][..],
            &["--fps", "1000", "--rounds", "3"],
            &["--duration", "1h"],
        ] {
            let plan = plan(words).expect("a plan");
            let turns = WAYS * plan.pace.seconds() + run::BUSY_TURNS * plan.busy.as_secs_f64();
            let all = turns * plan.rounds as f64;
            let wanted = if words.contains(&"1h") { 3600.0 } else { 12.0 };
            assert!((0.9 * wanted..=wanted + 1e-6).contains(&all), "{all}");
        }
    }
}
