//! Why a consumer cannot be attached, in one sentence each.

use std::io;

use thiserror::Error;

use super::alive::is_nameless;
use super::lock::BusLock;
use super::{BusName, NoPlane};
use crate::layout::Malformed;
use crate::shm::OpenSegmentError;
use crate::system::{MEMORY, is_exhaustion, limit};

/// Why a consumer cannot be attached.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AttachError {
    /// There was no bus until the deadline.
    #[error("there is no bus {bus}: start one with 'framebus produce --bus {bus}'")]
    NoBus {
        /// The bus.
        bus: BusName,
    },
    /// It has a producer, and somebody has removed its segment, until the deadline.
    #[error(
        "bus {bus} has a producer{}, but its segment was removed from {MEMORY}: the producer makes it again with its next frame, or has to be restarted",
        .pid.map_or(String::new(), |pid| format!(" (pid {pid})"))
    )]
    Unlinked {
        /// The bus.
        bus: BusName,
        /// The producer, where it can be seen.
        pid: Option<u32>,
    },
    /// Its producer lives, and its named pipes are not where its segment says, until the deadline.
    #[error(
        "the producer of bus {bus} (pid {pid}) lives, but its named pipes are not in {path}: it makes them again, unless this process sees another directory there, as in a container"
    )]
    NoPipes {
        /// The bus.
        bus: BusName,
        /// The producer.
        pid: u32,
        /// Where they should be.
        path: String,
    },
    /// Its segment is there and its producer is not, until the deadline.
    #[error("the producer of bus {bus} (pid {pid}) has exited")]
    NoProducer {
        /// The bus.
        bus: BusName,
        /// The producer that was.
        pid: u32,
    },
    /// Its producer did not finish making it, or does not answer, until the deadline.
    #[error("the producer of bus {bus} does not answer (stopped?)")]
    Silent {
        /// The bus.
        bus: BusName,
    },
    /// Somebody else has the index.
    #[error("consumer {index} of bus {bus} is in use{}", .pid.map_or(String::new(), |pid| format!(" by pid {pid}")))]
    InUse {
        /// The bus.
        bus: BusName,
        /// The index.
        index: u8,
        /// That process, where it is known.
        pid: Option<u32>,
    },
    /// Every index is taken.
    #[error(
        "all {consumers} consumers of bus {bus} are in use: start its producer with more (--consumers)"
    )]
    AllInUse {
        /// The bus.
        bus: BusName,
        /// How many it has.
        consumers: u8,
    },
    /// There is no such index.
    #[error("bus {bus} has consumers 0 to {}, not {index}: start its producer with more (--consumers)", .consumers - 1)]
    OutOfRange {
        /// The bus.
        bus: BusName,
        /// The index.
        index: u8,
        /// How many it has.
        consumers: u8,
    },
    /// It has not the planes that this consumer needs.
    #[error(transparent)]
    NoPlane(#[from] NoPlane),
    /// The segment has another layout version.
    #[error("bus {bus} cannot be read: {malformed}")]
    Version {
        /// The bus.
        bus: BusName,
        /// Both versions.
        malformed: Malformed,
    },
    /// The segment is damaged or not framebus's.
    #[error("the segment of bus {bus} cannot be read: {malformed}")]
    Malformed {
        /// The bus.
        bus: BusName,
        /// What is wrong with it.
        malformed: Malformed,
    },
    /// The segment's owner is not its producer.
    #[error(
        "the segment of bus {bus} belongs to user {owner}, but names user {producer} as its producer: it is not trusted"
    )]
    Untrusted {
        /// The bus.
        bus: BusName,
        /// Owner of the object.
        owner: u32,
        /// What its header says.
        producer: u32,
    },
    /// This user may not.
    #[error(
        "no permission for {what} of bus {bus}: its producer's --mode and --group decide who may use it"
    )]
    Denied {
        /// The bus.
        bus: BusName,
        /// What may not be opened.
        what: String,
    },
    /// Its producer has no file descriptor for another consumer.
    #[error(
        "the producer of bus {bus} has no file descriptor left for consumer {index}: raise its limit (ulimit -n, or LimitNOFILE= in its unit)"
    )]
    Exhausted {
        /// The bus.
        bus: BusName,
        /// The index.
        index: u8,
    },
    /// This process has no file descriptor left.
    #[error(
        "bus {bus}: this process has no file descriptor left (at most {limit}): raise its limit (ulimit -n), or close some"
    )]
    Descriptors {
        /// The bus.
        bus: BusName,
        /// How many it may have.
        limit: u64,
    },
    /// Somebody asked to stop.
    #[error("stopped while waiting for bus {bus}")]
    Stopped {
        /// The bus.
        bus: BusName,
    },
    /// The system says no.
    #[error("bus {bus}: {source}")]
    System {
        /// The bus.
        bus: BusName,
        /// The cause.
        source: io::Error,
    },
}

impl AttachError {
    /// Turns why a segment cannot be opened into a sentence about a bus.
    pub(crate) fn from_open(bus: &BusName, error: OpenSegmentError) -> AttachError {
        let bus = bus.clone();
        match error {
            OpenSegmentError::Absent if is_nameless(&bus) => Self::Unlinked {
                pid: BusLock::holder(&bus),
                bus,
            },
            OpenSegmentError::Absent => Self::NoBus { bus },
            OpenSegmentError::Unfinished => Self::Silent { bus },
            OpenSegmentError::Malformed(malformed @ Malformed::Version { .. }) => {
                Self::Version { bus, malformed }
            }
            OpenSegmentError::Malformed(malformed) => Self::Malformed { bus, malformed },
            OpenSegmentError::System(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Self::Denied {
                    bus,
                    what: "the segment".to_owned(),
                }
            }
            OpenSegmentError::System(source) => Self::system(bus, source),
        }
    }

    /// What the system says no to.
    pub(super) fn system(bus: BusName, source: io::Error) -> AttachError {
        if is_exhaustion(&source) {
            let limit = limit();
            return Self::Descriptors { bus, limit };
        }
        Self::System { bus, source }
    }

    /// Whether waiting may help.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::NoBus { .. }
                | Self::Unlinked { .. }
                | Self::NoPipes { .. }
                | Self::NoProducer { .. }
                | Self::Silent { .. }
        )
    }
}
