//! Attaching to a bus: a state machine with a deadline.

use std::path::PathBuf;
use std::time::Duration;

use super::alive::names_live_producer;
use super::attach_error::AttachError;
use super::lock::BusLock;
use super::{BusName, NoPlane};
use crate::clock::monotonic_ns;
use crate::layout::{ClaimState, Layout, PlaneSpec, SegmentState, TriggerKind, read_text};
use crate::shm::{ConsumerSegment, ObserverSegment, Regions};
use crate::stop::Stop;
use crate::sync::Ordering::{Acquire, Relaxed};
use crate::system::{pipe_path, pipes_dir, runtime_dir};
use crate::trigger::{ConnectError, Connection, connect};

/// Which consumer index to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum IndexChoice {
    /// This one.
    Index(u8),
    /// The first that is free.
    Any,
}

impl From<u8> for IndexChoice {
    fn from(index: u8) -> IndexChoice {
        IndexChoice::Index(index)
    }
}

/// How long to wait between two looks at a bus that is not there.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long a producer may take to answer a hello; the deadline of the whole may be longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// What it is given also by who looks only once.
const ANSWER_AT_LEAST: Duration = Duration::from_millis(250);

/// What is to be attached.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) bus: &'a BusName,
    pub(super) index: IndexChoice,
    pub(super) trigger: TriggerKind,
    pub(super) needs: &'a [PlaneSpec],
    /// `None`: for as long as it takes.
    pub(super) timeout: Option<Duration>,
    pub(super) stop: &'a Stop,
}

impl Wanted<'_> {
    /// Waits until the bus is there, claims an index, and maps the segment.
    pub(super) fn attach(
        &self,
        mut waiting: impl FnMut(&AttachError),
    ) -> Result<(ConsumerSegment, Connection), AttachError> {
        let deadline = self.timeout.map(|timeout| {
            monotonic_ns().saturating_add(u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX))
        });
        loop {
            let error = match self.try_attach() {
                Ok(attached) => return Ok(attached),
                Err(error) if !error.is_passing() => return Err(error),
                Err(error) => error,
            };
            if deadline.is_some_and(|deadline| monotonic_ns() >= deadline) {
                return Err(error);
            }
            waiting(&error);
            if self.stop.sleep(LOOK_EVERY) {
                return Err(AttachError::Stopped {
                    bus: self.bus.clone(),
                });
            }
        }
    }

    fn try_attach(&self) -> Result<(ConsumerSegment, Connection), AttachError> {
        let refuse = |error| AttachError::from_open(self.bus, error);
        let view = ObserverSegment::open(self.bus).map_err(refuse)?;
        let header = view.regions().header();
        check_owner(
            self.bus,
            view.owner_uid(),
            header.producer_uid.load(Relaxed),
        )?;
        if SegmentState::from_word(header.state.load(Acquire)) == Some(SegmentState::Ended) {
            return Err(AttachError::NoBus {
                bus: self.bus.clone(),
            });
        }
        let layout = *view.regions().layout();
        let connection = match self.index {
            IndexChoice::Index(index) if index >= layout.consumers => {
                return Err(AttachError::OutOfRange {
                    bus: self.bus.clone(),
                    index,
                    consumers: layout.consumers,
                });
            }
            IndexChoice::Index(index) => (index, self.claim(&view, index)?),
            IndexChoice::Any => self.claim_any(&view, &layout)?,
        };
        let (index, connection) = connection;
        // The claim is ours; the segment that goes with it may be newer than the one that was looked at.
        let segment = ConsumerSegment::open(self.bus, index).map_err(refuse)?;
        check_owner(
            self.bus,
            segment.owner_uid(),
            segment.regions().header().producer_uid.load(Relaxed),
        )?;
        // The producer that was looked at has died since, and the segment is another's: so is the claim on it.
        if producer_of(segment.regions()) != producer_of(view.regions()) {
            return Err(AttachError::NoProducer {
                bus: self.bus.clone(),
                pid: header.producer_pid.load(Relaxed),
            });
        }
        NoPlane::check(self.bus, segment.regions().layout(), self.needs)?;
        Ok((segment, connection))
    }

    fn claim_any(
        &self,
        view: &ObserverSegment,
        layout: &Layout,
    ) -> Result<(u8, Connection), AttachError> {
        let connected = |index: &u8| {
            ClaimState::from_word(view.regions().claim(*index).state.load(Acquire))
                == ClaimState::Connected
        };
        // Those that look free first; but a dead producer's segment still says who was connected, so the others too.
        let (taken, free): (Vec<u8>, Vec<u8>) = (0..layout.consumers).partition(connected);
        for index in free.into_iter().chain(taken) {
            match self.claim(view, index) {
                Ok(connection) => return Ok((index, connection)),
                Err(AttachError::InUse { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(AttachError::AllInUse {
            bus: self.bus.clone(),
            consumers: layout.consumers,
        })
    }

    /// Claims one index by connecting to its pipe.
    fn claim(&self, view: &ObserverSegment, index: u8) -> Result<Connection, AttachError> {
        let header = view.regions().header();
        let named = PathBuf::from(read_text(&header.pipes));
        // In a container the directory may be mounted elsewhere: then this process's own runtime directory has it. One
        // that may not be looked into is there all the same.
        let own = pipes_dir(&runtime_dir(), self.bus);
        let directory = if named.is_absolute() && named.try_exists().unwrap_or(true) {
            named
        } else {
            own
        };
        let path = pipe_path(&directory, index);
        let bus = self.bus.clone();
        let timeout = self.timeout.map_or(ANSWER_WITHIN, |timeout| {
            timeout.clamp(ANSWER_AT_LEAST, ANSWER_WITHIN)
        });
        connect(&path, self.trigger, timeout, self.stop).map_err(|error| match error {
            ConnectError::Nobody if lives(&bus, view) => AttachError::NoPipes {
                bus,
                pid: header.producer_pid.load(Relaxed),
                path: directory.display().to_string(),
            },
            ConnectError::Nobody => AttachError::NoProducer {
                bus,
                pid: header.producer_pid.load(Relaxed),
            },
            ConnectError::InUse { pid } => AttachError::InUse {
                bus,
                index,
                pid: (pid != 0).then_some(pid),
            },
            ConnectError::Denied => AttachError::Denied {
                bus,
                what: format!("the named pipe {}", path.display()),
            },
            ConnectError::Silent => AttachError::Silent { bus },
            ConnectError::Stopped => AttachError::Stopped { bus },
            ConnectError::Exhausted => AttachError::Exhausted { bus, index },
            ConnectError::System(source) => AttachError::system(bus, source),
        })
    }
}

/// Whether a producer that nobody can connect to lives all the same.
fn lives(bus: &BusName, view: &ObserverSegment) -> bool {
    names_live_producer(view.regions()) || BusLock::is_held(bus).unwrap_or(false)
}

/// Which process writes a segment: its pid, which in a container is often the same again, and its start time.
pub(super) fn producer_of(regions: &Regions) -> (u32, u64) {
    let header = regions.header();
    (
        header.producer_pid.load(Relaxed),
        header.producer_start_ticks.load(Relaxed),
    )
}

/// A segment that somebody else has put under the name is not a bus.
fn check_owner(bus: &BusName, owner: u32, producer: u32) -> Result<(), AttachError> {
    if owner == producer {
        return Ok(());
    }
    Err(AttachError::Untrusted {
        bus: bus.clone(),
        owner,
        producer,
    })
}
