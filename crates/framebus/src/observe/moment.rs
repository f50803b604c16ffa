//! One moment of a segment: its counters, and what they have become since the moment before.

use std::collections::BTreeMap;

use super::consumers::{ConsumerMemory, Since};
use super::findings::{Around, Changes, findings};
use super::planes::{PlaneInfo, format_of};
use super::rate::{Bases, frame_rate};
use super::reading::Reading;
use super::snapshot::*;
use super::window::{CountWindow, LeastWindow};
use super::world::World;
use crate::bus::newest_place;
use crate::layout::{ClaimState, Header, SegmentState, read_text};
use crate::lease::Ticket;
use crate::shm::Regions;
use crate::sync::Ordering::{Acquire, Relaxed};

const NS_PER_S: f64 = 1e9;
/// Rates are over no less than this.
const SHORTEST_NS: u64 = 250_000_000;

#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) bases: Bases<Last>,
    pub(super) interval: CountWindow,
    pub(super) copy: CountWindow,
    pub(super) free: LeastWindow,
    pub(super) consumers: BTreeMap<u8, ConsumerMemory>,
    /// How long the producer had waited for each consumer, at the snapshot before.
    pub(super) waited_ns: Bases<Vec<u64>>,
}

/// Counters of the snapshot before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Last {
    pub(super) at_ns: u64,
    pub(super) sequence: u64,
    /// Numbers up to it that no frame has.
    pub(super) missing: u64,
    pub(super) starved: u64,
    pub(super) publish_ns: u64,
}

/// Why the source gives nothing, where it gives nothing and the producer says why.
fn stall_reason(header: &Header) -> Option<String> {
    // SYNC(state): whoever sees "stalled" finds why.
    let stalled = header.state.load(Acquire) == SegmentState::Stalled as u32;
    stalled
        .then(|| read_text(&header.stall_reason))
        .filter(|reason| !reason.is_empty())
}

impl Reading<'_> {
    pub(super) fn snapshot(&self, memory: &mut Memory, world: &mut dyn World) -> Snapshot {
        let regions = self.observer.regions();
        let header = regions.header();
        let newest = Ticket::unpack(header.latest.load(Acquire));
        let sequence = newest.map_or(header.base_sequence.load(Relaxed), |ticket| ticket.sequence);
        let starved = header.starved.load(Relaxed);
        let publish_ns = header.publish_ns.load(Relaxed);
        let missing = newest_place(regions).missing;
        let before = memory.bases.last();
        let counts =
            before.is_none_or(|before| self.now_ns.saturating_sub(before.at_ns) >= SHORTEST_NS);
        let now = Last {
            at_ns: self.now_ns,
            sequence,
            missing,
            starved,
            publish_ns,
        };
        let last = memory.bases.step(now, counts);
        let interval_s = last
            .map(|last| self.now_ns.saturating_sub(last.at_ns) as f64 / NS_PER_S)
            .filter(|s| *s > 0.0);
        // Where a publisher gives the numbers, some of them are nobody's.
        let published = last.map_or(0, |last| {
            let numbers = sequence.saturating_sub(last.sequence);
            numbers.saturating_sub(missing.saturating_sub(last.missing))
        });
        let fps = interval_s
            .zip(last)
            .map(|(seconds, last)| frame_rate(published, last.publish_ns, publish_ns, seconds));
        if self.processes {
            self.refresh(world);
        }
        let mut producer = self.producer(memory, newest, sequence, fps, world);
        producer.lockstep = lockstep(regions, memory, interval_s, counts);
        let period_ms = producer
            .nominal_fps
            .map(|fps| 1000.0 / fps)
            .or(producer.interval_ms.p50);
        let mut changes = Changes {
            starved: last.map_or(0, |last| starved.saturating_sub(last.starved)),
            coalesced: 0,
        };
        let mut consumers = Vec::new();
        memory
            .consumers
            .retain(|index, _| *index < regions.layout().consumers);
        for index in 0..regions.layout().consumers {
            let since = Since {
                interval_s,
                fps,
                counts,
                sequence,
                published_ns: (last.map_or(0, |last| last.publish_ns), publish_ns),
                period_ms,
            };
            let consumer = self.consumer(
                index,
                memory.consumers.entry(index).or_default(),
                &since,
                world,
                &mut changes,
            );
            consumers.extend(consumer);
        }
        let slots = self.slots(newest, &consumers);
        let slots_free = slots
            .iter()
            .filter(|slot| slot.state == SlotState::Free)
            .count() as u32;
        let state = self.state(header);
        let mut snapshot = Snapshot {
            schema: SCHEMA,
            bus: self.observer.bus().to_string(),
            time_ms: world.wall_ns() / 1_000_000,
            monotonic_ns: self.now_ns,
            interval_s,
            state,
            message: None,
            segment: Some(self.segment(header, state)),
            producer: Some(producer),
            slots,
            slots_free,
            slots_free_min: Some(memory.free.update(self.now_ns, slots_free)),
            consumers,
            findings: Vec::new(),
            picture: None,
        };
        snapshot.findings = findings(&snapshot, changes, self.thresholds, Around::of(world));
        snapshot
    }

    fn state(&self, header: &Header) -> BusState {
        match SegmentState::from_word(header.state.load(Acquire)) {
            Some(SegmentState::Ended | SegmentState::Retired) => BusState::Ended,
            _ if self.age_ms(header.heartbeat_ns.load(Relaxed)) > self.thresholds.gone_after_ms => {
                BusState::Gone
            }
            // No age says whether it lives: then its process, or its lock, does.
            _ if !self.observer.is_clock_known() && !self.observer.has_producer() => BusState::Gone,
            Some(SegmentState::Stalled) => BusState::Stalled,
            _ => BusState::Running,
        }
    }

    fn segment(&self, header: &Header, state: BusState) -> Segment {
        let layout = self.observer.layout();
        let abi = header.abi.load(Acquire);
        let alive = matches!(state, BusState::Running | BusState::Stalled);
        Segment {
            name: format!("/framebus.{}", self.observer.bus()),
            abi: format!("{}.{}", abi >> 16, abi & 0xffff),
            generation: header.generation.load(Relaxed),
            epoch_ms: header.epoch_ms.load(Relaxed),
            bytes: layout.segment_len,
            width: layout.geometry.width,
            height: layout.geometry.height,
            format: format_of(layout),
            planes: layout.planes.iter().map(PlaneInfo::of).collect(),
            max_consumers: layout.consumers.into(),
            history: layout.history.into(),
            unlinked: alive && !self.observer.is_linked(),
            pipes: read_text(&header.pipes),
        }
    }

    /// Looks at the CPU of the producer and of the consumers that are there.
    fn refresh(&self, world: &mut dyn World) {
        let regions = self.observer.regions();
        let header = regions.header();
        let mut pids = vec![(
            header.producer_pid.load(Relaxed),
            header.producer_start_ticks.load(Relaxed),
        )];
        for index in 0..regions.layout().consumers {
            let (claim, record) = (regions.claim(index), regions.record(index));
            if ClaimState::from_word(claim.state.load(Acquire)) == ClaimState::Connected {
                pids.push((claim.pid.load(Relaxed), record.start_ticks.load(Relaxed)));
            }
        }
        world.refresh(&pids);
    }

    fn producer(
        &self,
        memory: &mut Memory,
        newest: Option<Ticket>,
        sequence: u64,
        fps: Option<f64>,
        world: &dyn World,
    ) -> Producer {
        let regions = self.observer.regions();
        let header = regions.header();
        let millihertz = header.nominal_millihertz.load(Relaxed);
        let pid = header.producer_pid.load(Relaxed);
        let usage = self.usage(world, pid);
        let capture_ns = newest.map(|ticket| regions.slot(ticket.slot).capture_ns.load(Relaxed));
        Producer {
            pid,
            uid: header.producer_uid.load(Relaxed),
            source: read_text(&header.source),
            uptime_s: self.now_ns.saturating_sub(header.created_ns.load(Relaxed)) as f64 / NS_PER_S,
            heartbeat_age_ms: self.age_ms(header.heartbeat_ns.load(Relaxed)),
            sequence,
            latest_slot: newest.map(|ticket| ticket.slot),
            nominal_fps: (millihertz != 0).then(|| f64::from(millihertz) / 1000.0),
            fps,
            age_ms: capture_ns.map(|capture_ns| self.age_ms(capture_ns)),
            published: header.published.load(Relaxed),
            dropped: header.dropped.load(Relaxed),
            starved: header.starved.load(Relaxed),
            source_dropped: header.source_dropped.load(Relaxed),
            stall_reason: stall_reason(header),
            interval_ms: self.percentiles(&mut memory.interval, &header.interval),
            copy_ms: self.percentiles(&mut memory.copy, &header.copy),
            cpu_percent: usage.cpu_percent,
            rss_bytes: usage.rss_bytes,
            lockstep: None,
        }
    }
}

/// Whose pace it is, on a bus in lockstep: who has been waited for longest since the snapshot before.
fn lockstep(
    regions: &Regions,
    memory: &mut Memory,
    interval_s: Option<f64>,
    counts: bool,
) -> Option<Lockstep> {
    if regions.header().lockstep.load(Relaxed) == 0 {
        return None;
    }
    let consumers = 0..regions.layout().consumers;
    let waited: Vec<u64> = consumers
        .map(|index| regions.claim(index).waited_ns.load(Relaxed))
        .collect();
    let base = memory
        .waited_ns
        .step(waited.clone(), counts)
        .unwrap_or_default();
    let before = |index: usize| base.get(index).copied().unwrap_or(0);
    // One that has connected since counts from 0.
    let more = |(index, now): (usize, &u64)| now.checked_sub(before(index)).unwrap_or(*now);
    let longest = waited.iter().enumerate().map(|each| (more(each), each.0));
    let (longest_ns, index) = longest.max_by_key(|(ns, _)| *ns)?;
    let percent = interval_s.map(|seconds| longest_ns as f64 / NS_PER_S / seconds * 100.0);
    Some(Lockstep {
        consumer: (longest_ns > 0).then_some(index as u8),
        waited_percent: percent.map(|percent| percent.min(100.0)),
    })
}
