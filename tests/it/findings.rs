//! Every finding of `docs/top.md`, provoked by real processes.

use std::fs;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Bus, Exit, FRAMEBUS, HEADER, LIVELY, Process, RawSegment, fields, until};
use crate::roles::Taker;

/// Limits that are soon reached; /dev/shm is not ours to judge.
const IMPATIENT: [(&str, &str); 3] = [
    ("FRAMEBUS_TOP_FINDINGS_STUCK_AFTER", "300ms"),
    ("FRAMEBUS_TOP_FINDINGS_STALLED_AFTER", "300ms"),
    ("FRAMEBUS_TOP_FINDINGS_SHM_FULL_PERCENT", "100"),
];

/// Starts a `top` of so many snapshots.
fn top(bus: &Bus, count: u32) -> Process {
    let mut command = bus.framebus(&["top", "--json", "-d", "200ms", "-n", &count.to_string()]);
    command.envs(IMPATIENT);
    Process::spawn(command)
}

/// The findings of one look.
fn findings(bus: &Bus) -> Vec<Value> {
    let run = top(bus, 1).wait();
    let snapshot = run.json().pop().expect("a snapshot");
    snapshot["findings"].as_array().expect("findings").clone()
}

/// Looks until there is a finding of this kind; returns its text.
fn found(bus: &Bus, kind: &str, severity: &str) -> String {
    let mut text = None;
    until(&format!("{kind} is found"), || {
        let findings = findings(bus);
        let finding = findings.iter().find(|finding| finding["kind"] == kind);
        text = finding.map(|finding| {
            assert_eq!(finding["severity"], severity);
            finding["text"].as_str().expect("a text").to_owned()
        });
        text.is_some()
    });
    text.expect("a text")
}

fn is_not_found(bus: &Bus, kind: &str) {
    until(&format!("{kind} is over"), || {
        findings(bus).iter().all(|finding| finding["kind"] != kind)
    });
}

#[test]
fn a_bus_that_works_has_no_finding() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let _taker = Taker::default().start_taking(&bus);
    until("nothing is found", || findings(&bus).is_empty());
}

#[test]
fn a_consumer_that_holds_a_frame_is_stuck() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let _holder = bus.holder(2);
    let slot = bus.segment().record(2, "lease") & 0xff;
    let text = found(&bus, "stuck-consumer", "warning");
    assert!(text.starts_with("2 "), "{text}");
    assert!(
        text.contains(&format!("has held slot {slot} for")),
        "{text}"
    );
    // `check` has the same limit, and its flag wins over it.
    let check = |args: &[&str]| {
        let mut command = bus.framebus(&["check", "--for", "100ms"]);
        command.args(args).envs(IMPATIENT);
        Process::spawn(command).wait()
    };
    let judged = check(&[]);
    assert_eq!(judged.exit, Exit::Code(1), "{judged:?}");
    assert!(judged.stdout.starts_with(b"stuck-consumer: "), "{judged:?}");
    assert_eq!(check(&["--max-held", "1h"]).exit, Exit::Code(0));
}

#[test]
fn a_consumer_that_is_stopped_without_a_lease_is_stuck_until_it_goes_on() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let taker = Taker::default().start_taking(&bus);
    // With a producer that stands still it has given back its last frame.
    producer.freeze();
    let segment = bus.segment();
    until("it has no lease", || segment.record(0, "lease") == 0);
    taker.freeze();
    producer.signal(Signal::CONT);
    let text = found(&bus, "stuck-consumer", "warning");
    assert!(text.contains("takes no frames"), "{text}");
    assert!(text.contains(&format!("(pid {})", taker.pid())), "{text}");
    taker.signal(Signal::CONT);
    is_not_found(&bus, "stuck-consumer");
}

#[test]
fn a_consumer_that_is_killed_is_dead() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let holder = bus.holder(1);
    let pid = holder.pid();
    holder.end(Signal::KILL);
    let text = found(&bus, "dead-consumer", "warning");
    assert!(text.contains(&format!("(pid {pid}) died")), "{text}");
    assert!(text.contains("its lease was cleared"), "{text}");
}

#[test]
fn a_consumer_that_needs_longer_than_a_frame_period_is_slow() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let consumer = bus.consume(&["-i", "0", "--work", "50ms"]);
    bus.attached(0, &consumer);
    let text = found(&bus, "slow-consumer", "info");
    assert!(text.contains("frame periods"), "{text}");
    assert!(text.contains(": it skips frames"), "{text}");
    // Slow is a matter of taste.
    let mut command = bus.framebus(&["top", "--once", "--json"]);
    command.env("FRAMEBUS_TOP_FINDINGS_SLOW_ABOVE_PERIODS", "1000");
    let snapshot = Process::spawn(command).wait().json().pop();
    let snapshot = snapshot.expect("a snapshot");
    assert_ne!(snapshot["consumers"][0]["state"], "slow");
}

#[test]
fn frames_that_found_every_slot_leased_are_starved() {
    // One lease an index and two slots more: a bus cannot starve as long as it keeps its own rules. What its producer
    // would count if they broke is put into the counter here.
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    let watcher = top(&bus, 10);
    let starved =
        |field: &&crate::harness::Field| field.structure == HEADER && field.name == "starved";
    let field = fields().iter().find(starved).expect("a counter");
    let file = RawSegment::writable(&bus.segment_path());
    for count in 1u64.. {
        file.write_all_at(&count.to_le_bytes(), field.offset)
            .expect("written");
        if watcher.has_ended() {
            break;
        }
        bus.frames_go_by(1);
    }
    let lines = watcher.wait().json();
    let findings = lines.iter().filter_map(|line| line["findings"].as_array());
    let finding = findings
        .flatten()
        .find(|finding| finding["kind"] == "starved");
    let finding = finding.expect("a finding");
    assert_eq!(finding["severity"], "critical");
    let text = finding["text"].as_str().expect("a text");
    assert!(text.contains("found every slot leased"), "{text}");
}

#[test]
fn a_source_that_gives_no_more_frames_is_stalled() {
    let bus = Bus::new();
    let fifo = bus.runtime().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o600.into()).expect("a named pipe");
    // Open at both ends, so that the source neither ends nor goes on.
    let options = fs::OpenOptions::new().read(true).write(true).open(&fifo);
    let mut camera = options.expect("both its ends");
    let frame = [&b"FRAME\n"[..], &[7; 64 * 48]].concat();
    camera
        .write_all(b"YUV4MPEG2 W64 H48 F30:1 Cmono\n")
        .and_then(|()| camera.write_all(&frame.repeat(3)))
        .expect("written");
    let mut command = bus.command("sh");
    let script = format!("exec {FRAMEBUS} produce - <{}", fifo.display());
    command.args(["-c", &script]);
    let _producer = Process::spawn(command);
    until("three frames are published", || {
        bus.try_segment()
            .is_some_and(|segment| segment.header("published") == 3)
    });
    let text = found(&bus, "producer-stalled", "warning");
    assert!(text.contains("no frame for"), "{text}");
    let mut go_on = || camera.write_all(&frame).expect("written");
    until("it is over", || {
        go_on();
        findings(&bus).is_empty()
    });
}

#[test]
fn a_producer_that_is_stopped_or_killed_is_gone() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let pid = format!("(pid {})", producer.pid());
    producer.freeze();
    let text = found(&bus, "producer-gone", "critical");
    assert!(text.contains(&pid), "{text}");
    producer.signal(Signal::CONT);
    is_not_found(&bus, "producer-gone");
    producer.end(Signal::KILL);
    let text = found(&bus, "producer-gone", "critical");
    assert!(text.contains(&pid), "{text}");
    bus.produce(LIVELY).end(Signal::INT);
    bus.assert_nothing_left();
}

#[test]
fn a_segment_whose_name_is_removed_is_unlinked() {
    let bus = Bus::new();
    // Its next frame, which makes the segment again, does not come while somebody looks.
    let producer = bus.produce(&["--size", "64x48", "--fps", "0.01"]);
    let watcher = top(&bus, 15);
    until("it looks at the bus", || {
        !crate::harness::maps(&watcher, &bus).is_empty()
    });
    fs::remove_file(bus.segment_path()).expect("removed");
    let lines = watcher.wait().json();
    let last = lines.last().expect("a snapshot");
    assert_eq!(last["segment"]["unlinked"], true);
    let finding = &last["findings"][0];
    assert_eq!(finding["kind"], "unlinked-segment");
    assert_eq!(finding["severity"], "critical");
    let text = finding["text"].as_str().expect("a text");
    assert!(text.contains("restart the producer"), "{text}");
    producer.end(Signal::INT);
}

#[test]
fn a_shm_with_little_room_is_nearly_full() {
    let bus = Bus::new();
    let mut command = bus.command("unshare");
    // Like /dev/shm in a container, and smaller.
    let script = format!(
        "mount -t tmpfs -o size=8m tmpfs /dev/shm || exit 9
         {FRAMEBUS} -q produce pattern --size 64x48 --duration 1m & producer=$!
         {FRAMEBUS} wait --timeout 30s
         {FRAMEBUS} top --once --json
         head -c 7500k /dev/zero >/dev/shm/other
         {FRAMEBUS} top --once --json
         kill $producer; wait $producer; true"
    );
    command.args(["-m", "sh", "-c", &script]);
    let run = Process::spawn(command).wait();
    assert_eq!(
        run.exit,
        Exit::Code(0),
        "a private mount is needed: {run:?}"
    );
    let kinds: Vec<Vec<String>> = run
        .json()
        .iter()
        .map(|line| {
            let findings = line["findings"].as_array().expect("findings");
            let kind = |finding: &Value| finding["kind"].as_str().expect("a kind").to_owned();
            findings.iter().map(kind).collect()
        })
        .collect();
    assert_eq!(
        kinds,
        [vec![], vec!["shm-nearly-full".to_owned()]],
        "{run:?}"
    );
}

#[test]
fn a_peer_that_does_not_read_its_triggers_has_a_backlog() {
    let bus = Bus::new();
    let producer = bus.produce(&["--size", "160x120", "--fps", "2000"]);
    let _peer = UnixStream::connect(bus.pipe(0)).expect("a named pipe");
    let segment = bus.segment();
    until("its pipe is full", || segment.claim(0, "coalesced") > 0);
    let text = found(&bus, "trigger-backlog", "info");
    assert!(text.contains("could not be sent"), "{text}");
    drop(producer);
}

#[test]
fn a_layout_of_another_version_is_a_mismatch() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let abi = bus.segment().header("abi");
    let is_abi = |field: &&crate::harness::Field| field.structure == HEADER && field.name == "abi";
    let field = fields().iter().find(is_abi).expect("the version");
    let file = RawSegment::writable(&bus.segment_path());
    let write = |abi: u64| {
        file.write_all_at(&abi.to_le_bytes()[..field.len], field.offset)
            .expect("written");
    };
    write(abi + (7 << 16));
    let text = found(&bus, "layout-mismatch", "critical");
    let major = (abi >> 16) + 7;
    assert!(text.contains(&format!("{major}.")), "{text}");
    let check = bus.run(&["check", "--for", "100ms"]);
    assert_eq!(check.exit, Exit::Code(5), "{check:?}");
    write(abi);
    is_not_found(&bus, "layout-mismatch");
    assert_eq!(producer.end(Signal::INT).exit, Exit::Code(130));
}
