//! What a process has mapped.

use std::fs;

use super::{Bus, Process};

/// One line of /proc/PID/maps that is about a segment.
#[derive(Debug)]
pub(crate) struct Map {
    pub(crate) bytes: u64,
    pub(crate) rights: String,
    pub(crate) offset: u64,
}

/// How a process has mapped the segment of a bus.
pub(crate) fn maps(process: &Process, bus: &Bus) -> Vec<Map> {
    let text = fs::read_to_string(format!("/proc/{}/maps", process.pid())).expect("maps");
    let path = bus.segment_path().display().to_string();
    let hex = |text: &str| u64::from_str_radix(text, 16).expect("a number");
    text.lines()
        .filter(|line| line.contains(&path) && !line.contains(".lock"))
        .map(|line| {
            let mut words = line.split_ascii_whitespace();
            let (from, to) = words
                .next()
                .and_then(|range| range.split_once('-'))
                .expect("range");
            Map {
                bytes: hex(to) - hex(from),
                rights: words.next().expect("rights").to_owned(),
                offset: hex(words.next().expect("offset")),
            }
        })
        .collect()
}
