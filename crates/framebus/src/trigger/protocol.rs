//! What goes over a named pipe.

use crate::layout::TriggerKind;

/// The trigger: one byte a frame.
pub(crate) const TRIGGER: u8 = 1;

/// What a consumer writes to a producer that waits for its consumers: it has attached, or released a frame.
pub(crate) const RELEASED: u8 = b'R';

/// What a client may say first: how it wants to wait. What is none of these is ignored.
pub(crate) const fn hello(kind: TriggerKind) -> u8 {
    match kind {
        TriggerKind::Eventfd => b'E',
        TriggerKind::Pipe => b'P',
        TriggerKind::Spin => b'S',
    }
}

/// Reads a hello.
pub(crate) const fn read_hello(byte: u8) -> Option<TriggerKind> {
    match byte {
        b'E' => Some(TriggerKind::Eventfd),
        b'P' => Some(TriggerKind::Pipe),
        b'S' => Some(TriggerKind::Spin),
        _ => None,
    }
}

/// Bytes of an answer. Its first byte is not [`TRIGGER`], so that a client can tell it from triggers sent before.
pub(crate) const ANSWER_LEN: usize = 16;

/// What the producer answers to a hello, or to a peer that it turns away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// The index is the peer's.
    Welcome {
        /// How it is woken: what it asked for, or [`TriggerKind::Pipe`] for an eventfd that it is not trusted with.
        trigger: TriggerKind,
        /// Generation of the segment to map, or a later one.
        generation: u64,
    },
    /// Somebody else has the index.
    InUse {
        /// That process; 0 = not known.
        pid: u32,
    },
    /// The producer has no descriptor left.
    Exhausted,
}

impl Answer {
    pub(crate) fn encode(self) -> [u8; ANSWER_LEN] {
        let (status, trigger, pid, generation) = match self {
            Self::Welcome {
                trigger,
                generation,
            } => (0, hello(trigger), 0, generation),
            Self::InUse { pid } => (1, 0, pid, 0),
            Self::Exhausted => (2, 0, 0, 0),
        };
        let mut bytes = [0; ANSWER_LEN];
        bytes[..4].copy_from_slice(&[b'F', b'B', status, trigger]);
        bytes[4..8].copy_from_slice(&pid.to_le_bytes());
        bytes[8..].copy_from_slice(&generation.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; ANSWER_LEN]) -> Option<Answer> {
        let (magic, rest) = bytes.split_first_chunk::<2>()?;
        let (status, rest) = rest.split_first_chunk::<2>()?;
        let (pid, rest) = rest.split_first_chunk::<4>()?;
        let (generation, _) = rest.split_first_chunk::<8>()?;
        match (magic, status[0]) {
            (b"FB", 0) => Some(Self::Welcome {
                trigger: read_hello(status[1])?,
                generation: u64::from_le_bytes(*generation),
            }),
            (b"FB", 1) => Some(Self::InUse {
                pid: u32::from_le_bytes(*pid),
            }),
            (b"FB", 2) => Some(Self::Exhausted),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn answers_come_back_as_they_were_and_are_no_triggers() {
        for answer in [
            Answer::Welcome {
                trigger: TriggerKind::Eventfd,
                generation: u64::MAX,
            },
            Answer::InUse { pid: 4415 },
            Answer::Exhausted,
        ] {
            let bytes = answer.encode();
            assert_ne!(bytes[0], TRIGGER);
            assert_eq!(Answer::decode(&bytes), Some(answer));
        }
    }

    proptest! {
        #[test]
        fn no_answer_makes_a_client_panic(bytes: [u8; ANSWER_LEN]) {
            let _ = Answer::decode(&bytes);
        }
    }
}
