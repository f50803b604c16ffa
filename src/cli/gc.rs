//! `framebus gc`: removes what dead producers left.

use std::process::ExitCode;

use clap::Args;

use super::print;
use super::units::show_bytes;
use framebus::bus::{BusName, Remains, SweepError, Swept, sweep, traces};
use framebus_tools::exit::{EXIT_ERROR, EXIT_PERMISSION};

/// Remove what dead producers left: segments, named pipes, locks
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct GcArgs {
    /// Look only at this bus [default: all]
    #[arg(short, long, value_name = "NAME", value_parser = super::parse_bus)]
    pub bus: Option<BusName>,
    /// Only say what would be removed
    #[arg(short = 'n', long)]
    pub dry_run: bool,
}

const AFTER_HELP: &str = "\
A bus is removed only if nobody holds its named lock and no process answers as its producer. \
The kernel frees this lock when a producer dies, and never before. Other users' buses are left \
alone, even by root: run gc as that user.

A producer that starts again replaces what the last one left. You need gc only for buses that do \
not come back.

Examples:
  framebus gc --dry-run
  framebus gc -b cam1";

/// Sweeps the buses, one line each that there was something of.
///
/// # Errors
/// Fails when standard output does.
pub fn main(args: &GcArgs) -> anyhow::Result<ExitCode> {
    let buses = match &args.bus {
        Some(bus) => vec![bus.clone()],
        None => traces(),
    };
    let mut code = 0;
    let mut found = false;
    for bus in buses {
        match sweep(&bus, !args.dry_run) {
            Ok(Swept::Nothing) => {}
            Ok(Swept::Alive) => tracing::debug!("bus {bus} has a producer"),
            Ok(Swept::Dead(remains)) => {
                found = true;
                print(&line(&remains, args.dry_run))?;
            }
            // Somebody else's bus is in nobody's way, unless it was asked for.
            Err(error @ SweepError::Foreign { .. }) if args.bus.is_none() => {
                tracing::debug!("{error}");
            }
            Err(error) => {
                code = code.max(failure(&error));
                tracing::error!("{error}");
            }
        }
    }
    if !found && code == 0 {
        tracing::info!("there is nothing to remove");
    }
    Ok(ExitCode::from(code))
}

fn line(remains: &Remains, dry_run: bool) -> String {
    let mut parts = Vec::new();
    if let Some(bytes) = remains.segment_bytes {
        parts.push(format!("segment of {}", show_bytes(bytes)));
    }
    match remains.pipes.len() {
        0 => {}
        1 => parts.push("1 named pipe".to_owned()),
        pipes => parts.push(format!("{pipes} named pipes")),
    }
    if remains.lock_file {
        parts.push("lock".to_owned());
    }
    if parts.is_empty() {
        parts.push("empty directory".to_owned());
    }
    format!(
        "{} bus {}: {}{}\n",
        if dry_run { "would remove" } else { "removed" },
        remains.bus,
        parts.join(", "),
        remains
            .pid
            .map_or(String::new(), |pid| format!(", left by pid {pid}")),
    )
}

fn failure(error: &SweepError) -> u8 {
    match error {
        SweepError::Foreign { .. } => EXIT_PERMISSION,
        SweepError::System { source, .. }
            if source.kind() == std::io::ErrorKind::PermissionDenied =>
        {
            EXIT_PERMISSION
        }
        _ => EXIT_ERROR,
    }
}
