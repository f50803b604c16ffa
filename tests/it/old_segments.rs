//! Segments of every layout version that there has been: as they were written then.

use std::fs;

use framebus::bus::{BusName, Observer};
use framebus::layout::{Format, Geometry};
use framebus::source::pattern::verify;

use crate::harness::{Bus, Exit};

/// Puts a segment that is kept as text under the name of a bus.
fn lay(bus: &Bus, text: &str) {
    let len = text.lines().find_map(|line| {
        line.strip_prefix("# ")?
            .split_once(" bytes;")?
            .0
            .parse()
            .ok()
    });
    let mut bytes = vec![0; len.expect("its length")];
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (offset, hex) = line.split_once(' ').expect("an offset and bytes");
        let offset = usize::from_str_radix(offset, 16).expect("an offset");
        for (index, pair) in hex.as_bytes().chunks(2).enumerate() {
            let pair = std::str::from_utf8(pair).expect("two digits");
            bytes[offset + index] = u8::from_str_radix(pair, 16).expect("a byte");
        }
    }
    fs::write(bus.segment_path(), bytes).expect("a segment");
}

#[test]
fn an_older_version_is_named_beside_ones_own_by_everybody_and_replaced() {
    let bus = Bus::new();
    lay(&bus, include_str!("segments/1.1.hex"));
    let both = "layout version 1.1, this framebus reads 2.x";
    for command in [
        &["-q", "consume", "--timeout", "1ms"][..],
        &["-q", "peek", "-o", "-"],
        &["-q", "top", "--once"],
        &["-q", "check"],
        &["-q", "ls"],
    ] {
        let run = bus.run(command);
        let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), run.stderr);
        assert!(said.contains(both), "{command:?} says {said:?}");
    }
    let run = bus.run(&[
        "-q", "produce", "--size", "64x48", "--count", "2", "--fps", "0",
    ]);
    assert_eq!(run.exit, Exit::Code(0), "{}", run.stderr);
    bus.assert_nothing_left();
}

#[test]
fn version_2_0_is_read_as_it_was_written() {
    let bus = Bus::new();
    lay(&bus, include_str!("segments/2.0.hex"));
    let name: BusName = bus.name().parse().expect("a name");
    let observer = Observer::open(&name).expect("a segment");
    let layout = observer.layout();
    let size = Geometry::new(32, 24).expect("a size");
    assert_eq!(layout.geometry, size);
    assert_eq!(
        layout.planes.to_string(),
        "gray, bgr, nv12, gray 16x12, meta"
    );
    let mut image = Vec::new();
    let gray = layout.full(Format::GRAY8).expect("gray");
    observer.copy_latest(gray, &mut image).expect("a frame");
    let number = verify(size, &image).expect("a whole frame");
    let meta = layout.planes.of(Format::META).expect("metadata");
    let copy = observer.copy_latest(meta, &mut image).expect("metadata");
    let text = &image[..copy.metadata_len as usize];
    assert_eq!(text, format!("{{\"pattern\":{number}}}").as_bytes());
    drop(observer);
    fs::remove_file(bus.segment_path()).expect("removed");
}
