//! `framebus check`: is a bus healthy? For systemd, cron and CI.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::config::Config;
use super::units::{parse_duration, parse_fps, show_duration};
use super::{choose_bus, parse_bus, print};
use framebus::bus::{AttachError, BusName, Observer};
use framebus::observe::{
    Baseline, BusState, Finding, Producer, SCHEMA, Sampler, Severity, Snapshot,
};
use framebus::stop::Stop;
use framebus_tools::exit::{EXIT_NO, EXIT_NO_BUS, stopped};

/// Check that a bus is healthy: exit code 0, or 1 and a line for each finding
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct CheckArgs {
    /// Name of the bus [default: FRAMEBUS_BUS, else cam0]
    #[arg(short, long, value_name = "NAME", value_parser = parse_bus)]
    pub bus: Option<BusName>,
    /// Fail below this frame rate, which is measured for a second
    #[arg(long, value_name = "FPS", value_parser = parse_fps)]
    pub min_fps: Option<f64>,
    /// Fail if the newest frame is older than this
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub max_age: Option<Duration>,
    /// How long a consumer may hold one frame, or take none [default: stuck_after of the configuration, else 2s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub max_held: Option<Duration>,
    /// How long to measure [default: 1s, or two frames of --min-fps if that is longer]
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    pub look_for: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const AFTER_HELP: &str = "\
Exit codes: 0 healthy; 1 not healthy, with one line per finding on stdout; 3 no such bus, or its \
producer was lost.

Examples:
  framebus check --min-fps 25 --max-age 200ms --max-held 2s
  framebus check -b cam0 --max-age 1s || systemctl restart framebus@cam0";

/// How long it looks at least.
const LOOK_FOR: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    bus: &'a str,
    healthy: bool,
    state: BusState,
    fps: Option<f64>,
    age_ms: Option<f64>,
    findings: &'a [Finding],
}

/// Takes two snapshots and judges the second.
///
/// # Errors
/// One sentence for a person.
pub fn main(args: &CheckArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let bus = choose_bus(args.bus.as_ref(), config)?;
    let look_for = args.looks_for()?;
    let stop = Stop::on_signals()?;
    // There is nothing to judge without a bus, and nothing to read of another layout.
    let observer = match Observer::open(&bus) {
        Ok(observer) => observer,
        // Its producer lives, and nobody can attach.
        Err(error @ AttachError::Unlinked { .. }) => {
            let finding = Finding::new("unlinked-segment", Severity::Critical, error.to_string());
            tell(args, &bus, BusState::Absent, None, &[finding])?;
            return Ok(ExitCode::from(EXIT_NO));
        }
        Err(error) => return Err(error.into()),
    };
    let mut thresholds = config.top.findings.thresholds();
    if let Some(most) = args.max_held {
        thresholds.stuck_after_ms = millis(most);
    }
    let mut sampler = Sampler::new(bus.clone(), Baseline::FirstLook, thresholds);
    sampler.sample(false);
    if stop.sleep(look_for) {
        return Ok(stopped(&stop));
    }
    let snapshot = sampler.sample(false);
    let dead = !observer.has_producer() && observer.is_linked();
    drop(observer);
    let findings = judge(&snapshot, args, dead);
    let producer = snapshot.producer.as_ref();
    tell(args, &bus, snapshot.state, producer, &findings)?;
    let lost = dead || matches!(snapshot.state, BusState::Absent | BusState::Ended);
    Ok(match (lost, findings.is_empty()) {
        (true, _) => ExitCode::from(EXIT_NO_BUS),
        (false, true) => ExitCode::SUCCESS,
        (false, false) => ExitCode::from(EXIT_NO),
    })
}

/// Prints what was found.
fn tell(
    args: &CheckArgs,
    bus: &BusName,
    state: BusState,
    producer: Option<&Producer>,
    findings: &[Finding],
) -> anyhow::Result<()> {
    if args.json {
        let report = Report {
            schema: SCHEMA,
            bus: bus.as_str(),
            healthy: findings.is_empty(),
            state,
            fps: producer.and_then(|producer| producer.fps),
            age_ms: producer.and_then(|producer| producer.age_ms),
            findings,
        };
        return print(&format!("{}\n", serde_json::to_string(&report)?));
    }
    for finding in findings {
        print(&format!("{}: {}\n", finding.kind, finding.text))?;
    }
    Ok(())
}

impl CheckArgs {
    /// How long it looks; refuses a time that is too short to see the rate that is asked for.
    fn looks_for(&self) -> anyhow::Result<Duration> {
        let least = self.min_fps.unwrap_or(f64::INFINITY);
        match self.look_for {
            Some(time) if least * time.as_secs_f64() < 1.0 => anyhow::bail!(
                "--for {} is too short for --min-fps {least}: in that time there need not be a frame",
                show_duration(time)
            ),
            Some(time) => Ok(time),
            None => {
                let frames = Duration::try_from_secs_f64(2.0 / least).unwrap_or(Duration::MAX);
                Ok(frames.max(LOOK_FOR))
            }
        }
    }
}

/// Returns what is wrong, worst first: the snapshot's findings that are more than good to know, and the limits of `args`.
fn judge(snapshot: &Snapshot, args: &CheckArgs, dead: bool) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    let mut add = |kind: &str, text: String| {
        found.push(Finding::new(kind, Severity::Critical, text));
    };
    let producer = snapshot.producer.as_ref();
    let gone = snapshot
        .findings
        .iter()
        .any(|finding| finding.kind == "producer-gone");
    if dead && !gone {
        let pid = producer.map_or(0, |producer| producer.pid);
        add("producer-gone", format!("the producer (pid {pid}) is dead"));
    }
    if snapshot.state == BusState::Ended {
        add("producer-gone", "the producer has ended".to_owned());
    }
    if let Some(least) = args.min_fps {
        // A bus that was made anew while we looked has no rate, and no frames to speak of.
        let fps = producer.and_then(|producer| producer.fps).unwrap_or(0.0);
        if fps < least {
            add(
                "low-fps",
                format!("{fps:.1} frames a second, at least {least} are wanted"),
            );
        }
    }
    if let Some(most) = args.max_age.map(millis) {
        match producer.and_then(|producer| producer.age_ms) {
            Some(age) if age > most => {
                add(
                    "old-frame",
                    format!("the newest frame is {age:.0} ms old, at most {most} ms are allowed"),
                );
            }
            Some(_) => {}
            None => add("old-frame", "there is no frame yet".to_owned()),
        }
    }
    let worse = snapshot
        .findings
        .iter()
        .filter(|finding| finding.severity > Severity::Info);
    found.extend(worse.cloned());
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
