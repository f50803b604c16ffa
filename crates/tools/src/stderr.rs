//! Standard error as a camera's process may use it: what nobody takes is lost, and holds nobody up.
//!
//! At its end there may be a line that is rewritten in place. Whoever writes another line removes it first.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use crate::system::has_the_terminal;
use crate::system::{self, takes_a_line};

/// How wide a terminal is that does not say.
const USUAL_COLUMNS: usize = 80;
/// Removes a line. Not all that stands below it at once: tmux would keep that in its history.
const ERASE: &str = "\r\x1b[K";
/// Goes up a line, and removes that.
const ERASE_ABOVE: &str = "\x1b[A\x1b[K";

/// How long the line is that stands on the terminal and is rewritten; 0 is none.
static LINE: Mutex<usize> = Mutex::new(0);

fn line() -> MutexGuard<'static, usize> {
    LINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Standard error without waiting and without failing: a pipe whose reader has stopped reading, or has gone, and a terminal
/// that somebody has stopped with Ctrl-S, lose lines. The camera goes on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut shown = line();
        if takes_a_line() {
            // Nobody is left to tell when standard error cannot be written.
            let _ = write_over(&mut shown, bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard error for a verb whose lines are what it is for: it waits for its reader, and fails where there is none.
#[derive(Debug, Clone, Copy, Default)]
pub struct Awaited;

impl Write for Awaited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        write_over(&mut line(), bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes in place of the line that may be rewritten: in one piece, so that another process cannot come in between.
fn write_over(shown: &mut usize, bytes: &[u8]) -> io::Result<()> {
    let mut text = erasing(*shown, columns()).into_bytes();
    text.extend_from_slice(bytes);
    io::stderr().write_all(&text)?;
    *shown = 0;
    Ok(())
}

/// Writes a line that the next one replaces. It fits the terminal: see [`columns`].
pub(crate) fn rewrite(text: &str) {
    let mut shown = line();
    if takes_a_line() && write_over(&mut shown, text.as_bytes()).is_ok() {
        *shown = text.chars().count();
    }
}

/// Removes the line that may be rewritten.
pub(crate) fn clear() {
    let mut shown = line();
    if *shown > 0 && takes_a_line() {
        let _ = write_over(&mut shown, b"");
    }
}

/// How many characters fit into a line: asked anew each time, as a window may have another size now. The last column stays free:
/// what is written there makes some terminals begin a new line.
pub(crate) fn columns() -> usize {
    match system::columns() {
        0 => USUAL_COLUMNS - 1,
        columns => columns - 1,
    }
}

/// What removes a line of so many characters. In a window that was made narrower, most terminals have broken it into several.
fn erasing(shown: usize, columns: usize) -> String {
    if shown == 0 {
        return String::new();
    }
    // xterm cuts lines off, and what stands above is not this line.
    let breaks = std::env::var_os("XTERM_VERSION").is_none();
    let more = if breaks {
        (shown - 1) / (columns + 1)
    } else {
        0
    };
    format!("{ERASE}{}", ERASE_ABOVE.repeat(more))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_broken_by_a_narrower_window_is_removed_whole() {
        assert_eq!(erasing(0, 79), "");
        assert_eq!(erasing(79, 79), "\r\x1b[K");
        assert_eq!(erasing(80, 79), "\r\x1b[K");
        assert_eq!(erasing(79, 39), "\r\x1b[K\x1b[A\x1b[K");
        assert_eq!(
            erasing(79, 19),
            format!("\r\x1b[K{}", "\x1b[A\x1b[K".repeat(3))
        );
    }
}
