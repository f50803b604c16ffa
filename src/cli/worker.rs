//! Handing over to the headless worker, which alone links OpenCV.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, bail};

use framebus::redact::without_secrets;

const NAME: &str = "framebus-worker";
/// Tells the worker which framebus has started it.
const VERSION_VARIABLE: &str = "FRAMEBUS_STARTED_BY";

/// Replaces this process with the worker: same arguments, pid, signals and exit code. Returns only when it cannot.
pub(super) fn hand_over(source: &str) -> anyhow::Error {
    let path = match find() {
        Ok(path) => path,
        Err(error) => return error.context(format!("{source} needs the headless worker")),
    };
    let mut command = Command::new(&path);
    command
        .arg0(NAME)
        .env(VERSION_VARIABLE, env!("CARGO_PKG_VERSION"));
    for (number, argument) in env::args_os().enumerate().skip(1) {
        match shown(&argument) {
            Some(shown) => {
                command.arg(shown).env(hidden(number), argument);
            }
            None => {
                command.arg(argument);
            }
        }
    }
    let error = command.exec();
    anyhow::Error::new(error).context(format!(
        "the headless worker {} cannot be started",
        path.display()
    ))
}

/// The variable with an argument that has a secret in it: every user of a machine sees arguments, and only the own one
/// variables.
fn hidden(number: usize) -> String {
    format!("FRAMEBUS_ARGUMENT_{number}")
}

/// An argument without its secrets; `None` when it has none.
fn shown(argument: &OsStr) -> Option<String> {
    let text = argument.to_str()?;
    let shown = without_secrets(text);
    (shown != text).then(|| shown.into_owned())
}

/// In the worker: the arguments as the user gave them.
pub(super) fn arguments() -> impl Iterator<Item = OsString> {
    env::args_os().enumerate().map(|(number, argument)| {
        // The variable may be that of another worker, which has started this one with arguments of its own.
        let given = env::var_os(hidden(number));
        let same = |given: &OsString| shown(given).is_some_and(|shown| argument == *shown);
        given.filter(same).unwrap_or(argument)
    })
}

/// Looks for the worker in FRAMEBUS_WORKER, beside this program, in `../libexec/framebus/`, then in PATH.
pub(super) fn find() -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os("FRAMEBUS_WORKER").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        if !path.is_file() {
            bail!(
                "FRAMEBUS_WORKER names {}, which is not there",
                path.display()
            );
        }
        return Ok(path);
    }
    let program = env::current_exe().context("cannot determine this program's path")?;
    let directory = program.parent().map(PathBuf::from).unwrap_or_default();
    let beside = [
        directory.join(NAME),
        directory.join("../libexec/framebus").join(NAME),
    ];
    let path: OsString = env::var_os("PATH").unwrap_or_default();
    let in_path = env::split_paths(&path).map(|directory| directory.join(NAME));
    let found = beside
        .into_iter()
        .chain(in_path)
        .find(|path| path.is_file());
    found.with_context(|| {
        format!(
            "{NAME} is not beside framebus nor in PATH: build or install it, or set FRAMEBUS_WORKER"
        )
    })
}

/// In the worker: refuses to work for a framebus of another version.
pub(super) fn check_version() -> anyhow::Result<()> {
    let own = env!("CARGO_PKG_VERSION");
    match env::var(VERSION_VARIABLE) {
        Ok(other) if other != own => {
            bail!(
                "framebus is version {other} and its headless worker is version {own}: install both from the same release"
            )
        }
        _ => Ok(()),
    }
}

/// Ends the process at once: what was written is flushed, nothing else is cleared up.
pub(super) fn leave(code: ExitCode) -> ! {
    let _ = std::io::stdout().flush();
    // An exit code tells its number only by being equal to another.
    let number = (0..=u8::MAX).find(|number| ExitCode::from(*number) == code);
    signal_hook::low_level::exit(number.map_or(1, i32::from))
}
