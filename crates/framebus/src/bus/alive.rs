//! Whether a bus has a producer, whatever names of it are gone.
//!
//! The named lock tells as long as its file has its name. A logout, an `rm`, or Python's `SharedMemory` may take names away
//! under a producer that lives; it puts them back (`names.rs`), and until then its process and its sockets tell.

use std::path::PathBuf;
use std::time::Duration;

use super::BusName;
use super::lock::BusLock;
use crate::layout::{SegmentState, read_text};
use crate::shm::{ObserverSegment, Regions};
use crate::sync::Ordering::{Acquire, Relaxed};
use crate::system::{Place, is_alive, object_owner, own_uid};

/// Where the named pipes of a bus are: where this process's environment has them, and where its segment says.
pub(super) fn places(bus: &BusName, segment: Option<&Regions>) -> Vec<Place> {
    let named = segment.map(|regions| PathBuf::from(read_text(&regions.header().pipes)));
    Place::all(bus, named.as_deref())
}

/// Whether the producer that a segment names is a process that lives, and has not ended the segment.
pub(super) fn names_live_producer(regions: &Regions) -> bool {
    let header = regions.header();
    let state = SegmentState::from_word(header.state.load(Acquire));
    let (pid, ticks) = (
        header.producer_pid.load(Relaxed),
        header.producer_start_ticks.load(Relaxed),
    );
    !matches!(state, Some(SegmentState::Ended | SegmentState::Retired)) && is_alive(pid, ticks)
}

/// Whether a bus has a producer although nobody holds the lock that its name means: a process that its segment names, or one
/// that has a socket of it open. Only this user's own names are believed.
pub(super) fn answers(bus: &BusName) -> bool {
    let own = object_owner(bus) == Some(own_uid());
    let segment = own.then(|| ObserverSegment::open(bus).ok()).flatten();
    let regions = segment.as_ref().map(ObserverSegment::regions);
    regions.is_some_and(names_live_producer) || places(bus, regions).iter().any(Place::answers)
}

/// A producer makes and replaces its segment within this time, unless it is stopped.
const BETWEEN_LOOKS: Duration = Duration::from_millis(30);

/// Whether a bus has a producer and its segment has no name: it was removed under it. Two looks, because a producer that
/// starts, ends or changes the size of its frames has none for a moment either.
#[must_use]
pub fn is_nameless(bus: &BusName) -> bool {
    let look = || {
        object_owner(bus).is_none()
            && (BusLock::is_held(bus).unwrap_or(false)
                || Place::own(bus).is_some_and(|place| place.answers()))
    };
    look() && {
        std::thread::sleep(BETWEEN_LOOKS);
        look()
    }
}
