//! Connections that come and go while the frame path holds on to an older list of them.

use std::io::ErrorKind::WouldBlock;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::super::NameKeeper;
use super::peers::Peers;
use super::{Shared, TriggerServer};
use crate::bus::{BusName, Names, ProducerOptions};
use crate::layout::{ClaimRecord, ClaimState, Format, Geometry, Layout, PlaneSpec, Request};
use crate::shm::OwnedSegment;
use crate::sync::Ordering::{Acquire, Relaxed};
use crate::system::{Doorman, Event, Line, Permissions, pipe_path};

const GEOMETRY: Geometry = Geometry {
    width: 64,
    height: 48,
};

fn bus(name: &str) -> BusName {
    let name = format!("{name}-{}", std::process::id());
    name.parse().expect("a name")
}

fn segment(bus: &BusName) -> Arc<OwnedSegment> {
    let layout = Layout::plan(Request {
        geometry: GEOMETRY,
        consumers: 1,
        history: 0,
        planes: &[PlaneSpec::new(Format::GRAY8)],
    });
    let permissions = Permissions {
        mode: 0o600,
        gid: None,
    };
    let (segment, _) =
        OwnedSegment::create(bus, layout.expect("a layout"), permissions).expect("a segment");
    // Mapped memory needs no name: nothing is left of a test that fails.
    segment.unlink();
    segment
}

fn is_connected(claim: &ClaimRecord) -> bool {
    claim.state.load(Acquire) == ClaimState::Connected as u32
}

fn is_open(client: &mut UnixStream) -> bool {
    client.set_nonblocking(true).expect("a mode");
    let mut bytes = [0; 16];
    client
        .read(&mut bytes)
        .is_err_and(|error| error.kind() == WouldBlock)
}

#[test]
fn a_stale_event_of_a_connection_spares_the_next_on_its_index() {
    let segment = segment(&bus("stale"));
    let claim = segment.regions().claim(0);
    let shared = Arc::new(Shared {
        segment: Mutex::new(Arc::clone(&segment)),
        targets: ArcSwap::default(),
        told: None,
    });
    let doorman = Doorman::new().expect("a doorman");
    let mut peers = Peers::new(Arc::clone(&shared), 1);
    let admit = |peers: &mut Peers| {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        peers.admit(&doorman, 0, Line::from(OwnedFd::from(ours)));
        theirs
    };
    let gone = Event {
        token: 0,
        readable: false,
        hung_up: true,
    };
    drop(admit(&mut peers));
    peers.serve(&doorman, 0, 1, gone);
    assert!(!is_connected(claim));
    let mut next = admit(&mut peers);
    peers.serve(&doorman, 0, 1, gone);
    assert!(is_connected(claim) && is_open(&mut next));
    peers.serve(&doorman, 0, 2, gone);
    assert!(!is_connected(claim) && !is_open(&mut next));
}

#[test]
fn a_hang_up_spares_the_next_connection_while_a_slow_notify_holds_the_old_one() {
    let bus = bus("slow");
    let segment = segment(&bus);
    let names = Names::without_segment(&ProducerOptions::new(bus, GEOMETRY));
    let door = pipe_path(&names.pipes_dir(), 0);
    let claim = segment.regions().claim(0);
    let server = TriggerServer::start(names.clone(), Arc::clone(&segment), false);
    let server = server.expect("a server");
    let connect = || UnixStream::connect(&door).expect("a connection");
    let wait_until = |holds: &dyn Fn() -> bool| {
        while !holds() {
            std::thread::sleep(Duration::from_millis(1));
        }
    };
    let first = connect();
    wait_until(&|| is_connected(claim));
    // The segment says so a moment before the list does.
    wait_until(&|| server.shared.targets.load().len() == 1);
    // What `notify` holds from its first system call to its last.
    let targets = server.shared.targets.load_full();
    drop(first);
    wait_until(&|| !is_connected(claim));
    let mut second = connect();
    wait_until(&|| is_connected(claim));
    // The old connection is still open on this side, and hung up: the control thread looks a few times more.
    let heartbeat = &segment.regions().header().heartbeat_ns;
    for _ in 0..3 {
        let before = heartbeat.load(Relaxed);
        wait_until(&|| heartbeat.load(Relaxed) != before);
    }
    assert!(is_connected(claim) && is_open(&mut second));
    assert_eq!(claim.connections.load(Relaxed), 2);
    drop(targets);
}
