//! A request to stop, from a signal or from another thread, that every wait can listen to.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::clock::monotonic_ns;
pub use crate::system::Waited;
use crate::system::{self, Bell, Home};

#[cfg(unix)]
mod descriptors;
#[cfg(windows)]
mod handles;

/// A request to stop; clones share it.
///
/// Once set it stays set until [`Stop::clear`]. On Unix its descriptor stays readable as long (`Stop: AsFd`), on Windows its handle
/// stays set (`Stop: AsHandle`), so that it can be one of any event loop.
#[derive(Debug, Clone)]
pub struct Stop {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    bell: Bell,
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
        Ok(Stop {
            inner: Arc::new(Inner {
                bell: Bell::new()?,
                flag: Arc::default(),
                signal: Arc::default(),
                home: Home::here(),
            }),
        })
    }

    /// Makes a request that the system sets: on Linux SIGINT, SIGTERM and SIGHUP (SIGHUP not under `nohup`), on Windows Ctrl-C,
    /// Ctrl-Break and a console that is closed. One more ends the process at once with 128 + its number, unless it comes
    /// together with the first.
    ///
    /// # Errors
    /// Fails when a handler cannot be installed.
    pub fn on_signals() -> io::Result<Stop> {
        let stop = Stop::new()?;
        let asked = stop.clone();
        system::on_signals(&stop.inner.flag, &stop.inner.signal, move || asked.set())?;
        Ok(stop)
    }

    /// Asks to stop. In a forked child only the child: the descriptor is its parent's too.
    pub fn set(&self) {
        self.inner.flag.store(true, Ordering::SeqCst);
        if !self.inner.home.is_here() {
            return;
        }
        self.inner.bell.ring();
    }

    /// Takes the request back, for whoever goes on after it; returns whether there was one.
    pub fn clear(&self) -> bool {
        if self.inner.home.is_here() {
            self.inner.bell.clear();
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
            self.inner
                .bell
                .wait(Duration::from_nanos(deadline_ns - now));
        }
        true
    }

    /// Sleeps for `duration`; ends early, with `true`, when somebody asks to stop.
    #[must_use]
    pub fn sleep(&self, duration: Duration) -> bool {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.sleep_until(monotonic_ns().saturating_add(nanos))
    }

    /// Waits until a flag is set, for at most `timeout`, or until somebody asks to stop.
    pub(crate) fn wait_for(&self, other: &Bell, timeout: Option<Duration>) -> io::Result<Waited> {
        let stopped = || self.is_set();
        self.inner.bell.wait_for(other, stopped, timeout)
    }

    /// What is set as long as somebody asks to stop.
    pub(crate) fn bell(&self) -> &Bell {
        &self.inner.bell
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
}
