//! An observer: sees everything, holds nothing, changes nothing.

use super::BusName;
use super::attach_error::AttachError;
use super::handle::{HandleError, check_home};
use crate::clock::monotonic_ns;
use crate::layout::{Layout, Plane, SegmentState};
use crate::shm::{ObserverSegment, Regions};
use crate::sync::Ordering::{Acquire, Relaxed};
use crate::system::{Home, clock_ahead_ns, is_foreign, list_objects};

/// How often a copy is tried again when the slot is written meanwhile.
const TRIES: u32 = 8;

/// A bus mapped read-only altogether: no lock, no consumer index, no lease.
#[derive(Debug)]
pub struct Observer {
    bus: BusName,
    segment: ObserverSegment,
    home: Home,
    /// How far this process's clock is ahead of the producer's, and whether that is known or only likely.
    ahead_ns: i64,
    is_clock_known: bool,
}

/// A copy of a frame, checked to be whole.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameCopy {
    /// Its sequence.
    pub sequence: u64,
    /// The slot it was in.
    pub slot: u8,
    /// When it was captured (monotonic ns); for an image that all slots share 0.
    pub capture_ns: u64,
    /// Bytes of its metadata.
    pub metadata_len: u32,
}

/// Why there is no copy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CopyError {
    /// There is no frame there.
    #[error("there is no frame yet")]
    Empty,
    /// It was overwritten during every try.
    #[error("the frame was overwritten while it was copied")]
    Torn,
    /// The bus has no such slot.
    #[error("the bus has no such slot")]
    NoSlot,
    /// The bus has no such plane.
    #[error("the bus has no such plane")]
    NoImage,
    /// The segment was cut short, or it is another process's view.
    #[error(transparent)]
    Handle(#[from] HandleError),
}

impl Observer {
    /// Maps a bus, if it is there and ready.
    ///
    /// # Errors
    /// Fails when there is no such bus, it is not ready, or cannot be read.
    pub fn open(bus: &BusName) -> Result<Observer, AttachError> {
        let segment =
            ObserverSegment::open(bus).map_err(|error| AttachError::from_open(bus, error))?;
        let header = segment.regions().header();
        let (pid, ticks) = (
            header.producer_pid.load(Relaxed),
            header.producer_start_ticks.load(Relaxed),
        );
        let known = clock_ahead_ns(pid, ticks);
        // Else its last sign of life is taken for now: whether it lives is for its lock to say.
        let since = || {
            monotonic_ns()
                .cast_signed()
                .wrapping_sub(header.heartbeat_ns.load(Relaxed).cast_signed())
        };
        Ok(Observer {
            bus: bus.clone(),
            ahead_ns: known.unwrap_or_else(since),
            is_clock_known: known.is_some(),
            segment,
            home: Home::here(),
        })
    }

    /// The buses on this machine that are this user's, root's, or for a group that this user is in, by name. What anybody
    /// else has put into /dev/shm is looked at only by its name.
    #[must_use]
    pub fn buses() -> Vec<BusName> {
        let buses = list_objects().into_iter();
        buses.filter(|bus| !is_foreign(bus)).collect()
    }

    /// The buses on this machine that [`Observer::buses`] leaves out.
    #[must_use]
    pub fn foreign_buses() -> Vec<BusName> {
        list_objects().into_iter().filter(is_foreign).collect()
    }

    /// The bus.
    #[must_use]
    pub fn bus(&self) -> &BusName {
        &self.bus
    }

    /// Where the regions are.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        self.segment.regions().layout()
    }

    /// Whether its producer has ended, or has replaced this segment.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(
            self.state(),
            Some(SegmentState::Ended | SegmentState::Retired)
        )
    }

    /// What the segment says of itself; `None` when that is no state.
    #[must_use]
    pub fn state(&self) -> Option<SegmentState> {
        SegmentState::from_word(self.regions().header().state.load(Acquire))
    }

    /// Whether the bus's name still means this segment: not after a new generation, or when it was removed.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        self.segment.is_linked(&self.bus)
    }

    /// The sequence of the newest frame, without a look at its pixels; `None` before the first.
    #[must_use]
    pub fn newest(&self) -> Option<u64> {
        let latest = self.regions().header().latest.load(Relaxed);
        crate::lease::Ticket::unpack(latest).map(|ticket| ticket.sequence)
    }

    /// The sequence of the frame in a slot; `None` while the slot is written, when it never was, and for one that there is not.
    #[must_use]
    pub fn sequence_in(&self, slot: u8) -> Option<u64> {
        let is_slot = slot < self.layout().slots;
        let sequence = is_slot.then(|| self.regions().slot(slot).sequence.load(Relaxed));
        sequence.filter(|sequence| *sequence != 0)
    }

    pub(crate) fn regions(&self) -> &Regions {
        self.segment.regions()
    }

    /// Whether it can still be used.
    ///
    /// # Errors
    /// Fails when the segment was cut short since it was mapped, or the process was forked from the one that did.
    pub fn check(&self) -> Result<(), HandleError> {
        check_home(self.home, "observer", &self.bus)?;
        if self.segment.is_cut() {
            return Err(HandleError::CutShort {
                bus: self.bus.clone(),
            });
        }
        Ok(())
    }

    /// A time of this process's monotonic clock, on the clock that is in the segment.
    pub(crate) fn on_its_clock(&self, own_ns: u64) -> u64 {
        own_ns.saturating_add_signed(self.ahead_ns.saturating_neg())
    }

    /// Whether a time of this process can be compared with one in the segment.
    pub(crate) fn is_clock_known(&self) -> bool {
        self.is_clock_known
    }

    /// Copies the image of a slot in a plane of this bus ([`Observer::layout`]). Of a plane that is one image for all slots it
    /// is that image, whatever the slot, and [`FrameCopy::sequence`] says which frame's.
    ///
    /// # Errors
    /// Fails when the slot is empty, or was written during every try.
    pub fn copy_slot(
        &self,
        plane: &Plane,
        slot: u8,
        target: &mut Vec<u8>,
    ) -> Result<FrameCopy, CopyError> {
        let planes = &self.layout().planes;
        let index = planes.iter().position(|own| own == plane);
        let index = index.ok_or(CopyError::NoImage)?;
        if plane.one_for_all {
            return self.copy_shared(plane, index, slot, target);
        }
        self.copy(slot, target, |target| {
            self.segment.copy(plane, slot, target)
        })
    }

    /// Copies the newest frame's image in a plane of this bus.
    ///
    /// # Errors
    /// Fails when there is no frame, or it was overwritten during every try.
    pub fn copy_latest(&self, plane: &Plane, target: &mut Vec<u8>) -> Result<FrameCopy, CopyError> {
        self.of_latest(|slot| self.copy_slot(plane, slot, target))
    }

    /// Copies what `copy` copies of a slot from the newest frame's.
    fn of_latest(
        &self,
        mut copy: impl FnMut(u8) -> Result<FrameCopy, CopyError>,
    ) -> Result<FrameCopy, CopyError> {
        let mut result = Err(CopyError::Empty);
        for _ in 0..TRIES {
            let newest = crate::lease::Ticket::unpack(self.regions().header().latest.load(Acquire));
            let Some(newest) = newest.filter(|ticket| ticket.slot < self.layout().slots) else {
                self.check()?;
                return Err(CopyError::Empty);
            };
            result = copy(newest.slot);
            if matches!(result, Ok(_) | Err(CopyError::Handle(_))) {
                break;
            }
        }
        result
    }

    /// Copies the one image that a plane has for all slots.
    fn copy_shared(
        &self,
        plane: &Plane,
        index: usize,
        slot: u8,
        target: &mut Vec<u8>,
    ) -> Result<FrameCopy, CopyError> {
        let Some(entry) = self.regions().header().planes.get(index) else {
            return Err(CopyError::NoImage);
        };
        for _ in 0..TRIES {
            // SYNC(observe): as for a slot; the image has a sequence of its own.
            let sequence = entry.sequence.load(Acquire);
            if sequence == 0 {
                std::thread::yield_now();
                continue;
            }
            self.segment.copy(plane, slot, target);
            if entry.sequence.load(Relaxed) == sequence {
                self.check()?;
                return Ok(FrameCopy {
                    sequence,
                    slot,
                    capture_ns: 0,
                    metadata_len: 0,
                });
            }
        }
        self.check()?;
        Err(CopyError::Torn)
    }

    fn copy(
        &self,
        slot: u8,
        target: &mut Vec<u8>,
        image: impl Fn(&mut Vec<u8>),
    ) -> Result<FrameCopy, CopyError> {
        if slot >= self.layout().slots {
            return Err(CopyError::NoSlot);
        }
        let header = self.regions().slot(slot);
        let mut empty = true;
        for _ in 0..TRIES {
            // SYNC(observe): a copy between two equal sequences is whole.
            let sequence = header.sequence.load(Acquire);
            if sequence == 0 {
                std::thread::yield_now();
                continue;
            }
            empty = false;
            let capture_ns = header.capture_ns.load(Relaxed);
            let metadata_len = header.meta_len.load(Relaxed);
            // Ends with an Acquire fence.
            image(target);
            if header.sequence.load(Relaxed) == sequence {
                self.check()?;
                return Ok(FrameCopy {
                    sequence,
                    slot,
                    capture_ns,
                    metadata_len,
                });
            }
        }
        self.check()?;
        Err(if empty {
            CopyError::Empty
        } else {
            CopyError::Torn
        })
    }
}
