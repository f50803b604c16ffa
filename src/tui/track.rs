//! What is remembered of a bus from one snapshot to the next: histories, the log, and the base of zeroed counters.

use std::collections::{BTreeMap, VecDeque};

use super::held::{self, Held};
use super::log::{self, Entry};
use super::seconds::Seconds;
use super::strip::{self, Strips};
use framebus::observe::{Consumer, Picture, Snapshot};

/// How many seconds of rates are kept.
pub(crate) const HISTORY_S: usize = 120;
const LOG_ENTRIES: usize = 1000;
/// How old the pictures may be that a frozen screen takes its tables from.
const PICTURE_AGE_NS: u64 = 1_500_000_000;

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
    /// What was shown, and as it came, when the newest pictures were of that moment.
    pictured: Option<Box<(Snapshot, Snapshot)>>,
    pub(crate) fps: Seconds<f32>,
    pub(crate) consumers: BTreeMap<ConsumerKey, ConsumerTrack>,
    pub(crate) slots: Strips,
    pub(crate) log: VecDeque<Entry>,
    base: Option<Base>,
}

impl Default for Track {
    fn default() -> Self {
        Track {
            raw: None,
            shown: None,
            pictures: BTreeMap::new(),
            pictured: None,
            fps: Seconds::new(HISTORY_S),
            consumers: BTreeMap::new(),
            slots: Strips::new(),
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
            self.pictured = None;
            self.slots.clear();
            self.base = None;
            self.raw = None;
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
        if let (Some(shown), Some(raw)) = (&self.shown, &self.raw) {
            let is_shown = |picture: &Picture| {
                let mut slots = raw.slots.iter();
                slots.any(|slot| {
                    (slot.slot, slot.sequence) == (picture.slot, Some(picture.sequence))
                })
            };
            if !pictures.is_empty() && pictures.iter().all(is_shown) {
                self.pictured = Some(Box::new((shown.clone(), raw.clone())));
            }
        }
        for picture in pictures {
            self.pictures.insert(picture.slot, picture);
        }
    }

    /// Returns a copy whose tables are of the moment of its newest pictures, which over a slow line come with every second sample.
    pub(crate) fn at_its_pictures(&self) -> Track {
        let mut track = self.clone();
        if let Some((shown, raw)) = self.pictured.as_deref() {
            let age = |now: &Snapshot| now.monotonic_ns.saturating_sub(raw.monotonic_ns);
            if self
                .raw
                .as_ref()
                .is_some_and(|now| age(now) <= PICTURE_AGE_NS)
            {
                (track.shown, track.raw) = (Some(shown.clone()), Some(raw.clone()));
            }
        }
        track
    }

    /// Counts from now on.
    pub(crate) fn zero(&mut self) {
        self.base = self.raw.clone().map(|snapshot| Base { snapshot });
        let zeroed = self.raw.as_ref().zip(self.base.as_ref());
        self.shown = zeroed.map(|(raw, base)| base.apply(raw));
    }

    /// Counts from the beginning again.
    pub(crate) fn unzero(&mut self) {
        self.base = None;
        self.shown = self.raw.clone();
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
        strip::remember(&mut self.slots, self.raw.as_ref(), snapshot);
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
            held::remember(&mut track.held, consumer, snapshot);
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
            less(&mut producer.source_dropped, base.source_dropped);
        }
        for consumer in &mut now.consumers {
            let key = ConsumerKey::of(consumer);
            if let Some(base) = self
                .snapshot
                .consumers
                .iter()
                .find(|base| ConsumerKey::of(base) == key)
            {
                less(&mut consumer.published, base.published);
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
    let timeless = |snapshot: &Snapshot| {
        let mut snapshot = snapshot.clone();
        (snapshot.time_ms, snapshot.monotonic_ns, snapshot.interval_s) = (0, 0, None);
        snapshot
    };
    timeless(a) == timeless(b)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{self, at};
    use super::*;

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
        track.unzero();
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
