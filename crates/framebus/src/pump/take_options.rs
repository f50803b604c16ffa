//! For how long frames are taken, how that ended, and why it cannot go on.

use std::io;
use std::time::Duration;

use thiserror::Error;

use crate::bus::AttachError;

/// For how long [`super::take`] goes on, and how fast: [`TakeOptions::default`] takes every frame that comes until the
/// producer ends, and waits for ever.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub struct TakeOptions {
    /// End after this many frames.
    pub count: Option<u64>,
    /// End after this time.
    pub duration: Option<Duration>,
    /// Give up when the bus is not there, or no frame comes, for this long.
    pub timeout: Option<Duration>,
    /// Take at most this many frames a second.
    pub max_fps: Option<f64>,
    /// Keep each frame for this long beyond the call that is given it: a stand-in for processing.
    pub hold: Option<Duration>,
    /// When the producer ends or dies, wait for it to come back.
    pub follow: bool,
}

impl TakeOptions {
    /// Ends after this many frames.
    #[must_use]
    pub fn count(mut self, count: impl Into<Option<u64>>) -> TakeOptions {
        self.count = count.into();
        self
    }

    /// Ends after this time.
    #[must_use]
    pub fn duration(mut self, duration: impl Into<Option<Duration>>) -> TakeOptions {
        self.duration = duration.into();
        self
    }

    /// Gives up when the bus is not there, or no frame comes, for this long.
    #[must_use]
    pub fn timeout(mut self, timeout: impl Into<Option<Duration>>) -> TakeOptions {
        self.timeout = timeout.into();
        self
    }

    /// Takes at most this many frames a second.
    #[must_use]
    pub fn max_fps(mut self, max_fps: impl Into<Option<f64>>) -> TakeOptions {
        self.max_fps = max_fps.into();
        self
    }

    /// Keeps each frame for this long beyond the call that is given it: a stand-in for processing.
    #[must_use]
    pub fn hold(mut self, hold: impl Into<Option<Duration>>) -> TakeOptions {
        self.hold = hold.into();
        self
    }

    /// When the producer ends or dies, waits for it to come back.
    #[must_use]
    pub fn follow(mut self, follow: bool) -> TakeOptions {
        self.follow = follow;
        self
    }
}

/// Why taking frames is over, all being well with the taker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TakeEnd {
    /// The count or the time is reached.
    Done,
    /// The producer ended.
    Ended,
    /// The producer died.
    Lost,
    /// Somebody has cut the segment short, or the process was forked: [`super::Taker::cut`] was told.
    Cut,
    /// No frame came in time.
    TimedOut,
    /// Somebody asked to stop.
    Stopped,
}

/// Why frames cannot be taken any more. The cause is the error's source too.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TakeError<E: std::error::Error + 'static> {
    /// The bus cannot be attached to.
    #[error("{0}")]
    Attach(#[source] AttachError),
    /// The system does not let this process wait.
    #[error("{0}")]
    Wait(#[source] io::Error),
    /// The taker cannot go on.
    #[error("{0}")]
    Taker(#[source] E),
}
