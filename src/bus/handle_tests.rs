//! Frames and claims that are held without a borrow, as clients in other languages hold them.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::Duration;

use super::{
    BusName, Consumer, ConsumerOptions, FrameHeld, FrameMeta, IndexChoice, Producer,
    ProducerOptions, Waited,
};
use crate::layout::Geometry;
use crate::source::PatternSource;
use crate::source::pattern::verify;
use crate::stop::{self, Stop};

static NUMBER: AtomicU32 = AtomicU32::new(0);

const GEOMETRY: Geometry = Geometry {
    width: 64,
    height: 48,
};

fn bus() -> (Producer, Consumer) {
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

fn publish(producer: &mut Producer, number: u64) {
    let mut pattern = PatternSource::new(GEOMETRY, None);
    let mut claim = producer.claim().expect("a slot");
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
        assert_eq!(verify(GEOMETRY, frame.gray()), Ok(1));
    }
    let held = consumer.acquire_owned().expect_err("held");
    assert_eq!(held, FrameHeld { sequence: 1 });
    assert!(consumer.acquire().is_none());
    // Views are given up wherever they are.
    std::thread::spawn(move || drop(frame))
        .join()
        .expect("thread");
    let next = consumer.acquire_owned().expect("none held").expect("frame");
    assert_eq!(verify(GEOMETRY, next.gray()), Ok(19));
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
fn a_frame_outlives_its_consumer_and_its_producer() {
    let (mut producer, mut consumer) = bus();
    publish(&mut producer, 7);
    let frame = consumer.acquire_owned().expect("none held").expect("frame");
    let name = producer.options().bus.clone();
    drop(consumer);
    for number in 8..20 {
        publish(&mut producer, number);
    }
    assert_eq!(verify(GEOMETRY, frame.gray()), Ok(7));
    assert!(
        attach(name).is_err(),
        "the index is the frame's as long as it lives"
    );
    drop(producer);
    assert_eq!(verify(GEOMETRY, frame.gray()), Ok(7));
}

#[test]
fn a_frame_of_a_segment_that_was_replaced_does_not_hinder_the_next() {
    let (mut producer, mut consumer) = bus();
    publish(&mut producer, 1);
    let old = consumer.acquire_owned().expect("none held").expect("frame");
    let options = producer.options().clone();
    producer.renew(options).expect("renewed");
    publish(&mut producer, 2);
    assert_eq!(consumer.wait(None).expect("wait"), Waited::Renewed);
    assert_eq!(consumer.wait(None).expect("wait"), Waited::Frame);
    let new = consumer.acquire_owned().expect("none held").expect("frame");
    for number in 3..10 {
        publish(&mut producer, number);
    }
    assert_eq!(verify(GEOMETRY, old.gray()), Ok(1));
    assert_eq!(verify(GEOMETRY, new.gray()), Ok(2));
    drop(old);
    assert_eq!(verify(GEOMETRY, new.gray()), Ok(2));
}

#[test]
fn a_claim_that_is_kept_is_published_later_and_given_back_by_the_next() {
    let (mut producer, mut consumer) = bus();
    let mut pattern = PatternSource::new(GEOMETRY, None);
    producer.claim().expect("a slot").keep();
    let mut claim = producer.kept_claim().expect("the slot");
    pattern.draw_frame(3, &mut claim.target()).expect("drawn");
    claim.keep();
    let claim = producer.kept_claim().expect("the slot");
    assert_eq!(claim.publish(FrameMeta::default()), 1);
    assert!(producer.kept_claim().is_none());
    let frame = consumer.acquire().expect("frame");
    assert_eq!(verify(GEOMETRY, frame.gray()), Ok(3));
    drop(frame);
    producer.claim().expect("a slot").keep();
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
