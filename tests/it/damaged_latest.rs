//! A word `latest` that names a frame which is in no slot, as a damaged segment has it.

use std::time::Duration;

use framebus::bus::{
    BusName, Consumer, ConsumerOptions, FrameMeta, Producer, ProducerOptions, Waited,
};
use framebus::layout::{Geometry, TriggerKind};
use framebus::stop::Stop;

use crate::harness::{Bus, Field, HEADER, RawSegment, fields};
use std::os::unix::fs::FileExt;

fn latest_field() -> &'static Field {
    let is_latest = |field: &&Field| field.structure == HEADER && field.name == "latest";
    fields().iter().find(is_latest).expect("a field")
}

#[test]
fn a_frame_that_is_in_no_slot_is_waited_for_and_not_looked_for_again_and_again() {
    for (trigger, every_frame) in [
        (TriggerKind::Eventfd, false),
        (TriggerKind::Eventfd, true),
        (TriggerKind::Pipe, false),
        (TriggerKind::Spin, false),
    ] {
        let ground = Bus::new();
        let name: BusName = ground.name().parse().expect("a name");
        let size = Geometry::new(64, 48).expect("a size");
        let mut producer =
            Producer::create(ProducerOptions::new(name.clone(), size)).expect("a producer");
        let mut options = ConsumerOptions::new(name);
        options.trigger = trigger;
        options.every_frame = every_frame;
        let stop = Stop::new().expect("a stop");
        let patience = Some(Duration::from_secs(60));
        let mut consumer = Consumer::attach(options, patience, &stop, |_| {}).expect("attached");

        let damage = (1u64 << 40) << 8 | 1;
        RawSegment::writable(&ground.segment_path())
            .write_all_at(&damage.to_le_bytes(), latest_field().offset)
            .expect("damaged");
        // It looks like a frame once.
        assert_eq!(consumer.wait(patience).expect("a wait"), Waited::Frame);
        assert!(consumer.acquire().is_none());
        let short = Some(Duration::from_millis(20));
        for _ in 0..3 {
            assert_eq!(consumer.wait(short).expect("a wait"), Waited::TimedOut);
        }

        let claim = producer.claim().expect("whole").expect("a slot");
        let sequence = claim.publish(FrameMeta::default());
        assert_eq!(consumer.wait(patience).expect("a wait"), Waited::Frame);
        let frame = consumer.acquire().expect("the next frame");
        assert_eq!(frame.info().sequence, sequence);
    }
}
