//! Consumers that need planes, and planes by name.

use std::time::Duration;

use super::{
    AttachError, BusName, Consumer, ConsumerOptions, FrameMeta, HandleError, NoPlane, Producer,
    ProducerOptions, Unfilled, Waited,
};
use crate::convert::Images;
use crate::layout::{Format, Geometry, PlaneSpec};
use crate::stop::Stop;

const GEOMETRY: Geometry = Geometry {
    width: 64,
    height: 48,
};

fn bus(test: &str) -> BusName {
    let name = format!("needs-{test}-{}", std::process::id());
    name.parse().expect("a name")
}

fn list(planes: &str) -> Vec<PlaneSpec> {
    PlaneSpec::list(planes).expect("planes")
}

fn produce(bus: &BusName, planes: &str) -> Producer {
    Producer::create(ProducerOptions::new(bus.clone(), GEOMETRY).planes(list(planes)))
        .expect("a producer")
}

fn attach(bus: &BusName, needs: &str) -> Result<Consumer, AttachError> {
    let options = ConsumerOptions::new(bus.clone()).needs(list(needs));
    let stop = Stop::new().expect("eventfd");
    Consumer::attach(options, Some(Duration::from_secs(60)), &stop, |_| {})
}

#[test]
fn a_consumer_attaches_only_to_a_bus_that_has_what_it_needs() {
    let bus = bus("attach");
    let _producer = produce(&bus, "gray/2,bgr,meta/64");
    attach(&bus, "bgr,gray/2,meta").expect("all that it needs");
    // A smaller plane is no plane in the frames' own size.
    let refused = attach(&bus, "nv12,bgr,gray").expect_err("neither nv12 nor gray");
    assert!(!refused.is_passing());
    assert_eq!(
        refused.to_string(),
        format!(
            "bus {bus} has no planes nv12, gray: it has gray/2, bgr, meta/64; start its producer with --planes gray/2,bgr,meta/64,nv12,gray"
        )
    );
    assert!(matches!(refused, AttachError::NoPlane(NoPlane { wanted, .. }) if wanted.len() == 2));
    // Formats do as well, and a refused consumer has left its index.
    let options = ConsumerOptions::new(bus).needs([Format::BGR8]);
    options.attach_within(Duration::from_secs(60)).expect("bgr");
}

#[test]
fn a_bus_that_goes_on_without_a_plane_that_is_needed_is_an_error_until_it_has_it_again() {
    let bus = bus("renew");
    let mut producer = produce(&bus, "gray,bgr");
    let mut consumer = attach(&bus, "bgr").expect("bgr");
    let mut renew = |planes: &str| {
        let mut frames = producer.options().frames();
        frames.planes = list(planes);
        producer.renew(frames).expect("renewed");
        let claim = producer.claim().expect("a bus").expect("a slot");
        claim.publish(FrameMeta::default());
    };
    renew("gray");
    for _ in 0..2 {
        let error = consumer.wait(None).expect_err("no bgr any more");
        let Some(HandleError::NoPlane(missing)) = HandleError::of(&error) else {
            panic!("{error}");
        };
        assert!(
            missing
                .to_string()
                .contains("has no plane bgr: it has gray;")
        );
        assert!(consumer.acquire().is_none());
    }
    renew("nv12,bgr");
    assert_eq!(consumer.wait(None).expect("followed"), Waited::Renewed);
    assert_eq!(consumer.wait(None).expect("a frame"), Waited::Frame);
    let frame = consumer.acquire().expect("a frame");
    assert!(frame.gray().is_none() && frame.bgr().is_some());
    assert!(frame.find(Format::NV12).is_ok());
    let missing = frame.find(Format::GRAY8).expect_err("no gray");
    assert!(
        missing
            .to_string()
            .contains("has no plane gray: it has nv12, bgr;")
    );
}

#[test]
fn planes_that_are_not_written_are_made_from_those_that_are() {
    let bus = bus("fill");
    let mut producer = produce(&bus, "gray/2,gray,nv12");
    let mut consumer = attach(&bus, "gray").expect("gray");
    let mut claim = producer.claim().expect("a bus").expect("a slot");
    // The plane of a format is that in the frames' own size, wherever it stands.
    claim.plane(Format::GRAY8).expect("gray").fill(180);
    assert_eq!(claim.find(Format::GRAY8).expect("gray").0.width, 64);
    let error = claim.fill_rest(&[0], &Images::default());
    assert_eq!(error, Err(Unfilled(list("gray,nv12"))));
    claim.fill_rest(&[1], &Images::default()).expect("filled");
    claim.publish(FrameMeta::default());
    let frame = consumer.acquire().expect("a frame");
    assert_eq!(
        frame.plane(Format::GRAY8).map(|view| view.plane.width),
        Some(64)
    );
    let small = frame.find(list("gray/2")[0]).expect("gray/2");
    assert_eq!(small.data, [180; 32 * 24]);
    // Luma from 16 to 235, and no colour.
    let nv12 = frame.plane(Format::NV12).expect("nv12").data;
    assert_eq!((nv12[0], nv12[64 * 48]), (171, 128));
    drop(frame);
    let bgr = [9; 3 * 64 * 48];
    let given = Images {
        geometry: GEOMETRY,
        bgr: Some(&bgr),
        ..Images::default()
    };
    let mut claim = producer.claim().expect("a bus").expect("a slot");
    claim.fill_rest(&[], &given).expect("filled");
    claim.publish(FrameMeta::default());
    let frame = consumer.acquire().expect("a frame");
    assert_eq!(frame.gray(), Some(&[9; 64 * 48][..]));
}
