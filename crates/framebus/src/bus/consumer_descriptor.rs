//! A consumer in an event loop.

use std::os::fd::{AsFd, BorrowedFd};

use super::Consumer;

impl Consumer {
    /// One descriptor for an event loop: readable when [`Consumer::wait`] would return at once.
    #[must_use]
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.attachment.waiter.waiting().as_fd()
    }
}
