//! `framebus top` only reads: what it maps, locks and takes, and what a bus is with it and without it.

use std::fs;
use std::os::fd::AsFd;
use std::path::PathBuf;

use rustix::process::Signal;

use crate::harness::{Bus, Exit, FRAMEBUS, LIVELY, Process, maps, until};
use crate::roles::{Report, Taker};

const CONNECTED: u64 = 1;
const CONSUMERS: u8 = 4;

/// Starts a `top` that looks ten times a second, and waits until it does.
fn watch(bus: &Bus) -> Process {
    let watcher = Process::spawn(bus.framebus(&["top", "--json", "-n", "1000000", "-d", "100ms"]));
    until("it looks at the bus", || !maps(&watcher, bus).is_empty());
    watcher
}

/// The flags of every mapping of the segment: `wr` is written to, `mw` may be made so.
fn mapping_flags(bus: &Bus, process: &Process) -> Vec<String> {
    let maps = fs::read_to_string(format!("/proc/{}/smaps", process.pid())).expect("its mappings");
    let segment = bus.segment_path().display().to_string();
    let mut ours = false;
    let mut flags = Vec::new();
    for line in maps.lines() {
        if let Some(of_mapping) = line.strip_prefix("VmFlags:") {
            flags.extend(ours.then(|| of_mapping.to_owned()));
        } else if line
            .split(' ')
            .next()
            .is_some_and(|word| word.contains('-'))
        {
            ours = line.contains(&segment);
        }
    }
    flags
}

/// Every open file of /dev/shm, and whether it is open for writing.
fn shared_files(process: &Process) -> Vec<(PathBuf, bool)> {
    let directory = format!("/proc/{}", process.pid());
    let descriptors = fs::read_dir(format!("{directory}/fd")).expect("its descriptors");
    let mut files = Vec::new();
    for descriptor in descriptors.flatten() {
        let Ok(path) = fs::read_link(descriptor.path()) else {
            continue;
        };
        let number = descriptor.file_name().into_string().expect("a number");
        let info = fs::read_to_string(format!("{directory}/fdinfo/{number}")).unwrap_or_default();
        let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
        let flags = flags.and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
        if path.starts_with("/dev/shm") {
            files.push((path, flags.is_none_or(|flags| flags & 3 != 0)));
        }
    }
    files
}

fn holds_a_lock(process: &Process) -> bool {
    let locks = fs::read_to_string("/proc/locks").expect("the locks");
    let pid = process.pid().to_string();
    locks
        .lines()
        .any(|line| line.split_whitespace().any(|word| word == pid))
}

/// How often each index was connected to, and whether it is now.
pub(crate) fn claims(bus: &Bus) -> Vec<(u64, bool)> {
    let segment = bus.segment();
    (0..CONSUMERS)
        .map(|index| {
            let connected = segment.claim(index, "state") == CONNECTED;
            (segment.claim(index, "connections"), connected)
        })
        .collect()
}

#[test]
fn it_maps_the_segment_read_only_and_holds_no_lock_no_index_and_no_lease() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let watcher = watch(&bus);
    for _ in 0..5 {
        bus.frames_go_by(12);
        let maps = maps(&watcher, &bus);
        assert!(!maps.is_empty() && maps.iter().all(|map| map.rights == "r--s"));
        let flags = mapping_flags(&bus, &watcher);
        let writable = |flags: &String| flags.split(' ').any(|flag| flag == "wr" || flag == "mw");
        assert!(
            !flags.is_empty() && !flags.iter().any(writable),
            "{flags:?}"
        );
        let files = shared_files(&watcher);
        assert!(files.iter().all(|(_, written)| !written), "{files:?}");
        assert!(!holds_a_lock(&watcher));
        assert_eq!(claims(&bus), [(0, false); CONSUMERS as usize]);
    }
    // The same looks find what the producer has.
    assert!(maps(&producer, &bus).iter().any(|map| map.rights == "rw-s"));
    assert!(holds_a_lock(&producer));
    let watched = watcher.end(Signal::TERM);
    assert_eq!(watched.exit, Exit::Code(143), "{}", watched.stderr);
    assert!(watched.json().iter().all(|line| line["state"] == "running"));
}

/// What a bus has counted when a reader of every frame, a reader of the newest and one that hangs have taken frames.
fn counted(watched: bool) -> Vec<(&'static str, u64)> {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let every = Taker::steady(&bus, 0);
    let newest = Taker {
        index: 1,
        ..Taker::default()
    };
    let newest = newest.start_taking(&bus);
    let hangs = bus.holder(2);
    let lease = bus.segment().record(2, "lease");
    let watcher = watched.then(|| watch(&bus));
    let segment = bus.segment();
    bus.frames_go_by(120);
    let published = segment.header("published");
    until("the newest is taken", || {
        segment.record(1, "last_sequence") >= published
    });
    let same_lease = u64::from(segment.record(2, "lease") == lease);
    let record = |index: u8, name| segment.record(index, name);
    let counted = vec![
        ("dropped", segment.header("dropped")),
        ("starved", segment.header("starved")),
        ("skipped by the reader of every frame", record(0, "skipped")),
        ("taken by the one that hangs", record(2, "taken")),
        ("its lease is the same", same_lease),
        (
            "connected",
            claims(&bus).iter().filter(|claim| claim.1).count() as u64,
        ),
        (
            "connections",
            claims(&bus).iter().map(|claim| claim.0).sum(),
        ),
        (
            "deaths",
            (0..CONSUMERS)
                .map(|index| segment.claim(index, "deaths"))
                .sum(),
        ),
        ("coalesced", segment.claim(1, "coalesced")),
        // Taken and skipped are all there were, whoever looks.
        (
            "unaccounted",
            record(1, "last_sequence").saturating_sub(
                record(1, "attach_sequence") + record(1, "taken") + record(1, "skipped"),
            ),
        ),
    ];
    drop(watcher);
    drop(hangs);
    Report::of(&every.end(Signal::TERM));
    Report::of(&newest.end(Signal::TERM));
    assert_eq!(producer.end(Signal::INT).exit, Exit::Code(130));
    bus.assert_nothing_left();
    counted
}

#[test]
fn a_bus_counts_the_same_with_it_and_without_it() {
    assert_eq!(counted(true), counted(false));
}

/// Goes on with a reader of every frame, who misses none.
pub(crate) fn nothing_changes(bus: &Bus, before: &[(u64, bool)]) {
    bus.frames_go_by(60);
    let segment = bus.segment();
    assert_eq!(segment.header("dropped"), 0);
    assert_eq!(segment.header("starved"), 0);
    assert_eq!(segment.record(0, "skipped"), 0);
    assert_eq!(claims(bus), before);
}

#[test]
fn one_that_is_stopped_killed_or_never_read_changes_nothing() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let taker = Taker::steady(&bus, 0);
    let before = claims(&bus);

    let stopped = watch(&bus);
    stopped.freeze();
    nothing_changes(&bus, &before);
    let killed = watch(&bus);
    assert_eq!(killed.end(Signal::KILL).exit, Exit::Signal(9));
    nothing_changes(&bus, &before);

    let fifo = bus.runtime().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o600.into()).expect("a named pipe");
    let pipe = fs::OpenOptions::new().read(true).write(true).open(&fifo);
    let pipe = pipe.expect("both its ends");
    rustix::pipe::fcntl_setpipe_size(&pipe, 4096).expect("a small pipe");
    let mut command = bus.command("sh");
    let script = format!(
        "exec {FRAMEBUS} top --json -n 1000000 -d 100ms >{}",
        fifo.display()
    );
    command.args(["-c", &script]);
    let unread = Process::spawn(command);
    until("its output is full", || {
        let mut fds = [rustix::event::PollFd::from_borrowed_fd(
            pipe.as_fd(),
            rustix::event::PollFlags::OUT,
        )];
        let now = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        rustix::event::poll(&mut fds, Some(&now)).expect("a look") == 0
    });
    nothing_changes(&bus, &before);
    assert!(!unread.has_ended());

    // The bus ends as ever, though two still look at it.
    assert_eq!(producer.end(Signal::INT).exit, Exit::Code(130));
    Report::of(&taker.wait());
    fs::remove_file(fifo).expect("removed");
    bus.assert_nothing_left();
    drop((stopped, unread));
}
