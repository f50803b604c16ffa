//! The producer's look at the words of its segment that the lease protocol needs.

use crate::lease::LeaseMemory;
use crate::shm::Regions;
use crate::sync::{AtomicU64, Hardware};

/// The words of the lease protocol as the producer reaches them.
pub(super) struct ProducerWords<'a>(pub(super) &'a Regions);

impl LeaseMemory for ProducerWords<'_> {
    type Word = AtomicU64;
    type Fence = Hardware;

    fn slots(&self) -> u8 {
        self.0.layout().slots
    }

    fn consumers(&self) -> u8 {
        self.0.layout().consumers
    }

    fn latest(&self) -> &AtomicU64 {
        &self.0.header().latest
    }

    fn sequence(&self, slot: u8) -> &AtomicU64 {
        &self.0.slot(slot).sequence
    }

    fn lease(&self, consumer: u8) -> &AtomicU64 {
        &self.0.record(consumer).lease
    }
}
