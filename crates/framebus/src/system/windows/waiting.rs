//! A consumer's wait: for the request to stop, the flag and the connection.

use std::io;
use std::os::windows::io::{AsHandle, OwnedHandle};
use std::time::Duration;

use windows_sys::Win32::Foundation::HANDLE;

use super::bell::{Bell, wait_any};
use super::clock::monotonic_ns;
use super::line::{Line, is_end};
use super::waker::Waker;
use crate::system::kinds::Wake;

/// Tells a trigger, the producer's death and a request to stop apart in one system call.
#[derive(Debug)]
pub(crate) struct Waiting {
    line: Line,
    waker: Option<Waker>,
    /// A trigger is a byte of the connection, not the flag.
    bytes: bool,
    /// Its own handle of the request to stop.
    stop: OwnedHandle,
}

/// What the connection has.
enum Said {
    Nothing,
    Bytes,
    End,
}

impl Waiting {
    pub(crate) fn new(
        line: Line,
        waker: Option<Waker>,
        bytes: bool,
        stop: &Bell,
    ) -> io::Result<Waiting> {
        Ok(Waiting {
            line,
            waker,
            bytes,
            stop: stop.as_handle().try_clone_to_owned()?,
        })
    }

    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    /// Waits for at most `timeout`.
    pub(crate) fn wait(
        &self,
        _stopped: impl Fn() -> bool,
        timeout: Option<Duration>,
    ) -> io::Result<Wake> {
        let until_ns = timeout.map(|timeout| {
            let nanos = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
            monotonic_ns().saturating_add(nanos)
        });
        loop {
            // Looked at before the flag: a trigger that came before the end is the last frame's.
            let ended = match self.listen()? {
                Said::Bytes if self.bytes => return Ok(Wake::Trigger),
                // Triggers from before it had a flag.
                Said::Bytes => continue,
                Said::End => true,
                Said::Nothing => false,
            };
            let connection = self.line.reading().event();
            let mut handles = [raw(&self.stop), connection, connection];
            let mut count = 2;
            if let Some(waker) = &self.waker {
                handles = [raw(&self.stop), waker.raw(), connection];
                count = 3;
            }
            if ended {
                count -= 1;
            }
            let left = match until_ns {
                _ if ended => Some(Duration::ZERO),
                Some(until_ns) => Some(Duration::from_nanos(
                    until_ns.saturating_sub(monotonic_ns()),
                )),
                None => None,
            };
            match wait_any(&handles[..count], left)? {
                Some(0) => return Ok(Wake::Stopped),
                Some(1) if self.waker.is_some() => return Ok(Wake::Trigger),
                // The connection: the next look tells.
                Some(_) => {}
                None if ended => return Ok(Wake::HangUp),
                None if until_ns.is_none_or(|until_ns| monotonic_ns() < until_ns) => {}
                None => return Ok(Wake::TimedOut),
            }
        }
    }

    /// Looks at the connection, and takes what has queued there.
    fn listen(&self) -> io::Result<Said> {
        let mut reading = self.line.reading();
        let mut any = false;
        let mut bytes = [0; 64];
        loop {
            if reading.is_pending() {
                match reading.finish_read() {
                    None => break,
                    Some(Err(error)) if is_end(&error) => return Ok(end(any)),
                    Some(result) => _ = result?,
                }
            }
            while reading.take(&mut bytes) > 0 {
                any = true;
            }
            match reading.read() {
                Err(error) if is_end(&error) => return Ok(end(any)),
                begun => begun?,
            }
        }
        Ok(if any { Said::Bytes } else { Said::Nothing })
    }

    /// Whether the producer is gone, without waiting.
    pub(crate) fn has_hung_up(&self) -> bool {
        !matches!(self.listen(), Ok(Said::Nothing | Said::Bytes))
    }
}

/// What an end is behind some bytes.
fn end(any: bool) -> Said {
    if any { Said::Bytes } else { Said::End }
}

fn raw(handle: &OwnedHandle) -> HANDLE {
    std::os::windows::io::AsRawHandle::as_raw_handle(handle)
}
