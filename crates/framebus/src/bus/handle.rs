//! Why a handle of a bus cannot be used any more.

use std::io;

use thiserror::Error;

use super::{BusName, NoPlane};
use crate::system::{Home, MEMORY};

/// Why a [`super::Producer`], [`super::Consumer`] or [`super::Observer`] is of no use any more. It stays so, but for
/// [`HandleError::NoPlane`].
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HandleError {
    /// The file of the segment was made shorter while it was mapped: what was behind the cut is gone.
    #[error(
        "the segment of bus {bus} was cut short by somebody (a write to {MEMORY}/framebus.{bus}?): start its producer again"
    )]
    CutShort {
        /// The bus.
        bus: BusName,
    },
    /// The process was forked from the one that the handle belongs to.
    #[error(
        "this {what} of bus {bus} belongs to process {owner}, which this one was forked from: open one of its own here"
    )]
    OtherProcess {
        /// What the handle is.
        what: &'static str,
        /// The bus.
        bus: BusName,
        /// The process that it belongs to.
        owner: u32,
    },
    /// The producer goes on without a plane that this consumer needs: it may go on with it again.
    #[error(transparent)]
    NoPlane(#[from] NoPlane),
}

impl HandleError {
    /// The cause of a failed wait, where it is one of these.
    #[must_use]
    pub fn of(error: &io::Error) -> Option<&HandleError> {
        error.get_ref()?.downcast_ref()
    }
}

impl From<HandleError> for io::Error {
    fn from(error: HandleError) -> io::Error {
        io::Error::other(error)
    }
}

/// Refuses a handle that was copied by a fork.
pub(crate) fn check_home(home: Home, what: &'static str, bus: &BusName) -> Result<(), HandleError> {
    if home.is_here() {
        return Ok(());
    }
    Err(HandleError::OtherProcess {
        what,
        bus: bus.clone(),
        owner: home.pid(),
    })
}
