//! Lockstep under loom: a reader of every frame misses none, and nobody sleeps for ever. What wakes a sleeper is loom's, which
//! finds a deadlock where a wake-up is lost. Two slots are enough here: the producer waits where it would starve.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

use loom::sync::Notify;
use loom::sync::atomic::AtomicU64;
use loom::thread;

use super::model::{Fences, Model, NoFences, explore};
use super::{
    LeaseMemory, RoomMemory, SlotBook, acquire_next, begin_waiting, claim, in_the_way,
    is_waited_for, latest, publish, release,
};
use crate::sync::{Fence, Word};

/// Not attached.
const NOBODY: u64 = u64::MAX;

/// A bus in lockstep.
struct Lockstep<F, const SLOTS: usize, const CONSUMERS: usize> {
    bus: Model<F, SLOTS, CONSUMERS>,
    taken: [AtomicU64; CONSUMERS],
    waiting: AtomicU64,
    /// Written by consumers: the named pipe, the control thread and its eventfd in one.
    told: Notify,
    /// Written by the producer: the consumers' eventfds.
    triggers: [Notify; CONSUMERS],
}

impl<F: Fence, const SLOTS: usize, const CONSUMERS: usize> LeaseMemory
    for Lockstep<F, SLOTS, CONSUMERS>
{
    type Word = AtomicU64;
    type Fence = F;

    fn slots(&self) -> u8 {
        self.bus.slots()
    }

    fn consumers(&self) -> u8 {
        self.bus.consumers()
    }

    fn latest(&self) -> &AtomicU64 {
        self.bus.latest()
    }

    fn sequence(&self, slot: u8) -> &AtomicU64 {
        self.bus.sequence(slot)
    }

    fn lease(&self, consumer: u8) -> &AtomicU64 {
        self.bus.lease(consumer)
    }
}

impl<F: Fence, const SLOTS: usize, const CONSUMERS: usize> RoomMemory
    for Lockstep<F, SLOTS, CONSUMERS>
{
    fn taken(&self, consumer: u8) -> Option<u64> {
        Some(Word::load(&self.taken[usize::from(consumer)], Acquire))
            .filter(|taken| *taken != NOBODY)
    }

    fn waiting(&self) -> &AtomicU64 {
        &self.waiting
    }
}

impl<F: Fence + 'static, const SLOTS: usize, const CONSUMERS: usize> Lockstep<F, SLOTS, CONSUMERS> {
    /// With consumers that have attached before the first frame, or with none.
    ///
    /// It is never dropped: where loom has found a deadlock, its cells cannot be.
    fn new(attached: bool) -> &'static Self {
        let taken = if attached { 0 } else { NOBODY };
        Box::leak(Box::new(Lockstep {
            bus: Model::new(),
            taken: std::array::from_fn(|_| AtomicU64::new(taken)),
            waiting: AtomicU64::new(0),
            told: Notify::new(),
            triggers: std::array::from_fn(|_| Notify::new()),
        }))
    }

    /// As `Producer::wait_for_room` does, and the pump around it.
    fn produce(&self, frames: u64) {
        let mut book = SlotBook::new(SLOTS as u8);
        for sequence in 1..=frames {
            if in_the_way(self, &mut book).is_some() {
                begin_waiting(self);
                while in_the_way(self, &mut book).is_some() {
                    self.told.wait();
                }
                Word::store(&self.waiting, 0, Relaxed);
            }
            let claimed = claim(self, &mut book).expect("there is room");
            self.bus.write_image(claimed.slot(), sequence);
            publish(self, &mut book, claimed, sequence);
            self.triggers.iter().for_each(Notify::notify);
        }
    }

    /// Takes frames after `from` up to `frames`, each at once after the one before.
    fn take(&self, consumer: u8, from: u64, frames: u64) {
        let mut last = from;
        while last < frames {
            let Some(leased) = acquire_next(self, consumer, last) else {
                self.triggers[usize::from(consumer)].wait();
                continue;
            };
            let ticket = leased.ticket();
            assert_eq!(ticket.sequence, last + 1, "a frame was skipped");
            assert_eq!(self.bus.read_image(ticket.slot), ticket.sequence, "torn");
            last = ticket.sequence;
            Word::store(&self.taken[usize::from(consumer)], last, Relaxed);
            release(self, consumer, leased);
            self.wake_producer();
        }
    }

    fn wake_producer(&self) {
        if is_waited_for::<F>(&self.waiting) {
            self.told.notify();
        }
    }

    /// As `Consumer::attach` does.
    fn attach(&self, consumer: u8) -> u64 {
        let newest = || latest(self).map_or(0, |ticket| ticket.sequence);
        let taken = &self.taken[usize::from(consumer)];
        Word::store(taken, newest(), Release);
        F::fence(std::sync::atomic::Ordering::SeqCst);
        let from = newest();
        Word::store(taken, from, Relaxed);
        self.wake_producer();
        from
    }
}

fn lockstep<F: Fence + 'static, const SLOTS: usize, const CONSUMERS: usize>(frames: u64) {
    let bus = Lockstep::<F, SLOTS, CONSUMERS>::new(true);
    let consumers: Vec<_> = (0..CONSUMERS as u8)
        .map(|consumer| thread::spawn(move || bus.take(consumer, 0, frames)))
        .collect();
    bus.produce(frames);
    for consumer in consumers {
        consumer.join().expect("consumer");
    }
}

#[test]
fn in_lockstep_a_reader_of_every_frame_misses_none_and_nobody_sleeps_for_ever() {
    explore(2, || lockstep::<Fences, 2, 1>(3));
}

/// Shows that the model bites.
#[test]
#[should_panic(expected = "eadlock")]
fn without_the_fences_loom_finds_a_wake_up_that_is_lost() {
    explore(3, || lockstep::<NoFences, 2, 1>(3));
}

#[test]
fn whoever_attaches_in_lockstep_misses_none_from_there_on() {
    const FRAMES: u64 = 3;
    explore(2, || {
        let bus = Lockstep::<Fences, 2, 1>::new(false);
        let consumer = thread::spawn(move || {
            let from = bus.attach(0);
            bus.take(0, from, FRAMES);
        });
        bus.produce(FRAMES);
        consumer.join().expect("consumer");
    });
}
