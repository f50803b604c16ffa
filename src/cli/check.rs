//! `framebus check`: is a bus healthy? For systemd, cron and CI.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::config::Config;
use super::seen::{say, seen};
use super::units::{parse_duration, parse_fps, show_duration};
use super::{choose_bus, parse_bus, print};
use framebus::bus::{AttachError, BusName, Observer, is_nameless, traces};
use framebus::observe::{
    Baseline, BusState, Finding, SCHEMA, Sampler, Severity, Snapshot, Thresholds,
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
    /// Check every bus of this machine; each line begins with the bus
    #[arg(short, long, conflicts_with = "bus")]
    pub all: bool,
    /// Fail below this frame rate, which is measured for a second
    #[arg(long, value_name = "FPS", value_parser = parse_fps)]
    pub min_fps: Option<f64>,
    /// Fail if the newest frame is older than this
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub max_age: Option<Duration>,
    /// How long a consumer may hold one frame, or take none [default: stuck_after of the configuration, else 2s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub max_held: Option<Duration>,
    /// Fail if a consumer needs longer for a frame: a time, or frame periods such as 1.5x
    #[arg(long, value_name = "TIME|Nx", value_parser = parse_busy)]
    pub max_busy: Option<Busy>,
    /// How long to measure [default: 1s, or two frames of --min-fps if that is longer]
    #[arg(long = "for", value_name = "TIME", value_parser = parse_duration)]
    pub look_for: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const AFTER_HELP: &str = "\
Exit codes: 0 healthy; 1 not healthy, with one line per finding on stdout; 3 no such bus, or its \
producer was lost. On a terminal, or with -v, it also says what it saw.

Examples:
  framebus check --all -v
  framebus check --max-busy 1.5x
  framebus check --min-fps 25 --max-age 200ms --max-held 2s
  framebus check -b cam0 --max-age 1s || systemctl restart framebus@cam0";

/// The longest that a consumer may need for a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Busy {
    /// So long.
    Time(Duration),
    /// So many frame periods.
    Periods(f64),
}

fn parse_busy(text: &str) -> Result<Busy, String> {
    let Some(periods) = text.strip_suffix('x') else {
        return parse_duration(text).map(Busy::Time);
    };
    let periods: Option<f64> = periods.parse().ok();
    periods
        .filter(|periods| periods.is_finite() && *periods > 0.0)
        .map(Busy::Periods)
        .ok_or_else(|| "is not a number of frame periods above 0, such as 1.5x".to_owned())
}

/// Returns who needs longer than that, or has had a frame for longer: the one that never ends is in no median.
fn too_busy(snapshot: &Snapshot, most: Busy) -> Vec<Finding> {
    let producer = snapshot.producer.as_ref();
    let period_ms = producer.and_then(|producer| {
        let nominal = producer.nominal_fps.map(|fps| 1000.0 / fps);
        nominal.or(producer.interval_ms.p50)
    });
    let (most_ms, limit) = match most {
        Busy::Time(time) => (Some(millis(time)), show_duration(time)),
        Busy::Periods(periods) => (
            period_ms.map(|ms| ms * periods),
            format!("{periods} frame periods"),
        ),
    };
    let Some(most_ms) = most_ms else {
        return Vec::new();
    };
    let late = snapshot.consumers.iter().filter_map(|consumer| {
        let busy_ms = consumer
            .busy_ms
            .p50
            .unwrap_or(0.0)
            .max(consumer.held_ms.unwrap_or(0.0));
        (busy_ms > most_ms).then_some((consumer, busy_ms))
    });
    late.map(|(consumer, busy_ms)| {
        let own = snapshot.findings.iter().find(|finding| {
            finding.consumer == Some(consumer.index) && finding.kind == "slow-consumer"
        });
        let who = format!("{} {}", consumer.index, consumer.name);
        let text = own.map_or_else(
            || format!("{} needs {busy_ms:.1} ms for a frame", who.trim_end()),
            |finding| finding.text.clone(),
        );
        let text = format!("{text} (at most {limit} are allowed)");
        let mut finding = Finding::new("slow-consumer", Severity::Warning, text);
        finding.consumer = Some(consumer.index);
        finding
    })
    .collect()
}

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

/// Takes two snapshots of each bus and judges the second.
///
/// # Errors
/// One sentence for a person.
pub fn main(args: &CheckArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let look_for = args.looks_for()?;
    let stop = Stop::on_signals()?;
    let mut thresholds = config.top.findings.thresholds();
    if let Some(most) = args.max_held {
        thresholds.stuck_after_ms = millis(most);
    }
    let buses = if args.all {
        every_bus()
    } else {
        vec![choose_bus(args.bus.as_ref(), config)?]
    };
    if buses.is_empty() {
        tracing::error!("there is no bus on this machine: start one with 'framebus produce'");
        return Ok(ExitCode::from(EXIT_NO_BUS));
    }
    let mut looks = Vec::new();
    for bus in buses {
        match Look::begin(bus, thresholds) {
            Ok(look) => looks.push(look),
            // It may have ended since it was listed.
            Err(error) if args.all && error.is_passing() => {}
            Err(error) => return Err(error.into()),
        }
    }
    // There is nothing to wait for where nobody can be read.
    if looks.iter().any(|look| look.sampler.is_some()) && stop.sleep(look_for) {
        return Ok(stopped(&stop));
    }
    let mut worst = Answer::Healthy;
    for look in looks {
        worst = worst.max(look.end(args)?);
    }
    Ok(match worst {
        Answer::Healthy => ExitCode::SUCCESS,
        Answer::Findings => ExitCode::from(EXIT_NO),
        Answer::Lost => ExitCode::from(EXIT_NO_BUS),
    })
}

/// The buses of this user and of the groups that it is in, also those whose segment somebody has removed.
fn every_bus() -> Vec<BusName> {
    let mut buses = Observer::buses();
    buses.extend(traces().into_iter().filter(is_nameless));
    buses.sort();
    buses.dedup();
    buses
}

/// What the check of a bus comes to; of several, the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    Healthy,
    Findings,
    Lost,
}

/// A bus that is being looked at.
struct Look {
    bus: BusName,
    observer: Option<Observer>,
    sampler: Option<Sampler>,
    /// What is known without a look.
    finding: Option<Finding>,
}

impl Look {
    fn begin(bus: BusName, thresholds: Thresholds) -> Result<Look, AttachError> {
        // There is nothing to judge without a bus, and nothing to read of another layout.
        let observer = match Observer::open(&bus) {
            Ok(observer) => observer,
            // Its producer lives, and nobody can attach.
            Err(error @ AttachError::Unlinked { .. }) => {
                let finding =
                    Finding::new("unlinked-segment", Severity::Critical, error.to_string());
                return Ok(Look {
                    bus,
                    observer: None,
                    sampler: None,
                    finding: Some(finding),
                });
            }
            Err(error) => return Err(error),
        };
        let mut sampler = Sampler::new(bus.clone(), Baseline::FirstLook, thresholds);
        sampler.sample(false);
        Ok(Look {
            bus,
            observer: Some(observer),
            sampler: Some(sampler),
            finding: None,
        })
    }

    /// Judges it, and tells.
    fn end(self, args: &CheckArgs) -> anyhow::Result<Answer> {
        let (Some(observer), Some(mut sampler)) = (self.observer, self.sampler) else {
            let findings: Vec<Finding> = self.finding.into_iter().collect();
            tell(args, &self.bus, None, &findings)?;
            return Ok(Answer::Findings);
        };
        let snapshot = sampler.sample(false);
        let dead = !observer.has_producer() && observer.is_linked();
        drop(observer);
        let findings = judge(&snapshot, args, dead);
        tell(args, &self.bus, Some(&snapshot), &findings)?;
        let lost = dead || matches!(snapshot.state, BusState::Absent | BusState::Ended);
        Ok(match (lost, findings.is_empty()) {
            (true, _) => Answer::Lost,
            (false, true) => Answer::Healthy,
            (false, false) => Answer::Findings,
        })
    }
}

/// Prints what was found, and says what was seen.
fn tell(
    args: &CheckArgs,
    bus: &BusName,
    snapshot: Option<&Snapshot>,
    findings: &[Finding],
) -> anyhow::Result<()> {
    let producer = snapshot.and_then(|snapshot| snapshot.producer.as_ref());
    if args.json {
        let report = Report {
            schema: SCHEMA,
            bus: bus.as_str(),
            healthy: findings.is_empty(),
            state: snapshot.map_or(BusState::Absent, |snapshot| snapshot.state),
            fps: producer.and_then(|producer| producer.fps),
            age_ms: producer.and_then(|producer| producer.age_ms),
            findings,
        };
        return print(&format!("{}\n", serde_json::to_string(&report)?));
    }
    let name = if args.all {
        format!("{bus}: ")
    } else {
        String::new()
    };
    for finding in findings {
        print(&format!("{name}{}: {}\n", finding.kind, finding.text))?;
    }
    if let Some(snapshot) = snapshot {
        let verdict = if findings.is_empty() {
            "healthy"
        } else {
            "not healthy"
        };
        say(&format!("bus {bus} is {verdict}: {}", seen(snapshot)));
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
    if let Some(most) = args.max_busy {
        found.extend(too_busy(snapshot, most));
    }
    found.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    found
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
