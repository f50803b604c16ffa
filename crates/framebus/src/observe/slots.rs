//! The slots in a snapshot.

use super::reading::Reading;
use super::snapshot::{Consumer, Slot, SlotState};
use crate::lease::Ticket;
use crate::sync::Ordering::{Acquire, Relaxed};

impl Reading<'_> {
    /// What every slot is used for at the moment when `newest` was read.
    pub(super) fn slots(&self, newest: Option<Ticket>, consumers: &[Consumer]) -> Vec<Slot> {
        let regions = self.observer.regions();
        let writing = regions.header().writing_slot.load(Relaxed);
        (0..regions.layout().slots)
            .map(|slot| {
                let header = regions.slot(slot);
                let sequence = header.sequence.load(Acquire);
                // What was published since `newest` was read was being written then.
                let later = sequence > newest.map_or(0, |ticket| ticket.sequence);
                let sequence = Some(sequence).filter(|sequence| *sequence != 0 && !later);
                let holders: Vec<u8> = consumers
                    .iter()
                    .filter(|consumer| consumer.slot == Some(slot))
                    .map(|consumer| consumer.index)
                    .collect();
                let state = match () {
                    () if newest.is_some_and(|ticket| ticket.slot == slot) => SlotState::Latest,
                    () if later || writing == u32::from(slot) + 1 => SlotState::Writing,
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
}
