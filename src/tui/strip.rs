//! What a slot was used for, second by second, from what looks at it tell of the time between them.
//!
//! A sequence that is another one was written since the look before, and was the newest frame then; when, the frame's time says.
//! One that stayed was not written. Who holds a slot now has held it since they had its frame; who released it last has until then;
//! and a consumer that has missed no frame has held every one. What else was held between two looks nobody can see.

use std::collections::BTreeMap;

use super::seconds::Seconds;
use framebus::observe::{Consumer, Slot, SlotState, Snapshot};

/// How many seconds of slot use are kept.
pub(crate) const STRIP_S: usize = 60;

/// What a slot was used for in a second, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    Free = 1,
    /// It was the newest frame, and no other came.
    Latest,
    /// A frame was written, and was the newest.
    Written,
    /// A consumer had its frame for a part of the second.
    Had,
    /// A consumer had its frame all the time.
    Held,
}

/// The seconds of every slot.
pub(crate) type Strips = BTreeMap<u8, Seconds<Use>>;

/// Adds what `now` tells of the time since `before`.
pub(crate) fn remember(strips: &mut Strips, before: Option<&Snapshot>, now: &Snapshot) {
    for slot in &now.slots {
        let strip = strips
            .entry(slot.slot)
            .or_insert_with(|| Seconds::new(STRIP_S));
        let old = before.and_then(|before| of(before, slot.slot));
        written(strip, old, slot, before, now);
        for consumer in &now.consumers {
            held(strip, old, slot, consumer, now);
        }
    }
}

/// Notes a use from one second to another.
fn mark(strip: &mut Seconds<Use>, from: u64, to: u64, used: Use) {
    let from = from.max(to.saturating_sub(STRIP_S as u64));
    (from..=to).for_each(|second| strip.push(second, Some(used), Ord::max));
}

/// Notes when a slot was written and when it was not; `old` is the slot in the snapshot before, and the second of that.
fn written(
    strip: &mut Seconds<Use>,
    old: Option<(u64, &Slot)>,
    slot: &Slot,
    before: Option<&Snapshot>,
    now: &Snapshot,
) {
    let now_s = second(now, 0.0);
    let rests = match slot.state {
        SlotState::Latest => Use::Latest,
        SlotState::Writing => Use::Written,
        SlotState::Held | SlotState::Free => Use::Free,
    };
    mark(strip, now_s, now_s, rests);
    let Some(sequence) = slot.sequence else {
        return;
    };
    let since_s = match old {
        Some((then_s, old)) if old.sequence == Some(sequence) => then_s,
        _ => {
            let written_s = second(now, slot.age_ms.unwrap_or(0.0));
            let missed_none = |consumer: &Consumer| has_taken(before, consumer, sequence);
            let used = match now.consumers.iter().any(missed_none) {
                true => Use::Had,
                false => Use::Written,
            };
            mark(strip, written_s, written_s, used);
            written_s
        }
    };
    mark(strip, since_s.saturating_add(1), now_s, rests);
}

/// Notes when a consumer had the frame of a slot: a second is held when all of it is over and was.
fn held(
    strip: &mut Seconds<Use>,
    old: Option<(u64, &Slot)>,
    slot: &Slot,
    consumer: &Consumer,
    now: &Snapshot,
) {
    let mut had = |from: u64, to: u64| {
        mark(strip, from, from, Use::Had);
        mark(strip, to, to, Use::Had);
        mark(
            strip,
            from.saturating_add(1),
            to.saturating_sub(1),
            Use::Held,
        );
    };
    if consumer.slot == Some(slot.slot) {
        had(
            second(now, consumer.held_ms.unwrap_or(0.0)),
            second(now, 0.0),
        );
    }
    let was_here = |sequence| {
        let before = old.and_then(|(_, old)| old.sequence);
        [slot.sequence, before].contains(&Some(sequence))
    };
    if let Some(released) = consumer
        .released
        .filter(|released| was_here(released.sequence))
    {
        let from = second(now, released.ago_ms + released.held_ms);
        had(from, second(now, released.ago_ms));
    }
}

/// The second on the monotonic clock, so many milliseconds before a snapshot.
fn second(snapshot: &Snapshot, ago_ms: f64) -> u64 {
    let ago_ns = (ago_ms.max(0.0) * 1e6) as u64;
    snapshot.monotonic_ns.saturating_sub(ago_ns) / 1_000_000_000
}

/// A slot in an earlier snapshot, and the second of that.
fn of(before: &Snapshot, number: u8) -> Option<(u64, &Slot)> {
    let slot = before.slots.iter().find(|slot| slot.slot == number)?;
    Some((second(before, 0.0), slot))
}

/// Whether a consumer has had this frame: it has come as far since, and has missed none.
fn has_taken(before: Option<&Snapshot>, consumer: &Consumer, sequence: u64) -> bool {
    let same = |old: &&Consumer| (old.index, old.pid) == (consumer.index, consumer.pid);
    let old = before.and_then(|before| before.consumers.iter().find(same));
    old.is_some_and(|old| {
        old.skipped == consumer.skipped
            && old.last_sequence < sequence
            && sequence <= consumer.last_sequence
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixture;
    use super::*;
    use framebus::observe::Released;

    const BEGIN: u64 = 9_000;

    /// A bus without consumers, `ms` after the beginning of a second, with these sequences and ages in its slots.
    fn look(ms: u64, slots: &[(u64, f64)]) -> Snapshot {
        let mut now = fixture::live();
        now.monotonic_ns = BEGIN * 1_000_000_000 + ms * 1_000_000;
        now.consumers.clear();
        now.slots.truncate(slots.len());
        for (slot, (sequence, age_ms)) in now.slots.iter_mut().zip(slots) {
            (slot.sequence, slot.age_ms) = (Some(*sequence), Some(*age_ms));
            (slot.state, slot.references, slot.holders) = (SlotState::Free, 0, vec![]);
        }
        now
    }

    fn strip(looks: &[Snapshot], slot: u8) -> Vec<Option<Use>> {
        let mut strips = Strips::new();
        let mut before = None;
        for now in looks {
            remember(&mut strips, before, now);
            before = Some(now);
        }
        strips[&slot].newest(4).collect()
    }

    #[test]
    fn a_sequence_that_changed_was_written_when_its_frame_says() {
        let looks = [
            look(500, &[(1, 10.0), (2, 5.0)]),
            look(1_200, &[(31, 300.0), (2, 705.0)]),
            look(3_600, &[(31, 2_700.0), (90, 500.0)]),
        ];
        // Slot 0 was written in the first second again, and rested from then on, also where nobody looked.
        let (written, free) = (Some(Use::Written), Some(Use::Free));
        assert_eq!(strip(&looks, 0), [written, free, free, free]);
        // Whether slot 1 was written in the third second too is not known.
        assert_eq!(strip(&looks, 1), [written, free, None, written]);
    }

    #[test]
    fn the_strip_is_the_same_however_often_somebody_looks() {
        // 25 frames a second through five slots: every slot is written in every second.
        let at = |ms: u64| {
            let newest = ms / 40;
            let of_slot = |slot: u64| newest - (newest + 5 - slot) % 5;
            let slots: Vec<_> = (0..5)
                .map(|slot| (of_slot(slot), (ms - of_slot(slot) * 40) as f64))
                .collect();
            look(ms, &slots)
        };
        for every in [100, 250, 500, 900] {
            let looks: Vec<_> = (0..=3_650 / every)
                .map(|step| at(300 + step * every))
                .collect();
            for slot in 0..5 {
                assert_eq!(
                    strip(&looks, slot),
                    [Some(Use::Written); 4],
                    "{every} {slot}"
                );
            }
        }
    }

    #[test]
    fn a_slot_was_held_for_as_long_as_its_frame_was_had() {
        let consumer = fixture::live().consumers.remove(0);
        let mut holds = look(3_500, &[(7, 3_400.0)]);
        let mut holder = consumer.clone();
        (holder.slot, holder.held_ms, holder.released) = (Some(0), Some(2_300.0), None);
        holds.consumers.push(holder);
        let first = look(100, &[(7, 0.0)]);
        let (written, had, held) = (Some(Use::Written), Some(Use::Had), Some(Use::Held));
        assert_eq!(strip(&[first.clone(), holds], 0)[1..], [had, held, had]);

        let mut after = look(2_900, &[(7, 2_800.0)]);
        let mut gave_back = consumer;
        (gave_back.slot, gave_back.held_ms) = (None, None);
        gave_back.released = Some(Released {
            sequence: 7,
            held_ms: 50.0,
            ago_ms: 1_500.0,
        });
        after.consumers.push(gave_back);
        let free = Some(Use::Free);
        assert_eq!(strip(&[first, after], 0)[1..], [written, had, free]);
    }

    #[test]
    fn who_missed_no_frame_has_held_every_one() {
        let mut looks = [
            look(100, &[(7, 0.0), (8, 0.0)]),
            look(900, &[(17, 50.0), (18, 10.0)]),
        ];
        for (now, last) in looks.iter_mut().zip([8, 17]) {
            let mut consumer = fixture::live().consumers.remove(0);
            (consumer.slot, consumer.held_ms, consumer.released) = (None, None, None);
            (consumer.skipped, consumer.last_sequence) = (3, last);
            now.consumers.push(consumer);
        }
        assert_eq!(strip(&looks, 0)[3], Some(Use::Had));
        assert_eq!(strip(&looks, 1)[3], Some(Use::Written));
        looks[1].consumers[0].skipped = 4;
        assert_eq!(strip(&looks, 0)[3], Some(Use::Written));
    }
}
