//! Watches named pipes and their connections: a completion port, which is not limited to 64 handles.

use std::collections::HashMap;
use std::io;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use windows_sys::Win32::Foundation::WAIT_TIMEOUT;
use windows_sys::Win32::System::IO::GetQueuedCompletionStatus;

use super::clock::monotonic_ns;
use super::door::Door;
use super::line::{Inner, Line};
use super::port::{NO_PIPE, Port};
use crate::system::kinds::Event;

/// The most events of one wait; what is left over is there the next time.
const MOST: usize = 512;
/// How often somebody is listened to whose words do not matter, so that it keeps nobody busy.
const LISTEN_EVERY_NS: u64 = 100_000_000;

/// Sees who comes, who says something and who goes.
#[derive(Debug)]
pub(crate) struct Doorman {
    port: Arc<Port>,
    /// The connections that are watched, by key.
    lines: Mutex<HashMap<usize, Watched>>,
    listened_ns: AtomicU64,
    called: AtomicBool,
}

#[derive(Debug)]
struct Watched {
    line: Weak<Inner>,
    /// Whether only its end matters.
    is_quiet: bool,
}

impl Doorman {
    /// The token of [`Doorman::call`]'s event.
    pub(crate) const CALLED: u64 = u64::MAX;

    pub(crate) fn new() -> io::Result<Doorman> {
        Ok(Doorman {
            port: Arc::new(Port::new()?),
            lines: Mutex::default(),
            listened_ns: AtomicU64::new(0),
            called: AtomicBool::new(false),
        })
    }

    /// Ends the wait of another thread, and each one after it.
    pub(crate) fn call(&self) {
        self.called.store(true, Ordering::SeqCst);
        self.port.post(NO_PIPE);
    }

    /// Watches for who wants to come in.
    pub(crate) fn watch_door(&self, door: &Door, token: u64) -> io::Result<()> {
        door.open_to(&self.port, token)
    }

    /// Watches for what somebody says, and for its end.
    pub(crate) fn watch(&self, line: &Line, token: u64) -> io::Result<()> {
        let key = line.inner.key;
        self.port.tokens().insert(key, token);
        self.put(line, false);
        Ok(())
    }

    /// From now on watches only for its end: what it says keeps nobody busy.
    pub(crate) fn watch_end_only(&self, line: &Line, _token: u64) {
        self.put(line, true);
    }

    /// Watches it no more.
    pub(crate) fn forget(&self, line: &Line) {
        self.port.tokens().remove(&line.inner.key);
        self.lines().remove(&line.inner.key);
    }

    fn put(&self, line: &Line, is_quiet: bool) {
        let watched = Watched {
            line: Arc::downgrade(&line.inner),
            is_quiet,
        };
        self.lines().insert(line.inner.key, watched);
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<usize, Watched>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to read where that is not under way: a read is what tells of words and of an end.
    fn listen(&self) {
        let now_ns = monotonic_ns();
        let since_ns = now_ns.saturating_sub(self.listened_ns.load(Ordering::Relaxed));
        let is_time = since_ns >= LISTEN_EVERY_NS;
        if is_time {
            self.listened_ns.store(now_ns, Ordering::Relaxed);
        }
        self.lines().retain(|key, watched| {
            let Some(line) = watched.line.upgrade() else {
                return false;
            };
            if (is_time || !watched.is_quiet) && line.reading().read().is_err() {
                // It is gone: whoever looks finds out.
                self.port.post(*key);
            }
            true
        });
    }

    /// Waits until there is something to see, for at most `timeout`, and puts it into `seen`.
    pub(crate) fn wait(&self, seen: &mut Vec<Event>, timeout: Duration) -> io::Result<()> {
        seen.clear();
        self.listen();
        let mut millis = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX - 1);
        while seen.len() < MOST && !self.called.load(Ordering::SeqCst) {
            let (mut count, mut key, mut overlapped) = (0, 0, null_mut());
            // SAFETY: the port is open, the places are writable.
            let told = unsafe {
                GetQueuedCompletionStatus(
                    self.port.raw(),
                    &raw mut count,
                    &raw mut key,
                    &raw mut overlapped,
                    millis,
                )
            };
            if told == 0 && overlapped.is_null() {
                let error = io::Error::last_os_error();
                if error.raw_os_error() == Some(WAIT_TIMEOUT.cast_signed()) {
                    break;
                }
                return Err(error);
            }
            millis = 0;
            let token = self.port.tokens().get(&key).copied();
            seen.extend(token.map(|token| Event {
                token,
                // Whoever looks tells bytes from an end.
                readable: true,
                hung_up: false,
            }));
        }
        if self.called.load(Ordering::SeqCst) {
            seen.push(Event {
                token: Self::CALLED,
                readable: true,
                hung_up: false,
            });
        }
        Ok(())
    }
}
