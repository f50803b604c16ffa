//! The recipe of `docs/bridge.md` for mutual TLS, as it stands there.

use std::fs;
use std::process::Command;

use crate::lab::{Lab, until};
use crate::watcher::{Watcher, look};

const PAGE: &str = include_str!("../../../../docs/bridge.md");

/// The blocks of a section, by their language.
fn block(heading: &str, language: &str) -> String {
    let section = PAGE.split(&format!("## {heading}\n")).nth(1);
    let section = section
        .expect("the section")
        .split("\n## ")
        .next()
        .expect("its text");
    let block = section.split(&format!("```{language}\n")).nth(1);
    let block = block.expect("a block").split("```").next();
    block.expect("its end").to_owned()
}

/// Runs the recipe in a directory, with other names for its machines.
fn certificates(directory: &std::path::Path, machines: &str) {
    let script = block("Mutual TLS", "sh").replace("box1 desk", machines);
    assert!(script.contains(machines), "the recipe names box1 and desk");
    let output = Command::new("sh")
        .args(["-eu", "-c", &script])
        .current_dir(directory)
        .output()
        .expect("sh");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The configuration of a machine.
fn configuration(directory: &std::path::Path, machine: &str) -> String {
    let text = block("Mutual TLS", "json5");
    let place = format!("{}/", directory.display());
    let text = text
        .replace("/etc/framebus/", &place)
        .replace("box1", machine);
    let path = directory.join(format!("{machine}.json5"));
    fs::write(&path, text).expect("a file");
    path.display().to_string()
}

#[test]
fn the_recipe_lets_in_who_has_a_certificate_and_nobody_else() {
    let mut lab = Lab::new();
    lab.machine("a");
    let (near, far) = (lab.bus("near"), lab.bus("far"));
    let (own, others) = (lab.runtime().join("own"), lab.runtime().join("others"));
    for directory in [&own, &others] {
        fs::create_dir(directory).expect("a directory");
        certificates(directory, "localhost desk");
    }
    let sends = configuration(&own, "localhost");
    let receives = configuration(&own, "desk");
    let foreign = configuration(&others, "desk");
    let _camera = lab.start("a", &format!("produce pattern -b {near} --size 160x120"));
    let mut sender = lab.start(
        "a",
        &format!("bridge send -b {near} --host h --listen tls/127.0.0.1:7447 --zenoh {sends}"),
    );
    sender.says("sending");
    let receive = |bus: &str, connect: &str, more: &str| {
        lab.start(
            "a",
            &format!("bridge receive h/{near}={bus} --connect {connect} {more}"),
        )
    };
    let (plain, strange) = (lab.bus("plain"), lab.bus("strange"));
    let mut without = receive(&plain, "tcp/localhost:7447", "");
    let mut foreigner = receive(
        &strange,
        "tls/localhost:7447",
        &format!("--zenoh {foreign}"),
    );
    let _receiver = receive(&far, "tls/localhost:7447", &format!("--zenoh {receives}"));
    let watcher = Watcher::start(&far, false);
    until("frames come", || watcher.frames() >= 20);
    // Both have tried, and still do.
    for program in [&mut without, &mut foreigner] {
        program.says("waiting for");
        assert!(program.is_running());
    }
    for bus in [&plain, &strange] {
        assert!(look(bus).segment.is_none(), "{bus} has frames");
    }
}
