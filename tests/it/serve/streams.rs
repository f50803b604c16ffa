//! Pictures and snapshots.

use rustix::process::Signal;

use super::Serve;
use super::http::{Parts, connect, size_of};
use crate::harness::{Bus, Exit, maps, until};

#[test]
fn the_addresses_that_programs_know_give_pictures_of_the_size_that_is_asked_for() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "160x120", "--color"]);
    let serve = Serve::start(&bus, &[]);
    let of_bus = |rest: &str| format!("/buses/{}/{rest}", bus.name());
    for (path, size) in [
        ("/snapshot.jpg".to_owned(), (160, 120)),
        ("/snapshot?width=80".to_owned(), (80, 60)),
        ("/?action=snapshot&color=1".to_owned(), (160, 120)),
        (of_bus("snapshot.jpg?width=5000&quality=30"), (160, 120)),
        (of_bus("?action=snapshot"), (160, 120)),
        (of_bus("slots/1.jpg?width=64"), (64, 48)),
    ] {
        let answer = serve.get(&path);
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_eq!(answer.header("content-type"), Some("image/jpeg"), "{path}");
        assert!(answer.header("x-sequence").is_some(), "{path}");
        assert_eq!(size_of(&answer.body), size, "{path}");
    }
    for (path, size) in [
        ("/stream.mjpg".to_owned(), (160, 120)),
        ("/stream?width=32&fps=100".to_owned(), (32, 24)),
        ("/?action=stream".to_owned(), (160, 120)),
        (of_bus("stream"), (160, 120)),
        (of_bus("?action=stream&color=1"), (160, 120)),
    ] {
        let mut stream = serve.stream(&path);
        let parts = [stream.next(), stream.next(), stream.next()];
        assert!(parts.iter().all(|part| part.size() == size), "{path}");
        let grows = parts.is_sorted_by(|one, next| one.sequence < next.sequence);
        assert!(grows, "{path}: {parts:?}");
    }
    for (path, status) in [
        ("/stream?fps=0", 400),
        ("/snapshot?width=x", 400),
        ("/buses/none-such/stream", 404),
        ("/buses/..%2f..%2fetc/snapshot", 404),
        ("/x", 404),
    ] {
        assert_eq!(serve.get(path).status, status, "{path}");
    }
    let last = of_bus("slots/200.jpg");
    assert_eq!(serve.get(&last).status, 503, "there is no such slot");
}

#[test]
fn a_stream_goes_on_when_the_producer_is_killed_and_another_has_another_size() {
    let bus = Bus::new();
    let producer = bus.produce(&["--size", "160x120"]);
    let serve = Serve::start(&bus, &[]);
    let mut stream = serve.stream("/stream.mjpg");
    assert_eq!(stream.next().size(), (160, 120));
    producer.end(Signal::KILL);
    until(
        "a dead producer's picture is not shown as one of now",
        || serve.get("/snapshot.jpg").status == 503,
    );
    let _next = bus.produce(&["--size", "64x48"]);
    until("the stream has the new size", || {
        stream.next().size() == (64, 48)
    });
    assert_eq!(serve.get("/snapshot.jpg").status, 200);
}

#[test]
fn after_a_clean_end_numbers_begin_again_and_the_stream_goes_on() {
    let bus = Bus::new();
    let producer = bus.produce(&["--size", "64x48", "--fps", "100"]);
    let serve = Serve::start(&bus, &[]);
    bus.frames_go_by(50);
    let mut stream = serve.stream("/stream.mjpg");
    let before = stream.next().sequence;
    producer.end(Signal::TERM);
    let _next = bus.produce(&["--size", "64x48", "--fps", "5"]);
    until("a picture of the next one", || {
        stream.next().sequence < before
    });
}

#[test]
fn while_nobody_watches_nothing_is_even_mapped() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "64x48"]);
    let serve = Serve::start(&bus, &[]);
    assert!(maps(&serve.process, &bus).is_empty());
    let mut stream = serve.stream("/stream.mjpg");
    stream.next();
    assert!(!maps(&serve.process, &bus).is_empty());
    drop(stream);
    until("the last viewer is forgotten", || {
        maps(&serve.process, &bus).is_empty()
    });
}

#[test]
fn a_viewer_takes_no_index_and_no_lease() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "64x48", "--consumers", "1"]);
    let serve = Serve::start(&bus, &[]);
    let mut streams = [serve.stream("/stream"), serve.stream("/stream?width=16")];
    for stream in &mut streams {
        stream.next();
    }
    let snapshot = serve.json(&format!("/api/buses/{}", bus.name()));
    assert_eq!(snapshot["consumers"], serde_json::json!([]));
    let consumer = bus.consume(&["-i", "0", "--count", "3"]);
    assert_eq!(consumer.wait().exit, Exit::Code(0));
    assert_eq!(bus.segment().header("dropped"), 0);
}

#[test]
fn a_viewer_that_reads_late_gets_the_newest_frame_and_no_queue() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "1280x720", "--fps", "60"]);
    let serve = Serve::start(&bus, &[]);
    let socket = connect(&serve.address);
    rustix::net::sockopt::set_socket_recv_buffer_size(&socket, 4096).expect("a small buffer");
    let mut stream = Parts::of(socket, &serve.address, "/stream.mjpg?quality=100");
    let mut last = stream.next().sequence;
    // Buffers between the two are full, and hold only a few.
    bus.frames_go_by(150);
    let newest = bus.segment().header("published");
    let mut old = 0;
    loop {
        let next = stream.next().sequence;
        if next >= newest {
            break;
        }
        old += 1;
        last = next;
    }
    assert!(newest - last > 50, "{last} is not long before {newest}");
    assert!(old < 30, "{old} old ones were kept");
}

#[test]
fn json_and_health_are_those_of_top_and_check() {
    let bus = Bus::new();
    let producer = bus.produce(&["--size", "64x48"]);
    let consumer = bus.consume(&["--name", "watcher"]);
    bus.attached(0, &consumer);
    let serve = Serve::start(&bus, &[]);
    let printed = bus.run(&["top", "--once", "--json"]).json().remove(0);
    let served = serve.json(&format!("/api/buses/{}", bus.name()));
    let keys = |value: &serde_json::Value| -> Vec<String> {
        value
            .as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect()
    };
    assert_eq!(keys(&served), keys(&printed));
    for pointer in [
        "/schema",
        "/bus",
        "/segment/name",
        "/producer/pid",
        "/consumers/0/name",
    ] {
        assert_eq!(
            served.pointer(pointer),
            printed.pointer(pointer),
            "{pointer}"
        );
    }
    assert!(served["producer"]["fps"].is_f64(), "{served}");
    let all = serve.json("/api/buses");
    assert_eq!(all["buses"][0]["bus"], bus.name());
    let health = serve.json("/healthz");
    assert_eq!(health["healthy"], true, "{health}");
    assert!(serve.get("/metrics").text().contains("framebus_bus_state{"));
    producer.end(Signal::KILL);
    let mut answer = serve.get("/healthz");
    until("it is not well", || {
        answer = serve.get("/healthz");
        answer.status == 503
    });
    assert!(answer.text().contains("producer-gone"), "{}", answer.text());
}

#[test]
fn events_come_again_and_again() {
    use std::io::{BufRead, BufReader, Write};
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "64x48"]);
    let serve = Serve::start(&bus, &[]);
    let mut socket = connect(&serve.address);
    let host = &serve.address;
    write!(socket, "GET /events HTTP/1.1\r\nHost: {host}\r\n\r\n").expect("sent");
    let lines = BufReader::new(socket)
        .lines()
        .map(|line| line.expect("a line"));
    let events = lines.filter_map(|line| {
        let json = line.strip_prefix("data: ")?;
        let event: serde_json::Value = serde_json::from_str(json).expect("JSON");
        event["buses"][0]["producer"]["sequence"].as_u64()
    });
    let sequences: Vec<u64> = events.take(3).collect();
    assert!(
        sequences.is_sorted_by(|one, next| one < next),
        "{sequences:?}"
    );
}
