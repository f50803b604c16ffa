//! Watches named pipes and their connections: epoll.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};

use super::bell::{Bell, timespec};
use super::door::Door;
use super::line::Line;
use crate::system::kinds::Event;

/// Sees who comes, who says something and who goes.
#[derive(Debug)]
pub(crate) struct Doorman {
    epoll: OwnedFd,
    /// Ends a wait.
    call: Bell,
}

impl Doorman {
    /// The token of [`Doorman::call`]'s event.
    pub(crate) const CALLED: u64 = u64::MAX;

    pub(crate) fn new() -> io::Result<Doorman> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let call = Bell::new()?;
        let data = EventData::new_u64(Self::CALLED);
        epoll::add(&epoll, &call, data, EventFlags::IN)?;
        Ok(Doorman { epoll, call })
    }

    /// Ends the wait of another thread, and each one after it.
    pub(crate) fn call(&self) {
        self.call.ring();
    }

    /// Watches for who wants to come in.
    pub(crate) fn watch_door(&self, door: &Door, token: u64) -> io::Result<()> {
        let data = EventData::new_u64(token);
        Ok(epoll::add(&self.epoll, door.fd(), data, EventFlags::IN)?)
    }

    /// Watches for what somebody says, and for its end.
    pub(crate) fn watch(&self, line: &Line, token: u64) -> io::Result<()> {
        let data = EventData::new_u64(token);
        let interest = EventFlags::IN | EventFlags::RDHUP;
        Ok(epoll::add(&self.epoll, line.fd(), data, interest)?)
    }

    /// From now on watches only for its end: what it says keeps nobody busy.
    pub(crate) fn watch_end_only(&self, line: &Line, token: u64) {
        let data = EventData::new_u64(token);
        let _ = epoll::modify(&self.epoll, line.fd(), data, EventFlags::empty());
    }

    /// Watches it no more.
    pub(crate) fn forget(&self, line: &Line) {
        let _ = epoll::delete(&self.epoll, line.fd());
    }

    /// Waits until there is something to see, for at most `timeout`, and puts it into `seen`.
    pub(crate) fn wait(&self, seen: &mut Vec<Event>, timeout: Duration) -> io::Result<()> {
        seen.clear();
        // As many as can be ready at once with 250 consumers; what is left over is there the next time.
        let mut events = [const { std::mem::MaybeUninit::uninit() }; 512];
        match epoll::wait(&self.epoll, &mut events, Some(&timespec(timeout))) {
            Ok((events, _)) => {
                // The structure is packed: its fields are copied out.
                seen.extend(events.iter().map(|event| {
                    let (data, flags) = (event.data, event.flags);
                    Event {
                        token: data.u64(),
                        readable: flags.contains(EventFlags::IN),
                        hung_up: flags.intersects(EventFlags::HUP | EventFlags::ERR),
                    }
                }));
                Ok(())
            }
            Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
