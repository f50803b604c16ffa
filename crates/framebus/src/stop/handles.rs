//! Requests to stop beside handles.

use std::io;
use std::os::windows::io::{AsHandle, BorrowedHandle};
use std::time::Duration;

use super::{Stop, Waited};

impl Stop {
    /// Waits until `handle` is set (an event, a process that has ended, a console with input), for at most `timeout`, or until
    /// somebody asks to stop.
    ///
    /// # Errors
    /// Fails as `WaitForMultipleObjects` does.
    pub fn wait_handle(
        &self,
        handle: BorrowedHandle<'_>,
        timeout: Option<Duration>,
    ) -> io::Result<Waited> {
        let stopped = || self.is_set();
        self.bell().wait_for_handle(handle, stopped, timeout)
    }
}

impl AsHandle for Stop {
    fn as_handle(&self) -> BorrowedHandle<'_> {
        self.bell().as_handle()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_that_is_set_wins_over_the_time_and_a_request_over_both() {
        let (stop, other) = (Stop::new().expect("event"), Stop::new().expect("event"));
        let wait = |time| stop.wait_handle(other.as_handle(), time).expect("a wait");
        assert_eq!(wait(Some(Duration::ZERO)), Waited::TimedOut);
        other.set();
        assert_eq!(wait(None), Waited::Ready);
        stop.set();
        assert_eq!(wait(None), Waited::Stopped);
    }
}
