//! Several receivers, several buses, a relay.

use crate::lab::{Lab, until};
use crate::links::assert_sound;
use crate::watcher::{Watcher, look};

#[test]
fn a_slow_receiver_slows_nobody_else() {
    let mut lab = Lab::new();
    for machine in ["a", "b", "c", "d"] {
        lab.machine(machine);
    }
    let near = lab.bus("near");
    let _camera = lab.start(
        "a",
        &format!("produce pattern -b {near} --size 640x480 --fps 15"),
    );
    let links = [("b", None), ("c", None), ("d", Some(2.0))];
    let addresses = links.map(|(machine, mbit)| (machine, lab.link("a", machine, mbit).0));
    let _sender = lab.start(
        "a",
        &format!("bridge send -b {near} --host h --listen 0.0.0.0 --public --raw"),
    );
    let watchers = addresses.map(|(machine, address)| {
        let far = lab.bus(machine);
        let receiver = lab.start(
            machine,
            &format!("bridge receive h/{near}={far} --connect {address} --max-age 1m"),
        );
        (Watcher::start(&far, true), receiver)
    });
    let [(b, _rb), (c, _rc), (d, _rd)] = watchers;
    until("all of them have frames", || {
        [&b, &c, &d].iter().all(|one| one.frames() > 0)
    });
    [&b, &c, &d].into_iter().for_each(Watcher::restart);
    // A raw frame takes more than a second to the slow one.
    until("the slow one has two more", || d.frames() >= 2);
    until("the quick ones have 30 more", || {
        b.frames() >= 30 && c.frames() >= 30
    });
    let slow = assert_sound(d, &near);
    for quick in [b, c] {
        let seen = assert_sound(quick, &near);
        let (frames, missing) = (seen.frames, seen.missing);
        assert!(
            missing * 4 <= frames,
            "{missing} are missing beside {frames}"
        );
        assert!(
            frames > 3 * slow.frames,
            "{frames}, and {} to the slow one",
            slow.frames
        );
    }
    let bridges = look(&near).consumers;
    let bridges = bridges.iter().filter(|one| one.name == "bridge").count();
    assert_eq!(bridges, 1, "it is one consumer, whoever it sends to");
}

#[test]
fn jpegs_through_a_router_reach_the_quick_beside_the_slow() {
    let mut lab = Lab::new();
    for machine in ["a", "r", "b", "d"] {
        lab.machine(machine);
    }
    let near = lab.bus("near");
    let (_, up) = lab.link("a", "r", None);
    let (_, quick) = lab.link("b", "r", None);
    let (_, slow) = lab.link("d", "r", Some(2.0));
    let _camera = lab.start(
        "a",
        &format!("produce pattern -b {near} --size 640x480 --fps 15"),
    );
    let _router = lab.start("r", "bridge route --listen 0.0.0.0 --public");
    let _sender = lab.start(
        "a",
        &format!("bridge send -b {near} --host h --connect {up}"),
    );
    let (far_b, far_d) = (lab.bus("b"), lab.bus("d"));
    let _rb = lab.start(
        "b",
        &format!("bridge receive h/{near}={far_b} --connect {quick}"),
    );
    let _rd = lab.start(
        "d",
        &format!("bridge receive h/{near}={far_d} --connect {slow}"),
    );
    let (b, d) = (Watcher::start(&far_b, false), Watcher::start(&far_d, false));
    until("both have frames", || b.frames() > 0 && d.frames() > 0);
    b.restart();
    until("the quick one has 45 more", || b.frames() >= 45);
    assert_sound(d, &near);
    let seen = assert_sound(b, &near);
    assert!(
        seen.missing * 4 <= seen.frames,
        "{} are missing beside {}",
        seen.missing,
        seen.frames
    );
}

#[test]
fn four_buses_go_over_one_link_and_a_star_finds_all_of_them() {
    let mut lab = Lab::new();
    lab.machine("a");
    lab.machine("b");
    let (address, _) = lab.link("a", "b", None);
    let buses = ["0", "1", "2", "3"].map(|name| lab.bus(name));
    let _cameras = buses.each_ref().map(|bus| {
        lab.start(
            "a",
            &format!("produce pattern -b {bus} --size 160x120 --fps 10"),
        )
    });
    let named: String = buses.iter().map(|bus| format!(" -b {bus}")).collect();
    let _sender = lab.start(
        "a",
        &format!("bridge send{named} --host h --listen {address} --public --raw"),
    );
    let _receiver = lab.start("b", &format!("bridge receive h/* --connect {address}"));
    let watchers = buses
        .each_ref()
        .map(|bus| Watcher::start(&format!("h-{bus}"), true));
    for (watcher, bus) in watchers.into_iter().zip(&buses) {
        until("frames come", || watcher.frames() >= 10);
        assert_sound(watcher, bus);
    }
}

#[test]
fn a_relay_passes_on_numbers_times_and_metadata() {
    let mut lab = Lab::new();
    for machine in ["a", "b", "c"] {
        lab.machine(machine);
    }
    let (first, _) = lab.link("a", "b", None);
    let (second, _) = lab.link("b", "c", None);
    let (near, middle, far) = (lab.bus("near"), lab.bus("middle"), lab.bus("far"));
    let _camera = lab.start(
        "a",
        &format!("produce pattern -b {near} --size 320x240 --fps 10"),
    );
    let _one = lab.start(
        "a",
        &format!("bridge send -b {near} --host a --listen {first} --public --raw"),
    );
    let _two = lab.start(
        "b",
        &format!("bridge receive a/{near}={middle} --connect {first}"),
    );
    let _three = lab.start(
        "b",
        &format!("bridge send -b {middle} --host b --listen {second} --public --raw"),
    );
    let _four = lab.start(
        "c",
        &format!("bridge receive b/{middle}={far} --connect {second}"),
    );
    let (between, end) = (Watcher::start(&middle, true), Watcher::start(&far, true));
    until("frames come", || end.frames() >= 20);
    let between = between.end();
    let seen = assert_sound(end, &near);
    assert_eq!(
        seen.origins, between.origins,
        "whose numbers they are goes through"
    );
    let numbered = seen.sequences.iter().zip(&seen.source_frames);
    assert!(
        numbered
            .clone()
            .all(|(sequence, frame)| *sequence == frame + 1)
    );
}

#[test]
fn an_index_of_the_bus_is_taken_only_while_somebody_wants_frames() {
    let mut lab = Lab::new();
    lab.machine("a");
    let (near, far) = (lab.bus("near"), lab.bus("far"));
    let _camera = lab.start("a", &format!("produce pattern -b {near} --size 160x120"));
    let mut sender = lab.start("a", &format!("bridge send -b {near} --host h"));
    sender.says("sending");
    until("the camera runs", || look(&near).segment.is_some());
    assert!(look(&near).consumers.is_empty());
    let mut receiver = lab.start("a", &format!("bridge receive h/{near}={far}"));
    let attached = || {
        look(&near)
            .consumers
            .iter()
            .filter(|one| one.gone.is_none())
            .count()
    };
    until("the bridge has attached", || attached() == 1);
    receiver.end();
    until("the bridge has let go", || attached() == 0);
    assert!(
        look(&near).findings.is_empty(),
        "{:?}",
        look(&near).findings
    );
}
