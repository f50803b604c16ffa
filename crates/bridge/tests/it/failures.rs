//! What breaks and comes back: links, senders, receivers, routers, cameras.

use crate::lab::{Lab, Program, until};
use crate::links::{assert_sound, two};
use crate::watcher::{Watcher, look};
use framebus::observe::BusState;

const SMALL: &str = "--size 320x240 --fps 20";

fn send(lab: &Lab, near: &str, address: &str) -> Program {
    lab.start(
        "a",
        &format!("bridge send -b {near} --host h --listen {address} --public --raw"),
    )
}

fn receive(lab: &Lab, near: &str, far: &str, address: &str) -> Program {
    lab.start(
        "b",
        &format!("bridge receive h/{near}={far} --connect {address}"),
    )
}

fn until_running(watcher: &Watcher, what: &str) {
    let before = watcher.frames();
    until(what, || watcher.frames() >= before + 10);
}

fn until_stalled(far: &str) -> String {
    until("the far bus is stalled", || {
        look(far).state == BusState::Stalled
    });
    let producer = look(far).producer.expect("a producer");
    producer.stall_reason.unwrap_or_default()
}

#[test]
fn a_link_that_is_cut_for_five_seconds_stalls_the_bus_and_brings_no_old_frame() {
    let (lab, address, near, far) = two(None);
    let _camera = lab.start("a", &format!("produce pattern -b {near} {SMALL}"));
    let _sender = send(&lab, &near, &address);
    let receiver = lab.start(
        "b",
        &format!("bridge receive h/{near}={far} --connect {address} --max-age 1s"),
    );
    let watcher = Watcher::start(&far, true);
    until_running(&watcher, "frames come");
    let generation = look(&far).segment.expect("a segment").generation;
    lab.set_link("a", "b", false);
    let reason = until_stalled(&far);
    assert!(
        reason.starts_with(&format!("nothing has come from h/{near} for ")),
        "{reason}"
    );
    std::thread::sleep(std::time::Duration::from_secs(3));
    watcher.restart();
    lab.set_link("a", "b", true);
    until_running(&watcher, "frames come again");
    assert_eq!(look(&far).state, BusState::Running);
    assert_eq!(
        look(&far).segment.expect("a segment").generation,
        generation
    );
    let seen = assert_sound(watcher, &near);
    let oldest = seen.ages.iter().max().copied().unwrap_or(0);
    assert!(
        oldest < 2_000_000_000,
        "a frame was {} ms old",
        oldest / 1_000_000
    );
    assert!(
        receiver.stderr().contains("sends frames again"),
        "{}",
        receiver.stderr()
    );
}

#[test]
fn a_sender_that_is_killed_stalls_the_bus_and_another_one_goes_on() {
    let (lab, address, near, far) = two(None);
    let _camera = lab.start("a", &format!("produce pattern -b {near} {SMALL}"));
    let mut sender = send(&lab, &near, &address);
    let _receiver = receive(&lab, &near, &far, &address);
    let watcher = Watcher::start(&far, true);
    until_running(&watcher, "frames come");
    sender.kill();
    let reason = until_stalled(&far);
    assert_eq!(reason, format!("h/{near} is not sent any more"));
    let _sender = send(&lab, &near, &address);
    until_running(&watcher, "frames come again");
    let seen = assert_sound(watcher, &near);
    assert_eq!(
        seen.generations.len(),
        1,
        "its consumers have noticed nothing else"
    );
}

#[test]
fn a_receiver_that_is_killed_goes_on_with_its_bus() {
    let (lab, address, near, far) = two(None);
    let _camera = lab.start("a", &format!("produce pattern -b {near} {SMALL}"));
    let _sender = send(&lab, &near, &address);
    let mut receiver = receive(&lab, &near, &far, &address);
    let watcher = Watcher::start(&far, true);
    until_running(&watcher, "frames come");
    receiver.kill();
    until("the bus is left", || look(&far).state == BusState::Gone);
    let _receiver = receive(&lab, &near, &far, &address);
    until_running(&watcher, "frames come again");
    let seen = assert_sound(watcher, &near);
    assert_eq!(seen.generations.into_iter().collect::<Vec<_>>(), [1, 2]);
    let mut sequences = seen.sequences.clone();
    sequences.dedup();
    assert!(sequences.is_sorted(), "the numbers go on over the restart");
}

#[test]
fn a_router_that_is_killed_comes_back_and_both_sides_find_it() {
    let mut lab = Lab::new();
    for machine in ["a", "b", "r"] {
        lab.machine(machine);
    }
    let (_, left) = lab.link("a", "r", None);
    let (_, right) = lab.link("b", "r", None);
    let (near, far) = (lab.bus("near"), lab.bus("far"));
    let route = || lab.start("r", "bridge route --listen 0.0.0.0 --public");
    let _camera = lab.start("a", &format!("produce pattern -b {near} {SMALL}"));
    let _sender = lab.start(
        "a",
        &format!("bridge send -b {near} --host h --connect {left} --raw"),
    );
    let _receiver = receive(&lab, &near, &far, &right);
    let watcher = Watcher::start(&far, true);
    let mut router = route();
    until_running(&watcher, "frames come");
    router.kill();
    until_stalled(&far);
    let _router = route();
    until_running(&watcher, "frames come again");
    assert_sound(watcher, &near);
}

#[test]
fn a_camera_with_another_size_is_another_generation_here_too() {
    let (lab, address, near, far) = two(None);
    let mut camera = lab.start("a", &format!("produce pattern -b {near} {SMALL}"));
    let _sender = send(&lab, &near, &address);
    let mut receiver = receive(&lab, &near, &far, &address);
    let watcher = Watcher::start(&far, true);
    until_running(&watcher, "frames come");
    // It ends well, so that its sequences begin at 1 again; those here go on.
    camera.end();
    let reason = until_stalled(&far);
    assert!(
        reason.contains("there is no bus") || reason.contains("has exited"),
        "{reason}"
    );
    let _camera = lab.start(
        "a",
        &format!("produce pattern -b {near} --size 640x480 --fps 20"),
    );
    until("frames of the other size come", || {
        watcher.seen().sizes.contains(&(640, 480))
    });
    until_running(&watcher, "more of them come");
    let seen = assert_sound(watcher, &near);
    assert_eq!(
        seen.sizes.into_iter().collect::<Vec<_>>(),
        [(320, 240), (640, 480)]
    );
    assert_eq!(seen.generations.len(), 2);
    assert_eq!(seen.origins.len(), 2, "the numbers are another series");
    receiver.says("640x480");
}

#[test]
fn a_camera_that_is_killed_stalls_the_bus_with_the_reason_and_comes_back() {
    let (lab, address, near, far) = two(None);
    let mut camera = lab.start("a", &format!("produce pattern -b {near} {SMALL}"));
    let _sender = send(&lab, &near, &address);
    let _receiver = receive(&lab, &near, &far, &address);
    let watcher = Watcher::start(&far, true);
    until_running(&watcher, "frames come");
    camera.kill();
    until_stalled(&far);
    let _camera = lab.start("a", &format!("produce pattern -b {near} {SMALL}"));
    until_running(&watcher, "frames come again");
    let seen = assert_sound(watcher, &near);
    assert_eq!(
        seen.origins.len(),
        1,
        "the numbers go on there, and so here"
    );
    assert_eq!(seen.generations.len(), 2);
}

#[test]
fn whoever_starts_first_waits_for_the_others() {
    let (lab, address, near, far) = two(None);
    let mut receiver = receive(&lab, &near, &far, &address);
    receiver.says(&format!("waiting for tcp/{address}:7447"));
    let mut sender = send(&lab, &near, &address);
    sender.says(&format!("there is no bus {near}"));
    let _camera = lab.start("a", &format!("produce pattern -b {near} {SMALL}"));
    let watcher = Watcher::start(&far, true);
    until_running(&watcher, "frames come");
    assert_sound(watcher, &near);
}
