//! What a bus is to be, and why it cannot be.

use std::io;

use thiserror::Error;

use super::{BusName, HandleError};
use crate::layout::{ColorRange, Format, Geometry, PlanError, PlaneSpec};
use crate::system::{MEMORY, MORE_MEMORY, Permissions, RuntimeDirError};
use crate::trigger::ServerError;

/// What a bus is to be: [`ProducerOptions::new`], what is to be otherwise, then [`super::Producer::create`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ProducerOptions {
    /// Its name.
    pub bus: BusName,
    /// The size of the frames.
    pub geometry: Geometry,
    /// How many consumers can be attached at a time, 1 to [`crate::layout::MAX_CONSUMERS`].
    pub consumers: u8,
    /// Slots beyond consumers + 2: how far a reader of every frame may fall behind.
    pub history: u8,
    /// What images there are for every frame; gray alone, unless somebody says otherwise.
    pub planes: Vec<PlaneSpec>,
    /// Frames a second that the source announces.
    pub nominal_fps: Option<f64>,
    /// Mode bits of the segment and the named pipes.
    pub mode: u32,
    /// Their group.
    pub gid: Option<u32>,
    /// What is captured, as a person calls it.
    pub source: String,
    /// Whether it waits for consumers that take every frame: only [`crate::pump::feed`] knows how.
    pub(crate) lockstep: bool,
    /// Whether it waits until consumers are there.
    pub(crate) awaits: bool,
}

impl ProducerOptions {
    /// Who else may use it.
    pub(super) fn permissions(&self) -> Permissions {
        Permissions {
            mode: self.mode,
            gid: self.gid,
        }
    }

    /// A bus with the defaults: 4 consumers, no history, only for this user.
    #[must_use]
    pub fn new(bus: BusName, geometry: Geometry) -> ProducerOptions {
        ProducerOptions {
            bus,
            geometry,
            consumers: 4,
            history: 0,
            planes: vec![PlaneSpec::new(Format::GRAY8)],
            nominal_fps: None,
            mode: 0o600,
            gid: None,
            source: String::new(),
            lockstep: false,
            awaits: false,
        }
    }

    /// Whether what consumers say is read.
    pub(crate) const fn listens(&self) -> bool {
        self.lockstep || self.awaits
    }

    /// How many consumers can be attached at a time, 1 to [`crate::layout::MAX_CONSUMERS`].
    #[must_use]
    pub fn consumers(mut self, consumers: u8) -> ProducerOptions {
        self.consumers = consumers;
        self
    }

    /// Slots beyond consumers + 2: how far a reader of every frame may fall behind.
    #[must_use]
    pub fn history(mut self, history: u8) -> ProducerOptions {
        self.history = history;
        self
    }

    /// What images there are for every frame ([`PlaneSpec::list`] reads `gray,bgr,gray/4`).
    #[must_use]
    pub fn planes(mut self, planes: impl Into<Vec<PlaneSpec>>) -> ProducerOptions {
        self.planes = planes.into();
        self
    }

    /// Keeps one BGR image for all slots, as the seed's Table 2 has it for debugging: it is of the newest frame, or of one
    /// shortly before it, and a program may copy it, not hold it.
    #[must_use]
    pub fn bgr_image(mut self, bgr_image: bool) -> ProducerOptions {
        self.planes.retain(|plane| !plane.one_for_all);
        if bgr_image {
            self.planes
                .push(PlaneSpec::new(Format::BGR8).one_for_all(true));
        }
        self
    }

    /// Puts a BGR image into every slot: the same as another plane `bgr`.
    #[must_use]
    pub fn color(mut self, color: bool) -> ProducerOptions {
        let bgr = PlaneSpec::new(Format::BGR8);
        self.planes.retain(|plane| *plane != bgr);
        if color {
            self.planes.push(bgr);
        }
        self
    }

    /// Says that gray is luma from 16 to 235, for a source that does not stretch it; among the planes that are set before.
    #[must_use]
    pub fn limited_range(mut self, limited_range: bool) -> ProducerOptions {
        let range = if limited_range {
            ColorRange::Limited
        } else {
            ColorRange::Full
        };
        let gray = |plane: &&mut PlaneSpec| plane.format == Format::GRAY8;
        for plane in self.planes.iter_mut().filter(gray) {
            plane.range = range;
        }
        self
    }

    /// Frames a second that the source announces.
    #[must_use]
    pub fn nominal_fps(mut self, nominal_fps: impl Into<Option<f64>>) -> ProducerOptions {
        self.nominal_fps = nominal_fps.into();
        self
    }

    /// Mode bits of the segment and the named pipes.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> ProducerOptions {
        self.mode = mode;
        self
    }

    /// Their group.
    #[must_use]
    pub fn gid(mut self, gid: impl Into<Option<u32>>) -> ProducerOptions {
        self.gid = gid.into();
        self
    }

    /// What is captured, as a person calls it.
    #[must_use]
    pub fn source(mut self, source: impl Into<String>) -> ProducerOptions {
        self.source = source.into();
        self
    }
}

/// What the frames of a bus are: the part of [`ProducerOptions`] that a producer may change while it runs
/// ([`ProducerOptions::frames`] has them as they are).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct FrameOptions {
    /// The size of the frames.
    pub geometry: Geometry,
    /// Slots beyond consumers + 2.
    pub history: u8,
    /// What images there are for every frame; gray alone, unless somebody says otherwise.
    pub planes: Vec<PlaneSpec>,
    /// Frames a second that the source announces.
    pub nominal_fps: Option<f64>,
    /// What is captured, as a person calls it.
    pub source: String,
}

impl ProducerOptions {
    /// What the frames are.
    #[must_use]
    pub fn frames(&self) -> FrameOptions {
        FrameOptions {
            geometry: self.geometry,
            history: self.history,
            planes: self.planes.clone(),
            nominal_fps: self.nominal_fps,
            source: self.source.clone(),
        }
    }

    /// The same bus with other frames: its name, its consumers and who may use it stay.
    #[must_use]
    pub fn with_frames(&self, frames: FrameOptions) -> ProducerOptions {
        ProducerOptions {
            bus: self.bus.clone(),
            consumers: self.consumers,
            mode: self.mode,
            gid: self.gid,
            geometry: frames.geometry,
            history: frames.history,
            planes: frames.planes,
            nominal_fps: frames.nominal_fps,
            source: frames.source,
            lockstep: self.lockstep,
            awaits: self.awaits,
        }
    }
}

/// Why a bus cannot be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CreateError {
    /// It has a producer.
    #[error("bus {bus} already has a producer{}", .pid.map_or(String::new(), |pid| format!(" (pid {pid})")))]
    InUse {
        /// The bus.
        bus: BusName,
        /// The other producer, where its segment tells.
        pid: Option<u32>,
    },
    /// It has none, and somebody else holds its lock.
    #[error(
        "the named lock of bus {bus} is held by pid {holder}, which is no producer of it (that was pid {producer}, which is dead): end pid {holder}, or choose another name with --bus"
    )]
    LockTaken {
        /// The bus.
        bus: BusName,
        /// Who holds the lock.
        holder: u32,
        /// The producer that was.
        producer: u32,
    },
    /// It is another user's.
    #[error("bus {bus} belongs to user {uid}: choose another name with --bus")]
    Foreign {
        /// The bus.
        bus: BusName,
        /// That user.
        uid: u32,
    },
    /// A bus has not so many consumers or slots, or no such planes.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Shared memory is full.
    #[error(
        "bus {bus} needs {} of shared memory and {MEMORY} has {} free: use a smaller size or history, or {MORE_MEMORY}",
        crate::units::show_bytes(*.needed), crate::units::show_bytes(*.free)
    )]
    Full {
        /// The bus.
        bus: BusName,
        /// Bytes it needs.
        needed: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// This process may not have as many open files.
    #[error(
        "bus {bus} with {consumers} consumers needs {needed} open files and this process may have {limit}: raise the limit (ulimit -n {needed}, or LimitNOFILE={needed} in its unit), or ask for fewer consumers (--consumers)"
    )]
    Descriptors {
        /// The bus.
        bus: BusName,
        /// Consumers asked for.
        consumers: u8,
        /// Open files that it needs, the source's among them.
        needed: u64,
        /// Open files that it may have, at most.
        limit: u64,
    },
    /// The group cannot be given.
    #[error("bus {bus} cannot be given to group {gid}: {source}")]
    Group {
        /// The bus.
        bus: BusName,
        /// The group.
        gid: u32,
        /// The cause.
        source: io::Error,
    },
    /// There is no place for the named pipes.
    #[error(transparent)]
    RuntimeDir(#[from] RuntimeDirError),
    /// A named pipe cannot be made.
    #[error(transparent)]
    Pipe(#[from] ServerError),
    /// The producer that was to go on cannot be used any more.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// The system says no.
    #[error("bus {bus} cannot be made: {source}")]
    System {
        /// The bus.
        bus: BusName,
        /// The cause.
        source: io::Error,
    },
}

/// What a producer has done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProducerStats {
    /// Sequence of the newest frame.
    pub sequence: u64,
    /// Frames published in this generation.
    pub published: u64,
    /// Frames that came and were not published.
    pub dropped: u64,
    /// How many of those because every slot was leased.
    pub starved: u64,
    /// Frames that the source lost by itself, before anybody had them.
    pub source_dropped: u64,
}
