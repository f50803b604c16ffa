//! Chaos: whatever dies or stands still, at whatever moment, costs at most its own frame.

use std::time::Duration;

use rustix::process::Signal;

use crate::harness::{Bus, Exit, Process, Random, until};
use crate::roles::{Report, Taker};

/// So many frames are kept that a machine that is busy with the chaos itself makes nobody skip.
const PATIENT: &[&str] = &["--size", "160x120", "--fps", "120", "--history", "240"];

fn rounds(variable: &str, default: u64) -> u64 {
    std::env::var(variable)
        .ok()
        .and_then(|rounds| rounds.parse().ok())
        .unwrap_or(default)
}

/// Starts a consumer in one of many ways.
fn victim(bus: &Bus, random: &mut Random) -> Process {
    let index = ["0", "1", "auto"][random.below(3) as usize];
    let trigger = ["eventfd", "pipe", "spin"][random.below(3) as usize];
    let mut args = vec!["-i", index, "--trigger", trigger];
    match random.below(4) {
        0 => args.extend(["--work", "20ms"]),
        1 => args.extend(["--every-frame", "--work", "1ms"]),
        2 => args.push("--json"),
        _ => {}
    }
    bus.consume(&args)
}

/// Ends a process in one of many ways, at a random moment.
fn torment(process: Process, random: &mut Random) {
    random.rest(Duration::from_millis(40));
    match random.below(4) {
        0 => {
            process.signal(Signal::STOP);
            random.rest(Duration::from_millis(20));
            process.signal(Signal::CONT);
            random.rest(Duration::from_millis(5));
        }
        1 => {
            process.signal(Signal::STOP);
            random.rest(Duration::from_millis(20));
        }
        2 => {
            process.signal(Signal::TERM);
            random.rest(Duration::from_millis(2));
        }
        _ => {}
    }
    process.end(Signal::KILL);
}

#[test]
fn consumers_that_die_or_stand_still_cost_the_others_nothing() {
    let bus = Bus::new();
    let mut random = Random::new();
    let producer = bus.produce(PATIENT);
    let steady: Vec<Process> = [2, 3]
        .map(|index| Taker {
            index,
            every_frame: true,
            trigger: if index == 2 { "eventfd" } else { "pipe" },
            ..Taker::default()
        })
        .map(|taker| taker.start_taking(&bus))
        .into();
    for _ in 0..rounds("FRAMEBUS_CHAOS_ROUNDS", 40) {
        let process = victim(&bus, &mut random);
        torment(process, &mut random);
    }
    let segment = bus.segment();
    until("every lease and every index is free", || {
        (0..2)
            .all(|index| segment.record(index, "lease") == 0 && segment.claim(index, "state") != 1)
    });
    assert_eq!(segment.header("starved"), 0);
    assert_eq!(segment.header("dropped"), 0);
    for process in steady {
        let report = Report::of(&process.end(Signal::TERM));
        assert_eq!(report.number("skipped"), 0);
        assert_eq!(report.number("attachments"), 1);
    }
    for index in ["0", "1"] {
        let next = bus.run(&["consume", "-i", index, "--count", "2"]);
        assert_eq!(next.exit, Exit::Code(0), "{}", next.stderr);
    }
    assert_eq!(producer.end(Signal::INT).exit, Exit::Code(130));
    bus.assert_nothing_left();
}

#[test]
fn a_producer_that_is_killed_again_and_again_never_makes_a_follower_go_backwards() {
    let bus = Bus::new();
    let mut random = Random::new();
    let rounds = rounds("FRAMEBUS_CHAOS_PRODUCER_ROUNDS", 10);
    let mut producer = bus.produce(PATIENT);
    let takers: Vec<Process> = [("eventfd", true), ("pipe", false), ("spin", false)]
        .into_iter()
        .zip(0..)
        .map(|((trigger, every_frame), index)| Taker {
            index,
            trigger,
            every_frame,
            follow: true,
            ..Taker::default()
        })
        .map(|taker| taker.start_taking(&bus))
        .collect();
    let program = bus.consume(&["-i", "3", "--follow", "--json"]);
    bus.attached(3, &program);
    for round in 1..=rounds {
        random.rest(Duration::from_millis(60));
        if random.below(4) == 0 {
            producer.signal(Signal::STOP);
            random.rest(Duration::from_millis(20));
        }
        producer.end(Signal::KILL);
        if random.below(2) == 0 {
            // Some that do not even live to their first frame.
            let unborn = bus.start_produce(PATIENT);
            random.rest(Duration::from_millis(6));
            unborn.end(Signal::KILL);
        }
        producer = bus.produce(PATIENT);
        let segment = bus.segment();
        assert!(segment.header("generation") > round);
        until("everybody is back", || {
            (0..4).all(|index| segment.record(index, "taken") > 0)
        });
    }
    let segment = bus.segment();
    let newest = segment.header("latest") >> 8;
    until("everybody has seen the newest frame", || {
        (0..4).all(|index| segment.record(index, "last_sequence") >= newest)
    });
    assert_eq!(producer.end(Signal::TERM).exit, Exit::Code(143));
    for process in takers {
        let report = Report::of(&process.end(Signal::TERM));
        assert!(report.number("attachments") > rounds);
        assert!(report.number("last_sequence") >= newest);
    }
    let program = program.end(Signal::INT);
    assert_eq!(program.exit, Exit::Code(130), "{}", program.stderr);
    let sequences = program.sequences();
    assert!(
        sequences.windows(2).all(|pair| pair[0] < pair[1]),
        "{sequences:?}"
    );
    bus.assert_nothing_left();
}

#[test]
fn of_many_producers_that_start_at_once_one_gets_the_bus() {
    let bus = Bus::new();
    for _ in 0..5 {
        let mut rivals: Vec<Process> = (0..6)
            .map(|_| bus.start_produce(&["--size", "64x48"]))
            .collect();
        until("five are turned away", || {
            rivals.iter().filter(|rival| rival.has_ended()).count() >= 5
        });
        let winner = rivals
            .iter()
            .position(|rival| !rival.has_ended())
            .expect("one has it");
        let winner = rivals.remove(winner);
        for rival in rivals {
            let rival = rival.wait();
            assert_eq!(rival.exit, Exit::Code(2), "{}", rival.stderr);
            assert!(
                rival.stderr.contains("already has a producer"),
                "{}",
                rival.stderr
            );
        }
        let taken = bus.run(&["consume", "--count", "2"]);
        assert_eq!(taken.exit, Exit::Code(0), "{}", taken.stderr);
        assert_eq!(winner.end(Signal::INT).exit, Exit::Code(130));
        bus.assert_nothing_left();
    }
}

#[test]
fn producers_that_come_and_go_quickly_never_see_each_others_leftovers() {
    let bus = Bus::new();
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let mut commands: Vec<_> = (0..25)
                .map(|_| bus.framebus(&["produce", "pattern", "--size", "64x48", "--count", "1"]))
                .collect();
            std::thread::spawn(move || {
                let mut done = 0;
                while let Some(command) = commands.pop() {
                    let finished = Process::spawn(command).wait();
                    let turned_away = finished.stderr.contains("already has a producer");
                    let code = if turned_away { 2 } else { 0 };
                    assert_eq!(finished.exit, Exit::Code(code), "{}", finished.stderr);
                    done += u32::from(!turned_away);
                }
                done
            })
        })
        .collect();
    let done: u32 = workers
        .into_iter()
        .map(|worker| worker.join().expect("a worker"))
        .sum();
    assert!(done > 0);
    bus.assert_nothing_left();
}

#[test]
fn buses_that_share_a_runtime_directory_do_not_disturb_each_other() {
    let bus = Bus::new();
    let directory = bus.runtime().join("shared");
    std::fs::create_dir(&directory).expect("a directory");
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let name = format!("{}-{worker}", bus.name());
            let mut commands: Vec<_> = (0..25)
                .map(|_| {
                    let args = [
                        "-q", "produce", "-b", &name, "--size", "32x32", "--count", "1",
                    ];
                    let mut command = bus.framebus(&args);
                    command.env("FRAMEBUS_RUNTIME_DIR", &directory);
                    command
                })
                .collect();
            std::thread::spawn(move || {
                while let Some(command) = commands.pop() {
                    let finished = Process::spawn(command).wait();
                    assert_eq!(finished.exit, Exit::Code(0), "{}", finished.stderr);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().expect("a worker");
    }
    std::fs::remove_dir(directory).expect("it is empty");
    bus.assert_nothing_left();
}
