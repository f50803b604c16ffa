//! Producer outside, consumers in mount and process namespaces of their own, as `docs/containers.md` has it.

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Place, Running, until};

/// A script in a container: its own mounts, processes and /proc. The host's /dev/shm and runtime directory are there.
fn container(place: &Place, script: &str) -> Running {
    let user = if rustix::process::geteuid().is_root() {
        ""
    } else {
        "-r"
    };
    let script = script.replace('\'', "'\\''");
    let command = format!("exec unshare {user} -mpf --kill-child --mount-proc sh -c '{script}'");
    Running::start(place.shell(&command))
}

fn top(place: &Place) -> Value {
    place.run(&["top", "--once", "--json"]).json()
}

/// The first consumer that is attached.
fn attached(place: &Place) -> Option<Value> {
    let top = top(place);
    let consumers = top["consumers"].as_array()?;
    consumers
        .iter()
        .find(|consumer| consumer["state"] != "gone")
        .cloned()
}

#[test]
fn a_container_sees_the_bus_through_the_host_s_shared_memory_alone() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "50"]);
    let script = "mount -t tmpfs tmpfs /dev/shm
        framebus consume --count 1 --timeout 50ms 2>/dev/null; echo $?
        umount /dev/shm
        framebus wait --frames 2 --timeout 30s; echo $?
        framebus consume --count 5 -q -o frames.raw; echo $?
        framebus check --for 100ms --max-held 1m; echo $?
        framebus gc -b $FRAMEBUS_BUS; framebus doctor --size 64x48 | grep -c stale-bus.*$FRAMEBUS_BUS
        framebus peek -o /dev/null --format pgm; echo $?";
    let done = container(&place, script).end();
    let codes: Vec<&str> = done
        .text()
        .lines()
        .map(|line| line.to_owned().leak() as &str)
        .collect();
    assert_eq!(codes, ["3", "0", "0", "0", "0", "0"], "{}", done.stderr);
    let bytes = std::fs::read(place.path("frames.raw")).expect("frames");
    assert_eq!(bytes.len(), 5 * 64 * 48);
}

#[test]
fn a_container_that_is_killed_gives_its_frame_back() {
    let place = Place::new();
    let _producer = place.produce(&["--fps", "50", "--consumers", "1"]);
    let inside = container(&place, "framebus consume --name inside --work 1h");
    until("it holds a frame", || {
        attached(&place).is_some_and(|consumer| consumer["slot"].is_u64())
    });
    let seen = top(&place);
    assert_eq!(seen["consumers"][0]["name"], "inside");
    assert!(seen["producer"]["rss_bytes"].is_u64());
    inside.kill();
    until("its index is free", || attached(&place).is_none());
    let gone = top(&place)["consumers"][0].clone();
    assert_eq!(
        (&gone["gone"], &gone["slot"]),
        (&"died".into(), &Value::Null)
    );
    place
        .run(&["consume", "-i", "0", "--count", "1", "-q"])
        .is(0);
}

#[test]
fn a_producer_that_is_killed_is_lost_in_the_container_and_another_one_is_followed() {
    let place = Place::new();
    let producer = place.produce(&["--fps", "50"]);
    let lost = container(&place, "framebus consume -q --name lost; echo $?");
    let follows = container(&place, "framebus consume -q --name follows --follow");
    until("both are there", || {
        let top = top(&place);
        let consumers = top["consumers"].as_array().expect("consumers");
        consumers
            .iter()
            .filter(|consumer| consumer["taken"].as_u64() > Some(0))
            .count()
            == 2
    });
    producer.kill();
    assert_eq!(lost.end().text().trim(), "3");
    let again = place.produce(&["--fps", "50"]);
    until("it has followed", || {
        attached(&place).is_some_and(|consumer| {
            consumer["name"] == "follows" && consumer["taken"].as_u64() > Some(0)
        })
    });
    // From inside, the pids of the producer and of other containers mean nothing, and are not taken for others.
    let inside = container(&place, "framebus top --once --json").end();
    let seen: Value = serde_json::from_slice(&inside.stdout).expect("JSON");
    assert_eq!(seen["state"], "running");
    assert_eq!(seen["producer"]["pid"], again.pid());
    assert!(seen["producer"]["rss_bytes"].is_null());
    again.signal(Signal::TERM);
    again.end().is(143);
    drop(follows);
}
