//! The lease protocol under loom: the functions that run over shared memory, explored in every interleaving (up to a
//! number of pre-emptions) and with every value that a weak memory model allows a load to see.

use std::marker::PhantomData;
use std::sync::atomic::Ordering::{self, Acquire, Relaxed, SeqCst};

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, fence};
use loom::thread;

use super::{LeaseMemory, SlotBook, Ticket, acquire_newest, acquire_next, claim, publish, release};
use crate::sync::{Fence, Word};

impl Word for AtomicU64 {
    fn load(&self, order: Ordering) -> u64 {
        self.load(order)
    }

    fn store(&self, value: u64, order: Ordering) {
        self.store(value, order);
    }
}

/// The fences as they should be.
pub(super) struct Fences;

impl Fence for Fences {
    fn fence(order: Ordering) {
        fence(order);
    }
}

/// The variant without fences, which must fail.
pub(super) struct NoFences;

impl Fence for NoFences {
    fn fence(_: Ordering) {}
}

/// A bus of one u64 an image.
pub(super) struct Model<F, const SLOTS: usize, const CONSUMERS: usize> {
    latest: AtomicU64,
    sequences: [AtomicU64; SLOTS],
    leases: [AtomicU64; CONSUMERS],
    images: [UnsafeCell<u64>; SLOTS],
    fences: PhantomData<fn() -> F>,
}

impl<F: Fence, const SLOTS: usize, const CONSUMERS: usize> LeaseMemory
    for Model<F, SLOTS, CONSUMERS>
{
    type Word = AtomicU64;
    type Fence = F;

    fn slots(&self) -> u8 {
        SLOTS as u8
    }

    fn consumers(&self) -> u8 {
        CONSUMERS as u8
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

// The images are what the model checks: loom itself finds two threads at one of them.
#[allow(unsafe_code)]
mod sync_image {
    use super::{Fence, Model};
    // SAFETY: loom's UnsafeCell tracks every access and fails the test on a conflict; nothing else is unsynchronised.
    unsafe impl<F: Fence, const SLOTS: usize, const CONSUMERS: usize> Sync
        for Model<F, SLOTS, CONSUMERS>
    {
    }
    // SAFETY: as above.
    unsafe impl<F: Fence, const SLOTS: usize, const CONSUMERS: usize> Send
        for Model<F, SLOTS, CONSUMERS>
    {
    }
}

impl<F: Fence, const SLOTS: usize, const CONSUMERS: usize> Model<F, SLOTS, CONSUMERS> {
    pub(super) fn new() -> Self {
        Model {
            latest: AtomicU64::new(0),
            sequences: std::array::from_fn(|_| AtomicU64::new(0)),
            leases: std::array::from_fn(|_| AtomicU64::new(0)),
            images: std::array::from_fn(|_| UnsafeCell::new(0)),
            fences: PhantomData,
        }
    }

    #[allow(unsafe_code)]
    pub(super) fn write_image(&self, slot: u8, value: u64) {
        // SAFETY: loom fails the test if anybody else is at the cell; that is what is being tested.
        self.images[usize::from(slot)].with_mut(|image| unsafe { *image = value });
    }

    #[allow(unsafe_code)]
    pub(super) fn read_image(&self, slot: u8) -> u64 {
        // SAFETY: as above.
        self.images[usize::from(slot)].with(|image| unsafe { *image })
    }

    fn produce(&self, frames: u64) {
        let mut book = SlotBook::new(SLOTS as u8);
        for sequence in 1..=frames {
            let claimed = claim(self, &mut book).expect("N + 2 slots are always enough");
            self.write_image(claimed.slot(), sequence);
            publish(self, &mut book, claimed, sequence);
        }
    }

    fn consume(&self, consumer: u8, rounds: u32, every_frame: bool) {
        let mut last = 0;
        for _ in 0..rounds {
            let leased = if every_frame {
                acquire_next(self, consumer, last)
            } else {
                acquire_newest(self, consumer, last)
            };
            if let Some(leased) = leased {
                let ticket = leased.ticket();
                assert_eq!(self.read_image(ticket.slot), ticket.sequence, "torn");
                assert!(ticket.sequence > last, "a frame went backwards");
                last = ticket.sequence;
                release(self, consumer, leased);
            }
        }
    }
}

pub(super) fn explore(bound: usize, check: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(bound);
    model.max_branches = 20_000;
    model.check(check);
}

fn one_producer<F: Fence + 'static, const SLOTS: usize, const CONSUMERS: usize>(
    frames: u64,
    rounds: u32,
    every_frame: bool,
) {
    let bus = Arc::new(Model::<F, SLOTS, CONSUMERS>::new());
    let consumers: Vec<_> = (0..CONSUMERS as u8)
        .map(|consumer| {
            let bus = Arc::clone(&bus);
            thread::spawn(move || bus.consume(consumer, rounds, every_frame))
        })
        .collect();
    bus.produce(frames);
    for consumer in consumers {
        consumer.join().expect("consumer");
    }
}

#[test]
fn no_frame_is_torn_or_goes_backwards_and_a_slot_is_always_free() {
    explore(4, || one_producer::<Fences, 3, 1>(4, 2, false));
}

#[test]
fn two_consumers_do_not_disturb_each_other() {
    explore(3, || one_producer::<Fences, 4, 2>(3, 1, false));
}

#[test]
fn a_reader_of_every_frame_gets_whole_frames_in_order() {
    explore(3, || one_producer::<Fences, 4, 1>(4, 2, true));
}

/// Shows that the model bites.
#[test]
#[should_panic(expected = "Concurrent")]
fn without_the_fences_loom_finds_a_torn_frame() {
    explore(3, || one_producer::<NoFences, 3, 1>(4, 2, false));
}

/// A consumer that is killed while it holds a frame: its lease is cleared by the producer's control thread, and the
/// next one with the same index goes on.
#[test]
fn a_cleared_lease_frees_the_slot_and_tears_nothing() {
    explore(3, || {
        let bus = Arc::new(Model::<Fences, 3, 1>::new());
        let other = Arc::clone(&bus);
        let control = thread::spawn(move || {
            // Killed right after acquiring, at any moment of the producer's: what it would have read is not read.
            let _ = acquire_newest(&*other, 0, 0);
            other.lease(0).store(Ticket::NONE, Ordering::Release);
            other.consume(0, 1, false);
        });
        bus.produce(3);
        control.join().expect("control");
    });
}

/// An observer copies with relaxed loads between two looks at the sequence; a copy that it believes is one frame's.
#[test]
fn a_copy_between_two_equal_sequences_is_whole() {
    explore(4, || {
        let words = Arc::new([AtomicU64::new(0), AtomicU64::new(1), AtomicU64::new(1)]);
        let writer = Arc::clone(&words);
        let producer = thread::spawn(move || {
            for sequence in 2..=3 {
                // As in `claim` and `publish`.
                writer[0].store(0, Relaxed);
                fence(SeqCst);
                writer[1].store(sequence, Relaxed);
                writer[2].store(sequence, Relaxed);
                writer[0].store(sequence, Ordering::Release);
            }
        });
        // As in `Observer::copy`.
        let before = words[0].load(Acquire);
        let copy = (words[1].load(Relaxed), words[2].load(Relaxed));
        fence(Acquire);
        if before != 0 && words[0].load(Relaxed) == before {
            assert_eq!(copy, (before, before));
        }
        producer.join().expect("producer");
    });
}
