//! What the command needs of the operating system beyond a bus, each behind a plain contract: `linux/` and `windows/` implement it.
//!
//! | what | contract |
//! |---|---|
//! | [`Stream`], [`standard_input`] | bytes that are waited for, until somebody asks to stop |
//! | [`wait_readable`], [`wait_writable`], [`sign`], [`wait_for_sign`] | the same for a socket, and for a thread's end |
//! | [`nameless_file`], [`is_same_file`], [`is_file`] | files |
//! | [`shell`], [`apart`], [`find_program`] | other programs |
//! | [`terminal_size`], [`is_background`], [`on_trigger`] | a terminal, and who has it; the signal that begins a recording |
//! | [`machine_settings`], [`user_settings`], [`groups`], [`host_name`] | names |
//! | [`adapt`] | what the command line says of itself |
//!
//! A module of the command that is Linux's as a whole has its counterpart in a directory `windows/` beside it, and its parent
//! says so where it names it.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::*;

use std::io::{self, Read};
use std::time::Duration;

use framebus::stop::{Stop, Waited};

/// Bytes that come when they come.
pub trait Stream: Read {
    /// Waits until there is something to read, or the end, for at most `patience`, or until somebody asks to stop.
    ///
    /// # Errors
    /// Fails as the system does.
    fn wait(&self, stop: &Stop, patience: Option<Duration>) -> io::Result<Waited>;

    /// How many bytes a regular file has; `None` for everything else.
    ///
    /// # Errors
    /// Fails as the system does.
    fn file_len(&self) -> io::Result<Option<u64>>;

    /// Where in a file the next byte is.
    ///
    /// # Errors
    /// Fails as the system does.
    fn position(&self) -> io::Result<u64>;

    /// Goes to a place in a file.
    ///
    /// # Errors
    /// Fails as the system does.
    fn go_to(&self, position: u64) -> io::Result<()>;
}
