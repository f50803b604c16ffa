//! Standard error as a terminal or a pipe.

use std::ffi::OsString;
use std::io;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::getpgrp;
use rustix::termios::{tcgetpgrp, tcgetwinsize};

/// Whether standard error takes a line without waiting.
pub(crate) fn takes_a_line() -> bool {
    let stderr = io::stderr();
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // A pipe that can be written takes a line of up to 4096 bytes at once.
    poll(&mut fds, Some(&now)).is_ok() && fds[0].revents() == PollFlags::OUT
}

/// How many characters a line of the terminal has; 0 where it does not say.
pub(crate) fn columns() -> usize {
    let size = tcgetwinsize(io::stderr()).ok();
    size.map_or(0, |size| usize::from(size.ws_col))
}

/// Whether this process has its terminal, and is not in the shell's background, where its line would stand in somebody else's way.
pub(crate) fn has_the_terminal() -> bool {
    // A terminal that does not control this process is in nobody's way.
    tcgetpgrp(io::stderr()).map_or(true, |foreground| foreground == getpgrp())
}

/// Whether a terminal can rewrite a line; `term` is what it calls itself.
pub(crate) fn can_rewrite(term: Option<OsString>) -> bool {
    // One that can do nothing has no TERM, or this one.
    let term = term.filter(|term| !term.is_empty());
    term.is_some_and(|term| term != "dumb")
}
