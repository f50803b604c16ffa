//! The frames that a consumer had last, and for how long, as far as looks at it tell.

use std::collections::VecDeque;

use super::format::span;
use framebus::observe::{Consumer, Snapshot};

const FRAMES: usize = 16;

/// A frame that a consumer had.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Held {
    pub(crate) time_ms: u64,
    pub(crate) sequence: u64,
    pub(crate) slot: Option<u8>,
    held_ms: f64,
    /// Whether it was given back after that time; else it was had for that long at least.
    over: bool,
}

impl Held {
    /// Returns how long it was had.
    pub(crate) fn how_long(&self, ascii: bool) -> String {
        let sign = match (self.over, ascii) {
            (true, _) => "",
            (false, true) => ">",
            (false, false) => "≥",
        };
        format!("{sign}{}", span(self.held_ms))
    }
}

/// Adds what `now` tells of a consumer.
pub(crate) fn remember(frames: &mut VecDeque<Held>, consumer: &Consumer, now: &Snapshot) {
    if let Some(released) = consumer.released {
        let since_ms = released.ago_ms + released.held_ms;
        let held = Held {
            time_ms: now.time_ms.saturating_sub(since_ms as u64),
            sequence: released.sequence,
            slot: slot_of(now, released.sequence),
            held_ms: released.held_ms,
            over: true,
        };
        note(frames, held);
    }
    if let (Some(sequence), Some(held_ms)) = (consumer.held_sequence, consumer.held_ms) {
        let held = Held {
            time_ms: now.time_ms.saturating_sub(held_ms as u64),
            sequence,
            slot: consumer.slot,
            held_ms,
            over: false,
        };
        note(frames, held);
    }
}

/// Adds a frame, or what is known of it now.
fn note(frames: &mut VecDeque<Held>, held: Held) {
    match frames
        .iter_mut()
        .rev()
        .find(|known| known.sequence == held.sequence)
    {
        // It began when it was first seen to: rounding would let the time jump.
        Some(known) => {
            *known = Held {
                time_ms: known.time_ms,
                slot: known.slot.or(held.slot),
                ..held
            };
        }
        None => frames.push_back(held),
    }
    while frames.len() > FRAMES {
        frames.pop_front();
    }
}

fn slot_of(now: &Snapshot, sequence: u64) -> Option<u8> {
    let slot = now
        .slots
        .iter()
        .find(|slot| slot.sequence == Some(sequence))?;
    Some(slot.slot)
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use framebus::observe::Released;

    #[test]
    fn a_hold_is_at_least_what_was_seen_until_it_is_over() {
        let now = fixture::live();
        let mut consumer = now.consumers[0].clone();
        let mut frames = VecDeque::new();
        consumer.released = None;
        (consumer.held_sequence, consumer.slot, consumer.held_ms) = (Some(7), Some(2), Some(26.0));
        remember(&mut frames, &consumer, &now);
        assert_eq!(frames[0].how_long(false), "≥26ms");
        assert_eq!(frames[0].how_long(true), ">26ms");
        // It has the next one by now, and had the last one for longer than was seen.
        (consumer.held_sequence, consumer.slot, consumer.held_ms) = (Some(9), Some(3), Some(4.0));
        consumer.released = Some(Released {
            sequence: 7,
            held_ms: 97.0,
            ago_ms: 4.0,
        });
        remember(&mut frames, &consumer, &now);
        let seen: Vec<_> = frames
            .iter()
            .map(|held| (held.sequence, held.slot, held.how_long(false)))
            .collect();
        let expected = [
            (7, Some(2), "97ms".to_owned()),
            (9, Some(3), "≥4.0ms".to_owned()),
        ];
        assert_eq!(seen, expected);
    }
}
