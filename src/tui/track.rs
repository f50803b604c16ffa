//! What is remembered of a bus from one snapshot to the next: histories, the log, and the base of zeroed counters.

use std::collections::{BTreeMap, VecDeque};

use super::log::{self, Entry};
use crate::observe::{Consumer, Picture, SlotState, Snapshot};

/// How many seconds of rates are kept.
pub(crate) const HISTORY_S: usize = 120;
/// How many seconds of slot use are kept.
pub(crate) const STRIP_S: usize = 60;
const LOG_ENTRIES: usize = 1000;
const HELD_FRAMES: usize = 16;

/// Names a consumer for as long as it is attached: an index is used again, an index with a process is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConsumerKey {
    pub(crate) index: u8,
    pub(crate) pid: u32,
}

impl ConsumerKey {
    /// Returns the key of a consumer.
    pub(crate) const fn of(consumer: &Consumer) -> ConsumerKey {
        ConsumerKey {
            index: consumer.index,
            pid: consumer.pid,
        }
    }
}

/// One value a second, the newest last; seconds without a value are gaps.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seconds<T> {
    last_s: u64,
    keep: usize,
    values: VecDeque<Option<T>>,
}

impl<T: Copy> Seconds<T> {
    fn new(keep: usize) -> Self {
        Seconds {
            last_s: 0,
            keep,
            values: VecDeque::with_capacity(keep),
        }
    }

    /// Notes a value; within one second `merge` makes one of two.
    fn push(&mut self, second: u64, value: Option<T>, merge: impl FnOnce(T, T) -> T) {
        let steps = if self.values.is_empty() {
            1
        } else {
            second.saturating_sub(self.last_s)
        };
        for _ in 0..steps.min(self.keep as u64) {
            self.values.push_back(None);
        }
        self.last_s = self.last_s.max(second);
        while self.values.len() > self.keep {
            self.values.pop_front();
        }
        if let Some(newest) = self.values.back_mut() {
            *newest = match (*newest, value) {
                (Some(old), Some(new)) => Some(merge(old, new)),
                (old, new) => new.or(old),
            };
        }
    }

    /// Returns the newest `count` seconds, oldest first, with gaps before the first value.
    pub(crate) fn newest(&self, count: usize) -> impl Iterator<Item = Option<T>> + '_ {
        let missing = count.saturating_sub(self.values.len());
        let skip = self.values.len().saturating_sub(count);
        std::iter::repeat_n(None, missing).chain(self.values.iter().skip(skip).copied())
    }
}

/// What a slot was used for in a second, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    Free = 1,
    Latest,
    Writing,
    Held,
}

/// A frame that a consumer was seen to hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Held {
    pub(crate) time_ms: u64,
    pub(crate) sequence: u64,
    pub(crate) slot: u8,
    pub(crate) held_ms: f64,
}

/// What is remembered of a consumer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ConsumerTrack {
    pub(crate) fps: Seconds<f32>,
    pub(crate) cpu: Seconds<f32>,
    pub(crate) held: VecDeque<Held>,
}

/// Counters at the moment when they were zeroed.
#[derive(Debug, Clone, PartialEq)]
struct Base {
    snapshot: Snapshot,
}

/// What is remembered of a bus.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Track {
    /// The newest snapshot as it came.
    pub(crate) raw: Option<Snapshot>,
    /// The newest snapshot as it is shown: with counters from where they were zeroed.
    pub(crate) shown: Option<Snapshot>,
    /// The newest picture of every slot that was asked for.
    pub(crate) pictures: BTreeMap<u8, Picture>,
    pub(crate) fps: Seconds<f32>,
    pub(crate) consumers: BTreeMap<ConsumerKey, ConsumerTrack>,
    pub(crate) slots: BTreeMap<u8, Seconds<Use>>,
    pub(crate) log: VecDeque<Entry>,
    base: Option<Base>,
}

impl Default for Track {
    fn default() -> Self {
        Track {
            raw: None,
            shown: None,
            pictures: BTreeMap::new(),
            fps: Seconds::new(HISTORY_S),
            consumers: BTreeMap::new(),
            slots: BTreeMap::new(),
            log: VecDeque::new(),
            base: None,
        }
    }
}

impl Track {
    /// Takes a snapshot; returns whether it differs from the one before in more than its time.
    pub(crate) fn ingest(&mut self, mut snapshot: Snapshot) -> bool {
        let picture = snapshot.picture.take();
        self.log.extend(log::events(self.raw.as_ref(), &snapshot));
        while self.log.len() > LOG_ENTRIES {
            self.log.pop_front();
        }
        let generation =
            |snapshot: &Snapshot| snapshot.segment.as_ref().map(|segment| segment.generation);
        if self.raw.as_ref().and_then(generation) != generation(&snapshot) {
            self.pictures.clear();
            self.slots.clear();
            self.base = None;
        }
        self.take_pictures(picture.into_iter().collect());
        self.remember(&snapshot);
        let changed = !self.raw.as_ref().is_some_and(|raw| same(raw, &snapshot));
        self.shown = Some(
            self.base
                .as_ref()
                .map_or_else(|| snapshot.clone(), |base| base.apply(&snapshot)),
        );
        self.raw = Some(snapshot);
        changed
    }

    /// Takes pictures of slots.
    pub(crate) fn take_pictures(&mut self, pictures: Vec<Picture>) {
        for picture in pictures {
            self.pictures.insert(picture.slot, picture);
        }
    }

    /// Counts from now on; when it counts so already, from the beginning again.
    pub(crate) fn zero(&mut self) {
        self.base = match self.base {
            None => self.raw.clone().map(|snapshot| Base { snapshot }),
            Some(_) => None,
        };
        self.shown = self.raw.as_ref().map(|raw| {
            self.base
                .as_ref()
                .map_or_else(|| raw.clone(), |base| base.apply(raw))
        });
    }

    /// Returns when the counters were zeroed, in milliseconds since 1970.
    pub(crate) fn zeroed_ms(&self) -> Option<u64> {
        self.base.as_ref().map(|base| base.snapshot.time_ms)
    }

    /// Returns the newest picture of the newest frame.
    pub(crate) fn latest_picture(&self) -> Option<&Picture> {
        self.pictures
            .values()
            .max_by_key(|picture| picture.sequence)
    }

    fn remember(&mut self, snapshot: &Snapshot) {
        let second = snapshot.monotonic_ns / 1_000_000_000;
        let fps = snapshot.producer.as_ref().and_then(|producer| producer.fps);
        self.fps.push(second, fps.map(|fps| fps as f32), f32::min);
        for slot in &snapshot.slots {
            let used = match slot.state {
                _ if slot.references > 0 => Use::Held,
                SlotState::Held => Use::Held,
                SlotState::Writing => Use::Writing,
                SlotState::Latest => Use::Latest,
                SlotState::Free => Use::Free,
            };
            let strip = self
                .slots
                .entry(slot.slot)
                .or_insert_with(|| Seconds::new(STRIP_S));
            strip.push(second, Some(used), Ord::max);
        }
        self.consumers.retain(|key, _| {
            snapshot
                .consumers
                .iter()
                .any(|consumer| ConsumerKey::of(consumer) == *key)
        });
        for consumer in &snapshot.consumers {
            let track = self
                .consumers
                .entry(ConsumerKey::of(consumer))
                .or_insert_with(|| ConsumerTrack {
                    fps: Seconds::new(HISTORY_S),
                    cpu: Seconds::new(HISTORY_S),
                    held: VecDeque::new(),
                });
            track
                .fps
                .push(second, consumer.fps.map(|fps| fps as f32), f32::min);
            track
                .cpu
                .push(second, consumer.cpu_percent.map(|cpu| cpu as f32), f32::max);
            if let (Some(sequence), Some(slot), Some(held_ms)) =
                (consumer.held_sequence, consumer.slot, consumer.held_ms)
            {
                let held = Held {
                    time_ms: snapshot.time_ms.saturating_sub(held_ms as u64),
                    sequence,
                    slot,
                    held_ms,
                };
                match track.held.back_mut() {
                    // It began when it was first seen to: rounding would let the time jump.
                    Some(newest) if newest.sequence == sequence => {
                        *newest = Held {
                            time_ms: newest.time_ms,
                            ..held
                        };
                    }
                    _ => track.held.push_back(held),
                }
                if track.held.len() > HELD_FRAMES {
                    track.held.pop_front();
                }
            }
        }
    }
}

impl Base {
    /// Returns `now` with its counters less those of the base. Whoever came later keeps theirs.
    fn apply(&self, now: &Snapshot) -> Snapshot {
        let mut now = now.clone();
        let less = |value: &mut u64, base: u64| *value = value.saturating_sub(base);
        if let (Some(producer), Some(base)) =
            (now.producer.as_mut(), self.snapshot.producer.as_ref())
        {
            less(&mut producer.published, base.published);
            less(&mut producer.dropped, base.dropped);
            less(&mut producer.starved, base.starved);
        }
        for consumer in &mut now.consumers {
            let key = ConsumerKey::of(consumer);
            if let Some(base) = self
                .snapshot
                .consumers
                .iter()
                .find(|base| ConsumerKey::of(base) == key)
            {
                less(&mut consumer.taken, base.taken);
                less(&mut consumer.skipped, base.skipped);
                less(&mut consumer.triggers, base.triggers);
                less(&mut consumer.coalesced, base.coalesced);
            }
        }
        now
    }
}

fn same(a: &Snapshot, b: &Snapshot) -> bool {
    let timeless = |snapshot: &Snapshot| Snapshot {
        time_ms: 0,
        monotonic_ns: 0,
        interval_s: None,
        ..snapshot.clone()
    };
    timeless(a) == timeless(b)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, at};
    use super::*;

    #[test]
    fn a_second_without_a_value_is_a_gap_and_old_ones_fall_out() {
        let mut seconds = Seconds::new(4);
        seconds.push(10, Some(1), |a, _| a);
        seconds.push(10, Some(9), i32::max);
        seconds.push(12, Some(2), |a, _| a);
        assert_eq!(
            seconds.newest(5).collect::<Vec<_>>(),
            [None, None, Some(9), None, Some(2)]
        );
        seconds.push(1_000_000, Some(3), |a, _| a);
        assert_eq!(
            seconds.newest(4).collect::<Vec<_>>(),
            [None, None, None, Some(3)]
        );
    }

    #[test]
    fn a_snapshot_that_differs_only_in_its_time_changes_nothing() {
        let mut track = Track::default();
        assert!(track.ingest(fixture::absent()));
        assert!(!track.ingest(at(fixture::absent(), 1)));
        assert!(track.ingest(fixture::live()));
    }

    #[test]
    fn zeroed_counters_count_from_then_on_and_a_newcomer_keeps_its_own() {
        let mut track = Track::default();
        let mut snapshot = fixture::live();
        let newcomer = snapshot.consumers.pop().expect("a consumer");
        track.ingest(snapshot.clone());
        track.zero();
        snapshot.consumers[0].skipped += 7;
        snapshot.consumers.push(newcomer.clone());
        track.ingest(snapshot);
        let shown = track.shown.as_ref().expect("a snapshot");
        assert_eq!(
            (shown.consumers[0].skipped, shown.consumers[0].taken),
            (7, 0)
        );
        assert_eq!(
            shown.consumers.last().map(|consumer| consumer.skipped),
            Some(newcomer.skipped)
        );
        track.zero();
        assert_eq!(track.shown, track.raw);
    }

    #[test]
    fn a_new_generation_forgets_pictures_and_slots_of_the_old_one() {
        let mut track = Track::default();
        let mut snapshot = fixture::live();
        snapshot.picture = Some(fixture::picture(3, 120_634));
        track.ingest(snapshot.clone());
        assert!(track.latest_picture().is_some());
        snapshot.picture = None;
        if let Some(segment) = snapshot.segment.as_mut() {
            segment.generation += 1;
        }
        track.ingest(snapshot);
        assert!(track.latest_picture().is_none());
    }
}
