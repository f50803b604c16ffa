//! Peers that know only the named pipe: shells, other languages, and those who mean no good.

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::Signal;

use crate::harness::{Bus, Exit, LIVELY, Process, Random, until};
use crate::roles::{Report, Taker};

const CONNECTED: u64 = 1;

fn connect(bus: &Bus, index: u8) -> UnixStream {
    let stream = UnixStream::connect(bus.pipe(index)).expect("a named pipe");
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .expect("a time-out");
    stream
}

/// Connects and waits until the producer has seen it.
fn claim(bus: &Bus, index: u8) -> UnixStream {
    let before = bus.segment().claim(index, "connections");
    let stream = connect(bus, index);
    until("the connection is accepted", || {
        bus.segment().claim(index, "connections") > before
    });
    stream
}

fn is_free(bus: &Bus, index: u8) -> bool {
    bus.segment().claim(index, "state") != CONNECTED
}

fn open_files(process: &Process) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", process.pid()))
        .expect("its descriptors")
        .count()
}

fn read_triggers(stream: &mut UnixStream, count: usize) {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).expect("triggers");
    assert!(bytes.iter().all(|byte| *byte == 1), "{bytes:?}");
}

/// Writes until the other end takes no more.
fn stuff(stream: &mut UnixStream, bytes: &[u8]) {
    stream.set_nonblocking(true).expect("nonblocking");
    while stream.write(bytes).is_ok() {}
    stream.set_nonblocking(false).expect("blocking");
}

#[test]
fn a_peer_that_says_nothing_gets_a_byte_of_value_1_a_frame() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let mut peer = connect(&bus, 0);
    read_triggers(&mut peer, 60);
    let segment = bus.segment();
    assert_eq!(segment.claim(0, "state"), CONNECTED);
    assert_eq!(segment.claim(0, "pid"), u64::from(std::process::id()));
    until("they are counted", || segment.claim(0, "triggers") >= 60);
    producer.end(Signal::INT);
    let mut rest = Vec::new();
    peer.read_to_end(&mut rest).expect("the end of the stream");
    assert!(rest.iter().all(|byte| *byte == 1));
    bus.assert_nothing_left();
}

#[test]
fn every_index_of_the_largest_bus_has_a_pipe_of_its_own() {
    let bus = Bus::new();
    let producer = bus.produce(&["--size", "32x32", "--fps", "60", "--consumers", "250"]);
    let mut peers: Vec<UnixStream> = (0..250).map(|index| connect(&bus, index)).collect();
    for peer in &mut peers {
        read_triggers(peer, 3);
    }
    drop(peers);
    until("all are free", || {
        (0..250).all(|index| is_free(&bus, index))
    });
    assert_eq!(producer.end(Signal::INT).exit, Exit::Code(130));
    bus.assert_nothing_left();
}

#[test]
fn a_peer_that_shuts_down_its_sending_half_keeps_its_index() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let mut peer = connect(&bus, 0);
    peer.shutdown(Shutdown::Write).expect("shut down");
    read_triggers(&mut peer, 60);
    assert_eq!(bus.segment().claim(0, "state"), CONNECTED);
    let second = bus.run(&["consume", "-i", "0"]);
    assert_eq!(second.exit, Exit::Code(2), "{}", second.stderr);
    let sentence = format!("is in use by pid {}\n", std::process::id());
    assert!(second.stderr.ends_with(&sentence), "{}", second.stderr);
    read_triggers(&mut peer, 5);
    drop(peer);
    until("its index is free", || is_free(&bus, 0));
    let next = bus.run(&["consume", "-i", "0", "--count", "1"]);
    assert_eq!(next.exit, Exit::Code(0), "{}", next.stderr);
}

#[test]
fn a_peer_that_shuts_down_both_halves_is_gone() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let peer = claim(&bus, 0);
    peer.shutdown(Shutdown::Both).expect("shut down");
    until("its index is free", || is_free(&bus, 0));
}

#[test]
fn a_peer_that_never_reads_costs_only_its_own_triggers() {
    let bus = Bus::new();
    let producer = bus.produce(&["--size", "160x120", "--fps", "2000"]);
    let steady = Taker {
        index: 1,
        trigger: "pipe",
        ..Taker::default()
    }
    .start_taking(&bus);
    let mut peer = connect(&bus, 0);
    let segment = bus.segment();
    until("its pipe is full", || segment.claim(0, "coalesced") > 0);
    let taken = segment.record(1, "taken");
    bus.frames_go_by(500);
    assert!(segment.record(1, "taken") > taken);
    assert_eq!(segment.header("dropped"), 0);
    // What has queued can be read, and then triggers come again.
    let queued = usize::try_from(segment.claim(0, "triggers")).expect("a count");
    read_triggers(&mut peer, queued + 100);
    Report::of(&steady.end(Signal::TERM));
    assert_eq!(producer.end(Signal::INT).exit, Exit::Code(130));
    bus.assert_nothing_left();
}

#[test]
fn a_second_peer_on_an_index_is_told_who_has_it() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let _first = claim(&bus, 0);
    let mut answer = Vec::new();
    connect(&bus, 0)
        .read_to_end(&mut answer)
        .expect("an answer");
    assert_eq!(answer.len(), 16);
    assert_eq!(answer[..3], [b'F', b'B', 1]);
    assert_eq!(answer[4..8], std::process::id().to_le_bytes());
    assert_eq!(bus.segment().claim(0, "connections"), 1);
}

#[test]
fn a_peer_that_sends_garbage_does_no_harm() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let steady = Taker::steady(&bus, 1);
    let mut random = Random::new();
    let mut peers: Vec<UnixStream> = [0, 2, 3].map(|index| connect(&bus, index)).into();
    for _ in 0..50 {
        for peer in &mut peers {
            stuff(peer, &random.bytes(4096));
        }
        bus.frames_go_by(1);
    }
    drop(peers);
    until("all are free", || {
        [0, 2, 3].iter().all(|index| is_free(&bus, *index))
    });
    let report = Report::of(&steady.end(Signal::TERM));
    assert_eq!(report.number("skipped"), 0);
    assert_eq!(producer.end(Signal::INT).exit, Exit::Code(130));
    bus.assert_nothing_left();
}

#[test]
fn a_peer_cannot_make_the_producer_read_for_ever() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let mut peer = claim(&bus, 0);
    // What it says is looked at once; then its own pipe fills up, and the producer is left in peace.
    until("nobody reads what it sends", || {
        stuff(&mut peer, b"nonsense");
        bus.frames_go_by(10);
        peer.set_nonblocking(true).expect("nonblocking");
        let write = peer.write(b"nonsense");
        peer.set_nonblocking(false).expect("blocking");
        write.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    });
    drop(peer);
    until("its index is free", || is_free(&bus, 0));
}

#[test]
fn a_peer_that_says_hello_twice_is_answered_once() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let mut peer = claim(&bus, 0);
    peer.write_all(b"S").expect("a hello");
    peer.write_all(b"PEPEPE").expect("more of them");
    // A spinning consumer gets no triggers: what comes are those from before, and one answer.
    let mut seen = Vec::new();
    while !seen.ends_with(&bus.segment().header("generation").to_le_bytes()) {
        let mut byte = [0];
        peer.read_exact(&mut byte).expect("an answer");
        seen.push(byte[0]);
    }
    let (triggers, answer) = seen.split_at(seen.len() - 16);
    assert!(triggers.iter().all(|byte| *byte == 1), "{seen:?}");
    assert_eq!(answer[..3], [b'F', b'B', 0]);
    bus.frames_go_by(30);
    peer.set_nonblocking(true).expect("nonblocking");
    let more = peer.read(&mut [0; 64]);
    assert!(more.is_err_and(|error| error.kind() == ErrorKind::WouldBlock));
}

#[test]
fn peers_that_come_and_go_leave_no_descriptor_behind() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let before = open_files(&producer);
    let mut random = Random::new();
    for _ in 0..300 {
        let index = random.below(4) as u8;
        let mut peer = connect(&bus, index);
        match random.below(5) {
            0 => {}
            1 => drop(peer.write_all(b"E")),
            2 => drop(peer.write_all(b"P")),
            3 => drop(peer.write_all(&random.bytes(100))),
            _ => {
                let _ = peer.read(&mut [0; 1]);
            }
        }
    }
    until("all are free", || (0..4).all(|index| is_free(&bus, index)));
    until("all descriptors are closed", || {
        open_files(&producer) <= before
    });
    for index in ["0", "1", "2", "3"] {
        let next = bus.run(&["consume", "-i", index, "--count", "1"]);
        assert_eq!(next.exit, Exit::Code(0), "{}", next.stderr);
    }
    producer.end(Signal::INT);
    bus.assert_nothing_left();
}

#[test]
fn descriptors_that_a_peer_sends_are_not_kept() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let peer = claim(&bus, 0);
    let before = open_files(&producer);
    let null = std::fs::File::open("/dev/null").expect("/dev/null");
    for _ in 0..20 {
        let descriptors = [null.as_fd(); 8];
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        let _ = sendmsg(&peer, &[IoSlice::new(b"x")], &mut ancillary, flags);
    }
    bus.frames_go_by(30);
    assert!(open_files(&producer) <= before);
}

#[test]
fn a_full_queue_of_a_stopped_producer_does_not_hold_a_consumer_beyond_its_time() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    producer.freeze();
    let address = rustix::net::SocketAddrUnix::new(bus.pipe(0)).expect("an address");
    let mut waiting = Vec::new();
    loop {
        use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
        let socket = socket.expect("a socket");
        if connect(&socket, &address).is_err() {
            break;
        }
        waiting.push(socket);
        assert!(waiting.len() < 100_000, "the queue has no end");
    }
    let consumer = bus.run(&["consume", "-i", "0", "--timeout", "500ms"]);
    assert_eq!(consumer.exit, Exit::Code(3), "{}", consumer.stderr);
    assert!(
        consumer.stderr.contains("does not answer (stopped?)"),
        "{}",
        consumer.stderr
    );
    let consumer = bus.consume(&["-i", "0"]);
    until("it waits", || consumer.stderr().contains("waiting"));
    assert_eq!(consumer.end(Signal::INT).exit, Exit::Code(130));
    drop(waiting);
    producer.signal(Signal::CONT);
    until("the index is free", || {
        bus.segment().claim(0, "connections") > 0 && is_free(&bus, 0)
    });
    let consumer = bus.run(&["consume", "-i", "0", "--count", "2"]);
    assert_eq!(consumer.exit, Exit::Code(0), "{}", consumer.stderr);
    producer.end(Signal::INT);
    bus.assert_nothing_left();
}
