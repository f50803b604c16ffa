//! `framebus wait`: until a bus runs and has frames, so that no script needs a sleep.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::config::Config;
use super::seen::{say, seen};
use super::units::parse_duration;
use super::{choose_bus, parse_bus};
use framebus::bus::{AttachError, BusName, Observer};
use framebus::clock::{deadline_ns, monotonic_ns};
use framebus::observe::{Baseline, Sampler, Thresholds};
use framebus::stop::Stop;
use framebus_tools::exit::{EXIT_NO, stopped};

/// Wait until a bus runs and has published frames
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct WaitArgs {
    /// Name of the bus [default: FRAMEBUS_BUS, else cam0]
    #[arg(short, long, value_name = "NAME", value_parser = parse_bus)]
    pub bus: Option<BusName>,
    /// How many frames it must have published; 0 = only that it runs
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub frames: u64,
    /// Give up after this long, with exit code 1 [default: never]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub timeout: Option<Duration>,
}

const AFTER_HELP: &str = "\
On a terminal, or with -v, it says what it saw.

Examples:
  framebus wait --timeout 10s && framebus consume --count 100
  framebus wait -b cam1 --frames 30 --timeout 1m";

const LOOK_EVERY: Duration = Duration::from_millis(20);
/// A producer without a sign of life for this long is stopped: it will publish nothing.
const GONE_AFTER_NS: u64 = 2_000_000_000;

/// Looks at the bus, read-only, until it is as it should be.
///
/// # Errors
/// One sentence for a person.
pub fn main(args: &WaitArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let bus = choose_bus(args.bus.as_ref(), config)?;
    let stop = Stop::on_signals()?;
    let deadline_ns = deadline_ns(args.timeout);
    let mut told = false;
    loop {
        let missing = match look(&bus, args.frames)? {
            None => {
                let snapshot =
                    Sampler::new(bus.clone(), Baseline::Start, Thresholds::default()).glance();
                let published = snapshot.producer.as_ref();
                let published = published.map_or(0, |producer| producer.published);
                say(&format!(
                    "bus {bus} runs, {published} frames published: {}",
                    seen(&snapshot)
                ));
                return Ok(ExitCode::SUCCESS);
            }
            Some(missing) => missing,
        };
        if deadline_ns.is_some_and(|deadline_ns| monotonic_ns() >= deadline_ns) {
            tracing::error!("{missing} (--timeout is over)");
            return Ok(ExitCode::from(EXIT_NO));
        }
        if !told {
            told = true;
            tracing::debug!("waiting: {missing}");
        }
        if stop.sleep(LOOK_EVERY) {
            return Ok(stopped(&stop));
        }
    }
}

/// Returns what is still missing; `None` when nothing is.
fn look(bus: &BusName, frames: u64) -> Result<Option<String>, AttachError> {
    let observer = match Observer::open(bus) {
        Ok(observer) => observer,
        Err(error) if error.is_passing() => return Ok(Some(error.to_string())),
        Err(error) => return Err(error),
    };
    let published = observer.published();
    if let Err(error) = observer.check() {
        return Ok(Some(error.to_string()));
    }
    Ok(match () {
        () if observer.has_ended() || !observer.has_producer() => {
            Some(format!("the producer of bus {bus} has exited"))
        }
        () if observer.heartbeat_age_ns() > GONE_AFTER_NS => Some(format!(
            "the producer of bus {bus} does not answer (stopped?)"
        )),
        () if published < frames => Some(format!(
            "bus {bus} has published {published} of {frames} frames"
        )),
        () => None,
    })
}
