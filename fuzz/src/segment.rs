//! A segment that somebody has put under the name of a bus, and cuts short while it is looked at: every observer, and a
//! consumer.

use std::fs::File;
use std::sync::LazyLock;
use std::time::Duration;

use framebus::bus::{Consumer, ConsumerOptions, IndexChoice, Observer, Waited};
use framebus::layout::TriggerKind;
use framebus::observe::{Baseline, Sampler, Thresholds};
use framebus::stop::Stop;

use crate::planted::{Planted, welcome};
use crate::{Choices, bus};

/// Frames that a consumer takes at most.
const FRAMES: u32 = 4;
/// Changes to the segment at most.
const CHANGES: usize = 64;

static PLANTED: LazyLock<Planted> = LazyLock::new(|| Planted::new(bus(), welcome));

/// The first bytes say how long the object is, and how long it is after it was opened, where that is less; the rest are
/// changes: a place in words of 8 bytes, and the word.
pub(crate) fn run(data: &[u8]) {
    let planted = &*PLANTED;
    let mut choices = Choices(data);
    let mut length = || match choices.u16() {
        0 => planted.segment.len(),
        words => usize::from(words) * 8 % (planted.segment.len() + 4096),
    };
    let (len, cut) = (length(), length());
    let mut bytes = planted.segment.clone();
    for change in choices.0.chunks_exact(10).take(CHANGES) {
        let words = planted.control / 8;
        let place = usize::from(u16::from_le_bytes([change[0], change[1]])) % words * 8;
        bytes[place..place + 8].copy_from_slice(&change[2..]);
    }
    bytes.resize(len, 0);
    observe(&planted.put(&bytes), cut.min(len));
    consume(&planted.put(&bytes), cut.min(len));
}

fn cut_to(file: &File, len: usize) {
    file.set_len(len as u64).expect("its length");
}

fn observe(file: &File, cut: usize) {
    let mut sampler = Sampler::new(bus(), Baseline::Start, Thresholds::default());
    let _ = sampler.sample(true);
    if let Ok(observer) = Observer::open(&bus()) {
        cut_to(file, cut);
        let mut image = Vec::new();
        for plane in observer.layout().planes.iter() {
            let _ = observer.copy_latest(plane, &mut image);
            for slot in 0..8 {
                let _ = observer.copy_slot(plane, slot, &mut image);
            }
        }
        let _ = observer.has_ended();
        let _ = observer.has_producer();
        let _ = observer.is_linked();
    }
    let _ = sampler.sample(true);
}

fn consume(file: &File, cut: usize) {
    let stop = Stop::new().expect("a descriptor");
    let options = ConsumerOptions::new(bus())
        .index(IndexChoice::Index(0))
        .trigger(TriggerKind::Pipe);
    let attached = Consumer::attach(options, Some(Duration::ZERO), &stop, |_| {});
    let Ok(mut consumer) = attached else {
        return;
    };
    cut_to(file, cut);
    for _ in 0..FRAMES {
        match consumer.wait(Some(Duration::ZERO)) {
            Ok(Waited::Frame | Waited::Renewed) => {}
            _ => break,
        }
        if let Some(frame) = consumer.acquire() {
            for view in frame.planes() {
                let _: u64 = view.data.iter().map(|byte| u64::from(*byte)).sum();
            }
        }
    }
}
