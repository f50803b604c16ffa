//! Waiting for a trigger, in three ways with one contract.

use std::io;
use std::time::Duration;

use super::client::Connection;
use super::protocol::RELEASED;
use crate::clock::monotonic_ns;
use crate::layout::TriggerKind;
use crate::stop::Stop;
use crate::sync::{AtomicU64, Ordering};
use crate::system::{Home, Waiting, Wake};

/// A consumer's way to wait.
#[derive(Debug)]
pub(crate) struct Waiter {
    waiting: Waiting,
    kind: TriggerKind,
    stop: Stop,
    home: Home,
}

/// How often a spinning consumer looks at its connection.
const SPINS: u32 = 4096;

impl Waiter {
    pub(crate) fn new(connection: Connection, stop: &Stop) -> io::Result<Waiter> {
        let Connection { line, waker, kind } = connection;
        let bytes = kind == TriggerKind::Pipe;
        Ok(Waiter {
            waiting: Waiting::new(line, waker, bytes, stop.bell())?,
            kind,
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
        self.kind
    }

    /// Whether somebody asked to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_set()
    }

    /// What it waits with.
    #[allow(dead_code, reason = "only Unix has one descriptor for it")]
    pub(crate) fn waiting(&self) -> &Waiting {
        &self.waiting
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
            TriggerKind::Eventfd | TriggerKind::Pipe => {
                self.waiting.wait(|| self.is_stopped(), timeout)
            }
            TriggerKind::Spin => self.spin(latest, seen, retired, timeout),
        }
    }

    /// Writes a byte to the producer, which waits for its consumers. A connection that is full has one in it already.
    pub(crate) fn tell(&self) {
        let _ = self.waiting.line().send(&[RELEASED]);
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
            if self.waiting.has_hung_up() {
                return Ok(Wake::HangUp);
            }
            if retired() {
                return Ok(Wake::Trigger);
            }
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        // A forked child may have a copy of the descriptor: closing this one alone would keep the index claimed. The
        // child's own end of it ends nothing.
        if self.home.is_here() {
            self.waiting.line().hang_up();
        }
    }
}
