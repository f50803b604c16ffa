//! Frames and claims that are held without a borrow, as clients in other languages hold them.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use super::{
    BusName, Consumer, ConsumerOptions, FrameHeld, FrameMeta, FramesError, IndexChoice, Numbered,
    Producer, ProducerOptions, SequenceError, Waited,
};
use crate::layout::Geometry;
use crate::source::PatternSource;
use crate::source::pattern::verify;
use crate::stop::{self, Stop};

static NUMBER: AtomicU32 = AtomicU32::new(0);

pub(super) const GEOMETRY: Geometry = Geometry {
    width: 64,
    height: 48,
};

pub(super) fn bus() -> (Producer, Consumer) {
    let number = NUMBER.fetch_add(1, Relaxed);
    let name: BusName = format!("handle-{}-{number}", std::process::id())
        .parse()
        .expect("name");
    let mut options = ProducerOptions::new(name.clone(), GEOMETRY);
    options.consumers = 1;
    let producer = Producer::create(options).expect("producer");
    let consumer = attach(name).expect("consumer");
    (producer, consumer)
}

fn attach(bus: BusName) -> Result<Consumer, super::AttachError> {
    let mut options = ConsumerOptions::new(bus);
    options.index = IndexChoice::Index(0);
    let stop = Stop::new().expect("eventfd");
    Consumer::attach(options, Some(Duration::ZERO), &stop, |_| {})
}

pub(super) fn publish(producer: &mut Producer, number: u64) {
    let mut pattern = PatternSource::new(GEOMETRY, None);
    let mut claim = producer.claim().expect("a whole bus").expect("a slot");
    pattern
        .draw_frame(number, &mut claim.target())
        .expect("drawn");
    claim.publish(FrameMeta::default());
}

#[test]
fn a_frame_that_is_kept_stays_as_it_is_and_is_the_only_one() {
    let (mut producer, mut consumer) = bus();
    publish(&mut producer, 1);
    let frame = consumer.acquire_owned().expect("none held").expect("frame");
    for number in 2..20 {
        publish(&mut producer, number);
        assert_eq!(verify(GEOMETRY, frame.gray().expect("gray")), Ok(1));
    }
    let held = consumer.acquire_owned().expect_err("held");
    assert_eq!(held, FrameHeld { sequence: 1 });
    assert!(consumer.acquire().is_none());
    // Views are given up wherever they are.
    std::thread::spawn(move || drop(frame))
        .join()
        .expect("thread");
    let next = consumer.acquire_owned().expect("none held").expect("frame");
    assert_eq!(verify(GEOMETRY, next.gray().expect("gray")), Ok(19));
    assert_eq!((next.info().sequence, next.info().skipped), (19, 17));
}

#[test]
fn a_request_to_stop_reaches_a_consumer_that_is_behind() {
    let (mut producer, consumer) = bus();
    let name = producer.options().bus.clone();
    drop(consumer);
    let stop = Stop::new().expect("eventfd");
    let options = ConsumerOptions::new(name);
    let patience = Some(Duration::from_secs(60));
    let mut consumer = Consumer::attach(options, patience, &stop, |_| {}).expect("consumer");
    publish(&mut producer, 1);
    assert_eq!(consumer.wait(patience).expect("wait"), Waited::Frame);
    stop.set();
    assert_eq!(consumer.wait(patience).expect("wait"), Waited::Stopped);
}

#[test]
fn a_loop_takes_frames_until_the_end_and_says_what_keeps_it_from_the_next() {
    let (mut producer, mut consumer) = bus();
    publish(&mut producer, 1);
    let mut frames = consumer.frames();
    let first = frames.next().expect("an item").expect("a frame");
    assert_eq!(verify(GEOMETRY, first.gray().expect("gray")), Ok(1));
    // A frame that is kept is an error, and the last item.
    publish(&mut producer, 1);
    let kept = frames.next().expect("an item").expect_err("held");
    assert!(matches!(kept, FramesError::Held(FrameHeld { sequence: 1 })));
    assert!(frames.next().is_none());
    drop(first);
    let mut taken = Vec::new();
    for frame in &mut consumer {
        taken.push(frame.expect("a frame").info().sequence);
        if taken.len() == 3 {
            producer.set_stalled(true);
            break;
        }
        publish(&mut producer, 1);
    }
    assert_eq!(taken, [2, 3, 4]);
    drop(producer);
    assert!(consumer.frames().next().is_none(), "it has ended");
}

#[test]
fn options_are_what_their_setters_say() {
    let name: BusName = format!("handle-{}-set", std::process::id())
        .parse()
        .expect("name");
    let wanted = ProducerOptions::new(name.clone(), GEOMETRY).consumers(2);
    let mut producer = Producer::create(wanted.nominal_fps(25.0)).expect("producer");
    let options = ConsumerOptions::new(name).index(1).name("second");
    let options = options.every_frame(true).language("test");
    let mut consumer = options
        .attach_within(Duration::from_secs(60))
        .expect("attached");
    assert_eq!(
        (consumer.index(), consumer.bus()),
        (1, &producer.options().bus)
    );
    assert_eq!(consumer.stream().nominal_fps, Some(25.0));
    publish(&mut producer, 1);
    publish(&mut producer, 2);
    let mut sequences = Vec::new();
    for frame in consumer.frames().take(2) {
        sequences.push(frame.expect("a frame").info().sequence);
    }
    assert_eq!(sequences, [1, 2]);
    let nobody = ConsumerOptions::new("nobody-is-here".parse().expect("a name"));
    let refused = nobody.attach_within(Duration::ZERO);
    assert!(matches!(refused, Err(super::AttachError::NoBus { .. })));
}

#[test]
fn numbers_from_elsewhere_are_kept_and_what_is_left_out_is_not_skipped() {
    let (mut producer, mut consumer) = bus();
    let publish_as = |producer: &mut Producer, sequence| {
        let claim = producer.claim().expect("a whole bus").expect("a slot");
        let origin = 77;
        claim.publish_as(FrameMeta::default(), Numbered { sequence, origin })
    };
    let take = |consumer: &mut Consumer| {
        let info = *consumer.acquire().expect("a frame").info();
        (info.sequence, info.skipped, info.missing, info.origin)
    };
    assert_eq!(publish_as(&mut producer, 100), Ok(100));
    assert_eq!(take(&mut consumer), (100, 0, 99, 77));
    for sequence in [103, 104, 110] {
        assert_eq!(publish_as(&mut producer, sequence), Ok(sequence));
    }
    assert_eq!(take(&mut consumer), (110, 2, 7, 77));
    let last = 110;
    for sequence in [0, 1, 110] {
        let refused = publish_as(&mut producer, sequence);
        assert_eq!(refused, Err(SequenceError::NotAbove { sequence, last }));
    }
    assert!(consumer.acquire().is_none());
    publish(&mut producer, 1);
    assert_eq!(take(&mut consumer), (111, 0, 0, 0));
    // Another generation begins to count the numbers that are left out; sequences go on.
    let frames = producer.options().frames();
    producer.renew(frames).expect("renewed");
    assert_eq!(publish_as(&mut producer, 120), Ok(120));
    assert_eq!(consumer.wait(None).expect("wait"), Waited::Renewed);
    assert_eq!(take(&mut consumer), (120, 0, 8, 77));
    let stats = consumer.stats();
    assert_eq!((stats.taken, stats.skipped), (4, 2));
    let accounted = stats.attach_sequence + stats.taken + stats.skipped + stats.missing;
    assert_eq!(accounted, stats.last_sequence);
    // Who comes later counts from where the bus is.
    let name = producer.options().bus.clone();
    drop(consumer);
    let patience = Some(Duration::from_secs(60));
    let stop = Stop::new().expect("eventfd");
    let mut late = loop {
        match Consumer::attach(ConsumerOptions::new(name.clone()), patience, &stop, |_| {}) {
            Err(super::AttachError::AllInUse { .. }) => std::thread::yield_now(),
            attached => break attached.expect("consumer"),
        }
    };
    assert_eq!(publish_as(&mut producer, 125), Ok(125));
    assert_eq!(publish_as(&mut producer, 130), Ok(130));
    assert_eq!(take(&mut late), (130, 1, 8, 77));
}

#[test]
fn a_reader_of_every_frame_takes_them_over_gaps() {
    let name: BusName = format!("gaps-{}", std::process::id())
        .parse()
        .expect("name");
    let mut options = ProducerOptions::new(name.clone(), GEOMETRY);
    options.history = 8;
    let mut producer = Producer::create(options).expect("producer");
    let mut options = ConsumerOptions::new(name);
    options.every_frame = true;
    let (patience, stop) = (Some(Duration::from_secs(60)), Stop::new().expect("eventfd"));
    let mut consumer = Consumer::attach(options, patience, &stop, |_| {}).expect("consumer");
    let sequences = [5, 6, 9, 1 << 40];
    for sequence in sequences {
        let number = Numbered {
            sequence,
            origin: 1,
        };
        let claim = producer.claim().expect("a whole bus").expect("a slot");
        assert_eq!(claim.publish_as(FrameMeta::default(), number), Ok(sequence));
    }
    let mut before = 0;
    for sequence in sequences {
        let info = *consumer.acquire().expect("a frame").info();
        let missing = sequence - before - 1;
        assert_eq!(
            (info.sequence, info.skipped, info.missing),
            (sequence, 0, missing)
        );
        before = sequence;
    }
    assert_eq!(producer.stats().published, consumer.stats().taken);
}

#[test]
fn a_frame_outlives_its_consumer_and_its_producer() {
    let (mut producer, mut consumer) = bus();
    publish(&mut producer, 7);
    let frame = consumer.acquire_owned().expect("none held").expect("frame");
    let name = producer.options().bus.clone();
    drop(consumer);
    for number in 8..20 {
        publish(&mut producer, number);
    }
    assert_eq!(verify(GEOMETRY, frame.gray().expect("gray")), Ok(7));
    assert!(
        attach(name).is_err(),
        "the index is the frame's as long as it lives"
    );
    drop(producer);
    assert_eq!(verify(GEOMETRY, frame.gray().expect("gray")), Ok(7));
}

#[test]
fn a_frame_of_a_segment_that_was_replaced_does_not_hinder_the_next() {
    let (mut producer, mut consumer) = bus();
    publish(&mut producer, 1);
    let old = consumer.acquire_owned().expect("none held").expect("frame");
    let frames = producer.options().frames();
    producer.renew(frames).expect("renewed");
    publish(&mut producer, 2);
    assert_eq!(consumer.wait(None).expect("wait"), Waited::Renewed);
    assert_eq!(consumer.wait(None).expect("wait"), Waited::Frame);
    let new = consumer.acquire_owned().expect("none held").expect("frame");
    for number in 3..10 {
        publish(&mut producer, number);
    }
    assert_eq!(verify(GEOMETRY, old.gray().expect("gray")), Ok(1));
    assert_eq!(verify(GEOMETRY, new.gray().expect("gray")), Ok(2));
    drop(old);
    assert_eq!(verify(GEOMETRY, new.gray().expect("gray")), Ok(2));
}

#[test]
fn a_claim_that_is_kept_is_published_later_and_given_back_by_the_next() {
    let (mut producer, mut consumer) = bus();
    let mut pattern = PatternSource::new(GEOMETRY, None);
    producer
        .claim()
        .expect("a whole bus")
        .expect("a slot")
        .keep();
    let mut claim = producer.kept_claim().expect("the slot");
    pattern.draw_frame(3, &mut claim.target()).expect("drawn");
    claim.keep();
    let claim = producer.kept_claim().expect("the slot");
    assert_eq!(claim.publish(FrameMeta::default()), 1);
    assert!(producer.kept_claim().is_none());
    let frame = consumer.acquire().expect("frame");
    assert_eq!(verify(GEOMETRY, frame.gray().expect("gray")), Ok(3));
    drop(frame);
    producer
        .claim()
        .expect("a whole bus")
        .expect("a slot")
        .keep();
    publish(&mut producer, 4);
    assert!(producer.kept_claim().is_none());
    for number in 5..20 {
        publish(&mut producer, number);
    }
    assert_eq!(producer.stats().starved, 0);
}

#[test]
fn the_frame_right_after_attaching_makes_the_descriptor_readable() {
    let (mut producer, consumer) = bus();
    drop(consumer);
    let name = producer.options().bus.clone();
    for number in 0..200 {
        // The index is free once the producer has seen the hang-up.
        let consumer = loop {
            match attach(name.clone()) {
                Ok(consumer) => break consumer,
                Err(super::AttachError::InUse { .. }) => std::thread::yield_now(),
                Err(error) => panic!("{error}"),
            }
        };
        publish(&mut producer, number);
        let waiting = Stop::new().expect("eventfd");
        let readable = waiting.wait_readable(consumer.as_fd(), Some(Duration::from_secs(60)));
        assert_eq!(readable.expect("poll"), stop::Waited::Ready);
    }
}

#[test]
fn other_frames_do_not_take_a_consumer_its_index() {
    let number = NUMBER.fetch_add(1, Relaxed);
    let name: BusName = format!("handle-{}-{number}", std::process::id())
        .parse()
        .expect("name");
    let mut options = ProducerOptions::new(name.clone(), GEOMETRY);
    options.consumers = 4;
    let mut producer = Producer::create(options).expect("producer");
    let mut options = ConsumerOptions::new(name.clone());
    options.index = IndexChoice::Index(3);
    let stop = Stop::new().expect("eventfd");
    let mut consumer =
        Consumer::attach(options, Some(Duration::ZERO), &stop, |_| {}).expect("consumer");
    // What somebody says who knows only the new frames.
    let mut other = ProducerOptions::new(name, Geometry::new(32, 24).expect("size"));
    other.consumers = 1;
    producer.renew(other.frames()).expect("renewed");
    assert_eq!(producer.layout().consumers, 4);
    assert_eq!(consumer.wait(None).expect("wait"), Waited::Renewed);
    assert_eq!(consumer.stream().geometry.width, 32);
    let claim = producer.claim().expect("a whole bus").expect("a slot");
    claim.publish(FrameMeta::default());
    assert_eq!(consumer.wait(None).expect("wait"), Waited::Frame);
    assert!(consumer.acquire().is_some());
    assert_eq!(producer.connected(), 1);
}

#[test]
fn a_bus_without_consumers_or_with_too_many_is_refused_with_the_true_reason() {
    let name: BusName = format!("handle-many-{}", std::process::id())
        .parse()
        .expect("name");
    let refusal = |consumers, history| {
        let mut options = ProducerOptions::new(name.clone(), GEOMETRY);
        (options.consumers, options.history) = (consumers, history);
        Producer::create(options).expect_err("refused").to_string()
    };
    for consumers in [0, 251] {
        let sentence = format!("a bus has 1 to 250 consumers, not {consumers}");
        assert_eq!(refusal(consumers, 0), sentence);
    }
    assert_eq!(
        refusal(250, 3),
        "250 consumers and a history of 3 need 255 slots, at most 254 are possible"
    );
}
