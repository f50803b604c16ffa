//! The command line: one file a verb, and what the verbs share.

#[cfg_attr(windows, path = "windows/bench.rs")]
pub mod bench;
pub mod bridge;
pub mod camera_words;
#[cfg_attr(windows, path = "windows/cameras.rs")]
pub mod cameras;
pub mod check;
pub mod completions;
pub mod config;
pub mod consume;
pub mod doctor;
pub mod explain;
pub mod gc;
pub mod log;
pub mod ls;
pub mod man;
pub mod metrics;
mod nearby;
pub mod peek;
pub mod produce;
pub mod progress;
mod seen;
pub mod serve;
pub mod top;
pub mod units;
pub mod wait;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use framebus::bus::BusName;
use framebus::redact::without_secrets;
use framebus_tools::exit::{end, end_saying};

use crate::system::adapt;
use config::Config;
use log::LogArgs;

/// Share one camera's frames with any number of programs.
#[derive(Debug, Parser)]
#[command(name = "framebus", version, about, long_about = None, arg_required_else_help = true, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(flatten)]
    log: LogArgs,
    /// Read this configuration instead of /etc/framebus.toml and ~/.config/framebus/config.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

const AFTER_HELP: &str = "\
Start here:
  framebus produce pattern            a moving test picture on bus cam0
  framebus consume -i 0               take its frames, print statistics
  framebus top                        watch producer, slots and consumers

Exit codes: 0 yes; 1 no (a check failed, a wait timed out); 2 usage or error; \
3 no such bus, or its producer was lost; 4 permission; 5 another layout version; \
130/143 after SIGINT/SIGTERM.";

#[derive(Debug, Subcommand)]
enum Verb {
    Produce(produce::ProduceArgs),
    Consume(consume::ConsumeArgs),
    Top(top::TopArgs),
    Ls(ls::LsArgs),
    Peek(peek::PeekArgs),
    Serve(serve::ServeArgs),
    Bridge(bridge::BridgeArgs),
    Wait(wait::WaitArgs),
    Check(check::CheckArgs),
    Cameras(cameras::CamerasArgs),
    Doctor(doctor::DoctorArgs),
    Gc(gc::GcArgs),
    Bench(bench::BenchArgs),
    Config(explain::ConfigArgs),
    Metrics(metrics::MetricsArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

impl Cli {
    fn settings(&self) -> anyhow::Result<Config> {
        Ok(Config::load(self.config.as_deref())?)
    }
}

/// Parses the command line and does what it says.
#[must_use]
pub fn main() -> ExitCode {
    if let Some(result) = bench::play() {
        return end(result);
    }
    completions::answer(|| adapt(Cli::command()));
    let cli = parse(std::env::args_os());
    cli.log.logging().init();
    let result = cli.settings().and_then(|config| match &cli.verb {
        Verb::Produce(args) => produce::main(args, &config),
        Verb::Consume(args) => consume::main(args, &config),
        Verb::Top(args) => top::main(args, &config),
        Verb::Ls(args) => ls::main(args),
        Verb::Peek(args) => peek::main(args, &config),
        Verb::Serve(args) => serve::main(args, &config),
        Verb::Bridge(args) => bridge::main(args, &config),
        Verb::Wait(args) => wait::main(args, &config),
        Verb::Check(args) => check::main(args, &config),
        Verb::Cameras(args) => cameras::main(args),
        Verb::Doctor(args) => doctor::main(args, &config),
        Verb::Gc(args) => gc::main(args),
        Verb::Bench(args) => bench::main(args),
        Verb::Metrics(args) => metrics::main(args),
        Verb::Config(args) => explain::main(args, cli.config.as_deref()),
        Verb::Completions(args) => completions::main(args),
        Verb::Man(args) => man::main(args),
    });
    end_saying(result, nearby::name_others)
}

/// Parses the command line; the secrets of what cannot be parsed are not shown.
fn parse(arguments: impl Iterator<Item = OsString>) -> Cli {
    let matches = adapt(Cli::command()).try_get_matches_from(arguments);
    let parsed = matches.and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.unwrap_or_else(|error| {
        let text = error.to_string();
        let shown = without_secrets(&text);
        if !error.use_stderr() || shown == text {
            error.exit();
        }
        eprint!("{shown}");
        std::process::exit(error.exit_code())
    })
}

/// Reads the name of a bus for clap.
fn parse_bus(text: &str) -> Result<BusName, String> {
    text.parse()
        .map_err(|error: framebus::bus::BusNameError| error.to_string())
}

/// The bus that a flag names, else the configuration.
fn choose_bus(flag: Option<&BusName>, config: &Config) -> anyhow::Result<BusName> {
    match (flag, &config.bus) {
        (Some(bus), _) => Ok(bus.clone()),
        (None, Some(bus)) => Ok(bus.parse()?),
        (None, None) => Ok(BusName::default()),
    }
}

/// Writes what a verb was asked for to standard output, at once.
fn print(text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    let mut stdout = std::io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .context("cannot write standard output")
}
