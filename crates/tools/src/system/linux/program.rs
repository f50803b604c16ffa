//! Other programs of framebus, and this one's end.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Replaces this process with a program: same pid, signals and exit code. Returns only when it cannot.
pub(crate) fn replace(mut command: Command) -> io::Error {
    command.exec()
}

/// What the program is called in the list of processes.
pub(crate) fn call_it(command: &mut Command, name: &str) {
    command.arg0(name);
}

/// Why a program of framebus is not to be had on this system: it is. `instead` is what does without it.
pub(crate) fn no_helper(_called: &str, _instead: &str) -> Option<String> {
    None
}

/// Whether an error says that nobody reads a pipe any more.
pub(crate) fn has_no_reader(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// Ends this process without clearing up.
pub(crate) fn leave(code: i32) -> ! {
    signal_hook::low_level::exit(code)
}

/// Where the memory of a bus is, for a message.
pub(crate) fn where_it_is(bus: &str) -> String {
    format!("in /dev/shm/framebus.{bus}")
}
