//! Planes, JPEG, smaller frames, metadata.

use framebus::layout::{Format, PlaneSpec};
use framebus::{BusName, FrameMeta, Geometry, Producer, ProducerOptions, clock};

use crate::lab::{Lab, until};
use crate::watcher::{Watcher, look};

const SIZE: Geometry = Geometry {
    width: 96,
    height: 64,
};

/// A camera in this test, with a plane of every kind.
fn camera(bus: &str, planes: &str) -> Producer {
    let bus: BusName = bus.parse().expect("a name");
    let planes = PlaneSpec::list(planes).expect("planes");
    Producer::create(ProducerOptions::new(bus, SIZE).planes(planes)).expect("a bus")
}

/// Publishes a frame in which every plane has a pattern of its own.
fn publish(producer: &mut Producer, number: u64) {
    let mut claim = producer.claim().expect("a bus").expect("a slot");
    for (plane, pixels) in claim.images() {
        if plane.format != Format::META {
            for (at, pixel) in pixels.iter_mut().enumerate() {
                *pixel = pixel_of(plane.format, at, number);
            }
        }
    }
    let metadata = format!("{{\"number\":{number}}}");
    claim.set_metadata(metadata.as_bytes()).expect("room");
    let meta = FrameMeta {
        capture_ns: clock::monotonic_ns(),
        wall_ns: clock::wall_ns(),
        source_frame: number,
    };
    claim.publish(meta);
}

fn pixel_of(format: Format, at: usize, number: u64) -> u8 {
    (at as u64 * 7 + number * 3 + u64::from(format.word())) as u8
}

struct Both {
    lab: Lab,
    near: String,
    far: String,
}

/// Sends to a bus on the same machine and returns once a consumer may attach there.
fn start(sending: &str, producer: &mut Producer, both: &Both) -> Vec<crate::lab::Program> {
    let (near, far) = (&both.near, &both.far);
    let programs = vec![
        both.lab
            .start("a", &format!("bridge send -b {near} --host h {sending}")),
        both.lab
            .start("a", &format!("bridge receive h/{near}={far}")),
    ];
    let mut number = 0;
    until("the far bus is there", || {
        publish(producer, number);
        number += 1;
        std::thread::sleep(std::time::Duration::from_millis(20));
        look(far).segment.is_some()
    });
    programs
}

fn both() -> Both {
    let mut lab = Lab::new();
    lab.machine("a");
    let (near, far) = (lab.bus("near"), lab.bus("far"));
    Both { lab, near, far }
}

/// The number that a frame had, its planes and their pixels, its metadata.
type Came = (u64, Vec<(PlaneSpec, Vec<u8>)>, Vec<u8>);

/// The next frame of the far bus.
fn next(producer: &mut Producer, far: &str) -> Came {
    let options = framebus::ConsumerOptions::new(far.parse().expect("a name"));
    let mut consumer = options
        .attach_within(std::time::Duration::from_secs(20))
        .expect("the far bus");
    let mut number = 1000;
    loop {
        publish(producer, number);
        number += 1;
        let step = std::time::Duration::from_millis(50);
        let _ = consumer.wait(Some(step)).expect("a bus");
        let Some(frame) = consumer.acquire() else {
            continue;
        };
        // One that was on its way when this began is another's.
        let number = frame.info().source_frame;
        let size = frame.geometry();
        let images = frame
            .planes()
            .filter(|view| view.plane.format != Format::META);
        let images = images.map(|view| {
            let spec = PlaneSpec::of(&view.plane, size).expect("a name");
            (spec, view.data.to_vec())
        });
        return (number, images.collect(), frame.metadata().to_vec());
    }
}

#[test]
fn every_plane_and_its_metadata_come_as_they_were() {
    let both = both();
    let planes = "gray,bgr,rgb,nv12,yuyv,gray16,gray/2,meta/64";
    let mut producer = camera(&both.near, planes);
    let _programs = start("--raw", &mut producer, &both);
    let (number, images, metadata) = next(&mut producer, &both.far);
    assert_eq!(images.len(), 7);
    for (spec, data) in images {
        let expected = (0..data.len()).map(|at| pixel_of(spec.format, at, number));
        assert!(data.iter().copied().eq(expected), "{spec}");
    }
    assert_eq!(metadata, format!("{{\"number\":{number}}}").into_bytes());
}

#[test]
fn chosen_planes_go_as_jpeg_and_smaller() {
    let both = both();
    let mut producer = camera(&both.near, "gray,bgr,nv12,meta/64");
    let sending = "--jpeg 90 --scale 1/2 --planes gray,bgr,meta";
    let _programs = start(sending, &mut producer, &both);
    let (_, images, metadata) = next(&mut producer, &both.far);
    let names: Vec<String> = images.iter().map(|(spec, _)| spec.to_string()).collect();
    assert_eq!(names, ["gray", "bgr"]);
    assert!(!metadata.is_empty());
    let segment = look(&both.far).segment.expect("a segment");
    assert_eq!((segment.width, segment.height), (48, 32));
    assert_eq!(segment.format, "gray8+bgr+meta");
}

#[test]
fn a_bus_without_what_is_asked_for_says_so_on_both_sides() {
    let both = both();
    let (near, far) = (&both.near, &both.far);
    let mut producer = camera(near, "gray,meta/64");
    publish(&mut producer, 0);
    let mut sender = both
        .lab
        .start("a", &format!("bridge send -b {near} --host h --planes bgr"));
    let mut receiver = both
        .lab
        .start("a", &format!("bridge receive h/{near}={far}"));
    sender.says(
        "it has no plane that can be sent of those that --planes asks for (bgr), it has gray, meta",
    );
    receiver.says("--planes asks for (bgr)");
}

#[test]
fn no_more_frames_a_second_go_than_are_wanted() {
    let both = both();
    let (near, far) = (&both.near, &both.far);
    let lab = &both.lab;
    let _camera = lab.start(
        "a",
        &format!("produce pattern -b {near} --size 160x120 --fps 40"),
    );
    let _sender = lab.start("a", &format!("bridge send -b {near} --host h --max-fps 5"));
    let _receiver = lab.start("a", &format!("bridge receive h/{near}={far}"));
    let watcher = Watcher::start(far, true);
    until("frames come", || watcher.frames() >= 15);
    let seen = watcher.end();
    // Seven of eight stay behind.
    let apart = seen.sequences.windows(2).map(|two| two[1] - two[0]);
    let mut apart: Vec<u64> = apart.collect();
    apart.sort_unstable();
    assert!(apart[apart.len() / 2] >= 6, "{apart:?}");
}
