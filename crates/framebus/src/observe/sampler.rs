//! Turns a bus into snapshots: reads counters, and makes rates and percentiles of their differences.

use super::findings::{Around, Changes, Thresholds, findings, unlinked};
use super::moment::Memory;
use super::reading::{Baseline, Reading};
use super::snapshot::*;
use super::world::{Machine, World};
use crate::bus::{AttachError, BusName, HandleError, Observer, check_home};
use crate::system::Home;

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
