//! How far a source is.

use std::time::Duration;

/// How far a source with an end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Progress {
    /// By the times of its frames.
    Time {
        /// The time of the frame that was announced last, from the beginning on.
        at: Duration,
        /// The time of the end.
        of: Duration,
    },
    /// By their number.
    Frames {
        /// How many were announced.
        at: u64,
        /// How many there are.
        of: u64,
    },
}

impl Progress {
    /// The part that is done, from 0 to 1; `None` where the whole is nothing.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        let (at, of) = match *self {
            Progress::Time { at, of } => (at.as_secs_f64(), of.as_secs_f64()),
            Progress::Frames { at, of } => (at as f64, of as f64),
        };
        (of > 0.0).then(|| (at / of).min(1.0))
    }
}
