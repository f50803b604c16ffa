//! Keeps the libraries' own noise off the terminal; causes are reported by us.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use framebus::cli::QUIET_ENVIRONMENT;
use opencv::core::set_num_threads;
use opencv::core::{LogLevel, set_log_level};

/// Silences OpenCV, FFmpeg and GStreamer; call it first in `main`, before any thread is started.
///
/// If [`QUIET_ENVIRONMENT`] is not set yet, the process replaces itself with the same program, arguments and pid, and
/// with what is missing set. A variable that is set already keeps its value, so that a person can ask for the noise.
///
/// # Errors
/// Returns why the program could not be started again; it then goes on, at worst with some noise.
pub fn quiet() -> io::Result<()> {
    // Fails only where OpenCV was built without logging, which is quiet too.
    let _ = set_log_level(LogLevel::LOG_LEVEL_SILENT);
    let missing: Vec<_> = QUIET_ENVIRONMENT
        .into_iter()
        .filter(|(name, _)| std::env::var_os(name).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut arguments = std::env::args_os();
    let mut command = Command::new(std::env::current_exe()?);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    Err(command.args(arguments).envs(missing).exec())
}

/// Applies what holds for all of OpenCV in this process.
pub(crate) fn configure(threads: u16) {
    // OpenCV can refuse neither; if it did, it would only be noisier or slower.
    let _ = set_log_level(LogLevel::LOG_LEVEL_SILENT);
    let _ = set_num_threads(i32::from(threads.max(1)));
}
