//! For how long a source feeds a bus, and why it cannot go on.

use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::bus::{BusName, CreateError, HandleError};
use crate::source::SourceError;

/// For how long [`super::feed`] goes on, and how fast: [`FeedOptions::default`] has no end and no pace of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct FeedOptions {
    /// The pace at which frames are asked for, in frames a second; `None` takes them as the source gives them.
    pub fps: Option<f64>,
    /// How often an image that all slots share is renewed, in frames a second; `None` is with every frame.
    pub shared_fps: Option<f64>,
    /// End after this many frames.
    pub count: Option<u64>,
    /// End after this time, from the moment that frames are asked for.
    pub duration: Option<Duration>,
    /// Lockstep: publish a frame only when every consumer that takes every frame has room for it, so that it misses none
    /// however slow it is. One that neither takes nor releases a frame for this long is left out. Only for a source that can
    /// wait.
    pub lockstep: Option<Duration>,
    /// Ask for no frame before [`super::Feeder::enough`] says that those consumers are there which it wants; for at most
    /// this long.
    pub consumers_within: Option<Duration>,
}

impl FeedOptions {
    /// The pace at which frames are asked for, in frames a second.
    #[must_use]
    pub fn fps(mut self, fps: impl Into<Option<f64>>) -> FeedOptions {
        self.fps = fps.into();
        self
    }

    /// How often an image that all slots share is renewed, in frames a second.
    #[must_use]
    pub fn shared_fps(mut self, fps: impl Into<Option<f64>>) -> FeedOptions {
        self.shared_fps = fps.into();
        self
    }

    /// Ends after this many frames.
    #[must_use]
    pub fn count(mut self, count: impl Into<Option<u64>>) -> FeedOptions {
        self.count = count.into();
        self
    }

    /// Ends after this time, from the moment that frames are asked for.
    #[must_use]
    pub fn duration(mut self, duration: impl Into<Option<Duration>>) -> FeedOptions {
        self.duration = duration.into();
        self
    }

    /// Publishes a frame only when every consumer that takes every frame has room for it. One that neither takes nor
    /// releases a frame for this long is left out.
    #[must_use]
    pub fn lockstep(mut self, limit: impl Into<Option<Duration>>) -> FeedOptions {
        self.lockstep = limit.into();
        self
    }

    /// Asks for no frame before [`super::Feeder::enough`] agrees; for at most this long.
    #[must_use]
    pub fn consumers_within(mut self, limit: impl Into<Option<Duration>>) -> FeedOptions {
        self.consumers_within = limit.into();
        self
    }
}

/// Why a source cannot feed a bus any more. The cause is the error's source too.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FeedError {
    /// The bus cannot be made, or not be made anew for frames of another size.
    #[error("{0}")]
    Create(#[from] CreateError),
    /// The source cannot go on.
    #[error("{0}")]
    Source(#[from] SourceError),
    /// The producer is of no use any more: its segment was cut short.
    #[error("{0}")]
    Handle(#[from] HandleError),
    /// Not all consumers have come that were waited for ([`FeedOptions::consumers_within`]).
    #[error("bus {bus}: not all consumers have come that it waits for")]
    Alone {
        /// The bus.
        bus: BusName,
    },
    /// The system does not let this process wait.
    #[error("{0}")]
    Wait(#[source] io::Error),
    /// Its names were gone for a moment, and another producer has them now.
    #[error("bus {bus} was taken over by pid {pid} while its names were gone: this producer ends")]
    TakenOver {
        /// The bus.
        bus: BusName,
        /// The other producer.
        pid: u32,
    },
}
