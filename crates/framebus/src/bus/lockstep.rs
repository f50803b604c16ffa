//! What a producer in lockstep knows of its consumers: whom it waits for, and who takes too long.

use super::producer_words::ProducerWords;
use crate::layout::{ClaimState, RecordFlags, RecordState, read_text};
use crate::lease::{LeaseMemory, RoomMemory, SlotBook, behind, in_the_way};
use crate::shm::Regions;
use crate::sync::Ordering::{Acquire, Relaxed};
use crate::sync::{AtomicU64, Hardware};

/// How a wait for consumers ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Room {
    /// What was waited for is there.
    Ready,
    /// This consumer took too long, and is not waited for any more.
    LeftOut(SlowConsumer),
    /// The time is over.
    TimedOut,
    /// Somebody asked to stop.
    Stopped,
}

/// A consumer that a producer in lockstep has left out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SlowConsumer {
    /// Its index.
    pub index: u8,
    /// What it calls itself.
    pub name: String,
    /// Whether it holds a frame; if not, it has one to take.
    pub holds: bool,
}

/// What a producer in lockstep remembers of its consumers. A connection is known by when it was made.
#[derive(Debug, Default)]
pub(super) struct Lockstep {
    /// Connections that are not waited for any more, by index.
    left_out: Vec<u64>,
    /// Connections that took every frame in the generation before, by index, until they have entered this one.
    expected: Vec<u64>,
    /// Who is in the way, what it was seen to have done then, and since when.
    suspect: Option<(Progress, u64)>,
}

/// What shows that a consumer goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) index: u8,
    connected_ns: u64,
    taken: u64,
    lease: u64,
}

/// What is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// A slot for the next frame.
    Slot,
    /// That everybody has taken the newest frame.
    AllTaken,
}

/// The words of a segment, and whom its producer waits for.
pub(super) struct RoomWords<'a> {
    pub(super) regions: &'a Regions,
    pub(super) lockstep: &'a Lockstep,
}

impl LeaseMemory for RoomWords<'_> {
    type Word = AtomicU64;
    type Fence = Hardware;

    fn slots(&self) -> u8 {
        ProducerWords(self.regions).slots()
    }

    fn consumers(&self) -> u8 {
        ProducerWords(self.regions).consumers()
    }

    fn latest(&self) -> &AtomicU64 {
        &self.regions.header().latest
    }

    fn sequence(&self, slot: u8) -> &AtomicU64 {
        &self.regions.slot(slot).sequence
    }

    fn lease(&self, consumer: u8) -> &AtomicU64 {
        &self.regions.record(consumer).lease
    }
}

impl RoomMemory for RoomWords<'_> {
    fn taken(&self, consumer: u8) -> Option<u64> {
        const WAITED_FOR: u32 = RecordFlags::EVERY_FRAME | RecordFlags::TELLS;
        let (claim, record) = (self.regions.claim(consumer), self.regions.record(consumer));
        let index = usize::from(consumer);
        let connected_ns = claim.connected_ns.load(Relaxed);
        let is_in = |list: &[u64]| list.get(index) == Some(&connected_ns);
        if !is_connected(self.regions, consumer) || is_in(&self.lockstep.left_out) {
            return None;
        }
        if record.state.load(Acquire) != RecordState::ATTACHED {
            // It is still in the generation before, and has all of this one before it.
            let base = self.regions.header().base_sequence.load(Relaxed);
            return is_in(&self.lockstep.expected).then_some(base);
        }
        (record.flags.load(Relaxed) & WAITED_FOR == WAITED_FOR)
            .then(|| record.last_sequence.load(Relaxed))
    }

    fn waiting(&self) -> &AtomicU64 {
        &self.regions.header().waiting
    }
}

fn is_connected(regions: &Regions, consumer: u8) -> bool {
    let state = regions.claim(consumer).state.load(Acquire);
    ClaimState::from_word(state) == ClaimState::Connected
}

impl Lockstep {
    pub(super) fn new(consumers: u8) -> Lockstep {
        Lockstep {
            left_out: vec![0; consumers.into()],
            expected: vec![0; consumers.into()],
            suspect: None,
        }
    }

    /// Remembers who takes every frame of a segment that is about to be replaced.
    pub(super) fn leave(&mut self, regions: &Regions) {
        let consumers = 0..regions.layout().consumers;
        let words = RoomWords {
            regions,
            lockstep: self,
        };
        let connected = |consumer| regions.claim(consumer).connected_ns.load(Relaxed);
        let expected = consumers.map(|consumer| words.taken(consumer).map(|_| connected(consumer)));
        self.expected = expected.map(Option::unwrap_or_default).collect();
        self.suspect = None;
    }

    /// Says in a new segment who is not waited for.
    pub(super) fn enter(&self, regions: &Regions) {
        for (index, connected_ns) in (0u8..).zip(&self.left_out) {
            let claim = regions.claim(index);
            let is_out = *connected_ns != 0 && claim.connected_ns.load(Relaxed) == *connected_ns;
            claim.left_out.store(is_out.into(), Relaxed);
        }
    }

    pub(super) fn look(
        &self,
        regions: &Regions,
        book: &mut SlotBook,
        goal: Goal,
        newest: u64,
    ) -> Option<u8> {
        let words = RoomWords {
            regions,
            lockstep: self,
        };
        match goal {
            Goal::Slot => in_the_way(&words, book),
            Goal::AllTaken => behind(&words, newest),
        }
    }

    pub(super) fn progress(&self, regions: &Regions, index: u8) -> Progress {
        let record = regions.record(index);
        Progress {
            index,
            connected_ns: regions.claim(index).connected_ns.load(Relaxed),
            taken: record.last_sequence.load(Relaxed),
            lease: record.lease.load(Relaxed),
        }
    }

    /// Since when this consumer has been in the way without doing anything.
    pub(super) fn since_ns(&mut self, progress: Progress, now_ns: u64) -> u64 {
        match self.suspect {
            Some((suspect, since_ns)) if suspect == progress => since_ns,
            _ => {
                self.suspect = Some((progress, now_ns));
                now_ns
            }
        }
    }

    pub(super) fn leave_out(&mut self, regions: &Regions, progress: Progress) -> SlowConsumer {
        let index = progress.index;
        if let Some(left_out) = self.left_out.get_mut(usize::from(index)) {
            *left_out = progress.connected_ns;
        }
        self.suspect = None;
        regions.claim(index).left_out.store(1, Relaxed);
        SlowConsumer {
            index,
            name: read_text(&regions.record(index).name),
            holds: progress.lease != 0,
        }
    }
}
