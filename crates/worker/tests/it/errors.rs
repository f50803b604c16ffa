//! Bad sources: one clear sentence each, and nothing from the libraries on stderr.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use framebus::source::SourceSpec;
use framebus_worker::{CaptureSource, quiet};
use opencv::videoio::{VideoCaptureAPIs, has_backend};

use crate::footage::{
    Directory, Reader, Visit, camera, image, impatient, picture, quick, text, try_open, video,
};

const SOURCE: &str = "FRAMEBUS_TEST_SOURCE";

/// Not a test of its own: what the tests below run in a process of its own.
#[test]
fn child() {
    let Ok(source) = std::env::var(SOURCE) else {
        return;
    };
    quiet();
    match try_open(&source, &impatient()) {
        Ok(source) => println!("opened, {} arrivals", Reader::new(source).all().len()),
        Err(error) => println!("error: {error}"),
    }
}

/// Opens a source in a process of its own and reads it to its end; returns what it says, if stderr stays empty.
fn outcome(source: &str) -> String {
    let output = Command::new(std::env::current_exe().expect("a path"))
        .args(["errors::child", "--exact", "--nocapture"])
        .env(SOURCE, source)
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    let noise = String::from_utf8_lossy(&output.stderr);
    assert!(noise.is_empty(), "{source}: {noise}");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said
        .lines()
        .find(|line| line.starts_with("error: ") || line.starts_with("opened"));
    line.unwrap_or_else(|| panic!("{source}: {said}"))
        .to_owned()
}

fn assert_refused(source: &str, why: &str) {
    let said = outcome(source);
    assert!(
        said.starts_with("error: ") && said.contains(why),
        "{source}: {said}"
    );
}

fn file(directory: &Directory, name: &str, bytes: &[u8]) -> String {
    let path = directory.path(name);
    fs::write(&path, bytes).expect("a file");
    text(&path)
}

#[test]
fn a_file_that_is_no_video_is_refused() {
    let directory = Directory::new();
    assert_refused("no/such/file.avi", "no/such/file.avi is not there");
    assert_refused(
        &text(&directory.path("")),
        "is empty: there is no image in it",
    );
    assert_refused(&file(&directory, "empty.avi", b""), "is empty");
    assert_refused(
        &file(&directory, "letter.txt", b"Dear camera,\nhow are you?\n"),
        "is a text file",
    );
    let garbage: Vec<u8> = (0..20_000u32)
        .map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    assert_refused(
        &file(&directory, "garbage.avi", &garbage),
        "has no video stream",
    );
    assert_refused("/dev/null", "is not a file");
}

#[test]
fn a_video_in_which_nothing_can_be_decoded_is_refused() {
    let directory = Directory::new();
    let path = directory.path("a.avi");
    video(&path, b"MJPG", 40);
    let mut bytes = fs::read(&path).expect("the file");
    let start = bytes
        .windows(4)
        .position(|word| word == b"movi")
        .expect("frames")
        + 4;
    bytes[start..].fill(0);
    fs::write(&path, bytes).expect("the file");
    let said = outcome(&text(&path));
    assert!(
        said.contains("none of its frames can be decoded") || said.contains("its start is damaged"),
        "{said}"
    );
}

#[test]
fn damage_is_passed_over_in_silence() {
    let directory = Directory::new();
    for (codec, name) in [(b"MJPG", "a.avi"), (b"mp4v", "a.mp4")] {
        let path = directory.path(name);
        video(&path, codec, 40);
        let mut bytes = fs::read(&path).expect("the file");
        let middle = bytes.len() / 2;
        bytes[middle..middle + 500].fill(0xa5);
        fs::write(&path, bytes).expect("the file");
        assert!(outcome(&text(&path)).starts_with("opened"));
    }
}

#[test]
fn images_that_are_not_there_or_not_images_are_refused() {
    let directory = Directory::new();
    assert_refused(&text(&directory.path("img_%04d.png")), "no image matches");
    assert_refused("no/such/img_%04d.png", "no/such is not there");
    image(&directory.path("late_0007.png"), &picture((64, 48), 0));
    assert!(outcome(&text(&directory.path("late_%04d.png"))).starts_with("opened, 1 "));
    file(&directory, "bad_0.png", b"not an image");
    assert_refused(
        &text(&directory.path("bad_%d.png")),
        "is not an image that OpenCV can read",
    );
}

#[test]
fn damaged_images_are_passed_over_in_silence() {
    let directory = Directory::new();
    for extension in ["png", "jpg"] {
        for number in 0..4 {
            image(
                &directory.path(&format!("{number}.{extension}")),
                &picture((64, 48), number),
            );
        }
        let path = directory.path(&format!("1.{extension}"));
        let bytes = fs::read(&path).expect("the image");
        fs::write(&path, &bytes[..bytes.len() / 2]).expect("the image");
        assert!(outcome(&text(&directory.path(&format!("%d.{extension}")))).starts_with("opened"));
    }
}

#[test]
fn a_camera_that_is_not_there_is_refused_with_those_that_are() {
    if !Path::new("/dev/video99").exists() {
        assert_refused("99", "camera /dev/video99 is not there; this machine has");
    }
}

#[test]
fn a_device_that_captures_nothing_is_refused() {
    let refused = |path: &str| {
        let spec = SourceSpec::Camera(path.into());
        CaptureSource::open(&spec, &quick())
            .expect_err("no camera")
            .to_string()
    };
    assert!(refused("/dev/null").contains("camera /dev/null cannot be used"));
    let directory = Directory::new();
    assert!(refused(&file(&directory, "video0", b"x")).contains("is not a camera but a file"));
}

#[test]
fn a_url_without_video_is_refused_with_the_cause() {
    // A port that was free a moment ago: nobody listens there.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed = listener.local_addr().expect("an address");
    drop(listener);
    assert_refused(
        &format!("http://{closed}/x"),
        "does not accept a connection",
    );
    assert_refused(&format!("rtsp://me:s3cret@{closed}/x"), "rtsp://me:***@");
    assert_refused(
        &camera(&[Visit::Status("404 Not Found")]),
        "(404 Not Found); check the path",
    );
    assert_refused(
        &camera(&[Visit::Status("401 Unauthorized")]),
        "another user or password (401",
    );
    assert_refused(
        &camera(&[Visit::Status("403 Forbidden")]),
        "(403 Forbidden)",
    );
    assert_refused(
        &camera(&[Visit::Status("503 Busy")]),
        "the server answers 503 Busy",
    );
    assert_refused("ftp://camera/x", "is not a kind of source");
}

#[test]
fn a_url_that_accepts_and_never_answers_is_refused_after_the_time_out() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    assert_refused(
        &format!("http://{address}/x"),
        "accepts the connection and sends no video within 1 s",
    );
    assert_refused(
        &format!("rtsp://{address}/x"),
        "accepts the connection and sends no video within 1 s",
    );
}

#[test]
fn a_pipeline_that_cannot_run_is_refused() {
    if !has_backend(VideoCaptureAPIs::CAP_GSTREAMER).unwrap_or(false) {
        return;
    }
    for pipeline in [
        "gst:nonsense ! x",
        "gst:videotestsrc ! ! appsink",
        "gst:appsink",
        "gst:videotestsrc ! \"",
        "gst:valve drop=true",
    ] {
        assert_refused(pipeline, "GStreamer cannot run the pipeline");
    }
}
