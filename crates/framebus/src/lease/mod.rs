//! The lease protocol: how producer and consumers never collide, without waiting for each other.
//!
//! A lease is a hazard pointer: one word, one writer, the frame a consumer is looking at. The producer claims a slot by
//! taking its sequence away and looking at the leases once more; a consumer takes a frame by naming it in its lease and
//! looking at its sequence once more. Two fences make sure that at least one of the two sees the other. A dead
//! consumer's lease is simply cleared: nothing is counted, so nothing needs to be recounted.
//!
//! Written against [`LeaseMemory`], so that the code that runs over shared memory is the one that loom explores
//! (`model.rs`).

#[cfg(all(test, unix))]
mod lockstep_model;
#[cfg(all(test, unix))]
mod model;
#[cfg(test)]
mod reference;
mod room;

pub(crate) use room::{RoomMemory, begin_waiting, behind, in_the_way, is_waited_for};

use crate::sync::{Fence, Ordering, Word};

/// A frame in its slot, packed into one word: sequence << 8 | slot. Zero is none: sequences start at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    pub(crate) sequence: u64,
    pub(crate) slot: u8,
}

impl Ticket {
    /// The word of no frame.
    pub(crate) const NONE: u64 = 0;
    /// The largest sequence: at 1000 frames a second it lasts two million years.
    const MAX_SEQUENCE: u64 = u64::MAX >> 8;

    pub(crate) const fn pack(self) -> u64 {
        (self.sequence & Self::MAX_SEQUENCE) << 8 | self.slot as u64
    }

    pub(crate) const fn unpack(word: u64) -> Option<Ticket> {
        if word >> 8 == 0 {
            return None;
        }
        Some(Ticket {
            sequence: word >> 8,
            slot: (word & 0xff) as u8,
        })
    }
}

/// A consumer's right to read one slot's images, for as long as it does not name another frame in its lease. Only `hold`
/// makes one, after it has seen that the producer will leave the slot alone; it goes with [`release`].
#[derive(Debug)]
pub(crate) struct Leased(Ticket);

impl Leased {
    /// The frame.
    pub(crate) const fn ticket(&self) -> Ticket {
        self.0
    }

    /// For a test of what the memory protects by itself.
    #[cfg(all(test, unix))]
    pub(crate) const fn without_a_lease(slot: u8) -> Leased {
        Leased(Ticket { sequence: 1, slot })
    }
}

/// The producer's right to write one slot's images. Only [`claim`] makes one, after it has seen that no lease names the
/// slot; it goes with [`publish`], and is worth nothing after the next claim.
#[derive(Debug)]
pub(crate) struct Claimed(u8);

impl Claimed {
    /// The slot.
    pub(crate) const fn slot(&self) -> u8 {
        self.0
    }

    /// For a test of what the memory protects by itself.
    #[cfg(all(test, unix))]
    pub(crate) const fn without_a_claim(slot: u8) -> Claimed {
        Claimed(slot)
    }
}

/// The words the protocol is about.
pub(crate) trait LeaseMemory {
    /// What a word is.
    type Word: Word;
    /// What a fence is.
    type Fence: Fence;
    /// How many slots there are; at most 254.
    fn slots(&self) -> u8;
    /// How many consumer indices there are.
    fn consumers(&self) -> u8;
    /// The newest frame. Written by the producer.
    fn latest(&self) -> &Self::Word;
    /// The sequence in a slot; 0 = being written. Written by the producer.
    fn sequence(&self, slot: u8) -> &Self::Word;
    /// The lease of a consumer. Written by that consumer; cleared by the producer once it is gone.
    fn lease(&self, consumer: u8) -> &Self::Word;
}

/// A set of slots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SlotSet([u64; 4]);

impl SlotSet {
    pub(crate) fn insert(&mut self, slot: u8) {
        self.0[usize::from(slot >> 6)] |= 1 << (slot & 63);
    }

    pub(crate) fn contains(&self, slot: u8) -> bool {
        self.0[usize::from(slot >> 6)] & 1 << (slot & 63) != 0
    }
}

/// What the producer remembers of its slots; nobody else writes them, so it never reads them back.
#[derive(Debug)]
pub(crate) struct SlotBook {
    sequences: Vec<u64>,
    latest: Option<u8>,
    /// Frames above this sequence are not overwritten: somebody has yet to take them. `u64::MAX` = every frame may be.
    taken: u64,
}

impl SlotBook {
    pub(crate) fn new(slots: u8) -> SlotBook {
        SlotBook {
            sequences: vec![0; usize::from(slots)],
            latest: None,
            taken: u64::MAX,
        }
    }

    /// The slot with the oldest frame that is not the newest, not leased, not passed over, and not waited for by somebody:
    /// history lasts longest.
    fn oldest(&self, leased: SlotSet, passed_over: SlotSet) -> Option<u8> {
        let mut oldest: Option<(u64, u8)> = None;
        for (slot, &sequence) in (0u8..).zip(&self.sequences) {
            let usable = self.latest != Some(slot)
                && !leased.contains(slot)
                && !passed_over.contains(slot)
                && sequence <= self.taken;
            if usable && oldest.is_none_or(|(least, _)| sequence < least) {
                oldest = Some((sequence, slot));
            }
        }
        oldest.map(|(_, slot)| slot)
    }
}

/// A consumer that moves from slot to slot during a scan can be seen in two, and then every slot may look taken although one
/// is free. Each further pass makes that some hundred times rarer: in random interleavings of two consumers that do nothing
/// else, one pass lost 4 claims in a thousand, three lost 6 in 250 million, four and eight none in as many. It is not
/// impossible; such a claim loses one frame and is counted as starved. A pass costs nothing where the one before has found a
/// slot.
const PASSES: u32 = 8;

/// Which slots are leased now.
pub(crate) fn leased_slots<M: LeaseMemory>(memory: &M) -> SlotSet {
    let mut leased = SlotSet::default();
    for consumer in 0..memory.consumers() {
        if let Some(ticket) = Ticket::unpack(memory.lease(consumer).load(Ordering::Acquire)) {
            leased.insert(ticket.slot);
        }
    }
    leased
}

/// Claims a slot for writing: its sequence is 0 and no lease names it, or `None` when every slot is in use.
pub(crate) fn claim<M: LeaseMemory>(memory: &M, book: &mut SlotBook) -> Option<Claimed> {
    for _ in 0..PASSES {
        // SYNC(release): a consumer's reads of a frame happen-before the producer's writes after it saw the lease gone.
        let leased = leased_slots(memory);
        let mut passed_over = SlotSet::default();
        while let Some(slot) = book.oldest(leased, passed_over) {
            let sequence = memory.sequence(slot);
            sequence.store(0, Ordering::Relaxed);
            // SYNC(claim): either the consumer's second look sees the 0 above, or the scan below sees its lease.
            M::Fence::fence(Ordering::SeqCst);
            if !leased_slots(memory).contains(slot) {
                book.sequences[usize::from(slot)] = 0;
                return Some(Claimed(slot));
            }
            sequence.store(book.sequences[usize::from(slot)], Ordering::Release);
            passed_over.insert(slot);
        }
    }
    None
}

/// Publishes a claimed slot as the newest frame. Pixels and the rest of the slot header have been written.
pub(crate) fn publish<M: LeaseMemory>(
    memory: &M,
    book: &mut SlotBook,
    claimed: Claimed,
    sequence: u64,
) {
    let ticket = Ticket {
        sequence,
        slot: claimed.slot(),
    };
    // SYNC(publish): pixels and slot header happen-before whoever reads this sequence or `latest`.
    memory
        .sequence(ticket.slot)
        .store(ticket.sequence, Ordering::Release);
    memory.latest().store(ticket.pack(), Ordering::Release);
    book.sequences[usize::from(ticket.slot)] = ticket.sequence;
    book.latest = Some(ticket.slot);
}

/// The newest frame.
pub(crate) fn latest<M: LeaseMemory>(memory: &M) -> Option<Ticket> {
    // SYNC(publish): see `publish`.
    Ticket::unpack(memory.latest().load(Ordering::Acquire))
        .filter(|ticket| ticket.slot < memory.slots())
}

/// How often a consumer starts again because the producer has published meanwhile. One that loses so often does not hang in
/// a segment that somebody has damaged: it comes back without a frame, and its caller looks for signals and the time.
const TRIES: u32 = 1000;

/// Leases the newest frame, if it is newer than sequence `after`. Lock-free: it starts again only when the producer has
/// published meanwhile.
pub(crate) fn acquire_newest<M: LeaseMemory>(
    memory: &M,
    consumer: u8,
    after: u64,
) -> Option<Leased> {
    for _ in 0..TRIES {
        let newest = latest(memory).filter(|ticket| ticket.sequence > after)?;
        if let Some(leased) = hold(memory, consumer, newest) {
            return Some(leased);
        }
    }
    None
}

/// Leases the oldest frame newer than sequence `after` that is still in a slot: the next one, if the consumer is not
/// too far behind.
pub(crate) fn acquire_next<M: LeaseMemory>(memory: &M, consumer: u8, after: u64) -> Option<Leased> {
    for _ in 0..TRIES {
        // What is in a slot but not announced by `latest` yet does not count: a frame is published by `latest`.
        let newest = latest(memory).filter(|ticket| ticket.sequence > after)?;
        let mut oldest = newest;
        for slot in 0..memory.slots() {
            let sequence = memory.sequence(slot).load(Ordering::Acquire);
            if sequence > after && sequence < oldest.sequence {
                oldest = Ticket { sequence, slot };
            }
        }
        if let Some(leased) = hold(memory, consumer, oldest) {
            return Some(leased);
        }
    }
    None
}

/// Names a frame in the lease and looks whether it is still there; if not, the lease is empty again.
fn hold<M: LeaseMemory>(memory: &M, consumer: u8, ticket: Ticket) -> Option<Leased> {
    let lease = memory.lease(consumer);
    lease.store(ticket.pack(), Ordering::Release);
    // SYNC(claim): see `claim`.
    M::Fence::fence(Ordering::SeqCst);
    // SYNC(publish): the pixels that belong to this sequence happen-before the reads under the lease.
    if memory.sequence(ticket.slot).load(Ordering::Acquire) == ticket.sequence {
        return Some(Leased(ticket));
    }
    lease.store(Ticket::NONE, Ordering::Release);
    None
}

/// Gives the frame back.
pub(crate) fn release<M: LeaseMemory>(memory: &M, consumer: u8, leased: Leased) {
    let Leased(_) = leased;
    clear(memory, consumer);
}

/// Takes a consumer's lease away, whatever it names: the consumer itself, or the producer once it is gone.
pub(crate) fn clear<M: LeaseMemory>(memory: &M, consumer: u8) {
    // SYNC(release): reads of the frame happen-before whoever sees the lease empty.
    memory
        .lease(consumer)
        .store(Ticket::NONE, Ordering::Release);
}
