//! The lease protocol against a plain model of what it promises, step by step.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{
    LeaseMemory, Leased, SlotBook, Ticket, acquire_newest, acquire_next, claim, clear, publish,
};
use crate::sync::{AtomicU64, Hardware, Ordering};

const CONSUMERS: u8 = 3;
const HISTORY: u8 = 2;
const SLOTS: u8 = CONSUMERS + 2 + HISTORY;

#[derive(Debug)]
struct Words {
    latest: AtomicU64,
    sequences: [AtomicU64; SLOTS as usize],
    leases: [AtomicU64; CONSUMERS as usize],
}

impl LeaseMemory for Words {
    type Word = AtomicU64;
    type Fence = Hardware;

    fn slots(&self) -> u8 {
        SLOTS
    }

    fn consumers(&self) -> u8 {
        CONSUMERS
    }

    fn latest(&self) -> &AtomicU64 {
        &self.latest
    }

    fn sequence(&self, slot: u8) -> &AtomicU64 {
        &self.sequences[usize::from(slot)]
    }

    fn lease(&self, consumer: u8) -> &AtomicU64 {
        &self.leases[usize::from(consumer)]
    }
}

/// What somebody does.
#[derive(Debug, Clone)]
enum Step {
    /// The producer publishes a frame.
    Publish,
    /// The producer claims a slot and gives it up: a damaged frame.
    Abandon,
    /// A consumer takes the newest frame; what it had goes with it.
    TakeNewest(u8),
    /// A consumer takes the next frame.
    TakeNext(u8),
    /// A consumer gives its frame back, or its lease is cleared because it died.
    Release(u8),
    /// A consumer lies: its lease is any word.
    Lie(u8, u64),
}

fn step() -> impl Strategy<Value = Step> {
    let consumer = 0..CONSUMERS;
    prop_oneof![
        4 => Just(Step::Publish),
        1 => Just(Step::Abandon),
        3 => consumer.clone().prop_map(Step::TakeNewest),
        3 => consumer.clone().prop_map(Step::TakeNext),
        2 => consumer.clone().prop_map(Step::Release),
        1 => (consumer, any::<u64>()).prop_map(|(consumer, word)| Step::Lie(consumer, word)),
    ]
}

/// What the protocol promises, without slots, words or fences.
#[derive(Debug, Default)]
struct Promise {
    published: u64,
    /// What is in each slot, as the producer knows it.
    slots: BTreeMap<u8, u64>,
    held: BTreeMap<u8, Ticket>,
    last: [u64; CONSUMERS as usize],
}

impl Promise {
    /// What a consumer may get that wants something newer than its last frame.
    fn newest(&self, consumer: u8) -> Option<u64> {
        (self.published > self.last[usize::from(consumer)]).then_some(self.published)
    }

    fn next(&self, consumer: u8) -> Option<u64> {
        let after = self.last[usize::from(consumer)];
        self.slots
            .values()
            .copied()
            .filter(|sequence| *sequence > after)
            .min()
    }
}

proptest! {
    #[test]
    fn every_history_of_steps_keeps_the_promises(steps in prop::collection::vec(step(), 1..200)) {
        let words = Words {
            latest: AtomicU64::new(0),
            sequences: std::array::from_fn(|_| AtomicU64::new(0)),
            leases: std::array::from_fn(|_| AtomicU64::new(0)),
        };
        let mut book = SlotBook::new(SLOTS);
        let mut promise = Promise::default();
        for step in steps {
            match step {
                Step::Publish | Step::Abandon => {
                    let slot = claim(&words, &mut book);
                    // As many leases as consumers, lies too: a slot is always free.
                    let claimed = slot.expect("N + 2 slots are always enough");
                    let slot = claimed.slot();
                    for held in promise.held.values() {
                        prop_assert_ne!(held.slot, slot, "a held frame is overwritten");
                    }
                    prop_assert_ne!(promise.slots.get(&slot).copied().unwrap_or(0), promise.published.max(1), "the newest frame is overwritten");
                    promise.slots.remove(&slot);
                    if matches!(step, Step::Publish) {
                        promise.published += 1;
                        publish(&words, &mut book, claimed, promise.published);
                        promise.slots.insert(slot, promise.published);
                    }
                }
                Step::TakeNewest(consumer) | Step::TakeNext(consumer) => {
                    let after = promise.last[usize::from(consumer)];
                    let (got, wanted) = match step {
                        Step::TakeNewest(_) => (acquire_newest(&words, consumer, after), promise.newest(consumer)),
                        _ => (acquire_next(&words, consumer, after), promise.next(consumer)),
                    };
                    let got = got.as_ref().map(Leased::ticket);
                    prop_assert_eq!(got.map(|ticket| ticket.sequence), wanted);
                    if let Some(ticket) = got {
                        prop_assert_eq!(promise.slots.get(&ticket.slot), Some(&ticket.sequence));
                        promise.last[usize::from(consumer)] = ticket.sequence;
                        promise.held.insert(consumer, ticket);
                    }
                }
                Step::Release(consumer) => {
                    clear(&words, consumer);
                    promise.held.remove(&consumer);
                }
                Step::Lie(consumer, word) => {
                    words.lease(consumer).store(word, Ordering::Release);
                    // Whoever overwrites its own lease has nothing any more.
                    promise.held.remove(&consumer);
                }
            }
        }
    }
}
