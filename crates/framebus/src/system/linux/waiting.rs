//! A consumer's wait: one epoll set of the flag, the connection and the request to stop.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::bell::{Bell, Waker, timespec};
use super::line::Line;
use crate::system::kinds::Wake;

const EVENT: u64 = 1;
const CONNECTION: u64 = 2;
const STOP: u64 = 3;

/// Tells a trigger, the producer's death and a request to stop apart in one system call.
#[derive(Debug)]
pub(crate) struct Waiting {
    line: Line,
    /// Watched for as long as it is open.
    _waker: Option<Waker>,
    set: OwnedFd,
}

impl Waiting {
    /// `bytes`: a trigger is a byte of the connection, not the flag.
    pub(crate) fn new(
        line: Line,
        waker: Option<Waker>,
        bytes: bool,
        stop: &Bell,
    ) -> io::Result<Waiting> {
        let set = epoll::create(CreateFlags::CLOEXEC)?;
        if let Some(waker) = &waker {
            // Edge-triggered: every write is one wake-up, and nobody needs to read the counter.
            let data = EventData::new_u64(EVENT);
            epoll::add(&set, waker, data, EventFlags::IN | EventFlags::ET)?;
        }
        let reads = if bytes {
            EventFlags::IN
        } else {
            EventFlags::empty()
        };
        let data = EventData::new_u64(CONNECTION);
        epoll::add(&set, line.fd(), data, reads | EventFlags::RDHUP)?;
        epoll::add(&set, stop, EventData::new_u64(STOP), EventFlags::IN)?;
        Ok(Waiting {
            line,
            _waker: waker,
            set,
        })
    }

    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    /// Waits for at most `timeout`. `stopped` says whether a request to stop is there, where a signal ends the wait.
    pub(crate) fn wait(
        &self,
        stopped: impl Fn() -> bool,
        timeout: Option<Duration>,
    ) -> io::Result<Wake> {
        let timeout = timeout.map(timespec);
        let mut events = [const { std::mem::MaybeUninit::uninit() }; 3];
        let (events, _) = match epoll::wait(&self.set, &mut events, timeout.as_ref()) {
            Ok(events) => events,
            // A signal without a request to stop is as good as a trigger: the caller looks and waits again.
            Err(Errno::INTR) => {
                return Ok(if stopped() {
                    Wake::Stopped
                } else {
                    Wake::Trigger
                });
            }
            Err(error) => return Err(error.into()),
        };
        let mut wake = Wake::TimedOut;
        for event in events {
            // The structure is packed: its fields are copied out.
            let (token, flags) = (event.data.u64(), event.flags);
            match token {
                STOP => return Ok(Wake::Stopped),
                // A trigger that came with the hang-up is dealt with first: it may be the last frame.
                EVENT => wake = Wake::Trigger,
                _ if flags.contains(EventFlags::IN) && self.drain()? => wake = Wake::Trigger,
                _ if wake != Wake::Trigger => wake = Wake::HangUp,
                _ => {}
            }
        }
        Ok(wake)
    }

    /// Takes the trigger bytes that have queued; whether there were any.
    fn drain(&self) -> io::Result<bool> {
        let mut bytes = [0; 512];
        let mut any = false;
        loop {
            match recv(self.line.fd(), &mut bytes, RecvFlags::DONTWAIT) {
                Ok((0, _)) => return Ok(any),
                Ok((count, _)) => {
                    any = true;
                    if count < bytes.len() {
                        return Ok(true);
                    }
                }
                Err(Errno::AGAIN) => return Ok(any),
                Err(Errno::INTR) => {}
                Err(Errno::CONNRESET) => return Ok(any),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Whether the producer is gone, without waiting.
    pub(crate) fn has_hung_up(&self) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(self.line.fd(), PollFlags::RDHUP)];
        poll(&mut fds, Some(&timespec(Duration::ZERO))).unwrap_or(0) > 0
    }
}

impl AsFd for Waiting {
    /// Readable when a wait would return at once.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.set.as_fd()
    }
}
