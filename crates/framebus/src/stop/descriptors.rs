//! Requests to stop beside descriptors.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::PollFlags;

use super::{Stop, Waited};

impl Stop {
    /// Waits until `fd` can be read (a hang-up counts as readable), for at most `timeout`, or until somebody asks to stop.
    ///
    /// # Errors
    /// Fails as `poll` does.
    pub fn wait_readable(
        &self,
        fd: BorrowedFd<'_>,
        timeout: Option<Duration>,
    ) -> io::Result<Waited> {
        let stopped = || self.is_set();
        self.bell().wait_for_fd(fd, PollFlags::IN, stopped, timeout)
    }

    /// Waits until `fd` can be written (a hang-up counts as writable), for at most `timeout`, or until somebody asks to stop.
    ///
    /// # Errors
    /// Fails as `poll` does.
    pub fn wait_writable(
        &self,
        fd: BorrowedFd<'_>,
        timeout: Option<Duration>,
    ) -> io::Result<Waited> {
        let stopped = || self.is_set();
        self.bell()
            .wait_for_fd(fd, PollFlags::OUT, stopped, timeout)
    }
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell().as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_that_is_ready_wins_over_the_time() {
        let stop = Stop::new().expect("eventfd");
        let (read, write) = std::io::pipe().expect("pipe");
        assert_eq!(
            stop.wait_readable(read.as_fd(), Some(Duration::ZERO))
                .expect("poll"),
            Waited::TimedOut
        );
        drop(write);
        assert_eq!(
            stop.wait_readable(read.as_fd(), None).expect("poll"),
            Waited::Ready
        );
    }
}
