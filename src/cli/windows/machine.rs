//! Memory, directories and buses.

use crate::cli::config::Config;
use crate::cli::doctor::{Check, DoctorArgs};
use crate::cli::units::show_bytes;
use framebus::bus::{SweepError, Swept, runtime_dir, sweep, traces};
use framebus::layout::{Format, Geometry, PlaneSpec, segment_bytes};
use framebus::observe::shm_usage;

/// What is counted with where neither a flag nor the configuration names a size.
const FULL_HD: Geometry = Geometry {
    width: 1920,
    height: 1080,
};

pub(super) fn checks(args: &DoctorArgs, config: &Config) -> Vec<Check> {
    let mut checks = vec![memory(args, config), runtime_directory()];
    checks.extend(buses());
    checks
}

fn memory(args: &DoctorArgs, config: &Config) -> Check {
    const NAME: &str = "shared-memory";
    let size = args.size.or(config.produce.size).unwrap_or(FULL_HD);
    let consumers = args.consumers.or(config.produce.consumers).unwrap_or(4);
    let history = config.produce.history.unwrap_or(0);
    // Gray in every slot, and BGR in every one or one for all.
    let bgr = PlaneSpec::new(Format::BGR8).one_for_all(!args.color);
    let planes = [PlaneSpec::new(Format::GRAY8), bgr];
    let needed = match segment_bytes(size, consumers, history, &planes) {
        Ok(needed) => needed,
        Err(why) => {
            let mend = "framebus config explain   # and lower produce.history";
            return Check::fail(NAME, why.to_string(), mend);
        }
    };
    let what = format!(
        "a bus of {size} for {consumers} consumers needs {}",
        show_bytes(needed)
    );
    let Some((used, total)) = shm_usage() else {
        return Check::pass(NAME, format!("{what}; how much is free is not known"));
    };
    let free = total.saturating_sub(used);
    let has = format!(
        "this machine's memory has {} of {} free",
        show_bytes(free),
        show_bytes(total)
    );
    let mend = "let Windows have a larger paging file";
    match free {
        free if free < needed => Check::fail(NAME, format!("{what}, and {has}"), mend),
        free if free < 2 * needed => {
            Check::warn(NAME, format!("{what}, and {has}: not enough for two"), mend)
        }
        _ => Check::pass(NAME, format!("{has}; {what}")),
    }
}

/// Whether a producer of this user could make its files.
fn runtime_directory() -> Check {
    const NAME: &str = "runtime-directory";
    let directory = runtime_dir().join("framebus");
    let shown = directory.display();
    let there = directory.ancestors().find(|path| path.exists());
    match there {
        Some(there) if !there.is_dir() => Check::fail(
            NAME,
            format!("{} is no directory", there.display()),
            format!("del {}", there.display()),
        ),
        Some(there) if there == directory => match can_write(there) {
            Ok(()) => Check::pass(NAME, format!("{shown} has the files of this user's buses")),
            Err(error) => Check::fail(
                NAME,
                format!("{shown} cannot be written ({error})"),
                "set FRAMEBUS_RUNTIME_DIR=%TEMP%   # for producers and consumers alike",
            ),
        },
        _ => Check::pass(NAME, format!("{shown} is made by the first producer")),
    }
}

fn can_write(directory: &std::path::Path) -> std::io::Result<()> {
    let probe = directory.join(format!("doctor-{}.tmp", std::process::id()));
    std::fs::File::create_new(&probe)?;
    std::fs::remove_file(probe)
}

/// Left-over buses.
fn buses() -> Vec<Check> {
    let mut checks = Vec::new();
    let mut healthy = 0;
    for bus in traces() {
        match sweep(&bus, false) {
            Ok(Swept::Nothing) | Err(SweepError::Foreign { .. }) => {}
            Ok(Swept::Alive) => healthy += 1,
            Ok(Swept::Dead(_)) => checks.push(Check::warn(
                "stale-bus",
                format!("bus {bus} was left by a producer that died"),
                format!("framebus gc -b {bus}"),
            )),
            Err(error) => checks.push(Check::warn(
                "stale-bus",
                error.to_string(),
                format!("framebus gc -b {bus}"),
            )),
        }
    }
    if checks.is_empty() {
        checks.push(Check::pass(
            "buses",
            format!("{healthy} running, none left over"),
        ));
    }
    checks
}
