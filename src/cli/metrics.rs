//! `framebus metrics`: the buses in Prometheus' text format, over HTTP or in a file for node_exporter.

mod page;
mod server;
mod text;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::units::parse_duration;
use super::{parse_bus, print};
use crate::sink::replace_file;
use framebus::bus::{BusName, Observer};
use framebus::clock::deadline_ns;
use framebus::observe::{Baseline, BusState, Percentiles, Sampler, Snapshot, Thresholds};
use framebus::stop::Stop;
use framebus_tools::exit::stopped;

pub(in crate::cli) use text::render;

/// Show the buses to Prometheus: over HTTP, in a file, or once on stdout
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct MetricsArgs {
    /// Only this bus [default: all]
    #[arg(short, long, value_name = "NAME", value_parser = parse_bus)]
    pub bus: Option<BusName>,
    /// Answer GET /metrics at this address
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "textfile")]
    pub listen: Option<SocketAddr>,
    /// Write the metrics to this file, for node_exporter's textfile collector; it is always replaced as a whole
    #[arg(long, value_name = "FILE")]
    pub textfile: Option<PathBuf>,
    /// How often to write the file [default: 15s]
    #[arg(long, value_name = "TIME", requires = "textfile", value_parser = parse_duration)]
    pub interval: Option<Duration>,
    /// End after this time, such as 10s
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub duration: Option<Duration>,
}

const AFTER_HELP: &str = "\
It only reads the buses: it takes no consumer index and no lease, and a request can change nothing. \
It answers GET and HEAD, accepts no body, and hangs up on slow clients. It has no password. \
A dashboard for Grafana is in config/grafana.json, and a unit, \
framebus-metrics.service, in config/systemd and in the package.

Examples:
  framebus metrics
  framebus metrics --listen 127.0.0.1:9184
  framebus metrics --textfile /var/lib/node_exporter/framebus.prom --interval 15s";

const INTERVAL: Duration = Duration::from_secs(15);

/// Looks at the buses and tells.
///
/// # Errors
/// One sentence for a person.
pub fn main(args: &MetricsArgs) -> anyhow::Result<ExitCode> {
    let mut look = Look::of(args.bus.clone().into_iter().collect());
    if args.listen.is_none() && args.textfile.is_none() {
        print(&render(&look.snapshots()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let stop = Stop::on_signals()?;
    let end_ns = deadline_ns(args.duration);
    if let Some(address) = args.listen {
        server::serve(address, look, end_ns, &stop)?;
        return Ok(stopped(&stop));
    }
    let every = args.interval.unwrap_or(INTERVAL);
    while let Some(path) = &args.textfile {
        replace_file(path, render(&look.snapshots()).as_bytes())?;
        let next = deadline_ns(Some(every))
            .into_iter()
            .chain(end_ns)
            .min()
            .unwrap_or(0);
        if stop.sleep_until(next) || end_ns.is_some_and(|end_ns| next >= end_ns) {
            break;
        }
    }
    Ok(stopped(&stop))
}

/// Looks at the buses. Of one whose producer is alive it keeps a sampler, for what is over time; of one that a dead producer
/// left it keeps nothing, not even the mapping: there may be thousands.
pub(in crate::cli) struct Look {
    /// Nobody is everybody.
    only: Vec<BusName>,
    samplers: Vec<Sampler>,
}

impl Look {
    pub(in crate::cli) fn of(only: Vec<BusName>) -> Look {
        Look {
            only,
            samplers: Vec::new(),
        }
    }

    /// One snapshot a bus; buses come and go.
    pub(in crate::cli) fn snapshots(&mut self) -> Vec<Snapshot> {
        let buses = if self.only.is_empty() {
            Observer::buses()
        } else {
            self.only.clone()
        };
        let mut before = std::mem::take(&mut self.samplers);
        buses
            .into_iter()
            .map(|bus| {
                let known = before.iter().position(|sampler| *sampler.bus() == bus);
                let mut sampler = match known {
                    Some(place) => before.swap_remove(place),
                    None => Sampler::new(bus, Baseline::Start, Thresholds::default()),
                };
                let mut snapshot = sampler.sample(false);
                if matches!(snapshot.state, BusState::Running | BusState::Stalled) {
                    self.samplers.push(sampler);
                } else {
                    forget_percentiles(&mut snapshot);
                }
                snapshot
            })
            .collect()
    }
}

/// Percentiles are of the last minute, and nobody counts on a bus that nobody runs: what a single look makes of it is its
/// whole life.
fn forget_percentiles(snapshot: &mut Snapshot) {
    if let Some(producer) = &mut snapshot.producer {
        producer.interval_ms = Percentiles::default();
        producer.copy_ms = Percentiles::default();
    }
    for consumer in &mut snapshot.consumers {
        consumer.wait_ms = Percentiles::default();
        consumer.busy_ms = Percentiles::default();
        consumer.total_ms = Percentiles::default();
    }
}
