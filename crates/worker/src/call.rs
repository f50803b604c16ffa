//! Calls that may never return, on threads of their own.

use std::io::{self, PipeReader};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use framebus::stop::{Stop, Waited};

/// A call on a thread of its own, so that waiting for it has an end even if the call has none.
///
/// GStreamer waits for ever for a pipeline that sends nothing. Such a thread is left alone; it ends with
/// the process, which must then end without C++'s own clearing up: see `framebus_tools::job::leave`.
pub(crate) struct Call<T> {
    result: Receiver<T>,
    /// Hangs up when the call has returned, so that it can be waited for together with a stop.
    returned: PipeReader,
    thread: JoinHandle<()>,
}

/// How a wait for a call ended.
pub(crate) enum Returned<T> {
    /// It has returned.
    Value(T),
    /// It has not returned yet: the call itself, to wait for it again.
    NotYet(Call<T>),
    /// Somebody asked to stop: the call itself.
    Stopped(Call<T>),
}

impl<T: Send + 'static> Call<T> {
    /// Starts a call.
    pub(crate) fn start(call: impl FnOnce() -> T + Send + 'static) -> io::Result<Call<T>> {
        let (returned, hang_up) = io::pipe()?;
        let (sender, result) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("capture".into())
            .spawn(move || {
                // Nobody may be waiting any more.
                let _ = sender.send(call());
                drop(hang_up);
            })?;
        Ok(Call {
            result,
            returned,
            thread,
        })
    }

    /// Waits until it has returned, for at most `timeout`, or until somebody asks to stop.
    pub(crate) fn wait(self, stop: &Stop, timeout: Duration) -> io::Result<Returned<T>> {
        match stop.wait_readable(self.returned.as_fd(), Some(timeout))? {
            Waited::Ready => {
                let value = self.result.recv().map_err(io::Error::other)?;
                // OpenCV clears up behind each of its threads; one that is still at it when the process ends finds that
                // gone which it clears up with.
                let _ = self.thread.join();
                Ok(Returned::Value(value))
            }
            Waited::TimedOut => Ok(Returned::NotYet(self)),
            Waited::Stopped => Ok(Returned::Stopped(self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_returns_gives_its_value() {
        let stop = Stop::new().expect("eventfd");
        let call = Call::start(|| 7).expect("thread");
        let returned = call.wait(&stop, Duration::from_secs(60)).expect("poll");
        assert!(matches!(returned, Returned::Value(7)));
    }

    #[test]
    fn a_call_that_does_not_return_can_be_waited_for_again_and_left_alone() {
        let stop = Stop::new().expect("eventfd");
        let (_sender, never) = sync_channel::<()>(0);
        let call = Call::start(move || never.recv().is_ok()).expect("thread");
        let returned = call.wait(&stop, Duration::from_millis(1)).expect("poll");
        let Returned::NotYet(call) = returned else {
            panic!("it cannot have returned")
        };
        stop.set();
        let returned = call.wait(&stop, Duration::from_secs(60)).expect("poll");
        assert!(matches!(returned, Returned::Stopped(_)));
    }
}
