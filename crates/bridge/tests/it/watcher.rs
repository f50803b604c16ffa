//! Who looks at what arrives: a consumer of the far end's bus that verifies every frame, and observers.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use framebus::clock::monotonic_ns;
use framebus::observe::{Baseline, Sampler, Snapshot, Thresholds};
use framebus::source::pattern::verify;
use framebus::{Consumer, ConsumerOptions, Stop, Waited};

/// What a consumer has seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) frames: u64,
    pub(crate) torn: u64,
    /// Frames whose sequence was not above that of the frame before, on the same attachment.
    pub(crate) backwards: u64,
    /// Numbers that no frame had.
    pub(crate) missing: u64,
    pub(crate) skipped: u64,
    /// From capture to here, ns.
    pub(crate) ages: Vec<u64>,
    pub(crate) sizes: BTreeSet<(u32, u32)>,
    pub(crate) generations: BTreeSet<u64>,
    pub(crate) sequences: Vec<u64>,
    pub(crate) source_frames: Vec<u64>,
    pub(crate) last_metadata: Vec<u8>,
    pub(crate) origins: BTreeSet<u64>,
}

/// A consumer in a thread of this test, which follows its bus.
pub(crate) struct Watcher {
    seen: Arc<Mutex<Seen>>,
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Watches a bus that need not be there yet. `whole` verifies the test picture's checksum.
    pub(crate) fn start(bus: &str, whole: bool) -> Watcher {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let stop = Stop::new().expect("eventfd");
        let (own, stopping, bus) = (Arc::clone(&seen), stop.clone(), bus.to_owned());
        let thread = std::thread::spawn(move || watch(&bus, whole, &own, &stopping));
        Watcher {
            seen,
            stop,
            thread: Some(thread),
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(crate) fn frames(&self) -> u64 {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .frames
    }

    /// Forgets what was seen, so that only what comes from now on counts.
    pub(crate) fn restart(&self) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Seen::default();
    }

    pub(crate) fn end(mut self) -> Seen {
        self.stop.set();
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the watcher");
        }
        self.seen()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.set();
    }
}

fn watch(bus: &str, whole: bool, seen: &Mutex<Seen>, stop: &Stop) {
    let bus: framebus::BusName = bus.parse().expect("a name");
    while !stop.is_set() {
        let options = ConsumerOptions::new(bus.clone()).name("watcher");
        let step = Some(Duration::from_millis(100));
        let Ok(mut consumer) = Consumer::attach(options, step, stop, |_| {}) else {
            continue;
        };
        let mut last = 0;
        while let Ok(Waited::Frame | Waited::Renewed | Waited::TimedOut) = consumer.wait(step) {
            if stop.is_set() {
                return;
            }
            let generation = consumer.stream().generation;
            let Some(frame) = consumer.acquire() else {
                continue;
            };
            let now_ns = monotonic_ns();
            let info = *frame.info();
            let size = frame.geometry();
            let is_whole = match frame.gray() {
                Some(gray) if whole => verify(size, gray) == Ok(info.source_frame),
                _ => true,
            };
            let metadata = frame.metadata().to_vec();
            drop(frame);
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.frames += 1;
            seen.torn += u64::from(!is_whole);
            seen.backwards += u64::from(info.sequence <= last);
            seen.missing += info.missing;
            seen.skipped += info.skipped;
            seen.ages.push(now_ns.saturating_sub(info.capture_ns));
            seen.sizes.insert((size.width, size.height));
            seen.generations.insert(generation);
            seen.sequences.push(info.sequence);
            seen.source_frames.push(info.source_frame);
            seen.origins.insert(info.origin);
            seen.last_metadata = metadata;
            last = info.sequence;
        }
    }
}

/// Looks at a bus once.
pub(crate) fn look(bus: &str) -> Snapshot {
    let bus = bus.parse().expect("a name");
    Sampler::new(bus, Baseline::Start, Thresholds::default()).sample(false)
}
