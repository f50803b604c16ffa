//! The segment as others see it: Table 2 byte for byte, and who may write what.

use std::fs;

use rustix::process::Signal;

use crate::harness::{Bus, Exit, LIVELY, Map, maps, until};
use crate::roles::{Report, Taker};

const PAGE: u64 = 4096;

/// The seed's Table 2 as it stands in its paper, read without framebus's own idea of it.
#[derive(Debug)]
struct Table2 {
    height: i32,
    width: i32,
    step: i32,
    buffers: u8,
    latest: u8,
    users: Vec<u8>,
}

impl Table2 {
    fn read(bus: &Bus) -> Table2 {
        let bytes = bus.segment().raw.bytes(0, 512);
        let number = |at: usize| {
            i32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let buffers = bytes[12];
        Table2 {
            height: number(0),
            width: number(4),
            step: number(8),
            buffers,
            latest: bytes[13],
            users: bytes[14..14 + usize::from(buffers)].to_vec(),
        }
    }
}

#[test]
fn table_2_is_at_offset_0_byte_for_byte() {
    let bus = Bus::new();
    let producer = bus.produce(&["--size", "161x119", "--fps", "100", "--consumers", "3"]);
    let table2 = Table2::read(&bus);
    assert_eq!((table2.height, table2.width, table2.step), (119, 161, 161));
    assert_eq!(table2.buffers, 5);
    assert!(table2.latest < 5);
    assert_eq!(table2.users, [0; 5]);
    let holder = bus.consume(&["-i", "0", "--work", "1h"]);
    bus.attached(0, &holder);
    until("its frame is counted in Table 2", || {
        let lease = bus.segment().record(0, "lease");
        lease != 0 && Table2::read(&bus).users[(lease & 0xff) as usize] == 1
    });
    producer.freeze();
    let (table2, latest) = (Table2::read(&bus), bus.segment().header("latest"));
    assert_eq!(table2.users.iter().sum::<u8>(), 1);
    assert_eq!(u64::from(table2.latest), latest & 0xff);
    producer.signal(Signal::CONT);
    holder.end(Signal::KILL);
    until("it is not counted any more", || {
        Table2::read(&bus).users == [0; 5]
    });
    producer.end(Signal::INT);
    bus.assert_nothing_left();
}

#[test]
fn regions_are_on_pages_in_order_and_inside_the_segment() {
    for extra in [
        &[][..],
        &["--color"],
        &["--history", "7", "--consumers", "240"],
    ] {
        let bus = Bus::new();
        let mut args = vec!["--size", "61x47"];
        args.extend(extra);
        let producer = bus.produce(&args);
        let segment = bus.segment();
        let header = |name| segment.header(name);
        let len = fs::metadata(bus.segment_path()).expect("a segment").len();
        assert_eq!(header("segment_len"), len);
        let mut regions = vec![("slots_offset", header("slot_count") * header("slot_len"))];
        regions.push((
            "claims_offset",
            header("consumer_count") * header("claim_len"),
        ));
        let pitch = header("record_pitch");
        assert!(pitch.is_multiple_of(65536), "for pages of every size");
        regions.push(("records_offset", header("consumer_count") * pitch));
        let regions = regions.into_iter().map(|(name, bytes)| {
            let unit = if name == "records_offset" {
                pitch
            } else {
                PAGE
            };
            (name, header(name), bytes, unit)
        });
        let planes = (0..header("plane_count")).map(|plane| {
            let of = |name| segment.plane(plane, name);
            let bytes = match of("flags") {
                0 => of("pitch") * header("slot_count"),
                _ => of("len"),
            };
            ("planes", of("offset"), bytes, pitch)
        });
        let mut end = PAGE;
        for (name, offset, bytes, unit) in regions.chain(planes) {
            assert!(offset.is_multiple_of(unit), "{name}");
            assert!(offset >= end, "{name} overlaps");
            end = offset + bytes;
        }
        assert!(end <= len);
        producer.end(Signal::INT);
        bus.assert_nothing_left();
    }
}

#[test]
fn the_pages_are_reserved_before_the_first_frame() {
    use std::os::unix::fs::MetadataExt;
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "640x480", "--fps", "1"]);
    let metadata = fs::metadata(bus.segment_path()).expect("a segment");
    assert!(
        metadata.blocks() * 512 >= metadata.len(),
        "a page is missing"
    );
}

#[test]
fn only_the_owner_may_use_a_bus_by_default_and_a_mode_says_otherwise() {
    use std::os::unix::fs::PermissionsExt;
    let mode =
        |path: &std::path::Path| fs::metadata(path).expect("a file").permissions().mode() & 0o777;
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    assert_eq!(mode(&bus.segment_path()), 0o600);
    assert_eq!(mode(&bus.pipe(0)), 0o600);
    producer.end(Signal::INT);
    let _producer = bus.produce(&["--mode", "0666"]);
    assert_eq!(mode(&bus.segment_path()), 0o666);
    assert_eq!(mode(&bus.pipe(3)), 0o666);
}

#[test]
fn a_consumer_may_write_one_page_which_is_its_own_record() {
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    for index in [0, 3] {
        let consumer = bus.consume(&["-i", &index.to_string()]);
        bus.attached(index, &consumer);
        let segment = bus.segment();
        let maps = maps(&consumer, &bus);
        let (writable, readable): (Vec<Map>, Vec<Map>) =
            maps.into_iter().partition(|map| map.rights.contains('w'));
        let [own] = &writable[..] else {
            panic!("{writable:?}");
        };
        assert_eq!((own.bytes, own.rights.as_str()), (PAGE, "rw-s"));
        assert_eq!(own.offset, segment.record_offset(index));
        assert!(
            readable.iter().all(|map| map.rights == "r--s"),
            "{readable:?}"
        );
        let whole = readable.iter().map(|map| map.bytes).sum::<u64>();
        assert_eq!(whole, segment.header("segment_len"));
    }
    assert!(maps(&producer, &bus).iter().any(|map| map.rights == "rw-s"));
}

#[test]
fn a_page_that_a_consumer_may_not_write_cannot_be_written_through_proc_either() {
    use std::os::unix::fs::FileExt;
    let bus = Bus::new();
    let producer = bus.produce(LIVELY);
    let taker = Taker::default().start_taking(&bus);
    let text = fs::read_to_string(format!("/proc/{}/maps", taker.pid())).expect("maps");
    let line = text
        .lines()
        .find(|line| line.contains(bus.name()) && line.contains("r--s"))
        .expect("the segment");
    let start = line.split('-').next().expect("an address");
    let address = u64::from_str_radix(start, 16).expect("an address");
    let memory = fs::OpenOptions::new()
        .write(true)
        .open(format!("/proc/{}/mem", taker.pid()))
        .expect("its memory");
    let image = address + bus.segment().plane(0, "offset");
    assert!(memory.write_at(b"scratch", image).is_err());
    Report::of(&taker.end(Signal::TERM));
    assert_eq!(producer.end(Signal::INT).exit, Exit::Code(130));
    bus.assert_nothing_left();
}
