//! A flag to wait for: an eventfd.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::system::kinds::Waited;

/// A flag that stays set until it is cleared, and wakes whoever waits for it.
#[derive(Debug)]
pub(crate) struct Bell(OwnedFd);

/// A flag that one process sets and another waits for.
pub(crate) type Waker = Bell;

impl Bell {
    pub(crate) fn new() -> io::Result<Bell> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        Ok(Bell(eventfd(0, flags)?))
    }

    /// Sets the flag; never waits. Says whether the system took it.
    pub(crate) fn ring(&self) -> bool {
        // A full counter is as readable as one more.
        rustix::io::write(&self.0, &1u64.to_ne_bytes()).is_ok()
    }

    pub(crate) fn clear(&self) {
        // Nothing to read is as good.
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }

    /// Waits until the flag is set, for at most `timeout`; may return early.
    pub(crate) fn wait(&self, timeout: Duration) {
        let timeout = timespec(timeout);
        let _ = poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&timeout));
    }

    /// Waits until another flag is set, or this one, which is a request to stop and counts only while `stopped` says so.
    pub(crate) fn wait_for(
        &self,
        other: &Bell,
        stopped: impl Fn() -> bool,
        timeout: Option<Duration>,
    ) -> io::Result<Waited> {
        self.wait_for_fd(other.as_fd(), PollFlags::IN, stopped, timeout)
    }

    /// Waits for a descriptor, as [`Bell::wait_for`] does for a flag.
    pub(crate) fn wait_for_fd(
        &self,
        fd: BorrowedFd<'_>,
        events: PollFlags,
        stopped: impl Fn() -> bool,
        timeout: Option<Duration>,
    ) -> io::Result<Waited> {
        let timeout = timeout.map(timespec);
        let mut fds = [
            PollFd::from_borrowed_fd(self.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(fd, events),
        ];
        loop {
            match poll(&mut fds, timeout.as_ref()) {
                Ok(_) if stopped() => return Ok(Waited::Stopped),
                Ok(0) => return Ok(Waited::TimedOut),
                Ok(_) => return Ok(Waited::Ready),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for Bell {
    fn from(fd: OwnedFd) -> Bell {
        Bell(fd)
    }
}

pub(super) fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}
