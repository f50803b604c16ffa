//! Links from loopback to 2 Mbit/s: frames come whole and in order, and none waits behind another.

use crate::lab::{Lab, until};
use crate::watcher::{Watcher, look};

/// Raw frames of 1280x720 are 7.4 Mbit.
const LARGE: &str = "--size 1280x720 --fps 30";

/// A camera's machine and another one, and the name of the bus on both.
pub(crate) fn two(mbit: Option<f64>) -> (Lab, String, String, String) {
    let mut lab = Lab::new();
    lab.machine("a");
    lab.machine("b");
    let (address, _) = lab.link("a", "b", mbit);
    let (near, far) = (lab.bus("near"), lab.bus("far"));
    (lab, address, near, far)
}

/// What every run has to be: nothing torn, nothing backwards, and the camera not disturbed.
pub(crate) fn assert_sound(watcher: Watcher, near: &str) -> crate::watcher::Seen {
    let producer = look(near).producer.expect("a producer");
    assert_eq!(
        (producer.dropped, producer.starved),
        (0, 0),
        "the camera is disturbed"
    );
    let seen = watcher.end();
    assert_eq!((seen.torn, seen.backwards), (0, 0));
    seen
}

#[test]
fn a_clean_link_carries_the_frames_with_their_numbers() {
    let (lab, address, near, far) = two(None);
    let _camera = lab.start(
        "a",
        &format!("produce pattern -b {near} --size 640x480 --fps 15"),
    );
    let _sender = lab.start(
        "a",
        &format!("bridge send -b {near} --host box1 --listen {address} --public --raw"),
    );
    let _receiver = lab.start(
        "b",
        &format!("bridge receive box1/{near}={far} --connect {address}"),
    );
    let watcher = Watcher::start(&far, true);
    until("40 frames have come", || watcher.frames() >= 40);
    let snapshot = look(&far);
    let seen = assert_sound(watcher, &near);
    // The pattern's frames are numbered from 0, those of a bus from 1.
    let numbered = seen.sequences.iter().zip(&seen.source_frames);
    assert!(
        numbered
            .clone()
            .all(|(sequence, frame)| *sequence == frame + 1)
    );
    assert_eq!(seen.sizes.len(), 1);
    assert!(!seen.origins.contains(&0), "whose numbers they are is said");
    assert!(
        seen.missing * 4 <= seen.frames,
        "{} of {} are missing",
        seen.missing,
        seen.frames
    );
    let source = snapshot.producer.expect("a producer").source;
    assert!(source.starts_with(&format!("box1/{near}, ")), "{source}");
    assert!(
        source.contains(" ms late ±") && source.ends_with(" missing"),
        "{source}"
    );
}

#[test]
fn on_loopback_nothing_has_to_be_said() {
    let mut lab = Lab::new();
    lab.machine("a");
    let near = lab.bus("near");
    let _camera = lab.start("a", &format!("produce pattern -b {near} --size 160x120"));
    let mut receiver = lab.start("a", "bridge receive */*");
    let mut sender = lab.start("a", &format!("bridge send -b {near} --host h"));
    // A name of its own, unless it is given one.
    let far = format!("h-{near}");
    let watcher = Watcher::start(&far, true);
    until("frames have come", || watcher.frames() >= 10);
    assert_sound(watcher, &near);
    assert_eq!(receiver.end(), Some(143));
    assert_eq!(sender.end(), Some(143));
    assert!(
        look(&far).segment.is_none(),
        "the bus is gone with its receiver"
    );
}

/// How many frames of the camera lie between a frame that comes and the newest, at the median.
fn lag(near: &str, watcher: &Watcher) -> u64 {
    let mut lags = Vec::new();
    let mut seen = watcher.frames();
    while lags.len() < 15 {
        until("the next frame has come", || watcher.frames() > seen);
        let newest = look(near).producer.expect("a producer").sequence;
        let came = watcher.seen();
        seen = came.frames;
        let last = *came.sequences.last().expect("a frame");
        lags.push(newest.saturating_sub(last));
    }
    lags.sort_unstable();
    lags[lags.len() / 2]
}

/// On a link that a frame takes `frames` of the camera's periods to cross, what comes is no older than twice that.
fn assert_no_queue(mbit: f64, sending: &str, whole: bool, frames: u64) {
    let (lab, address, near, far) = two(Some(mbit));
    let _camera = lab.start("a", &format!("produce pattern -b {near} {LARGE}"));
    let _sender = lab.start(
        "a",
        &format!("bridge send -b {near} --host h --listen {address} --public {sending}"),
    );
    let _receiver = lab.start(
        "b",
        &format!("bridge receive h/{near}={far} --connect {address} --max-age 1m"),
    );
    let watcher = Watcher::start(&far, whole);
    // The first ones find out how slow the link is.
    until("three frames have come", || watcher.frames() >= 3);
    let lag = lag(&near, &watcher);
    let seen = assert_sound(watcher, &near);
    assert!(
        lag <= 2 * frames + 3,
        "frames are {lag} behind, the link is {frames} long"
    );
    if frames > 2 {
        assert!(
            seen.missing >= seen.frames,
            "the bus skips what the link cannot carry"
        );
    }
}

#[test]
fn raw_frames_do_not_queue_at_200_mbit() {
    assert_no_queue(200.0, "--raw", true, 2);
}

#[test]
fn raw_frames_do_not_queue_at_20_mbit() {
    assert_no_queue(20.0, "--raw", true, 12);
}

#[test]
fn jpegs_go_through_at_20_mbit() {
    assert_no_queue(20.0, "", false, 1);
}

#[test]
fn jpegs_do_not_queue_at_2_mbit() {
    assert_no_queue(2.0, "", false, 6);
}

#[test]
fn frames_too_old_are_dropped_and_the_bus_says_why_it_is_silent() {
    let (lab, address, near, far) = two(Some(20.0));
    let _camera = lab.start("a", &format!("produce pattern -b {near} {LARGE}"));
    let _sender = lab.start(
        "a",
        &format!("bridge send -b {near} --host h --listen {address} --public --raw"),
    );
    // A raw frame takes 370 ms through this link.
    let mut receiver = lab.start(
        "b",
        &format!("bridge receive h/{near}={far} --connect {address} --max-age 100ms"),
    );
    receiver.says("frames of h/");
    assert!(
        receiver.stderr().contains("older than --max-age 100ms"),
        "{}",
        receiver.stderr()
    );
    assert!(look(&far).segment.is_none());
}

#[test]
fn more_frames_are_on_their_way_where_the_round_trip_is_long() {
    let (lab, address, near, far) = two(None);
    let _camera = lab.start(
        "a",
        &format!("produce pattern -b {near} --size 640x480 --fps 30"),
    );
    let mut sender = lab.start(
        "a",
        &format!("bridge send -b {near} --host h --listen {address} --public"),
    );
    sender.says("sending");
    let relay = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/delay.py");
    let _relay = lab.start_other(
        "b",
        &[
            "python3",
            relay,
            "127.0.0.1:9000",
            &format!("{address}:7447"),
            "0.02",
        ],
    );
    let mut receiver = lab.start(
        "b",
        &format!("-v bridge receive h/{near}={far} --connect 127.0.0.1:9000"),
    );
    let watcher = Watcher::start(&far, false);
    until("60 frames have come", || watcher.frames() >= 60);
    assert_sound(watcher, &near);
    receiver.says("2 frames at a time");
}
