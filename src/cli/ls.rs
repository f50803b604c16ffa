//! `framebus ls`: the buses on this machine.

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::print;
use super::seen::show_millis;
use framebus::bus::{BusName, Observer, is_nameless, traces};
use framebus::observe::{Baseline, BusState, ConsumerState, SCHEMA, Sampler, Thresholds};

/// List the buses on this machine
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct LsArgs {
    /// List the buses of all users
    #[arg(short, long)]
    pub all: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const AFTER_HELP: &str = "\
SOURCE is what the producer captures, or why the bus cannot be read.
FINDINGS are what `framebus top` and `check` point at: `framebus check -b BUS` says it in sentences.
Without --all, you see your own buses, root's, and those that a group of yours may read.

A stale bus was left by a producer that died: `framebus gc` removes it, and so does the next \
producer of that name. An unlinked bus has a live producer, but somebody removed its segment: \
the producer creates it again with its next frame.

Examples:
  framebus ls
  framebus ls --json | jq -r '.buses[] | select(.findings != []) | .bus'
  framebus ls --json | jq -r '.buses[] | select(.state == \"stale\") | .bus'";

/// What is told of a bus; keys are added, never renamed.
#[derive(Debug, Serialize)]
struct Row {
    bus: String,
    /// As in `top`, or `stale`: its producer is dead, or `unlinked`: it lives, and its segment was removed.
    state: String,
    width: Option<u32>,
    height: Option<u32>,
    format: Option<String>,
    fps: Option<f64>,
    consumers: usize,
    max_consumers: Option<u32>,
    age_ms: Option<f64>,
    pid: Option<u32>,
    bytes: Option<u64>,
    source: Option<String>,
    /// Why it cannot be read.
    message: Option<String>,
    /// The kinds of what an expert would point at, worst first, each once.
    findings: Vec<String>,
}

#[derive(Serialize)]
struct Listing {
    schema: u32,
    buses: Vec<Row>,
}

/// Looks at every bus once.
///
/// # Errors
/// Fails when standard output does.
pub fn main(args: &LsArgs) -> anyhow::Result<ExitCode> {
    let mut names = Observer::buses();
    // Buses with a producer whose segment somebody has removed.
    let nameless = traces().into_iter().filter(is_nameless);
    names.extend(nameless);
    names.sort();
    names.dedup();
    let foreign = Observer::foreign_buses();
    if args.all {
        names.extend(foreign);
        names.sort();
    } else if !foreign.is_empty() {
        let foreign: Vec<String> = foreign.iter().map(ToString::to_string).collect();
        tracing::info!(
            "not listed, because other users made them: {} (--all lists them)",
            foreign.join(", ")
        );
    }
    let buses: Vec<Row> = names.into_iter().map(look).collect();
    if args.json {
        let schema = SCHEMA;
        let text = serde_json::to_string(&Listing { schema, buses })?;
        print(&format!("{text}\n"))?;
    } else if buses.is_empty() {
        tracing::info!("there is no bus on this machine: start one with 'framebus produce'");
    } else {
        print(&table(&buses))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn look(bus: BusName) -> Row {
    let snapshot = Sampler::new(bus.clone(), Baseline::Start, Thresholds::default()).sample(false);
    let alive = Observer::open(&bus).is_ok_and(|observer| observer.has_producer());
    let findings = &snapshot.findings;
    let is_unlinked = findings
        .iter()
        .any(|finding| finding.kind == "unlinked-segment");
    let mut kinds: Vec<String> = Vec::new();
    for finding in findings {
        if !kinds.contains(&finding.kind) {
            kinds.push(finding.kind.clone());
        }
    }
    let (segment, producer) = (snapshot.segment, snapshot.producer);
    let state = match snapshot.state {
        BusState::Unreadable => "unreadable",
        BusState::Absent if is_unlinked => "unlinked",
        BusState::Absent => "absent",
        BusState::Starting => "starting",
        _ if !alive => "stale",
        BusState::Running => "running",
        BusState::Stalled => "stalled",
        BusState::Ended => "ended",
        BusState::Gone => "gone",
    };
    let attached = |state: ConsumerState| state != ConsumerState::Gone;
    // The median of the last minute: a single look has no rate of its own.
    let median_ms = producer
        .as_ref()
        .and_then(|producer| producer.interval_ms.p50);
    let running = matches!(state, "running");
    Row {
        bus: bus.to_string(),
        state: state.to_owned(),
        width: segment.as_ref().map(|segment| segment.width),
        height: segment.as_ref().map(|segment| segment.height),
        format: segment.as_ref().map(|segment| segment.format.clone()),
        fps: median_ms
            .filter(|ms| running && *ms > 0.0)
            .map(|ms| 1000.0 / ms),
        consumers: if alive {
            let consumers = snapshot.consumers.iter();
            consumers
                .filter(|consumer| attached(consumer.state))
                .count()
        } else {
            0
        },
        max_consumers: segment.as_ref().map(|segment| segment.max_consumers),
        age_ms: producer.as_ref().and_then(|producer| producer.age_ms),
        pid: producer.as_ref().map(|producer| producer.pid),
        bytes: segment.as_ref().map(|segment| segment.bytes),
        source: producer.map(|producer| producer.source),
        message: snapshot.message.filter(|_| state == "unreadable"),
        findings: kinds,
    }
}

fn table(rows: &[Row]) -> String {
    let dash = || "-".to_owned();
    let mut lines = vec![
        [
            "BUS",
            "STATE",
            "SIZE",
            "FPS",
            "CONSUMERS",
            "AGE",
            "PID",
            "FINDINGS",
            "SOURCE",
        ]
        .map(str::to_owned),
    ];
    lines.extend(rows.iter().map(|row| {
        [
            row.bus.clone(),
            row.state.clone(),
            row.width
                .zip(row.height)
                .map_or_else(dash, |(width, height)| format!("{width}x{height}")),
            row.fps.map_or_else(dash, |fps| format!("{fps:.1}")),
            row.max_consumers
                .map_or_else(dash, |most| format!("{}/{most}", row.consumers)),
            row.age_ms.map_or_else(dash, show_millis),
            row.pid.map_or_else(dash, |pid| pid.to_string()),
            match row.findings.is_empty() {
                true => dash(),
                false => row.findings.join(","),
            },
            // What cannot be read has no source, but a reason.
            row.source
                .clone()
                .or_else(|| row.message.clone())
                .unwrap_or_else(dash),
        ]
    }));
    let width = |column: usize| {
        let cells = lines.iter().map(|line| line[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..9).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let cells: Vec<String> = line
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}
