//! Lockstep: the producer overwrites no frame that a consumer which takes every frame has yet to take, and sleeps until it
//! need not.
//!
//! The producer says in `waiting` that it is about to sleep, and looks once more; a consumer releases its frame, and looks
//! whether the producer waits. Two fences make sure that at least one of the two sees the other: either the producer finds
//! room, or the consumer wakes it.

use super::{LeaseMemory, SlotBook, SlotSet, leased_slots};
use crate::sync::{Fence, Ordering, Word};

/// The words of the lease protocol, and what the producer knows of those whom it waits for.
pub(crate) trait RoomMemory: LeaseMemory {
    /// The newest frame that a consumer has taken, where the producer waits for it.
    fn taken(&self, consumer: u8) -> Option<u64>;
    /// Whether the producer waits. Written by the producer.
    fn waiting(&self) -> &Self::Word;
}

/// The consumer that is furthest behind, and the newest frame it has taken.
fn hindmost<M: RoomMemory>(memory: &M) -> Option<(u8, u64)> {
    (0..memory.consumers())
        .filter_map(|consumer| Some((consumer, memory.taken(consumer)?)))
        .min_by_key(|(_, taken)| *taken)
}

/// Whom the next frame has to wait for; `None` when there is room. Until the next look the book gives out no slot whose
/// frame somebody has yet to take.
pub(crate) fn in_the_way<M: RoomMemory>(memory: &M, book: &mut SlotBook) -> Option<u8> {
    // SYNC(lockstep): whoever has attached either is seen here, or has seen the newest frame that is published.
    M::Fence::fence(Ordering::SeqCst);
    let Some((consumer, taken)) = hindmost(memory) else {
        book.taken = u64::MAX;
        return None;
    };
    book.taken = taken;
    let spare = book.oldest(leased_slots(memory), SlotSet::default());
    spare.is_none().then_some(consumer)
}

/// Who has yet to take the frame `sequence`.
pub(crate) fn behind<M: RoomMemory>(memory: &M, sequence: u64) -> Option<u8> {
    M::Fence::fence(Ordering::SeqCst);
    hindmost(memory)
        .filter(|(_, taken)| *taken < sequence)
        .map(|(consumer, _)| consumer)
}

/// Says that the producer is about to sleep: it looks once more, and then sleeps until it is woken.
pub(crate) fn begin_waiting<M: RoomMemory>(memory: &M) {
    memory.waiting().store(1, Ordering::Relaxed);
    // SYNC(lockstep): either the producer's next look sees the lease gone, or the consumer sees the 1 above.
    M::Fence::fence(Ordering::SeqCst);
}

/// Whether the producer has to be woken, by a consumer that has just released its frame, or attached.
pub(crate) fn is_waited_for<F: Fence>(waiting: &impl Word) -> bool {
    // SYNC(lockstep): see `begin_waiting`.
    F::fence(Ordering::SeqCst);
    waiting.load(Ordering::Relaxed) != 0
}
