//! A terminal, and who has it.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::process::getpgrp;
use rustix::termios::{tcgetpgrp, tcgetwinsize};
use signal_hook::consts::SIGUSR1;

/// Columns and rows of the terminal of standard output.
pub(crate) fn terminal_size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(io::stdout()).ok()?;
    Some((size.ws_col, size.ws_row))
}

/// Whether the input is a terminal that somebody else has: a background job that reads it is stopped by the kernel.
pub(crate) fn is_background(input: &File) -> bool {
    input.is_terminal() && tcgetpgrp(input).is_ok_and(|foreground| foreground != getpgrp())
}

/// Has SIGUSR1 set a flag.
pub(crate) fn on_trigger(flag: &Arc<AtomicBool>) -> io::Result<()> {
    signal_hook::flag::register(SIGUSR1, Arc::clone(flag))?;
    Ok(())
}
