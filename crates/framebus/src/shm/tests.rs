//! Segments that somebody has damaged: opened, or refused, never a fault.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use proptest::prelude::*;

use super::{ObserverSegment, OpenSegmentError, OwnedSegment, Pixels};
use crate::layout::BusName;
use crate::layout::{ABI, Format, Geometry, Layout, Malformed, PlaneSpec, Request};
use crate::lease::{Claimed, Leased};
use crate::sync::Ordering::Release;
use crate::system::{CreateSegmentError, Permissions};
use std::sync::Arc;

struct Fixture {
    bus: BusName,
    segment: Arc<OwnedSegment>,
    pixels: Pixels,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Fixture {
    fn new() -> Fixture {
        let bus: BusName = format!(
            "shm-{}-{}",
            std::process::id(),
            NUMBER.fetch_add(1, Relaxed)
        )
        .parse()
        .expect("name");
        let geometry = Geometry::new(61, 47).expect("size");
        let request = Request {
            geometry,
            consumers: 2,
            history: 1,
            planes: &[
                PlaneSpec::new(Format::GRAY8),
                PlaneSpec::new(Format::BGR8).one_for_all(true),
                PlaneSpec::new(Format::META).divisor(100),
            ],
        };
        let layout = Layout::plan(request).expect("plan");
        let permissions = Permissions {
            mode: 0o600,
            gid: None,
        };
        let (segment, pixels) = OwnedSegment::create(&bus, layout, permissions).expect("segment");
        layout.write(segment.regions().table2(), segment.regions().header());
        segment.regions().header().abi.store(ABI, Release);
        Fixture {
            bus,
            segment,
            pixels,
        }
    }

    fn file(&self) -> PathBuf {
        Path::new("/dev/shm").join(format!("framebus.{}", self.bus))
    }

    fn overwrite(&self, offset: u64, bytes: &[u8]) {
        let file = fs::OpenOptions::new()
            .write(true)
            .open(self.file())
            .expect("open");
        file.write_all_at(bytes, offset).expect("write");
    }
}

/// Reads all that an observer can reach.
fn read_everything(segment: &ObserverSegment) {
    let regions = segment.regions();
    let mut image = Vec::new();
    for slot in 0..=u8::MAX {
        let _ = regions
            .slot(slot)
            .sequence
            .load(crate::sync::Ordering::Acquire);
        for plane in regions.layout().planes.iter() {
            segment.copy(plane, slot, &mut image);
        }
    }
    for consumer in 0..=u8::MAX {
        let _ = regions
            .claim(consumer)
            .state
            .load(crate::sync::Ordering::Acquire);
        let _ = regions
            .record(consumer)
            .lease
            .load(crate::sync::Ordering::Acquire);
    }
}

#[test]
fn what_the_producer_writes_an_observer_reads() {
    let mut fixture = Fixture::new();
    let images = fixture.pixels.slot(&Claimed::without_a_claim(3));
    for ((_, pixels), value) in images.into_iter().flatten().zip(77..) {
        pixels.fill(value);
    }
    let observer = ObserverSegment::open(&fixture.bus).expect("open");
    let mut image = Vec::new();
    let planes = observer.regions().layout().planes;
    let lens = [61 * 47, 3 * 61 * 47, 100];
    for ((plane, value), len) in planes.iter().zip(77..).zip(lens) {
        observer.copy(plane, 3, &mut image);
        assert_eq!(image, vec![value; len], "{plane:?}");
    }
    // Of the plane with one image for all slots it is the same, whatever the slot.
    observer.copy(&planes[1], 0, &mut image);
    assert_eq!(image, vec![78; lens[1]]);
    observer.copy(&planes[0], 0, &mut image);
    assert_eq!(image, vec![0; lens[0]]);
}

#[test]
fn a_segment_that_is_not_finished_is_not_ready() {
    let fixture = Fixture::new();
    fixture.segment.regions().header().abi.store(0, Release);
    assert!(matches!(
        ObserverSegment::open(&fixture.bus),
        Err(OpenSegmentError::Unfinished)
    ));
}

#[test]
fn a_segment_that_is_cut_short_is_refused_at_every_length() {
    let fixture = Fixture::new();
    let len = fs::metadata(fixture.file()).expect("stat").len();
    for cut in [len - 1, len / 2, 4096, 4095, 511, 1] {
        let file = fs::OpenOptions::new()
            .write(true)
            .open(fixture.file())
            .expect("open");
        file.set_len(cut).expect("truncate");
        let refused = ObserverSegment::open(&fixture.bus);
        assert!(
            matches!(
                refused,
                Err(OpenSegmentError::Malformed(Malformed::CutShort { .. }))
            ),
            "{cut}: {refused:?}"
        );
    }
}

#[test]
fn regions_that_are_on_one_page_are_refused() {
    let header = |name: &str| {
        let fields = crate::layout::Header::FIELDS;
        let field = fields.iter().find(|field| field.name == name);
        // An entry of the table has its offset behind its properties.
        let within = if name == "planes" { 32 } else { 0 };
        512 + within + field.expect("a field").offset as u64
    };
    let offsets = ["slots_offset", "claims_offset", "records_offset", "planes"];
    for moved in offsets {
        for onto in offsets.iter().filter(|onto| **onto != moved) {
            let fixture = Fixture::new();
            let bytes = fs::read(fixture.file()).expect("the segment");
            let place = header(onto) as usize;
            // The images are longer than what is behind the records, and then do not fit into the segment either.
            fixture.overwrite(header(moved), &bytes[place..place + 8]);
            let refused = ObserverSegment::open(&fixture.bus);
            assert!(
                matches!(
                    refused,
                    Err(OpenSegmentError::Malformed(Malformed::Damaged { .. }))
                ),
                "{moved} on {onto}: {refused:?}"
            );
        }
    }
}

#[test]
fn another_major_version_is_named() {
    let fixture = Fixture::new();
    fixture.overwrite(512, &(3u32 << 16 | 3).to_le_bytes());
    let Err(OpenSegmentError::Malformed(malformed)) = ObserverSegment::open(&fixture.bus) else {
        panic!("opened")
    };
    assert_eq!(
        malformed.to_string(),
        "it has layout version 3.3, this framebus reads 2.x"
    );
}

#[test]
fn another_minor_version_is_read() {
    let fixture = Fixture::new();
    fixture.overwrite(512, &(2u32 << 16 | 7).to_le_bytes());
    ObserverSegment::open(&fixture.bus).expect("open");
}

#[test]
fn a_name_is_made_once_and_goes_with_its_segment() {
    let fixture = Fixture::new();
    let file = fixture.file();
    let layout = *fixture.segment.regions().layout();
    let again = OwnedSegment::create(
        &fixture.bus,
        layout,
        Permissions {
            mode: 0o600,
            gid: None,
        },
    );
    assert!(matches!(again, Err(CreateSegmentError::NameTaken)));
    assert!(file.exists());
    drop(fixture);
    assert!(!file.exists());
}

#[test]
fn a_successor_keeps_its_name_when_the_old_segment_goes() {
    let fixture = Fixture::new();
    fixture.segment.unlink();
    let layout = *fixture.segment.regions().layout();
    let permissions = Permissions {
        mode: 0o600,
        gid: None,
    };
    let (successor, _pixels) =
        OwnedSegment::create(&fixture.bus, layout, permissions).expect("segment");
    let file = fixture.file();
    drop(fixture);
    assert!(file.exists());
    drop((successor, _pixels));
    assert!(!file.exists());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_damage_to_the_header_makes_a_reader_fault(damage in prop::collection::vec((0u64..1024, any::<u8>()), 1..40)) {
        let fixture = Fixture::new();
        for (offset, byte) in damage {
            fixture.overwrite(offset, &[byte]);
        }
        if let Ok(segment) = ObserverSegment::open(&fixture.bus) {
            read_everything(&segment);
        }
    }

    #[test]
    fn no_damaged_word_makes_a_reader_fault(word in 0u64..128, value: u64) {
        let fixture = Fixture::new();
        fixture.overwrite(512 + 8 * word, &value.to_le_bytes());
        if let Ok(segment) = ObserverSegment::open(&fixture.bus) {
            read_everything(&segment);
        }
    }
}

const VANDAL: &str = "FRAMEBUS_TEST_VANDAL";

/// Started again as a process of its own: writes where a consumer may not.
#[test]
#[allow(unsafe_code)]
fn a_vandal_is_one_only_when_asked() {
    let Ok(target) = std::env::var(VANDAL) else {
        return;
    };
    let (bus, target) = target.split_once(' ').expect("a bus and a target");
    let bus: BusName = bus.parse().expect("name");
    let segment = super::ConsumerSegment::open(&bus, 1).expect("open");
    let regions = segment.regions();
    let place = match target {
        "slot" => segment
            .image(&Leased::without_a_lease(2), 0)
            .expect("gray")
            .as_ptr()
            .cast_mut(),
        "header" => std::ptr::from_ref(regions.header()).cast_mut().cast(),
        "other record" => std::ptr::from_ref(regions.record(0)).cast_mut().cast(),
        "own record" => std::ptr::from_ref(segment.own()).cast_mut().cast(),
        other => panic!("{other}"),
    };
    // SAFETY: none. This is the bug of somebody else that the page protection is there for.
    unsafe { place.write_volatile(7) };
    std::process::exit(0);
}

#[test]
fn a_consumer_that_writes_anywhere_but_into_its_own_record_dies_of_it() {
    use std::os::unix::process::ExitStatusExt;
    use std::process::{Command, Stdio};
    let fixture = Fixture::new();
    let program = std::env::current_exe().expect("this program");
    let vandal = |target: &str| {
        Command::new(&program)
            .args(["--exact", "shm::tests::a_vandal_is_one_only_when_asked"])
            .env(VANDAL, format!("{} {target}", fixture.bus))
            .stdout(Stdio::null())
            .status()
            .expect("a status")
    };
    for target in ["slot", "header", "other record"] {
        let status = vandal(target);
        assert_eq!(status.signal(), Some(11), "{target}: {status}");
    }
    assert!(vandal("own record").success());
    let record = fixture.segment.regions().record(1);
    assert_eq!(record.state.load(crate::sync::Ordering::Acquire), 7);
}
