//! A console.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::StandardInput;

/// Columns and rows of the console of standard output.
pub(crate) fn terminal_size() -> Option<(u16, u16)> {
    let is_console = io::stdout().is_terminal();
    is_console.then(crossterm::terminal::size)?.ok()
}

/// Whether the input is a console that somebody else has: there is no background.
pub(crate) fn is_background(_input: &StandardInput) -> bool {
    false
}

/// There is no signal for it: recordings begin with a line on standard input.
pub(crate) fn on_trigger(_flag: &Arc<AtomicBool>) -> io::Result<()> {
    Ok(())
}
