//! What an event of the control thread is about, as the doorman carries it.

use crate::system::Doorman;

/// What has an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// The request to end.
    Shutdown,
    /// Somebody wants to have this index.
    Door(u8),
    /// A connection. It has a number of its own, from 1: the index alone would also be its successor's.
    Peer { index: u8, connection: u64 },
}

impl Token {
    pub(super) fn pack(self) -> u64 {
        match self {
            Self::Shutdown => Doorman::CALLED,
            Self::Door(index) => index.into(),
            Self::Peer { index, connection } => connection << 8 | u64::from(index),
        }
    }

    pub(super) fn unpack(token: u64) -> Token {
        match token {
            Doorman::CALLED => Self::Shutdown,
            word if word >> 8 == 0 => Self::Door(word as u8),
            word => Self::Peer {
                index: word as u8,
                connection: word >> 8,
            },
        }
    }
}
