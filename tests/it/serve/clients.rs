//! Programs that know cameras with addresses. OpenCV's VideoCapture is in `crates/capi/tests/clients`.

use std::process::Command;

use super::Serve;
use crate::harness::{Bus, Exit, Process, until};

fn run(command: &mut Command) -> std::process::Output {
    let output = command
        .output()
        .expect("it starts: bin/setup --test installs it");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

#[test]
fn ffmpeg_reads_streams_and_snapshots() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "160x120", "--color"]);
    let serve = Serve::start(&bus, &[]);
    for (format, path, frames) in [
        ("mpjpeg", "/stream.mjpg", "20"),
        ("mpjpeg", "/?action=stream&color=1&width=64", "20"),
        ("mjpeg", "/snapshot.jpg", "1"),
    ] {
        let mut command = Command::new("ffmpeg");
        command.args(["-loglevel", "error", "-f", format, "-i", &serve.url(path)]);
        command.args([
            "-frames:v",
            frames,
            "-f",
            "rawvideo",
            "-pix_fmt",
            "gray",
            "-",
        ]);
        let output = run(&mut command);
        let pixels = if path.contains("width=64") {
            64 * 48
        } else {
            160 * 120
        };
        let wanted = frames.parse::<usize>().expect("a number") * pixels;
        assert_eq!(output.stdout.len(), wanted, "{path}");
    }
}

#[test]
fn curl_gets_a_picture_with_a_password() {
    let bus = Bus::new();
    let _producer = bus.produce(&["--size", "160x120"]);
    let token = bus.runtime().join("token");
    std::fs::write(&token, "correct-horse-battery").expect("a file");
    let serve = Serve::start(&bus, &["--token-file", token.to_str().expect("a path")]);
    let url = serve.url("/snapshot.jpg");
    let output = run(Command::new("curl").args(["-sf", "-u", "me:correct-horse-battery", &url]));
    assert_eq!(output.stdout[..2], [0xff, 0xd8]);
    let refused = Command::new("curl").args(["-sf", &url]).output();
    assert_eq!(refused.expect("curl").status.code(), Some(22));
}

#[test]
fn another_framebus_produces_what_this_one_shows() {
    let (bus, far) = (Bus::new(), Bus::new());
    let _producer = bus.produce(&["--size", "160x120"]);
    let serve = Serve::start(&bus, &[]);
    let url = serve.url("/stream.mjpg?quality=95");
    let produce = Process::spawn(far.framebus(&["produce", &url, "--duration", "1h"]));
    until("a frame is on the other bus", || {
        assert!(!produce.has_ended(), "{}", produce.stderr());
        far.try_segment()
            .is_some_and(|segment| segment.header("published") > 20)
    });
    let there = far.run(&["consume", "--json", "--count", "10"]);
    assert_eq!(there.exit, Exit::Code(0), "{}", there.stderr);
    assert_eq!(there.json()[0]["width"], 160, "{:?}", there.json()[0]);
}
