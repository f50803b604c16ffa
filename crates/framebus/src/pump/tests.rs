//! Both loops in one process, with sources and takers that misbehave.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use super::*;
use crate::bus::{
    BusName, Consumer, ConsumerOptions, ConsumerStats, Frame, Producer, ProducerOptions,
};
use crate::layout::Geometry;
use crate::source::{
    Arrival, Filled, FrameMeta, FrameSource, FrameTarget, PatternSource, SourceError, SourceInfo,
};
use crate::stop::Stop;

const SMALL: Geometry = Geometry {
    width: 64,
    height: 48,
};
const LARGE: Geometry = Geometry {
    width: 96,
    height: 64,
};

fn name() -> BusName {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("pump-{}-{number}", std::process::id());
    name.parse().expect("a name")
}

/// A source that does what it is told.
struct Script {
    arrivals: VecDeque<Arrival>,
    geometry: Geometry,
}

impl FrameSource for Script {
    fn info(&self) -> SourceInfo {
        SourceInfo {
            geometry: self.geometry,
            fps: None,
            bgr: false,
            live: true,
            native: None,
            description: "a script".to_owned(),
        }
    }

    fn wait(&mut self, _stop: &Stop) -> Result<Arrival, SourceError> {
        let next = self.arrivals.pop_front();
        if next == Some(Arrival::Resized) {
            self.geometry = LARGE;
        }
        next.ok_or_else(|| SourceError::Damaged("the script is over".to_owned()))
    }

    fn fill(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        target.expect(self.geometry)?;
        if let Some(gray) = &mut target.gray {
            gray.fill(7);
        }
        Ok(Filled::Frame)
    }
}

/// Notes what it is told.
struct Notes<'a>(BusName, &'a mut Vec<String>);

impl Feeder for Notes<'_> {
    fn options(&mut self, source: &SourceInfo) -> ProducerOptions {
        ProducerOptions::new(self.0.clone(), source.geometry).history(20)
    }

    fn created(&mut self, source: &SourceInfo, _producer: &Producer) {
        self.1.push(format!("created {}", source.geometry));
    }

    fn stalled(&mut self, reason: &str) {
        self.1.push(format!("stalled: {reason}"));
    }

    fn resumed(&mut self, _source: &SourceInfo) {
        self.1.push("resumed".to_owned());
    }

    fn renewed(&mut self, old: Geometry, producer: &Producer) {
        let new = producer.options().geometry;
        self.1.push(format!("renewed {old} {new}"));
    }

    fn ended(&mut self, frames: u64, _producer: &Producer) {
        self.1.push(format!("ended {frames}"));
    }
}

#[test]
fn a_feeder_is_told_of_silence_once_and_of_every_renewal() {
    let frame = || Arrival::Frame(FrameMeta::default());
    let silence = |why: &str| Arrival::Stalled(why.to_owned());
    let arrivals = [
        frame(),
        silence("a"),
        silence("b"),
        frame(),
        Arrival::Resized,
        frame(),
        Arrival::End,
    ];
    let source = Script {
        arrivals: arrivals.into(),
        geometry: SMALL,
    };
    let (stop, mut notes) = (Stop::new().expect("eventfd"), Vec::new());
    let feeder = Notes(name(), &mut notes);
    let fed = feed(source, feeder, &FeedOptions::default(), &stop);
    assert_eq!(fed.expect("a script"), 3);
    let expected = [
        "created 64x48",
        "stalled: a",
        "resumed",
        "renewed 64x48 96x64",
        "ended 3",
    ];
    assert_eq!(notes, expected);
}

#[test]
fn an_error_of_the_source_is_that_of_the_loop_and_the_bus_is_gone() {
    let bus = name();
    let source = Script {
        arrivals: VecDeque::new(),
        geometry: SMALL,
    };
    let (stop, mut notes) = (Stop::new().expect("eventfd"), Vec::new());
    let feeder = Notes(bus.clone(), &mut notes);
    let error = feed(source, feeder, &FeedOptions::default(), &stop).expect_err("over");
    assert_eq!(error.to_string(), "the script is over");
    assert!(matches!(error, FeedError::Source(SourceError::Damaged(_))));
    assert_eq!(notes, ["created 64x48"]);
    assert!(crate::bus::Observer::open(&bus).is_err());
}

/// Counts, and fails at a frame.
#[derive(Default)]
struct Count {
    frames: u64,
    fails_at: u64,
    attached: Arc<AtomicU32>,
    taken: u64,
}

impl Taker for Count {
    type Error = io::Error;

    fn attached(&mut self, _consumer: &Consumer) -> io::Result<()> {
        self.attached.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn frame(&mut self, frame: &Frame<'_>) -> io::Result<()> {
        assert_eq!(frame.geometry(), SMALL);
        self.frames += 1;
        match self.frames == self.fails_at {
            true => Err(io::Error::other("enough")),
            false => Ok(()),
        }
    }

    fn detached(&mut self, stats: ConsumerStats) {
        self.taken += stats.taken;
    }
}

/// A pattern on a bus, until it is told to stop.
fn pattern(bus: &BusName, stop: &Stop) -> thread::JoinHandle<()> {
    let (bus, stop) = (bus.clone(), stop.clone());
    thread::spawn(move || {
        let pattern = PatternSource::new(SMALL, Some(200.0));
        let mut notes = Vec::new();
        let feeder = Notes(bus, &mut notes);
        feed(pattern, feeder, &FeedOptions::default(), &stop).expect("a bus");
    })
}

#[test]
fn an_error_of_the_taker_ends_the_loop_and_what_was_taken_is_told() {
    let (bus, stop) = (name(), Stop::new().expect("eventfd"));
    let producer = pattern(&bus, &stop);
    let mut count = Count {
        fails_at: 3,
        ..Count::default()
    };
    let options = TakeOptions::default().timeout(Duration::from_secs(60));
    let error = take(&ConsumerOptions::new(bus), &mut count, &options, &stop);
    assert!(matches!(error, Err(TakeError::Taker(error)) if error.to_string() == "enough"));
    assert_eq!((count.frames, count.taken), (3, 3));
    stop.set();
    producer.join().expect("no panic");
}

#[test]
fn a_taker_that_follows_goes_on_with_the_next_producer() {
    let (bus, stop) = (name(), Stop::new().expect("eventfd"));
    let mut count = Count::default();
    let attached = Arc::clone(&count.attached);
    let until_attached = |times| {
        while attached.load(Ordering::SeqCst) < times {
            thread::sleep(Duration::from_millis(1));
        }
    };
    let follower = {
        let (bus, stop) = (bus.clone(), stop.clone());
        thread::spawn(move || {
            let options = TakeOptions::default()
                .follow(true)
                .timeout(Duration::from_secs(60));
            let end = take(&ConsumerOptions::new(bus), &mut count, &options, &stop);
            (end.expect("a bus"), count)
        })
    };
    for times in 1..=2 {
        let of_producer = Stop::new().expect("eventfd");
        let producer = pattern(&bus, &of_producer);
        until_attached(times);
        if times == 2 {
            stop.set();
        }
        of_producer.set();
        producer.join().expect("no panic");
    }
    let (end, count) = follower.join().expect("no panic");
    assert!(matches!(end, TakeEnd::Stopped));
    assert_eq!(count.attached.load(Ordering::SeqCst), 2);
    assert_eq!(count.frames, count.taken);
}
