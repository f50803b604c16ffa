//! Numbers of frames that come from elsewhere: a replay, a proxy or a bridge passes on those that the frames had, with
//! their gaps.
//!
//! A number that no frame has is neither taken nor skipped. Each slot says how many there have been up to its frame, in this
//! generation, so that a consumer can tell from two frames what lies between them.

use thiserror::Error;

use super::producer::ProducerWords;
use crate::lease::latest;
use crate::shm::Regions;
use crate::sync::Ordering::{Acquire, Relaxed};
use crate::sync::{Fence, Hardware};

/// The largest sequence that a frame can be given: at 1000 frames a second it lasts thirty thousand years.
pub const MAX_SEQUENCE: u64 = (1 << 50) - 1;

/// The number of a frame that somebody else has numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    /// Its sequence: above that of the frame before, at most [`MAX_SEQUENCE`].
    pub sequence: u64,
    /// Whose numbers these are, as the publisher likes: such as a hash of the far bus's name and start. 0 is this bus's own.
    pub origin: u64,
}

/// Why a frame cannot have a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SequenceError {
    /// Sequences only grow.
    #[error(
        "sequence {sequence} is not above {last}, which the bus has reached: number on from there, or publish without a number"
    )]
    NotAbove {
        /// The number that was given.
        sequence: u64,
        /// The newest frame's.
        last: u64,
    },
    /// It is larger than any camera gets.
    #[error("sequence {sequence} is above {MAX_SEQUENCE}, the largest there is")]
    TooLarge {
        /// The number that was given.
        sequence: u64,
    },
}

/// Checks a number that follows `last`.
pub(super) const fn check(sequence: u64, last: u64) -> Result<(), SequenceError> {
    if sequence > MAX_SEQUENCE {
        return Err(SequenceError::TooLarge { sequence });
    }
    if sequence <= last {
        return Err(SequenceError::NotAbove { sequence, last });
    }
    Ok(())
}

/// How far a bus or a consumer is: a sequence, and how many numbers up to it no frame of this generation has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) sequence: u64,
    pub(crate) missing: u64,
}

/// How often the newest frame may be overwritten while it is looked at.
const TRIES: u32 = 100;

/// Where a bus is.
pub(crate) fn newest(regions: &Regions) -> Place {
    let words = ProducerWords(regions);
    let mut place = Place {
        sequence: regions.header().base_sequence.load(Relaxed),
        missing: 0,
    };
    for _ in 0..TRIES {
        let Some(ticket) = latest(&words) else {
            break;
        };
        let slot = regions.slot(ticket.slot);
        place = Place {
            sequence: ticket.sequence,
            missing: slot.missing.load(Relaxed),
        };
        // SYNC(observe): a value of a frame to come was read only if the sequence is seen to be gone.
        Hardware::fence(Acquire);
        if slot.sequence.load(Relaxed) == ticket.sequence {
            break;
        }
    }
    place
}

/// What lies between a consumer's place and the frame that it takes: frames that went by, and numbers that no frame has.
pub(super) const fn between(from: Place, to: Place) -> (u64, u64) {
    let gap = to.sequence.saturating_sub(from.sequence).saturating_sub(1);
    let left_out = to.missing.saturating_sub(from.missing);
    let missing = if left_out < gap { left_out } else { gap };
    (gap - missing, missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_above_the_last_and_not_beyond_the_largest() {
        assert_eq!(check(8, 7), Ok(()));
        assert_eq!(check(MAX_SEQUENCE, 7), Ok(()));
        let (sequence, last) = (7, 7);
        assert_eq!(
            check(sequence, last),
            Err(SequenceError::NotAbove { sequence, last })
        );
        let sequence = MAX_SEQUENCE + 1;
        assert_eq!(
            check(sequence, 7),
            Err(SequenceError::TooLarge { sequence })
        );
    }

    #[test]
    fn what_a_damaged_slot_says_never_makes_more_than_the_gap() {
        let place = |sequence, missing| Place { sequence, missing };
        assert_eq!(between(place(5, 0), place(9, 0)), (3, 0));
        assert_eq!(between(place(5, 2), place(9, 4)), (1, 2));
        assert_eq!(between(place(5, 0), place(9, u64::MAX)), (0, 3));
        assert_eq!(between(place(5, 9), place(9, 0)), (3, 0));
        assert_eq!(between(place(9, 0), place(9, 0)), (0, 0));
    }
}
