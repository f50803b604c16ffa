//! `framebus top --remote`.

use std::process::ExitCode;
use std::time::Duration;

use super::remote::{Moment, Remote};
use super::{SHORTEST, TopArgs, has_screen, show, snapshots, write};
use crate::cli::config::Config;
use framebus::stop::Stop;
use framebus_tools::exit::{EXIT_NO_BUS, stopped};
use framebus_tools::far_bus::FarBus;

/// A bus of another machine, in the view or as text.
pub(super) fn main(
    args: &TopArgs,
    far: &FarBus,
    interval: Duration,
    config: &Config,
) -> anyhow::Result<ExitCode> {
    let link = args.link.link()?;
    let name = far.to_string();
    if !args.once && !args.json && has_screen() {
        let mut remote = Remote::start(far, link, interval, true)?;
        return show(args, &name, false, interval, config, &mut remote);
    }
    let stop = Stop::on_signals()?;
    let count = snapshots(args);
    let mut remote = Remote::start(far, link, interval, false)?;
    let (mut printed, mut found) = (0, true);
    // The first moment may have no rates.
    let mut is_first = true;
    while count.is_none_or(|count| printed < count) {
        if stop.is_set() {
            return Ok(stopped(&stop));
        }
        match remote.next(SHORTEST) {
            Some(Moment::Snapshot(mut snapshot, _)) => {
                found = true;
                let skips = std::mem::take(&mut is_first) && snapshot.interval_s.is_none();
                if !skips {
                    name.clone_into(&mut snapshot.bus);
                    write(args, &snapshot)?;
                    printed += 1;
                }
            }
            Some(Moment::Trouble(trouble)) => {
                if count == Some(1) {
                    tracing::error!("{trouble}");
                    return Ok(ExitCode::from(EXIT_NO_BUS));
                }
                if std::mem::replace(&mut found, false) {
                    tracing::warn!("{trouble}");
                }
            }
            None if remote.has_ended() => anyhow::bail!("the bridge has ended"),
            None => {}
        }
    }
    Ok(ExitCode::SUCCESS)
}
