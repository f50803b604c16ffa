//! An observer: sees everything, holds nothing, changes nothing.

use super::BusName;
use super::attach::AttachError;
use crate::layout::{Layout, SegmentState};
use crate::shm::{ObserverSegment, Regions, list_objects};
use crate::sync::Ordering::{Acquire, Relaxed};

/// How often a copy is tried again when the slot is written meanwhile.
const TRIES: u32 = 8;

/// A bus mapped read-only altogether: no lock, no consumer index, no lease.
#[derive(Debug)]
pub struct Observer {
    bus: BusName,
    segment: ObserverSegment,
}

/// A copy of a frame, checked to be whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameCopy {
    /// Its sequence.
    pub sequence: u64,
    /// The slot it was in.
    pub slot: u8,
    /// When it was captured (monotonic ns); for the BGR debugging image 0.
    pub capture_ns: u64,
}

/// Why there is no copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
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
    /// The bus keeps no such image.
    #[error("the bus keeps no BGR image")]
    NoImage,
}

impl Observer {
    /// Maps a bus, if it is there and ready.
    ///
    /// # Errors
    /// Fails when there is no such bus, it is not ready, or cannot be read.
    pub fn open(bus: &BusName) -> Result<Observer, AttachError> {
        let segment =
            ObserverSegment::open(bus).map_err(|error| AttachError::from_open(bus, error))?;
        Ok(Observer {
            bus: bus.clone(),
            segment,
        })
    }

    /// The buses on this machine, by name.
    #[must_use]
    pub fn buses() -> Vec<BusName> {
        list_objects()
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
    pub(crate) fn state(&self) -> Option<SegmentState> {
        SegmentState::from_word(self.regions().header().state.load(Acquire))
    }

    /// Whether the bus's name still means this segment: not after a new generation, or when it was removed.
    #[must_use]
    pub fn is_linked(&self) -> bool {
        self.segment.is_linked(&self.bus)
    }

    pub(crate) fn regions(&self) -> &Regions {
        self.segment.regions()
    }

    /// Copies the gray image of a slot.
    ///
    /// # Errors
    /// Fails when the slot is empty, or was written during every try.
    pub fn copy_slot(&self, slot: u8, target: &mut Vec<u8>) -> Result<FrameCopy, CopyError> {
        self.copy(slot, target, |target| self.segment.copy_gray(slot, target))
    }

    /// Copies the gray image of the newest frame.
    ///
    /// # Errors
    /// Fails when there is no frame, or it was overwritten during every try.
    pub fn copy_latest(&self, target: &mut Vec<u8>) -> Result<FrameCopy, CopyError> {
        self.of_latest(|slot| self.copy_slot(slot, target))
    }

    /// Copies the BGR image of the newest frame.
    ///
    /// # Errors
    /// Fails when there is no frame or no such image, or it was overwritten during every try.
    pub fn copy_latest_bgr(&self, target: &mut Vec<u8>) -> Result<FrameCopy, CopyError> {
        self.of_latest(|slot| self.copy_bgr(slot, target))
    }

    /// Copies what `copy` copies of a slot from the newest frame's.
    fn of_latest(
        &self,
        mut copy: impl FnMut(u8) -> Result<FrameCopy, CopyError>,
    ) -> Result<FrameCopy, CopyError> {
        let mut result = Err(CopyError::Empty);
        for _ in 0..TRIES {
            let newest = super::lease::Ticket::unpack(self.regions().header().latest.load(Acquire));
            let Some(newest) = newest.filter(|ticket| ticket.slot < self.layout().slots) else {
                return Err(CopyError::Empty);
            };
            result = copy(newest.slot);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    /// Copies the BGR image: a slot's on a bus with colour, else the debugging image, which is the newest frame's.
    ///
    /// # Errors
    /// Fails when there is none, or it was written during every try.
    pub fn copy_bgr(&self, slot: u8, target: &mut Vec<u8>) -> Result<FrameCopy, CopyError> {
        if self.layout().color.is_some() {
            return self.copy(slot, target, |target| {
                self.segment.copy_bgr(slot, target);
            });
        }
        if self.layout().bgr_offset.is_none() {
            return Err(CopyError::NoImage);
        }
        let guard = &self.regions().header().bgr_sequence;
        for _ in 0..TRIES {
            // SYNC(observe): as for a slot; the image has a sequence of its own.
            let sequence = guard.load(Acquire);
            if sequence == 0 {
                std::thread::yield_now();
                continue;
            }
            self.segment.copy_bgr(slot, target);
            if guard.load(Relaxed) == sequence {
                return Ok(FrameCopy {
                    sequence,
                    slot,
                    capture_ns: 0,
                });
            }
        }
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
            // Ends with an Acquire fence.
            image(target);
            if header.sequence.load(Relaxed) == sequence {
                return Ok(FrameCopy {
                    sequence,
                    slot,
                    capture_ns,
                });
            }
        }
        Err(if empty {
            CopyError::Empty
        } else {
            CopyError::Torn
        })
    }
}
