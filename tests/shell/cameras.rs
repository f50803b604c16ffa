//! Cameras, in the lab: a virtual machine with real V4L2 devices (`tests/cameras`).

use std::process::Command;

#[test]
fn cameras_give_right_pixels_times_and_counts_and_survive_what_happens_to_them() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cameras");
    let output = Command::new(format!("{directory}/lab"))
        .args(["/usr/bin/python3", &format!("{directory}/guest.py")])
        .arg(env!("CARGO_BIN_EXE_framebus"))
        .env("VIVID", "n_devs=2 multiplanar=1,2")
        .output()
        .expect("the lab, which bin/setup --test installs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("\n0 failed"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
