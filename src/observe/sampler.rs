//! Turns a bus into snapshots: reads counters, and makes rates and percentiles of their differences.

use std::collections::BTreeMap;

use super::consumers::{ConsumerMemory, Since};
use super::findings::{Thresholds, findings};
use super::process::Processes;
use super::rate::frame_rate;
use super::snapshot::*;
use super::window::{CountWindow, LeastWindow};
use crate::bus::{AttachError, BusName, Observer, Ticket};
use crate::clock::{monotonic_ns, wall_ns};
use crate::layout::{ClaimState, Header, HeaderFlags, SegmentState, read_text};
use crate::sync::Ordering::{Acquire, Relaxed};

const NS_PER_MS: f64 = 1e6;
const NS_PER_S: f64 = 1e9;

/// Where percentiles begin to count, until a window of 60 s is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Baseline {
    /// With the first snapshot: what happens while somebody looks.
    FirstLook,
    /// With the attaching of each consumer: for a single look.
    Start,
}

/// Takes snapshots of one bus. Follows it from generation to generation.
#[derive(Debug)]
pub struct Sampler {
    bus: BusName,
    thresholds: Thresholds,
    baseline: Baseline,
    pub(super) observer: Option<Observer>,
    processes: Processes,
    /// What is remembered of the segment in view.
    memory: Memory,
}

#[derive(Debug, Default)]
struct Memory {
    last: Option<Last>,
    interval: CountWindow,
    copy: CountWindow,
    free: LeastWindow,
    consumers: BTreeMap<u8, ConsumerMemory>,
}

/// Counters of the snapshot before.
#[derive(Debug, Clone, Copy)]
struct Last {
    at_ns: u64,
    sequence: u64,
    starved: u64,
    publish_ns: u64,
}

/// What changed since the snapshot before, for findings.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Changes {
    pub(super) starved: u64,
    pub(super) coalesced: u64,
}

impl Sampler {
    /// Looks at a bus that need not be there yet.
    #[must_use]
    pub fn new(bus: BusName, baseline: Baseline, thresholds: Thresholds) -> Sampler {
        Sampler {
            bus,
            thresholds,
            baseline,
            observer: None,
            processes: Processes::new(),
            memory: Memory::default(),
        }
    }

    /// The bus.
    #[must_use]
    pub fn bus(&self) -> &BusName {
        &self.bus
    }

    /// Takes a snapshot; with `picture` also a copy of the newest gray frame.
    pub fn sample(&mut self, picture: bool) -> Snapshot {
        if let Some(trouble) = self.look() {
            return trouble;
        }
        let Some(observer) = &self.observer else {
            return self.blank(BusState::Absent, None);
        };
        let reading = Reading {
            observer,
            now_ns: monotonic_ns(),
            baseline: self.baseline,
            thresholds: &self.thresholds,
        };
        let mut snapshot = reading.snapshot(&mut self.memory, &mut self.processes);
        if picture {
            snapshot.picture = self.picture(None);
        }
        snapshot
    }

    /// Copies the gray image of a slot, or of the newest frame.
    #[must_use]
    pub fn picture(&self, slot: Option<u8>) -> Option<Picture> {
        let observer = self.observer.as_ref()?;
        let mut gray = Vec::new();
        let copy = match slot {
            Some(slot) => observer.copy_slot(slot, &mut gray),
            None => observer.copy_latest(&mut gray),
        };
        let copy = copy.ok()?;
        let geometry = observer.layout().geometry;
        Some(Picture {
            width: geometry.width,
            height: geometry.height,
            slot: copy.slot,
            sequence: copy.sequence,
            gray,
            bgr: None,
        })
    }

    /// Copies the gray image of every slot that has one.
    #[must_use]
    pub fn pictures(&self) -> Vec<Picture> {
        let slots = self
            .observer
            .as_ref()
            .map_or(0, |observer| observer.layout().slots);
        (0..slots)
            .filter_map(|slot| self.picture(Some(slot)))
            .collect()
    }

    /// Opens the segment that has the name now; a snapshot that says so when there is nothing to read.
    fn look(&mut self) -> Option<Snapshot> {
        if self.observer.as_ref().is_some_and(Observer::is_linked) {
            return None;
        }
        match Observer::open(&self.bus) {
            Ok(observer) => {
                self.observer = Some(observer);
                self.memory = Memory::default();
                None
            }
            // The last picture of a bus that has ended, or was unlinked, stays until there is another.
            Err(_) if self.observer.is_some() => None,
            Err(AttachError::NoBus { .. }) => Some(self.blank(
                BusState::Absent,
                Some(format!("waiting for bus {}", self.bus)),
            )),
            Err(AttachError::Silent { .. }) => Some(self.blank(
                BusState::Starting,
                Some(format!("bus {} is being made", self.bus)),
            )),
            Err(error) => {
                let mut blank = self.blank(BusState::Unreadable, Some(error.to_string()));
                blank.findings = findings(&blank, Changes::default(), &self.thresholds);
                Some(blank)
            }
        }
    }

    fn blank(&self, state: BusState, message: Option<String>) -> Snapshot {
        Snapshot {
            schema: SCHEMA,
            bus: self.bus.to_string(),
            time_ms: wall_ns() / 1_000_000,
            monotonic_ns: monotonic_ns(),
            interval_s: None,
            state,
            message,
            segment: None,
            producer: None,
            slots: Vec::new(),
            slots_free: 0,
            slots_free_min: None,
            consumers: Vec::new(),
            findings: Vec::new(),
            picture: None,
        }
    }
}

/// One look at a segment.
pub(super) struct Reading<'a> {
    pub(super) observer: &'a Observer,
    pub(super) now_ns: u64,
    pub(super) baseline: Baseline,
    pub(super) thresholds: &'a Thresholds,
}

impl Reading<'_> {
    fn snapshot(&self, memory: &mut Memory, processes: &mut Processes) -> Snapshot {
        let regions = self.observer.regions();
        let header = regions.header();
        let newest = Ticket::unpack(header.latest.load(Acquire));
        let sequence = newest.map_or(header.base_sequence.load(Relaxed), |ticket| ticket.sequence);
        let starved = header.starved.load(Relaxed);
        let publish_ns = header.publish_ns.load(Relaxed);
        let last = memory.last.replace(Last {
            at_ns: self.now_ns,
            sequence,
            starved,
            publish_ns,
        });
        let interval_s = last
            .map(|last| self.now_ns.saturating_sub(last.at_ns) as f64 / NS_PER_S)
            .filter(|s| *s > 0.0);
        let published = last.map_or(0, |last| sequence.saturating_sub(last.sequence));
        let fps = interval_s
            .zip(last)
            .map(|(seconds, last)| frame_rate(published, last.publish_ns, publish_ns, seconds));
        self.refresh(processes);
        let producer = self.producer(memory, newest, sequence, fps, processes);
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
                sequence,
                period_ms,
            };
            let consumer = self.consumer(
                index,
                memory.consumers.entry(index).or_default(),
                &since,
                processes,
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
            time_ms: wall_ns() / 1_000_000,
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
        snapshot.findings = findings(&snapshot, changes, self.thresholds);
        snapshot
    }

    fn state(&self, header: &Header) -> BusState {
        match SegmentState::from_word(header.state.load(Acquire)) {
            Some(SegmentState::Ended | SegmentState::Retired) => BusState::Ended,
            _ if self.age_ms(header.heartbeat_ns.load(Relaxed)) > self.thresholds.gone_after_ms => {
                BusState::Gone
            }
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
            bytes: layout.segment_len,
            width: layout.geometry.width,
            height: layout.geometry.height,
            stride: layout.geometry.width,
            format: if layout.color.is_some() {
                "gray8+bgr"
            } else {
                "gray8"
            }
            .to_owned(),
            bgr_image: header.flags.load(Relaxed) & HeaderFlags::BGR_IMAGE != 0,
            max_consumers: layout.consumers.into(),
            history: layout.history.into(),
            unlinked: alive && !self.observer.is_linked(),
            pipes: read_text(&header.pipes),
        }
    }

    /// Looks at the CPU of the producer and of the consumers that are there.
    fn refresh(&self, processes: &mut Processes) {
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
        processes.refresh(&pids);
    }

    fn producer(
        &self,
        memory: &mut Memory,
        newest: Option<Ticket>,
        sequence: u64,
        fps: Option<f64>,
        processes: &Processes,
    ) -> Producer {
        let regions = self.observer.regions();
        let header = regions.header();
        let millihertz = header.nominal_millihertz.load(Relaxed);
        let pid = header.producer_pid.load(Relaxed);
        let usage = processes.usage(pid);
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
            interval_ms: self.percentiles(&mut memory.interval, &header.interval),
            copy_ms: self.percentiles(&mut memory.copy, &header.copy),
            cpu_percent: usage.cpu_percent,
            rss_bytes: usage.rss_bytes,
        }
    }

    fn slots(&self, newest: Option<Ticket>, consumers: &[Consumer]) -> Vec<Slot> {
        let regions = self.observer.regions();
        let writing = regions.header().writing_slot.load(Relaxed);
        (0..regions.layout().slots)
            .map(|slot| {
                let header = regions.slot(slot);
                let sequence =
                    Some(header.sequence.load(Acquire)).filter(|sequence| *sequence != 0);
                let holders: Vec<u8> = consumers
                    .iter()
                    .filter(|consumer| consumer.slot == Some(slot))
                    .map(|consumer| consumer.index)
                    .collect();
                let state = match () {
                    () if newest.is_some_and(|ticket| ticket.slot == slot) => SlotState::Latest,
                    () if writing == u32::from(slot) + 1 => SlotState::Writing,
                    () if !holders.is_empty() => SlotState::Held,
                    () => SlotState::Free,
                };
                Slot {
                    slot,
                    state,
                    references: holders.len() as u32,
                    sequence,
                    age_ms: sequence.map(|_| self.age_ms(header.capture_ns.load(Relaxed))),
                    holders,
                }
            })
            .collect()
    }

    pub(super) fn age_ms(&self, then_ns: u64) -> f64 {
        self.now_ns.saturating_sub(then_ns) as f64 / NS_PER_MS
    }
}
