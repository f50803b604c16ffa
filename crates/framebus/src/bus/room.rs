//! A producer that waits for its consumers: until they are there, and in lockstep until they have room for the next frame.
//!
//! It sleeps on an eventfd that the control thread writes when a consumer has said something or is gone. It takes no lock and
//! writes to no pipe.

use std::io;
use std::time::Duration;

use super::lockstep::{Goal, Lockstep, Room, RoomWords};
use super::producer::Producer;
use crate::clock::monotonic_ns;
use crate::layout::{RecordState, read_text};
use crate::lease::begin_waiting;
use crate::shm::OwnedSegment;
use crate::stop::{Stop, Waited};
use crate::sync::Ordering::{Acquire, Relaxed};
use crate::sync::bump;
use crate::trigger::TriggerServer;

impl Producer {
    /// In lockstep, waits until there is room for the next frame, or everybody has taken the newest one: for nobody longer
    /// than `limit` without seeing it take or release a frame, and not beyond `until_ns`. Elsewhere there is always room.
    pub(crate) fn wait_for_room(
        &mut self,
        goal: Goal,
        limit: Duration,
        until_ns: u64,
        stop: &Stop,
    ) -> io::Result<Room> {
        let Some(lockstep) = self
            .lockstep
            .as_mut()
            .filter(|_| self.held.home().is_here())
        else {
            return Ok(Room::Ready);
        };
        let regions = self.held.segment.regions();
        let (book, newest) = (&mut self.book, self.sequence);
        if lockstep.look(regions, book, goal, newest).is_none() {
            return Ok(Room::Ready);
        }
        let header = regions.header();
        let server = &self.held.server;
        let words = RoomWords { regions, lockstep };
        begin_waiting(&words);
        let room = loop {
            server.clear_told();
            let Some(index) = lockstep.look(regions, book, goal, newest) else {
                break Ok(Room::Ready);
            };
            let now_ns = monotonic_ns();
            let progress = lockstep.progress(regions, index);
            let since_ns = lockstep.since_ns(progress, now_ns);
            let too_long_ns = since_ns.saturating_add(nanos(limit));
            if now_ns >= too_long_ns {
                break Ok(Room::LeftOut(lockstep.leave_out(regions, progress)));
            }
            if now_ns >= until_ns {
                break Ok(Room::TimedOut);
            }
            header.waiting_for.store(u32::from(index) + 1, Relaxed);
            let waited = server.wait_until_told(too_long_ns.min(until_ns), stop);
            let slept_ns = monotonic_ns().saturating_sub(now_ns);
            bump(&header.waited_ns, slept_ns);
            bump(&regions.claim(index).waited_ns, slept_ns);
            match waited {
                Ok(Waited::Stopped) => break Ok(Room::Stopped),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
        };
        header.waiting.store(0, Relaxed);
        header.waiting_for.store(0, Relaxed);
        room
    }

    /// Waits until `enough` says of the names of the consumers that are attached that they are; not beyond `until_ns`.
    pub(crate) fn wait_for_consumers(
        &self,
        mut enough: impl FnMut(&[String]) -> bool,
        until_ns: u64,
        stop: &Stop,
    ) -> io::Result<Room> {
        let regions = self.held.segment.regions();
        let (header, server) = (regions.header(), &self.held.server);
        let nobody = Lockstep::default();
        begin_waiting(&RoomWords {
            regions,
            lockstep: &nobody,
        });
        let room = loop {
            server.clear_told();
            if enough(&attached(&self.held.segment)) {
                break Ok(Room::Ready);
            }
            if monotonic_ns() >= until_ns {
                break Ok(Room::TimedOut);
            }
            match server.wait_until_told(until_ns, stop) {
                Ok(Waited::Stopped) => break Ok(Room::Stopped),
                Ok(_) => {}
                Err(error) => break Err(error),
            }
        };
        header.waiting.store(0, Relaxed);
        room
    }
}

fn attached(segment: &OwnedSegment) -> Vec<String> {
    let regions = segment.regions();
    (0..regions.layout().consumers)
        .map(|index| regions.record(index))
        .filter(|record| record.state.load(Acquire) == RecordState::ATTACHED)
        .map(|record| read_text(&record.name))
        .collect()
}

fn nanos(limit: Duration) -> u64 {
    u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX)
}

impl TriggerServer {
    /// Waits until a consumer has said something or is gone; not beyond `until_ns`.
    fn wait_until_told(&self, until_ns: u64, stop: &Stop) -> io::Result<Waited> {
        let left = Duration::from_nanos(until_ns.saturating_sub(monotonic_ns()));
        match self.told() {
            Some(told) => stop.wait_for(told, Some(left)),
            None => Ok(match stop.sleep(left) {
                true => Waited::Stopped,
                false => Waited::TimedOut,
            }),
        }
    }
}
