//! Waiting for a trigger, in three ways with one contract.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown};

use super::client::Connection;
use super::protocol::RELEASED;
use crate::clock::monotonic_ns;
use crate::layout::TriggerKind;
use crate::shm::Home;
use crate::stop::Stop;
use crate::sync::{AtomicU64, Ordering};

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// A trigger came: there may be a new frame.
    Trigger,
    /// The producer is gone.
    HangUp,
    /// The time is over.
    TimedOut,
    /// Somebody asked to stop.
    Stopped,
}

const EVENT: u64 = 1;
const CONNECTION: u64 = 2;
const STOP: u64 = 3;

/// A consumer's way to wait. One set of descriptors tells a trigger, the producer's death and a request to stop apart in
/// one system call.
#[derive(Debug)]
pub(crate) struct Waiter {
    connection: Connection,
    set: OwnedFd,
    stop: Stop,
    home: Home,
}

/// How often a spinning consumer looks at its connection.
const SPINS: u32 = 4096;

impl Waiter {
    pub(crate) fn new(connection: Connection, stop: &Stop) -> io::Result<Waiter> {
        let set = epoll::create(CreateFlags::CLOEXEC)?;
        if let Some(event) = &connection.event {
            // Edge-triggered: every write is one wake-up, and nobody needs to read the counter.
            epoll::add(
                &set,
                event,
                EventData::new_u64(EVENT),
                EventFlags::IN | EventFlags::ET,
            )?;
        }
        let reads = if connection.kind == TriggerKind::Pipe {
            EventFlags::IN
        } else {
            EventFlags::empty()
        };
        epoll::add(
            &set,
            connection.fd(),
            EventData::new_u64(CONNECTION),
            reads | EventFlags::RDHUP,
        )?;
        epoll::add(&set, stop, EventData::new_u64(STOP), EventFlags::IN)?;
        Ok(Waiter {
            connection,
            set,
            stop: stop.clone(),
            home: Home::here(),
        })
    }

    /// The process that waits.
    pub(crate) fn home(&self) -> Home {
        self.home
    }

    /// How it waits.
    pub(crate) fn kind(&self) -> TriggerKind {
        self.connection.kind
    }

    /// Whether somebody asked to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_set()
    }

    /// One descriptor for an event loop: readable when a wait would return at once.
    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.set.as_fd()
    }

    /// Waits for a trigger for at most `timeout`. A spinning waiter returns when `latest` is not `seen` any more, and, a
    /// little later, when the segment is `retired`.
    pub(crate) fn wait(
        &self,
        latest: &AtomicU64,
        seen: u64,
        retired: impl Fn() -> bool,
        timeout: Option<Duration>,
    ) -> io::Result<Wake> {
        match self.kind() {
            TriggerKind::Eventfd | TriggerKind::Pipe => self.wait_for_event(timeout),
            TriggerKind::Spin => self.spin(latest, seen, retired, timeout),
        }
    }

    fn wait_for_event(&self, timeout: Option<Duration>) -> io::Result<Wake> {
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        });
        let mut events = [const { std::mem::MaybeUninit::uninit() }; 3];
        let (events, _) = match epoll::wait(&self.set, &mut events, timeout.as_ref()) {
            Ok(events) => events,
            // A signal without a request to stop is as good as a trigger: the caller looks and waits again.
            Err(rustix::io::Errno::INTR) => {
                return Ok(if self.stop.is_set() {
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

    /// Writes a byte to the producer, which waits for its consumers. A connection that is full has one in it already.
    pub(crate) fn tell(&self) {
        let _ = send(
            self.connection.fd(),
            &[RELEASED],
            SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
        );
    }

    /// Takes the trigger bytes that have queued; whether there were any.
    fn drain(&self) -> io::Result<bool> {
        let mut bytes = [0; 512];
        let mut any = false;
        loop {
            match recv(self.connection.fd(), &mut bytes, RecvFlags::DONTWAIT) {
                Ok((0, _)) => return Ok(any),
                Ok((count, _)) => {
                    any = true;
                    if count < bytes.len() {
                        return Ok(true);
                    }
                }
                Err(rustix::io::Errno::AGAIN) => return Ok(any),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::CONNRESET) => return Ok(any),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn spin(
        &self,
        latest: &AtomicU64,
        seen: u64,
        retired: impl Fn() -> bool,
        timeout: Option<Duration>,
    ) -> io::Result<Wake> {
        let deadline = timeout.map(|timeout| {
            monotonic_ns().saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX))
        });
        loop {
            for _ in 0..SPINS {
                if latest.load(Ordering::Acquire) != seen {
                    return Ok(Wake::Trigger);
                }
                std::hint::spin_loop();
            }
            if self.stop.is_set() {
                return Ok(Wake::Stopped);
            }
            if deadline.is_some_and(|deadline| monotonic_ns() >= deadline) {
                return Ok(Wake::TimedOut);
            }
            // Before `retired`: a segment that another producer has retired stays so.
            if self.has_hung_up() {
                return Ok(Wake::HangUp);
            }
            if retired() {
                return Ok(Wake::Trigger);
            }
        }
    }

    fn has_hung_up(&self) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(
            self.connection.fd(),
            PollFlags::RDHUP,
        )];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut fds, Some(&now)).unwrap_or(0) > 0
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        // A forked child may have a copy of the descriptor: closing this one alone would keep the index claimed. The
        // child's own end of it ends nothing.
        if self.home.is_here() {
            let _ = shutdown(self.connection.fd(), Shutdown::Both);
        }
    }
}
