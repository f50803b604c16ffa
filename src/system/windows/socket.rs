//! Waiting for a socket, which is no handle to wait for here, and for a thread's end.

use std::io;
use std::net::TcpStream;
use std::os::windows::io::AsHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use framebus::stop::{Stop, Waited};

/// How often a request to stop is looked for meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Waits until a socket can be read.
pub(crate) fn wait_readable(
    socket: &TcpStream,
    stop: &Stop,
    patience: Duration,
) -> io::Result<Waited> {
    wait(socket, PollFlags::IN, stop, patience)
}

/// Waits until a socket can be written.
pub(crate) fn wait_writable(
    socket: &TcpStream,
    stop: &Stop,
    patience: Duration,
) -> io::Result<Waited> {
    wait(socket, PollFlags::OUT, stop, patience)
}

fn wait(
    socket: &TcpStream,
    events: PollFlags,
    stop: &Stop,
    patience: Duration,
) -> io::Result<Waited> {
    let begun = Instant::now();
    loop {
        let left = patience.saturating_sub(begun.elapsed());
        let turn = Timespec::try_from(left.min(LOOK_EVERY)).map_err(io::Error::other)?;
        let seen = poll(&mut [PollFd::new(socket, events)], Some(&turn))?;
        if stop.is_set() {
            return Ok(Waited::Stopped);
        }
        if seen > 0 {
            return Ok(Waited::Ready);
        }
        if left.is_zero() {
            return Ok(Waited::TimedOut);
        }
    }
}

/// Sets what is waited for when it is dropped.
#[derive(Debug)]
pub(crate) struct Done(Stop);

impl Drop for Done {
    fn drop(&mut self) {
        self.0.set();
    }
}

/// Something to wait for, and what ends the wait when it is dropped.
pub(crate) fn sign() -> io::Result<(Stop, Done)> {
    let sign = Stop::new()?;
    let done = Done(sign.clone());
    Ok((sign, done))
}

/// Waits until the other half of a [`sign`] is dropped.
pub(crate) fn wait_for_sign(sign: &Stop, stop: &Stop, patience: Duration) -> io::Result<Waited> {
    stop.wait_handle(sign.as_handle(), Some(patience))
}
