//! What an event of the control thread is about, as epoll carries it.

use rustix::event::epoll::EventData;

/// What has an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// The request to end.
    Shutdown,
    /// Somebody wants to have this index.
    Listener(u8),
    /// A connection. It has a number of its own, from 1: the index alone would also be its successor's.
    Peer { index: u8, connection: u64 },
}

impl Token {
    const SHUTDOWN: u64 = u64::MAX;

    pub(super) fn pack(self) -> EventData {
        EventData::new_u64(match self {
            Self::Shutdown => Self::SHUTDOWN,
            Self::Listener(index) => index.into(),
            Self::Peer { index, connection } => connection << 8 | u64::from(index),
        })
    }

    pub(super) fn unpack(data: EventData) -> Token {
        match data.u64() {
            Self::SHUTDOWN => Self::Shutdown,
            word if word >> 8 == 0 => Self::Listener(word as u8),
            word => Self::Peer {
                index: word as u8,
                connection: word >> 8,
            },
        }
    }
}
