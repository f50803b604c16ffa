//! Bare wake-ups, doing nothing else: what the bus is compared with.
//!
//! What an eventfd counts is the time of sending, so that nothing else has to be shared.

use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitCode;

use rustix::event::{EventfdFlags, eventfd};

use super::crew::{Hand, Log, Program, Role};
use super::wakes::Wakes;
use framebus::clock::monotonic_ns;

/// Added to an eventfd when it is over: no clock gets there, and no sum of times either.
const END: u64 = 1 << 62;

/// An eventfd for each consumer.
pub(super) struct Eventfds(Vec<OwnedFd>);

impl Eventfds {
    pub(super) fn start(program: &Program, consumers: u8) -> io::Result<(Eventfds, Vec<Hand>)> {
        let mut events = Vec::new();
        let mut crew = Vec::new();
        for _ in 0..consumers {
            let event = eventfd(0, EventfdFlags::CLOEXEC)?;
            events.push(event.try_clone()?);
            crew.push(Hand::start(program, Role::Eventfd, &[], event.into())?);
        }
        Ok((Eventfds(events), crew))
    }

    fn add(&self, value: u64) {
        for event in &self.0 {
            let _ = rustix::io::write(event, &value.to_ne_bytes());
        }
    }
}

impl Wakes for Eventfds {
    fn send(&mut self) {
        self.add(monotonic_ns());
    }

    fn end(self: Box<Self>) {
        self.add(END);
    }
}

/// Plays the role of a process that waits on an eventfd.
pub(super) fn play_eventfd() -> io::Result<ExitCode> {
    let event = io::stdin();
    let mut log = Log::ready()?;
    loop {
        let mut bytes = [0; 8];
        rustix::io::read(&event, &mut bytes)?;
        let value = u64::from_ne_bytes(bytes);
        if value >= END {
            return log.finish();
        }
        // The sum of two times that were sent before it looked is in the future: nobody asks for that one.
        log.push(value);
    }
}
