//! Windows: files by their attributes, consoles.

use std::ffi::OsString;
use std::fs::{File, FileType};
use std::io;
use std::path::Path;
use std::process::Command;

/// Opens a file for reading.
pub(crate) fn open_at_once(path: &Path) -> io::Result<File> {
    File::open(path)
}

/// Whether it is the device that has nothing in it.
pub(crate) fn is_null(path: &Path) -> io::Result<bool> {
    Ok(path.as_os_str().eq_ignore_ascii_case("nul"))
}

/// What something is called that is neither a file nor a directory.
pub(crate) fn what_it_is(_kind: FileType) -> &'static str {
    "a device"
}

/// Whether standard error takes a line without waiting: nobody can tell, and one that nobody reads holds its writer up.
pub(crate) fn takes_a_line() -> bool {
    true
}

/// How many characters a line of the console has; 0 where there is none.
pub(crate) fn columns() -> usize {
    crossterm::terminal::size().map_or(0, |(columns, _)| usize::from(columns))
}

/// Whether this process has its console: there is no background.
pub(crate) fn has_the_terminal() -> bool {
    true
}

/// Whether a console can rewrite a line. It knows sequences once it was asked to.
pub(crate) fn can_rewrite(_term: Option<OsString>) -> bool {
    crossterm::ansi_support::supports_ansi()
}

/// A process cannot be replaced here.
pub(crate) fn replace(_command: Command) -> io::Error {
    io::ErrorKind::Unsupported.into()
}

/// What the program is called in the list of processes: by its path.
pub(crate) fn call_it(_command: &mut Command, _name: &str) {}

/// Why a program of framebus is not to be had on this system. `instead` is what does without it.
pub(crate) fn no_helper(called: &str, instead: &str) -> Option<String> {
    Some(format!("{called}, which runs on Linux only: {instead}"))
}

/// Whether an error says that nobody reads a pipe any more; ERROR_PIPE_NOT_CONNECTED (233) is Wine's word for it.
pub(crate) fn has_no_reader(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe || error.raw_os_error() == Some(233)
}

/// Ends this process.
pub(crate) fn leave(code: i32) -> ! {
    std::process::exit(code)
}

/// Where the memory of a bus is, for a message.
pub(crate) fn where_it_is(_bus: &str) -> String {
    "of memory".to_owned()
}
