//! `bridge ls` and `top --remote`, and what they say of nobody.

use crate::lab::{Lab, until};
use crate::links::two;
use crate::watcher::look;

#[test]
fn what_is_sent_is_listed() {
    let (lab, address, near, _) = two(None);
    let (code, stdout, stderr) = lab.run(
        "b",
        &format!("bridge ls --connect {address} --timeout 300ms"),
    );
    assert_eq!((code, stdout.as_str()), (Some(2), ""), "{stderr}");
    assert!(
        stderr.contains(&format!("nobody answers at tcp/{address}:7447")),
        "{stderr}"
    );
    let (code, stdout, stderr) = lab.run(
        "b",
        &format!("top --remote box1/{near} --once --connect {address}"),
    );
    assert_eq!((code, stdout.as_str()), (Some(3), ""), "{stderr}");
    assert!(
        stderr.contains(&format!("nobody answers at tcp/{address}:7447")),
        "{stderr}"
    );
    let _camera = lab.start("a", &format!("produce pattern -b {near} --size 160x120"));
    let mut sender = lab.start(
        "a",
        &format!("bridge send -b {near} -b nowhere --host box1 --listen {address} --public"),
    );
    sender.says("sending");
    until("the camera runs", || look(&near).segment.is_some());
    let (code, stdout, stderr) = lab.run("b", &format!("bridge ls --connect {address}"));
    assert_eq!(code, Some(0), "{stderr}");
    let lines: Vec<&str> = stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{stdout}");
    assert!(lines[0].starts_with("HOST/BUS"), "{stdout}");
    assert!(
        lines[1].contains("running") && lines[1].contains("160x120"),
        "{stdout}"
    );
    assert!(
        lines[2].starts_with("box1/nowhere") && lines[2].contains("absent"),
        "{stdout}"
    );
    let (_, stdout, _) = lab.run("b", &format!("bridge ls --json --connect {address}"));
    let row: serde_json::Value =
        serde_json::from_str(stdout.lines().next().expect("a line")).expect("JSON");
    assert_eq!(row["schema"], 1);
    assert_eq!(row["bus"], near.as_str());
    assert_eq!(row["width"], 160);
}

#[test]
fn a_router_where_nobody_sends_has_an_empty_list() {
    let mut lab = Lab::new();
    lab.machine("a");
    let mut router = lab.start("a", "bridge route");
    router.says("routing");
    let (code, stdout, stderr) = lab.run("a", "bridge ls --timeout 500ms");
    assert_eq!((code, stdout.as_str()), (Some(1), ""), "{stderr}");
    assert!(stderr.contains("nothing is sent"), "{stderr}");
}

#[test]
fn a_far_bus_is_watched_as_one_here() {
    let (lab, address, near, _) = two(None);
    let _camera = lab.start(
        "a",
        &format!("produce pattern -b {near} --size 160x120 --fps 20"),
    );
    let mut sender = lab.start(
        "a",
        &format!("bridge send -b {near} --host box1 --listen {address} --public"),
    );
    sender.says("sending");
    until("frames are published", || {
        look(&near)
            .producer
            .is_some_and(|producer| producer.sequence > 20)
    });
    let remote = format!("top --remote box1/{near} --connect {address}");
    let (code, stdout, stderr) = lab.run("b", &format!("{remote} --once --json"));
    assert_eq!(code, Some(0), "{stderr}");
    let snapshot: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(snapshot["bus"], format!("box1/{near}"));
    assert_eq!(snapshot["state"], "running");
    assert_eq!(snapshot["segment"]["width"], 160);
    let (code, stdout, _) = lab.run("b", &format!("{remote} -n 2"));
    assert_eq!(code, Some(0));
    assert_eq!(stdout.matches("PRODUCER running").count(), 2, "{stdout}");
    let nobody = format!("top --remote box2/{near} --connect {address} --once");
    let (code, _, stderr) = lab.run("b", &nobody);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(
        stderr.contains(&format!("nobody sends box2/{near}")),
        "{stderr}"
    );
    // It is an observer: nobody there sees it.
    assert!(look(&near).consumers.is_empty());
}

#[test]
fn what_cannot_be_is_said_in_a_sentence() {
    let mut lab = Lab::new();
    lab.machine("a");
    let bad = [
        (
            "bridge send --listen 0.0.0.0",
            "others can reach tcp/0.0.0.0:7447: give --zenoh FILE",
        ),
        ("bridge send --scale 0.5", "is no scale: write 1/2"),
        ("bridge send --raw --jpeg 80", "cannot be used with"),
        ("bridge send -b x -b x", "bus x is named twice"),
        ("bridge send --host Box", "use 1 to 32 of a-z"),
        (
            "bridge send --connect http://x",
            "is no address: write HOST",
        ),
        ("bridge send --discover", "give --listen ADDR, too"),
        ("bridge receive cam0", "is no HOST/BUS, such as box1/cam0"),
        (
            "bridge receive h/a=x h/b=x",
            "two buses cannot both be called x",
        ),
        ("bridge receive h/*=x", "several buses cannot have one name"),
        (
            "bridge receive --zenoh /nowhere.json5",
            "/nowhere.json5 is no file",
        ),
        (
            "bridge receive --zenoh /etc/hostname",
            "/etc/hostname is no configuration of Zenoh",
        ),
        (
            "bridge route --listen 10.255.0.1 --public",
            "cannot listen at tcp/10.255.0.1:7447",
        ),
        ("top --remote cam0", "is no HOST/BUS"),
        ("top --connect x --once", "give --remote HOST/BUS"),
    ];
    for (arguments, said) in bad {
        let (code, stdout, stderr) = lab.run("a", arguments);
        assert_eq!(
            (code, stdout.as_str()),
            (Some(2), ""),
            "{arguments}: {stderr}"
        );
        assert!(stderr.contains(said), "{arguments}: {stderr}");
    }
}

#[test]
fn a_second_receiver_of_one_name_is_told_whose_the_bus_is() {
    let (lab, address, near, far) = two(None);
    let _camera = lab.start("a", &format!("produce pattern -b {near} --size 160x120"));
    let _sender = lab.start(
        "a",
        &format!("bridge send -b {near} --host h --listen {address} --public"),
    );
    let receive = format!("bridge receive h/{near}={far} --connect {address}");
    let _first = lab.start("b", &receive);
    until("the far bus is there", || look(&far).segment.is_some());
    let (code, _, stderr) = lab.run("b", &receive);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(
        stderr.contains(&format!("bus {far} already has a producer")),
        "{stderr}"
    );
}
