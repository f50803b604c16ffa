//! Whether a bus has a producer, whatever names of it are gone.
//!
//! The named lock tells as long as its file has its name. A logout, an `rm`, or Python's `SharedMemory` may take names away
//! under a producer that lives; it puts them back (`names.rs`), and until then its process and its sockets tell.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::geteuid;

use super::BusName;
use super::directory::{Directory, id_of};
use super::lock::BusLock;
use super::process::is_alive;
use super::runtime::runtime_dir;
use crate::layout::{SegmentState, read_text};
use crate::shm::{ObserverSegment, Regions, object_owner};
use crate::sync::Ordering::{Acquire, Relaxed};

/// The directory of a bus's named pipes, open, with what it is in.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    runtime: Directory,
    framebus: Directory,
    pub(super) pipes: Directory,
}

impl Place {
    /// Where this process's environment has the pipes of a bus.
    fn own(bus: &BusName) -> Option<Place> {
        let runtime = runtime_dir();
        Self::below(&runtime, Directory::open(&runtime).ok()?, bus)
    }

    /// Where a segment says that they are. That is anybody's word: only a directory that is this bus's by its name, and that
    /// no link leads to, is looked into.
    fn named(regions: &Regions, bus: &BusName) -> Option<Place> {
        let path = PathBuf::from(read_text(&regions.header().pipes));
        let runtime = path
            .ends_with(Path::new("framebus").join(bus.as_str()))
            .then(|| path.ancestors().nth(2))??;
        Self::below(runtime, Directory::walk(runtime).ok()?, bus)
    }

    fn below(path: &Path, runtime: Directory, bus: &BusName) -> Option<Place> {
        let framebus = runtime.child("framebus").ok()?;
        let pipes = framebus.child(bus.as_str()).ok()?;
        Some(Place {
            path: path.join("framebus").join(bus.as_str()),
            runtime,
            framebus,
            pipes,
        })
    }

    /// Both places, or the one, that are this user's.
    pub(super) fn all(bus: &BusName, segment: Option<&Regions>) -> Vec<Place> {
        let uid = geteuid().as_raw();
        let named = segment.and_then(|regions| Place::named(regions, bus));
        let mut seen = Vec::new();
        let places = Place::own(bus).into_iter().chain(named);
        places
            .filter(|place| {
                let Ok(metadata) = place.pipes.metadata() else {
                    return false;
                };
                let new = !seen.contains(&id_of(&metadata));
                seen.push(id_of(&metadata));
                new && std::os::unix::fs::MetadataExt::uid(&metadata) == uid
            })
            .collect()
    }

    /// Whether somebody has one of the sockets open.
    pub(super) fn answers(&self) -> bool {
        let uid = geteuid().as_raw();
        let pipes = self.pipes.pipes(uid);
        pipes.iter().any(|pipe| self.pipes.answers(pipe))
    }

    /// Removes the directory, and the one that it is in, where nobody else uses them.
    pub(super) fn clear(&self, bus: &BusName) {
        if self.framebus.remove_directory(bus.as_str()) {
            self.runtime.remove_directory("framebus");
        }
    }
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
    let own = object_owner(bus) == Some(geteuid().as_raw());
    let segment = own.then(|| ObserverSegment::open(bus).ok()).flatten();
    let regions = segment.as_ref().map(ObserverSegment::regions);
    regions.is_some_and(names_live_producer) || Place::all(bus, regions).iter().any(Place::answers)
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
