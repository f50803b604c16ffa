//! Segments that are damaged, foreign or made up: refused in one sentence, replaced by the next producer, never a fault.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use rustix::process::Signal;

use crate::harness::{Bus, Exit, Field, Finished, HEADER, LIVELY, Random, RawSegment, fields};

const ABI_OFFSET: u64 = 512;

/// A bus whose producer was killed.
fn stale() -> Bus {
    let bus = Bus::new();
    bus.produce(LIVELY).end(Signal::KILL);
    bus
}

fn overwrite(bus: &Bus, offset: u64, bytes: &[u8]) {
    RawSegment::writable(&bus.segment_path())
        .write_all_at(bytes, offset)
        .expect("written");
}

fn consume_once(bus: &Bus) -> Finished {
    bus.run(&["-q", "consume", "--timeout", "1ms"])
}

fn assert_one_sentence(run: &Finished, codes: &[i32]) {
    let Exit::Code(code) = run.exit else {
        panic!("{run:?}");
    };
    assert!(codes.contains(&code), "{run:?}");
    let lines = usize::from(code != 0);
    assert_eq!(run.stderr.lines().count(), lines, "{}", run.stderr);
}

/// Checks that the next producer does not mind what is there, and leaves nothing.
fn assert_replaced(bus: &Bus) {
    let run = bus.run(&[
        "-q", "produce", "--size", "64x48", "--count", "2", "--fps", "0",
    ]);
    assert_eq!(run.exit, Exit::Code(0), "{}", run.stderr);
    bus.assert_nothing_left();
}

#[test]
fn a_segment_that_is_cut_short_is_refused() {
    for len in [1, 511, 4095, 4096, 100_000] {
        let bus = stale();
        RawSegment::writable(&bus.segment_path())
            .set_len(len)
            .expect("cut");
        let run = consume_once(&bus);
        assert_one_sentence(&run, &[2]);
        assert!(run.stderr.contains("it is cut short"), "{}", run.stderr);
        assert_replaced(&bus);
    }
}

#[test]
fn a_segment_without_a_byte_is_one_that_is_being_made() {
    let bus = Bus::new();
    File::create(bus.segment_path()).expect("an empty file");
    assert_one_sentence(&consume_once(&bus), &[3]);
    assert_replaced(&bus);
}

#[test]
fn a_segment_of_another_layout_is_exit_code_5_and_names_both() {
    let bus = stale();
    overwrite(&bus, ABI_OFFSET, &(3u32 << 16 | 3).to_le_bytes());
    let run = consume_once(&bus);
    assert_one_sentence(&run, &[5]);
    assert!(
        run.stderr
            .contains("layout version 3.3, this framebus reads 2.x"),
        "{}",
        run.stderr
    );
    assert_replaced(&bus);
}

#[test]
fn a_layout_that_has_only_grown_is_read() {
    let bus = Bus::new();
    let _producer = bus.produce(LIVELY);
    overwrite(&bus, ABI_OFFSET, &(2u32 << 16 | 9).to_le_bytes());
    let run = bus.run(&["consume", "--count", "2"]);
    assert_eq!(run.exit, Exit::Code(0), "{}", run.stderr);
}

#[test]
fn random_bytes_are_no_segment() {
    for seed in 1..=8 {
        let bus = Bus::new();
        let mut random = Random::seeded(seed);
        let len = 4096 + random.below(100_000) as usize;
        fs::write(bus.segment_path(), random.bytes(len)).expect("random bytes");
        let run = consume_once(&bus);
        assert_one_sentence(&run, &[2]);
        assert!(
            run.stderr.contains("it is not a framebus segment"),
            "{}",
            run.stderr
        );
        assert_replaced(&bus);
    }
}

#[test]
fn what_is_no_file_is_no_segment() {
    let bus = Bus::new();
    fs::create_dir(bus.segment_path()).expect("a directory");
    let run = consume_once(&bus);
    assert_one_sentence(&run, &[2]);
    let run = bus.run(&["-q", "produce"]);
    assert_one_sentence(&run, &[2, 4]);
    fs::remove_dir(bus.segment_path()).expect("removed");
    rustix::fs::mkfifoat(rustix::fs::CWD, bus.segment_path(), 0o600.into()).expect("a named pipe");
    assert_one_sentence(&consume_once(&bus), &[2]);
    fs::remove_file(bus.segment_path()).expect("removed");
    std::os::unix::fs::symlink("/dev/zero", bus.segment_path()).expect("a link");
    assert_one_sentence(&consume_once(&bus), &[2]);
    assert_replaced(&bus);
    rustix::fs::mkfifoat(rustix::fs::CWD, bus.lock_path(), 0o600.into()).expect("a named pipe");
    let run = bus.run(&["-q", "produce"]);
    assert_one_sentence(&run, &[2]);
    assert!(
        run.stderr.contains("is not a file: remove it"),
        "{}",
        run.stderr
    );
}

/// The fields of the header page, and values that none of them is meant to have.
fn damages() -> impl Iterator<Item = (&'static Field, Vec<u8>)> {
    let mut random = Random::seeded(4711);
    let of_header = |field: &&Field| field.structure == HEADER || field.structure == "Table 2";
    fields().iter().filter(of_header).flat_map(move |field| {
        let len = field.len.min(192);
        let mut one = vec![0; len];
        one[0] = 1;
        [vec![0; len], vec![0xff; len], one, random.bytes(len)].map(|bytes| (field, bytes))
    })
}

#[test]
fn no_damaged_field_of_a_dead_header_crashes_or_hangs_a_consumer() {
    let bus = stale();
    let whole = fs::read(bus.segment_path()).expect("the segment");
    for (field, bytes) in damages() {
        overwrite(&bus, field.offset, &bytes);
        let run = consume_once(&bus);
        eprintln!("{} = {bytes:?}", field.name);
        assert_one_sentence(&run, &[2, 3, 4, 5]);
        overwrite(&bus, 0, &whole[..4096]);
    }
}

#[test]
fn no_damaged_field_of_a_copy_of_a_live_header_crashes_or_hangs_a_consumer() {
    let live = Bus::new();
    let producer = live.produce(LIVELY);
    let whole = fs::read(live.segment_path()).expect("the segment");
    // Its pipes are the live bus's, so a consumer gets as far as waiting for frames in the copy.
    let copy = Bus::new();
    fs::write(copy.segment_path(), &whole).expect("a copy");
    for (field, bytes) in damages() {
        overwrite(&copy, field.offset, &bytes);
        let run = copy.run(&[
            "-q",
            "consume",
            "--timeout",
            "5ms",
            "--count",
            "1",
            "--every-frame",
        ]);
        eprintln!("{} = {bytes:?}", field.name);
        assert!(matches!(run.exit, Exit::Code(0..=5)), "{run:?}");
        overwrite(&copy, 0, &whole[..4096]);
    }
    assert_eq!(producer.end(Signal::INT).exit, Exit::Code(130));
    live.assert_nothing_left();
}

#[test]
fn a_newest_frame_that_is_nowhere_does_not_make_a_consumer_deaf() {
    let live = Bus::new();
    let _producer = live.produce(LIVELY);
    let whole = fs::read(live.segment_path()).expect("the segment");
    let copy = Bus::new();
    fs::write(copy.segment_path(), &whole).expect("a copy");
    let consumer = copy.consume(&["--trigger", "spin"]);
    let latest = fields()
        .iter()
        .find(|field| field.name == "latest")
        .expect("latest");
    copy.attached(0, &consumer);
    overwrite(&copy, latest.offset, &(1u64 << 40 | 1).to_le_bytes());
    live.frames_go_by(30);
    assert_eq!(consumer.end(Signal::TERM).exit, Exit::Code(143));
    overwrite(&copy, 0, &whole[..4096]);
    let consumer = copy.consume(&["--timeout", "100ms"]);
    copy.attached(0, &consumer);
    overwrite(&copy, latest.offset, &(1u64 << 40 | 1).to_le_bytes());
    assert_eq!(consumer.wait().exit, Exit::Code(1));
}

#[test]
fn no_damaged_field_keeps_the_next_producer_away() {
    let bus = stale();
    let whole = fs::read(bus.segment_path()).expect("the segment");
    for (field, bytes) in damages().filter(|(_, bytes)| bytes.iter().all(|byte| *byte == 0xff)) {
        eprintln!("{} = {bytes:?}", field.name);
        fs::write(bus.segment_path(), &whole).expect("the segment");
        overwrite(&bus, field.offset, &bytes);
        assert_replaced(&bus);
    }
}
