//! Two machines whose clocks have nothing to do with each other: a namespace of time.

use std::process::{Command, Stdio};

use crate::lab::{Lab, framebus, until};
use crate::watcher::{Watcher, look};

/// A day: a machine that was started long before this one.
const AHEAD_S: u64 = 86_400;

#[test]
fn capture_times_are_in_the_clock_of_the_receiver() {
    let mut lab = Lab::new();
    lab.machine("a");
    let (near, far) = (lab.bus("near"), lab.bus("far"));
    // The camera and its sender live a day ahead, with the bus, whose times are theirs.
    let ahead = |arguments: &str| {
        let ours = lab.command("a", arguments);
        let mut command = Command::new("unshare");
        command
            .args(["--time", "--monotonic", &AHEAD_S.to_string(), "--"])
            .arg(ours.get_program())
            .args(ours.get_args())
            .env("FRAMEBUS_RUNTIME_DIR", lab.runtime())
            .env("HOME", lab.runtime())
            .stdin(Stdio::null());
        command
    };
    let camera = ahead(&format!(
        "produce pattern -b {near} --size 160x120 --fps 20"
    ));
    let _camera = lab.spawn(camera, "camera");
    let sender = ahead(&format!("bridge send -b {near} --host h"));
    let _sender = lab.spawn(sender, "sender");
    let _receiver = lab.start("a", &format!("bridge receive h/{near}={far}"));
    let watcher = Watcher::start(&far, true);
    until("frames come", || watcher.frames() >= 20);
    let seen = watcher.end();
    assert_eq!(seen.torn, 0);
    let hour_ns = 3_600_000_000_000;
    assert!(
        seen.ages.iter().all(|age| *age < hour_ns),
        "{:?}",
        seen.ages
    );
    let oldest = look(&far).producer.expect("a producer").age_ms;
    assert!(oldest.is_some_and(|ms| ms < 3_600_000.0), "{oldest:?}");
    assert!(framebus().is_file());
}
