//! Two processes: one that measures, and one that starts it and clears up after it, however it ends.

use std::env;
use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{Pid, getppid};

use super::bare::play_eventfd;
use super::crew::{Program, Role, end_with_starter, play_consumer};
use framebus::bus::{BusName, runtime_dir, sweep, traces};
use framebus::clock::monotonic_ns;
use framebus::stop::Stop;

/// How often it is looked whether the process that measures is done.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Starts this program once more, to measure with these arguments, on a runtime directory that is removed after it. The
/// exit code is that of the process that measures, or after a signal 128 + its number.
///
/// # Errors
/// Fails when the directory or the process cannot be made, and when the process is killed.
pub fn supervise(arguments: impl IntoIterator<Item = OsString>) -> io::Result<ExitCode> {
    let stop = Stop::on_signals()?;
    let runtime = RuntimeDir::create()?;
    // Not in the terminal's process group, and asked to end by the end of its input: signals may come twice, the second
    // of which would keep it from clearing up, and the input also ends when this process is killed.
    let mut child = Program::this()?
        .command(&Role::Run)
        .args(arguments)
        .env("FRAMEBUS_RUNTIME_DIR", &runtime.0)
        .stdin(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let mut alive = child.stdin.take();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if stop.sleep(LOOK_EVERY) {
            alive = None;
            // Once asked to stop, that does not sleep any more.
            std::thread::sleep(LOOK_EVERY);
        }
    };
    drop(alive);
    let code = match (stop.signal(), status.code()) {
        (Some(signal), _) => 128 + signal,
        (None, Some(code)) => code,
        (None, None) => {
            sweep_own();
            let problem = format!("the process that measures was killed ({status})");
            return Err(io::Error::other(problem));
        }
    };
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

/// What the names of the buses begin with that are measured on for a process.
fn bus_name_of(supervisor: u32) -> io::Result<BusName> {
    format!("bench{supervisor}")
        .parse()
        .map_err(io::Error::other)
}

/// Returns what the names of buses begin with: each adds a `-` and a word. For [`Role::Run`] and what it starts.
///
/// # Errors
/// Fails for no reason that is known.
pub fn bus_name() -> io::Result<BusName> {
    bus_name_of(Pid::as_raw(getppid()).unsigned_abs())
}

/// Removes what a process that measured could not remove itself.
fn sweep_own() {
    let Ok(own) = bus_name_of(std::process::id()) else {
        return;
    };
    let beginning = format!("{own}-");
    let left = traces().into_iter();
    for bus in left.filter(|bus| bus.as_str().starts_with(&beginning)) {
        // What cannot be removed is for `framebus gc`, which says why.
        let _ = sweep(&bus, true);
    }
}

/// A request to stop for [`Role::Run`]: from a signal, from the process that supervises, or because that has ended.
///
/// # Errors
/// Fails when handlers or a thread cannot be made.
pub fn asked_to_end() -> io::Result<Stop> {
    let stop = Stop::on_signals()?;
    let asked = stop.clone();
    std::thread::Builder::new()
        .name("supervisor".into())
        .spawn(move || {
            let _ = io::stdin().read(&mut [0]);
            asked.set();
        })?;
    Ok(stop)
}

/// A directory that is removed when dropped.
struct RuntimeDir(PathBuf);

impl RuntimeDir {
    fn create() -> io::Result<RuntimeDir> {
        let name = format!("framebus-bench-{}-{}", std::process::id(), monotonic_ns());
        let path = env::temp_dir().join(name);
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| {
            let problem = format!(
                "directory {} cannot be made: {error}; TMPDIR chooses another place",
                path.display()
            );
            io::Error::new(error.kind(), problem)
        })?;
        Ok(RuntimeDir(path))
    }
}

impl Drop for RuntimeDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Plays a role; `own` plays those that only the program knows, [`Role::Run`] among them.
///
/// # Errors
/// Fails as the role does.
pub fn play<E: From<io::Error>>(
    role: &Role,
    arguments: &[String],
    own: impl FnOnce() -> Result<ExitCode, E>,
) -> Result<ExitCode, E> {
    if *role == Role::Run {
        let result = own();
        // Nobody else removes it when the one that has made it was killed.
        let _ = fs::remove_dir(runtime_dir());
        return result;
    }
    // These have nothing to put away: they end with the process that measures, however that ends.
    if !end_with_starter()? {
        return Ok(ExitCode::FAILURE);
    }
    match role {
        Role::Consumer => Ok(play_consumer(arguments)?),
        Role::Eventfd => Ok(play_eventfd()?),
        Role::Run | Role::Other(_) => own(),
    }
}
