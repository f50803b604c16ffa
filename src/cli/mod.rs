//! The command line: one file a verb, and what the verbs share.

pub mod bench;
pub mod camera_words;
pub mod cameras;
pub mod check;
pub mod completions;
pub mod config;
pub mod consume;
pub mod doctor;
mod draw;
pub mod explain;
pub mod gc;
pub mod log;
pub mod ls;
pub mod man;
pub mod metrics;
mod notify;
pub mod peek;
pub mod produce;
pub mod show;
mod status;
mod stderr;
pub mod top;
pub mod units;
pub mod wait;
mod worker;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::{Parser, Subcommand};

use framebus::bus::{AttachError, BusName, CreateError};
use framebus::redact::without_secrets;
use framebus::source::SourceError;
use framebus::stop::Stop;

use config::Config;
use log::{EXIT_ERROR, EXIT_PERMISSION, LogArgs};

/// The exit code when the answer is no: a check failed, a wait timed out.
pub const EXIT_NO: u8 = 1;
/// The exit code when there is no such bus, or its producer was lost.
pub const EXIT_NO_BUS: u8 = 3;
/// The exit code when a segment has another layout version.
pub const EXIT_VERSION: u8 = 5;

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

Exit codes: 0 yes, 1 the answer is no (timed out), 2 usage or error, 3 no such bus or its producer was lost,
4 permission, 5 another layout version, 130/143 after SIGINT/SIGTERM.";

#[derive(Debug, Subcommand)]
enum Verb {
    Produce(produce::ProduceArgs),
    Consume(consume::ConsumeArgs),
    Top(top::TopArgs),
    Ls(ls::LsArgs),
    Peek(peek::PeekArgs),
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
    let cli = parse(std::env::args_os());
    cli.log.init();
    let result = cli.settings().and_then(|config| match &cli.verb {
        Verb::Produce(args) => produce::main(args, &config),
        Verb::Consume(args) => consume::main(args, &config),
        Verb::Top(args) => top::main(args, &config),
        Verb::Ls(args) => ls::main(args),
        Verb::Peek(args) => peek::main(args, &config),
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
    end(result)
}

/// Parses the worker's command line, which is the same, captures with the sources that `open` knows, shows frames in the
/// windows that `windows` opens, and ends the process, without C++'s own clearing up: a camera that answers no more leaves a
/// thread in OpenCV, under which its static objects must not be taken away.
pub fn worker_main(open: impl produce::OpenSource, windows: show::OpenWindows) -> ! {
    worker::leave(worker_work(open, windows))
}

fn worker_work(open: impl produce::OpenSource, windows: show::OpenWindows) -> ExitCode {
    if let Err(error) = worker::check_version() {
        return log::fail(&error);
    }
    let cli = parse(worker::arguments());
    cli.log.init();
    let result = cli.settings().and_then(|config| match &cli.verb {
        Verb::Produce(args) => produce::main_with(args, &config, open),
        Verb::Consume(args) if args.show => consume::main_with(args, &config, windows),
        Verb::Peek(args) if args.show => peek::main_with(args, &config, windows),
        _ => Err(anyhow::anyhow!(
            "framebus-worker only captures and shows: use framebus for everything else"
        )),
    });
    end(result)
}

/// Parses the command line; the secrets of what cannot be parsed are not shown.
fn parse(arguments: impl Iterator<Item = OsString>) -> Cli {
    Cli::try_parse_from(arguments).unwrap_or_else(|error| {
        let text = error.to_string();
        let shown = without_secrets(&text);
        if !error.use_stderr() || shown == text {
            error.exit();
        }
        eprint!("{shown}");
        std::process::exit(error.exit_code())
    })
}

fn end(result: anyhow::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(error) => match exit_code(&error) {
            Some(code) => log::fail_with(&error, code),
            None => log::fail(&error),
        },
    }
}

/// The exit code of errors of the bus; `None` for others.
fn exit_code(error: &anyhow::Error) -> Option<u8> {
    let of_attach = |error: &AttachError| match error {
        error if error.is_passing() => EXIT_NO_BUS,
        AttachError::Denied { .. } | AttachError::Untrusted { .. } => EXIT_PERMISSION,
        AttachError::Version { .. } => EXIT_VERSION,
        _ => EXIT_ERROR,
    };
    let of_create = |error: &CreateError| match error {
        CreateError::Foreign { .. } | CreateError::Group { .. } => EXIT_PERMISSION,
        CreateError::System { source, .. }
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            EXIT_PERMISSION
        }
        CreateError::RuntimeDir(error) if error.is_permission() => EXIT_PERMISSION,
        CreateError::Pipe(error) if error.is_permission() => EXIT_PERMISSION,
        _ => EXIT_ERROR,
    };
    error.chain().find_map(|cause| {
        let source = cause.downcast_ref().map(|error: &SourceError| match error {
            SourceError::Permission(_) => EXIT_PERMISSION,
            _ => EXIT_ERROR,
        });
        cause
            .downcast_ref()
            .map(of_attach)
            .or_else(|| cause.downcast_ref().map(of_create))
            .or(source)
    })
}

/// The exit code after a request to stop: 128 + the signal's number.
fn stopped(stop: &Stop) -> ExitCode {
    let signal = stop.signal().and_then(|signal| u8::try_from(signal).ok());
    signal.map_or(ExitCode::SUCCESS, |signal| ExitCode::from(128 + signal))
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

/// When something that may last for ever is to end, on the monotonic clock.
fn deadline(duration: Option<Duration>) -> Option<u64> {
    let nanos = u64::try_from(duration?.as_nanos()).unwrap_or(u64::MAX);
    Some(framebus::clock::monotonic_ns().saturating_add(nanos))
}
