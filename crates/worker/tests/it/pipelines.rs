//! GStreamer pipelines; nothing is tested where OpenCV was built without GStreamer.

use std::time::Duration;

use framebus::source::FrameSource;
use framebus_worker::OpenOptions;
use opencv::videoio::{VideoCaptureAPIs, has_backend};

use crate::footage::{Reader, Seen, looped, open, quick};

const THIRTY: &str =
    "gst:videotestsrc num-buffers=30 ! video/x-raw,width=64,height=48,framerate=200/1";

fn there_is_gstreamer() -> bool {
    has_backend(VideoCaptureAPIs::CAP_GSTREAMER).unwrap_or(false)
}

#[test]
fn a_pipeline_that_counts_its_frames_ends() {
    if !there_is_gstreamer() {
        return;
    }
    let mut reader = Reader::new(open(
        &format!("{THIRTY} ! videoconvert ! video/x-raw,format=BGR ! appsink"),
        &quick(),
    ));
    let info = reader.source.info();
    assert_eq!(
        (info.geometry.width, info.geometry.height, info.live),
        (64, 48, true)
    );
    assert_eq!(reader.all(), (0..30).map(Seen::Frame).collect::<Vec<_>>());
    assert_eq!(reader.source.moved_frames(), 0);
}

#[test]
fn a_pipeline_that_ends_starts_again_when_it_is_looped() {
    if !there_is_gstreamer() {
        return;
    }
    let mut reader = Reader::new(open(THIRTY, &looped()));
    reader.until(|seen| matches!(seen, Seen::Frame(frame) if *frame > 10));
    reader.until(|seen| *seen == Seen::Frame(0));
}

#[test]
fn a_pipeline_that_falls_silent_is_stalled_and_can_be_stopped() {
    if !there_is_gstreamer() {
        return;
    }
    let slow = "gst:videotestsrc ! video/x-raw,width=64,height=48 ! identity sleep-time=1000000";
    let patient = OpenOptions {
        open_timeout: Some(Duration::from_secs(30)),
        read_timeout: Some(Duration::from_millis(100)),
        ..quick()
    };
    let mut reader = Reader::new(open(slow, &patient));
    assert_eq!(reader.next(), Seen::Frame(0));
    reader.until(|seen| matches!(seen, Seen::Stalled(why) if why.contains("sends no frames")));
    reader.until(|seen| *seen == Seen::Frame(1));
    let stop = reader.stop.clone();
    let thread = std::thread::spawn(move || stop.set());
    reader.until(|seen| *seen == Seen::Stopped);
    thread.join().expect("thread");
}
