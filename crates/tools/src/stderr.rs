//! Standard error as a camera's process may use it: what nobody takes is lost, and holds nobody up.

use std::io::{self, Write};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Standard error without waiting and without failing: a pipe whose reader has stopped reading, or has gone, and a terminal
/// that somebody has stopped with Ctrl-S, lose lines. The camera goes on.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if takes_a_line() {
            // Nobody is left to tell when standard error cannot be written.
            let _ = io::stderr().write_all(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn takes_a_line() -> bool {
    let stderr = io::stderr();
    let mut fds = [PollFd::new(&stderr, PollFlags::OUT)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // A pipe that can be written takes a line of up to 4096 bytes at once.
    poll(&mut fds, Some(&now)).is_ok() && fds[0].revents() == PollFlags::OUT
}
