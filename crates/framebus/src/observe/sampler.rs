//! Turns a bus into snapshots: reads counters, and makes rates and percentiles of their differences.

use std::collections::BTreeMap;

use super::consumers::{ConsumerMemory, Since};
use super::findings::{Around, Changes, Thresholds, findings, unlinked};
use super::planes::{PlaneInfo, format_of};
use super::rate::frame_rate;
use super::reading::{Baseline, Reading};
use super::snapshot::*;
use super::window::{CountWindow, LeastWindow};
use super::world::{Machine, World};
use crate::bus::{AttachError, BusName, HandleError, Observer, check_home};
use crate::layout::{ClaimState, Header, SegmentState, read_text};
use crate::lease::Ticket;
use crate::shm::Regions;
use crate::sync::Ordering::{Acquire, Relaxed};
use crate::system::Home;

const NS_PER_S: f64 = 1e9;
/// Rates are over no less than this: a look right after another, for a picture, goes on from the counters of the one before.
const SHORTEST_NS: u64 = 90_000_000;

/// Takes snapshots of one bus. Follows it from generation to generation.
#[derive(Debug)]
pub struct Sampler {
    bus: BusName,
    thresholds: Thresholds,
    baseline: Baseline,
    observer: Option<Observer>,
    home: Home,
    world: Box<dyn World>,
    /// What is remembered of the segment in view.
    memory: Memory,
    /// The slots and sequences of the last snapshot.
    sampled: Vec<(u8, u64)>,
}

#[derive(Debug, Default)]
struct Memory {
    last: Option<Last>,
    interval: CountWindow,
    copy: CountWindow,
    free: LeastWindow,
    consumers: BTreeMap<u8, ConsumerMemory>,
    /// How long the producer had waited for each consumer, at the snapshot before.
    waited_ns: Vec<u64>,
}

/// Counters of the snapshot before.
#[derive(Debug, Clone, Copy)]
struct Last {
    at_ns: u64,
    sequence: u64,
    starved: u64,
    publish_ns: u64,
}

impl Sampler {
    /// Looks at a bus that need not be there yet.
    #[must_use]
    pub fn new(bus: BusName, baseline: Baseline, thresholds: Thresholds) -> Sampler {
        Sampler::in_world(bus, baseline, thresholds, Box::new(Machine::new()))
    }

    /// Looks at a bus with the clocks and processes of `world`.
    #[doc(hidden)]
    #[must_use]
    pub fn in_world(
        bus: BusName,
        baseline: Baseline,
        thresholds: Thresholds,
        world: Box<dyn World>,
    ) -> Sampler {
        Sampler {
            bus,
            thresholds,
            baseline,
            observer: None,
            home: Home::here(),
            world,
            memory: Memory::default(),
            sampled: Vec::new(),
        }
    }

    /// The bus.
    #[must_use]
    pub fn bus(&self) -> &BusName {
        &self.bus
    }

    /// Takes a snapshot; with `picture` also a copy of its newest gray frame.
    pub fn sample(&mut self, picture: bool) -> Snapshot {
        self.moment(picture, true)
    }

    /// Takes a snapshot without a look at the processes, which is most of what a snapshot costs: what they use is not known.
    pub fn glance(&mut self) -> Snapshot {
        self.moment(false, false)
    }

    fn moment(&mut self, picture: bool, processes: bool) -> Snapshot {
        if let Some(trouble) = self.look() {
            return trouble;
        }
        let Some(observer) = &self.observer else {
            return self.blank(BusState::Absent, None);
        };
        let reading = Reading {
            observer,
            now_ns: observer.on_its_clock(self.world.monotonic_ns()),
            baseline: self.baseline,
            thresholds: &self.thresholds,
            processes,
        };
        let mut snapshot = reading.snapshot(&mut self.memory, &mut *self.world);
        // What was read of a segment that was cut short meanwhile is nobody's word. The next look opens what is there.
        if let Err(error) = observer.check() {
            self.observer = None;
            return self.unreadable(error.to_string());
        }
        let frame = |slot: &Slot| Some((slot.slot, slot.sequence?));
        self.sampled = snapshot.slots.iter().filter_map(frame).collect();
        if picture {
            snapshot.picture = self.sampled_picture();
        }
        snapshot
    }

    /// Whether this process is the one that it was made in.
    ///
    /// # Errors
    /// Fails in a process that was forked from that one.
    pub fn check(&self) -> Result<(), HandleError> {
        check_home(self.home, "observer", &self.bus)
    }

    /// The slots and sequences of the last snapshot.
    pub(super) fn sampled(&self) -> &[(u8, u64)] {
        &self.sampled
    }

    /// The segment in view.
    pub(super) fn observer(&self) -> Option<&Observer> {
        self.observer.as_ref()
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
            Err(error @ AttachError::Unlinked { .. }) => {
                let mut blank = self.blank(BusState::Absent, Some(error.to_string()));
                blank.findings = vec![Finding {
                    kind: "unlinked-segment".to_owned(),
                    severity: Severity::Critical,
                    consumer: None,
                    text: unlinked(&format!("/framebus.{}", self.bus)),
                }];
                Some(blank)
            }
            Err(AttachError::Silent { .. }) => Some(self.blank(
                BusState::Starting,
                Some(format!("bus {} is being made", self.bus)),
            )),
            // A segment that this user may not read is nobody's mistake of layout.
            Err(error @ (AttachError::Denied { .. } | AttachError::Untrusted { .. })) => {
                Some(self.blank(BusState::Unreadable, Some(error.to_string())))
            }
            Err(error) => Some(self.unreadable(error.to_string())),
        }
    }

    fn unreadable(&self, why: String) -> Snapshot {
        let mut blank = self.blank(BusState::Unreadable, Some(why));
        let around = Around::of(&*self.world);
        blank.findings = findings(&blank, Changes::default(), &self.thresholds, around);
        blank
    }

    fn blank(&self, state: BusState, message: Option<String>) -> Snapshot {
        Snapshot {
            schema: SCHEMA,
            bus: self.bus.to_string(),
            time_ms: self.world.wall_ns() / 1_000_000,
            monotonic_ns: self.world.monotonic_ns(),
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

/// Why the source gives nothing, where it gives nothing and the producer says why.
fn stall_reason(header: &Header) -> Option<String> {
    // SYNC(state): whoever sees "stalled" finds why.
    let stalled = header.state.load(Acquire) == SegmentState::Stalled as u32;
    stalled
        .then(|| read_text(&header.stall_reason))
        .filter(|reason| !reason.is_empty())
}

impl Reading<'_> {
    fn snapshot(&self, memory: &mut Memory, world: &mut dyn World) -> Snapshot {
        let regions = self.observer.regions();
        let header = regions.header();
        let newest = Ticket::unpack(header.latest.load(Acquire));
        let sequence = newest.map_or(header.base_sequence.load(Relaxed), |ticket| ticket.sequence);
        let starved = header.starved.load(Relaxed);
        let publish_ns = header.publish_ns.load(Relaxed);
        let last = memory.last;
        let counts =
            last.is_none_or(|last| self.now_ns - last.at_ns.min(self.now_ns) >= SHORTEST_NS);
        if counts {
            memory.last = Some(Last {
                at_ns: self.now_ns,
                sequence,
                starved,
                publish_ns,
            });
        }
        let interval_s = last
            .map(|last| self.now_ns.saturating_sub(last.at_ns) as f64 / NS_PER_S)
            .filter(|s| *s > 0.0);
        let published = last.map_or(0, |last| sequence.saturating_sub(last.sequence));
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
    let before = |index: usize| memory.waited_ns.get(index).copied().unwrap_or(0);
    // One that has connected since counts from 0.
    let more = |(index, now): (usize, &u64)| now.checked_sub(before(index)).unwrap_or(*now);
    let longest = waited.iter().enumerate().map(|each| (more(each), each.0));
    let (longest_ns, index) = longest.max_by_key(|(ns, _)| *ns)?;
    let percent = interval_s.map(|seconds| longest_ns as f64 / NS_PER_S / seconds * 100.0);
    if counts {
        memory.waited_ns = waited;
    }
    Some(Lockstep {
        consumer: (longest_ns > 0).then_some(index as u8),
        waited_percent: percent.map(|percent| percent.min(100.0)),
    })
}
