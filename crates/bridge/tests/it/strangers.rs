//! Somebody else on the network, who lies.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use framebus::layout::{Format, Geometry, PlaneSpec};
use framebus_bridge::wire::{Ask, FrameHeader, Image, Packing};
use zenoh::{Config, Session, Wait};

use crate::lab::{Lab, until};
use crate::watcher::{Watcher, look};

/// A port that nobody has.
fn port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

fn stranger(port: u16) -> Session {
    let mut config = Config::default();
    let mut set = |key: &str, value: &str| config.insert_json5(key, value).expect(key);
    set("mode", "\"client\"");
    set("connect/endpoints", &format!("[\"tcp/127.0.0.1:{port}\"]"));
    set("scouting/multicast/enabled", "false");
    zenoh::open(config).wait().expect("a session")
}

fn header(sequence: u64) -> FrameHeader {
    let geometry = Geometry {
        width: 160,
        height: 120,
    };
    FrameHeader {
        sender: 1,
        clock: 1,
        epoch_ms: 1,
        generation: 1,
        sequence,
        origin: 0,
        capture_ns: 1,
        wall_ns: 1,
        source_frame: 1,
        sent_ns: 1,
        run: 1,
        index: 1,
        geometry,
        millihertz: 0,
        metadata_room: 0,
        metadata_len: 0,
        images: vec![Image {
            plane: PlaneSpec::new(Format::GRAY8),
            packing: Packing::Raw,
            len: 160 * 120,
        }],
    }
}

#[test]
fn who_lies_to_a_receiver_or_a_sender_is_left_out_and_frames_go_on() {
    let lab = Lab::new();
    let (near, far) = (lab.bus("near"), lab.bus("far"));
    let port = port();
    let _camera = lab.start_here(&format!(
        "produce pattern -b {near} --size 160x120 --fps 20"
    ));
    let mut sender = lab.start_here(&format!(
        "bridge send -b {near} --host h --listen 127.0.0.1:{port}"
    ));
    sender.says("sending");
    // By a router, as a sender passes nothing on.
    let router = self::port();
    let mut route = lab.start_here(&format!(
        "bridge route --listen 127.0.0.1:{router} --connect 127.0.0.1:{port}"
    ));
    route.says("routing");
    let mut receiver = lab.start_here(&format!(
        "bridge receive h/{near}={far} --connect 127.0.0.1:{router}"
    ));
    let watcher = Watcher::start(&far, true);
    until("frames come", || watcher.frames() >= 10);
    let session = stranger(router);
    let ids = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&ids);
    let _listener = session
        .declare_subscriber(format!("framebus/1/h/{near}/ask/*"))
        .callback(move |sample| {
            let key = sample.key_expr().as_str().to_owned();
            let id = key.rsplit('/').next().expect("an id").to_owned();
            heard.lock().expect("a lock").push(id);
        })
        .wait()
        .expect("a subscriber");
    until("a receiver asks", || {
        !ids.lock().expect("a lock").is_empty()
    });
    let id = ids.lock().expect("a lock")[0].clone();
    let to = format!("framebus/1/h/{near}/to/{id}");
    let put = |attachment: Vec<u8>, payload: Vec<u8>| {
        session
            .put(to.as_str(), payload)
            .attachment(attachment)
            .wait()
            .expect("a put");
    };
    let whole = header(1 << 40).write();
    let mut versions = whole.clone();
    versions[4] = 77;
    put(versions, vec![0; 160 * 120]);
    put(whole.clone(), vec![0; 160 * 120 - 1]);
    put(whole[..60].to_vec(), vec![0; 160 * 120]);
    put(Vec::new(), vec![7; 100_000]);
    let mut large = header(7);
    large.geometry = Geometry {
        width: 32_768,
        height: 32_768,
    };
    large.images[0].len = 1 << 30;
    put(large.write(), Vec::new());
    // A well-formed frame of somebody who was started before the sender.
    put(whole, vec![0; 160 * 120]);
    receiver.says("is left out: it is of version 77 of the protocol");
    let ask = |name: &str, bytes: Vec<u8>| {
        let key = format!("framebus/1/h/{near}/ask/{name}");
        session.put(key, bytes).wait().expect("a put");
    };
    ask(&id, b"nonsense".to_vec());
    for number in 0..300 {
        let asks = Ask {
            run: 1,
            got: 0,
            upto: 8,
            ping_ns: 1,
        };
        ask(&format!("{number:08x}"), asks.write());
    }
    watcher.restart();
    until("frames go on", || watcher.frames() >= 40);
    let seen = watcher.end();
    assert_eq!((seen.torn, seen.backwards), (0, 0));
    assert!(seen.sequences.iter().all(|sequence| *sequence < 1 << 40));
    let segment = look(&far).segment.expect("a segment");
    assert_eq!(
        (segment.width, segment.height, segment.generation),
        (160, 120, 1)
    );
    let asked = sender.stderr().matches("asks for frames").count();
    assert!(asked <= 65, "{asked} receivers were believed");
    std::thread::sleep(Duration::from_millis(10));
    assert!(sender.is_running() && receiver.is_running());
}

#[test]
fn a_bus_whose_name_is_none_here_is_left_out_and_the_others_come() {
    let lab = Lab::new();
    let (near, router) = (lab.bus("near"), port());
    let mut route = lab.start_here(&format!("bridge route --listen 127.0.0.1:{router}"));
    route.says("routing");
    let session = stranger(router);
    // Each may be a name; both together are too long for one here.
    let (host, name) = ("raspberrypi-garage-north", "front-camera");
    let _token = session
        .liveliness()
        .declare_token(format!("framebus/1/{host}/{name}/up"))
        .wait()
        .expect("a token");
    let mut receiver = lab.start_here(&format!("bridge receive */* --connect 127.0.0.1:{router}"));
    receiver.says(&format!("{host}/{name} is left out"));
    let _camera = lab.start_here(&format!("produce pattern -b {near} --size 64x48 --fps 20"));
    let _sender = lab.start_here(&format!(
        "bridge send -b {near} --host h --connect 127.0.0.1:{router}"
    ));
    receiver.says(&format!("bus h-{near}: h/{near}, 64x48"));
    assert!(receiver.is_running());
}
