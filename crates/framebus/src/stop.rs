//! A request to stop, from a signal or from another thread, that every wait can listen to.

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::low_level::{exit, pipe};

use crate::clock::monotonic_ns;
use crate::shm::Home;

/// Signals so close to the first are the same request: `timeout` and a terminal's Ctrl-C under a wrapper send one to the
/// process and one to its group.
const TOGETHER_NS: u64 = 250_000_000;

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// The descriptor is ready.
    Ready,
    /// The time is over.
    TimedOut,
    /// Somebody asked to stop.
    Stopped,
}

/// A request to stop; clones share it.
///
/// Once set it stays set until [`Stop::clear`], and [`Stop::as_fd`] stays readable, so that it can be one descriptor of any event loop.
#[derive(Debug, Clone)]
pub struct Stop {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    readable: OwnedFd,
    flag: Arc<AtomicBool>,
    signal: Arc<AtomicUsize>,
    home: Home,
}

impl Stop {
    /// Makes a request that nobody has made yet.
    ///
    /// # Errors
    /// Fails when the process has no descriptor left.
    pub fn new() -> io::Result<Stop> {
        let readable = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Stop {
            inner: Arc::new(Inner {
                readable,
                flag: Arc::default(),
                signal: Arc::default(),
                home: Home::here(),
            }),
        })
    }

    /// Makes a request that SIGINT, SIGTERM and SIGHUP set (SIGHUP not under `nohup`). One more signal ends the process at
    /// once with 128 + its number, unless it comes together with the first.
    ///
    /// # Errors
    /// Fails when a handler cannot be installed.
    pub fn on_signals() -> io::Result<Stop> {
        let stop = Stop::new()?;
        // An eventfd counts 8-byte writes; the handlers write one byte, so they get a pipe, and a thread passes it on.
        let (read, write) = std::io::pipe()?;
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            if signal == SIGHUP && is_ignored(signal) {
                continue;
            }
            flag::register(signal, Arc::clone(&stop.inner.flag))?;
            flag::register_usize(
                signal,
                Arc::clone(&stop.inner.signal),
                usize::try_from(signal).unwrap_or(0),
            )?;
            pipe::register(signal, write.try_clone()?)?;
        }
        let waker = stop.clone();
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || waker.pass_on(read))?;
        Ok(stop)
    }

    /// Passes signals on, a byte each.
    fn pass_on(&self, mut signals: io::PipeReader) {
        if signals.read_exact(&mut [0]).is_err() {
            return;
        }
        self.set();
        let first_ns = monotonic_ns();
        while signals.read_exact(&mut [0]).is_ok() {
            if monotonic_ns() - first_ns > TOGETHER_NS {
                exit(128 + self.signal().unwrap_or(SIGINT));
            }
        }
    }

    /// Asks to stop. In a forked child only the child: the descriptor is its parent's too.
    pub fn set(&self) {
        self.inner.flag.store(true, Ordering::SeqCst);
        if !self.inner.home.is_here() {
            return;
        }
        // A full counter is as readable as one more: nothing to handle.
        let _ = rustix::io::write(&self.inner.readable, &1u64.to_ne_bytes());
    }

    /// Takes the request back, for whoever goes on after it; returns whether there was one.
    pub fn clear(&self) -> bool {
        let mut count = [0; 8];
        if self.inner.home.is_here() {
            // Nothing to read is as good.
            let _ = rustix::io::read(&self.inner.readable, &mut count);
        }
        self.inner.flag.swap(false, Ordering::SeqCst)
    }

    /// Returns whether somebody asked to stop.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.inner.flag.load(Ordering::SeqCst)
    }

    /// Returns the number of the signal that asked to stop, if one did.
    #[must_use]
    pub fn signal(&self) -> Option<i32> {
        match self.inner.signal.load(Ordering::SeqCst) {
            0 => None,
            signal => i32::try_from(signal).ok(),
        }
    }

    /// Sleeps until `deadline_ns` ([`monotonic_ns`]); ends early, with `true`, when somebody asks to stop.
    #[must_use]
    pub fn sleep_until(&self, deadline_ns: u64) -> bool {
        while !self.is_set() {
            let now = monotonic_ns();
            if now >= deadline_ns {
                return false;
            }
            let timeout = timespec(Duration::from_nanos(deadline_ns - now));
            let mut fds = [PollFd::new(&self.inner.readable, PollFlags::IN)];
            let _ = poll(&mut fds, Some(&timeout));
        }
        true
    }

    /// Sleeps for `duration`; ends early, with `true`, when somebody asks to stop.
    #[must_use]
    pub fn sleep(&self, duration: Duration) -> bool {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.sleep_until(monotonic_ns().saturating_add(nanos))
    }

    /// Waits until `fd` can be read (a hang-up counts as readable), for at most `timeout`, or until somebody asks to stop.
    ///
    /// # Errors
    /// Fails as `poll` does.
    pub fn wait_readable(
        &self,
        fd: BorrowedFd<'_>,
        timeout: Option<Duration>,
    ) -> io::Result<Waited> {
        self.wait_for(fd, PollFlags::IN, timeout)
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
        self.wait_for(fd, PollFlags::OUT, timeout)
    }

    fn wait_for(
        &self,
        fd: BorrowedFd<'_>,
        events: PollFlags,
        timeout: Option<Duration>,
    ) -> io::Result<Waited> {
        let timeout = timeout.map(timespec);
        let mut fds = [
            PollFd::from_borrowed_fd(self.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(fd, events),
        ];
        loop {
            match poll(&mut fds, timeout.as_ref()) {
                Ok(_) if self.is_set() => return Ok(Waited::Stopped),
                Ok(0) => return Ok(Waited::TimedOut),
                Ok(_) => return Ok(Waited::Ready),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl AsFd for Stop {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.readable.as_fd()
    }
}

/// Whether the process was started with a signal ignored, as `nohup` does.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_ends_when_somebody_asks_to_stop() {
        let stop = Stop::new().expect("eventfd");
        let other = stop.clone();
        let thread = std::thread::spawn(move || other.set());
        assert!(stop.sleep(Duration::from_secs(3600)));
        assert!(stop.is_set());
        thread.join().expect("thread");
    }

    #[test]
    fn a_sleep_that_nobody_ends_says_so() {
        let stop = Stop::new().expect("eventfd");
        assert!(!stop.sleep(Duration::from_millis(1)));
        assert_eq!(stop.signal(), None);
    }

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
