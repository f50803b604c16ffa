//! What files and streams from outside do: formats, ranges, sizes and angles that change, damage, and times.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use framebus::source::{Arrival, FrameSource, Range};
use framebus_worker::OpenOptions;

use crate::footage::{
    Directory, Reader, Seen, Visit, camera, impatient, jpeg, open, quick, text, try_open,
};

/// Runs ffmpeg in a directory; returns its standard output.
pub(crate) fn ffmpeg(directory: &Path, arguments: &str) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-y"])
        .args(arguments.split_whitespace())
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .expect("ffmpeg, which bin/setup --test installs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ffmpeg {arguments}: {said}");
    output.stdout
}

/// Every frame of a file in gray, and the sizes.
pub(crate) fn gray(path: &Path, options: &OpenOptions) -> (Vec<u8>, Vec<(u32, u32)>) {
    let mut reader = Reader::new(open(&text(path), options));
    let (mut all, mut sizes) = (Vec::new(), Vec::new());
    loop {
        match reader.next() {
            Seen::Frame(_) => {
                all.extend_from_slice(&reader.gray);
                let geometry = reader.source.info().geometry;
                sizes.push((geometry.width, geometry.height));
            }
            Seen::End => return (all, sizes),
            Seen::Resized => {}
            other => panic!("{}: {other:?}", path.display()),
        }
    }
}

fn assert_close(name: &str, seen: &[u8], wanted: &[u8]) {
    assert_eq!(seen.len(), wanted.len(), "{name}");
    let worst = seen.iter().zip(wanted).map(|(a, b)| a.abs_diff(*b)).max();
    assert!(worst <= Some(2), "{name}: off by {worst:?}");
}

#[test]
fn gray_is_ffmpegs_full_range_gray_whatever_the_format_and_the_angle() {
    let directory = Directory::new();
    let here = directory.path("");
    let clips = [
        ("h264.mp4", "-c:v libx264 -pix_fmt yuv420p"),
        ("full.mp4", "-c:v libx264 -pix_fmt yuvj420p"),
        ("444.mp4", "-c:v libx264 -pix_fmt yuv444p"),
        ("mpeg4.avi", "-c:v mpeg4"),
        ("mjpeg.avi", "-c:v mjpeg -pix_fmt yuvj422p"),
        ("h264.ts", "-c:v libx264 -pix_fmt yuv420p"),
        ("ten.mkv", "-c:v ffv1 -pix_fmt yuv420p10le"),
        ("twelve.mkv", "-c:v ffv1 -pix_fmt yuv422p12le"),
        ("gray.mkv", "-c:v ffv1 -pix_fmt gray"),
        ("packed.avi", "-c:v rawvideo -pix_fmt yuyv422"),
        (
            "right.mp4",
            "-c:v libx264 -pix_fmt yuv420p -metadata:s:v rotate=90",
        ),
        (
            "over.mp4",
            "-c:v libx264 -pix_fmt yuv420p -metadata:s:v rotate=180",
        ),
        (
            "left.mp4",
            "-c:v libx264 -pix_fmt yuv420p -metadata:s:v rotate=270",
        ),
    ];
    for (name, codec) in clips {
        let source = "-f lavfi -i testsrc2=size=160x90:rate=25:duration=0.4";
        let (codec, angle) = codec.split_once(" -metadata").unwrap_or((codec, ""));
        ffmpeg(&here, &format!("{source} {codec} {name}"));
        if !angle.is_empty() {
            fs::rename(directory.path(name), directory.path("lying.mp4")).expect("a clip");
            ffmpeg(
                &here,
                &format!("-i lying.mp4 -c copy -metadata{angle} {name}"),
            );
        }
        let wanted = ffmpeg(
            &here,
            &format!("-i {name} -vf scale=out_range=full,format=gray -f rawvideo -"),
        );
        let (seen, sizes) = gray(&directory.path(name), &quick());
        assert_close(name, &seen, &wanted);
        let upright = matches!(name, "right.mp4" | "left.mp4");
        let size = if upright { (90, 160) } else { (160, 90) };
        assert!(sizes.iter().all(|seen| *seen == size), "{name}: {sizes:?}");
    }
}

#[test]
fn gray_of_rgb_video_is_the_weighted_sum_and_a_range_that_lies_is_overridden() {
    let directory = Directory::new();
    let here = directory.path("");
    ffmpeg(
        &here,
        "-f lavfi -i testsrc2=size=64x48:rate=25:duration=0.2 -c:v ffv1 -pix_fmt bgr0 rgb.mkv",
    );
    let bgr = ffmpeg(&here, "-i rgb.mkv -pix_fmt bgr24 -f rawvideo -");
    let mut wanted = vec![0; bgr.len() / 3];
    framebus::convert::bgr_to_gray(&bgr, &mut wanted);
    assert_close(
        "rgb",
        &gray(&directory.path("rgb.mkv"), &quick()).0,
        &wanted,
    );

    ffmpeg(
        &here,
        "-f lavfi -i color=white:size=64x48:duration=0.1 -c:v libx264 -pix_fmt yuv420p white.mp4",
    );
    let white = |range| {
        let options = OpenOptions { range, ..quick() };
        gray(&directory.path("white.mp4"), &options).0[0]
    };
    assert_eq!([Range::Auto, Range::Full].map(white), [255, 235]);
}

/// JPEGs one after another are a video, too.
fn write_jpegs(directory: &Directory, name: &str, jpegs: &[Vec<u8>]) -> std::path::PathBuf {
    let path = directory.path(name);
    fs::write(&path, jpegs.concat()).expect("a file");
    path
}

/// JPEGs of one picture in a pixel format.
fn jpegs(directory: &Directory, size: &str, format: &str, count: usize) -> Vec<Vec<u8>> {
    let bytes = ffmpeg(
        &directory.path(""),
        &format!(
            "-f lavfi -i testsrc2=size={size} -frames:v 1 -pix_fmt {format} -q:v 2 -f mjpeg -"
        ),
    );
    vec![bytes; count]
}

#[test]
fn a_pixel_format_that_changes_neither_crashes_nor_spoils_a_picture() {
    let directory = Directory::new();
    for size in ["1280x720", "320x240"] {
        let first = jpegs(&directory, size, "yuvj422p", 2);
        let then = jpegs(&directory, size, "yuvj420p", 4);
        let last = jpegs(&directory, size, "yuvj444p", 2);
        let path = write_jpegs(&directory, "trail.mjpeg", &[first, then, last].concat());
        let (seen, sizes) = gray(&path, &quick());
        assert_eq!(sizes.len(), 8);
        let pixels = seen.len() / 8;
        for frame in seen.chunks(pixels) {
            let worst = frame.iter().zip(&seen).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(worst <= Some(40), "{size}: {worst:?}");
        }
    }
}

#[test]
fn a_size_that_changes_inside_a_file_is_announced_and_every_picture_is_whole() {
    let directory = Directory::new();
    let sizes = [(64, 48), (32, 24), (80, 60), (48, 64)];
    let pictures: Vec<Vec<u8>> = sizes
        .iter()
        .flat_map(|size| (0..3).map(|number| jpeg(*size, number)))
        .collect();
    let path = write_jpegs(&directory, "sizes.mjpeg", &pictures);
    let (seen, seen_sizes) = gray(&path, &quick());
    let mut wanted = Vec::new();
    for size in sizes {
        let alone = write_jpegs(
            &directory,
            "one.mjpeg",
            &[jpeg(size, 0), jpeg(size, 1), jpeg(size, 2)],
        );
        wanted.extend(gray(&alone, &quick()).0);
    }
    assert!(seen == wanted);
    let unsigned = sizes.map(|(width, height)| (width as u32, height as u32));
    assert_eq!(seen_sizes, unsigned.map(|size| [size; 3]).concat());
}

#[test]
fn half_a_jpeg_is_damaged_and_the_stream_goes_on() {
    let directory = Directory::new();
    // The first one, too, which comes before there is a size.
    for (spoilt, percent) in [(2, 20), (2, 50), (2, 90), (0, 50)] {
        let mut pictures: Vec<Vec<u8>> = (0..5).map(|number| jpeg((160, 120), number)).collect();
        let length = pictures[spoilt].len() * percent / 100;
        pictures[spoilt].truncate(length);
        let path = write_jpegs(&directory, "half.mjpeg", &pictures);
        let seen = Reader::new(open(&text(&path), &quick())).all();
        let damaged = seen.iter().filter(|seen| **seen == Seen::Damaged).count();
        let whole = seen
            .iter()
            .filter(|seen| matches!(seen, Seen::Frame(_)))
            .count();
        assert_eq!((whole, damaged), (4, 1), "{spoilt}, {percent} %: {seen:?}");
    }
}

#[test]
fn a_variable_rate_plays_at_the_times_of_its_frames() {
    let directory = Directory::new();
    ffmpeg(
        &directory.path(""),
        "-f lavfi -i testsrc2=size=64x48:rate=50:duration=0.6 -vf select=not(mod(n\\,7))+lt(n\\,4) -vsync vfr \
         -c:v libx264 -pix_fmt yuv420p -bf 2 vfr.mp4",
    );
    let times = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-show_entries",
            "frame=pts_time",
            "-of",
            "csv=p=0",
        ])
        .arg(directory.path("vfr.mp4"))
        .output()
        .expect("ffprobe");
    let times: Vec<f64> = String::from_utf8_lossy(&times.stdout)
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| line.trim_end_matches(',').parse().expect("a time"))
        .collect();
    assert!(times.len() > 5);
    let options = OpenOptions {
        timed: true,
        ..quick()
    };
    let mut reader = Reader::new(open(&text(&directory.path("vfr.mp4")), &options));
    let mut captured = Vec::new();
    while let Arrival::Frame(capture) = reader.source.wait(&reader.stop).expect("frames") {
        captured.push(capture.capture_ns);
    }
    assert_eq!(captured.len(), times.len());
    for (time, capture_ns) in times.iter().zip(&captured) {
        let seen = (capture_ns - captured[0]) as f64 / 1e9;
        assert!(
            (seen - (time - times[0])).abs() < 0.001,
            "{times:?} {captured:?}"
        );
    }
}

#[test]
fn a_picture_that_is_fetched_again_and_again_is_a_stream() {
    let options = OpenOptions {
        fps: Some(20.0),
        read_timeout: None,
        ..quick()
    };
    // FFmpeg also goes by the ending of a URL.
    for ending in ["", "/now.jpg", "/now.jpg?width=64"] {
        let url = camera(&[Visit::Snapshot((64, 48))]) + ending;
        let mut reader = Reader::new(open(&url, &options));
        let seen: Vec<Seen> = (0..4).map(|_| reader.next()).collect();
        assert_eq!(seen, [0, 1, 2, 3].map(Seen::Frame), "{ending}: {seen:?}");
    }
}

/// A camera that sends a part each time it is told to, and is otherwise silent.
fn slow_camera(pause: Duration, frames: i32) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let parts: Vec<Vec<u8>> = (0..frames).map(|number| jpeg((64, 48), number)).collect();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let head =
                "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n";
            let mut ok = stream.write_all(head.as_bytes());
            for part in &parts {
                let length = part.len();
                let head =
                    format!("--b\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n");
                ok = ok.and_then(|()| stream.write_all(&[head.as_bytes(), part, b"\r\n"].concat()));
                thread::sleep(pause);
            }
        }
    });
    format!("http://{address}/slow")
}

#[test]
fn a_stream_of_a_frame_in_two_seconds_is_a_stream_and_not_a_stall() {
    let options = OpenOptions {
        open_timeout: None,
        read_timeout: None,
        ..quick()
    };
    let mut reader = Reader::new(open(&slow_camera(Duration::from_secs(2), 5), &options));
    let seen: Vec<Seen> = (0..3).map(|_| reader.next()).collect();
    assert_eq!(seen, [0, 1, 2].map(Seen::Frame));
}

#[test]
fn a_camera_that_is_slower_than_the_limit_is_told_the_setting() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let held: Vec<_> = listener
            .incoming()
            .flatten()
            .map(|mut stream| {
                let head = "HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n";
                let _ = stream.write_all(head.as_bytes());
                stream
            })
            .collect();
        drop(held);
    });
    let error = try_open(&format!("http://{address}/x"), &impatient())
        .err()
        .expect("refused");
    assert!(error.to_string().contains("within 1 s"), "{error}");
}

/// A server that answers every request of RTSP with one status.
fn rtsp(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = [0; 4096];
            while let Ok(length) = stream.read(&mut request) {
                let text = String::from_utf8_lossy(&request[..length]).into_owned();
                let Some(number) = text.lines().find_map(|line| line.strip_prefix("CSeq: ")) else {
                    break;
                };
                let line = if text.starts_with("OPTIONS") {
                    "200 OK"
                } else {
                    status
                };
                let answer = format!("RTSP/1.0 {line}\r\nCSeq: {number}\r\n\r\n");
                if stream.write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    format!("rtsp://me:s3cret@{address}/stream")
}

#[test]
fn rtsp_says_a_wrong_password_and_a_wrong_path_apart() {
    let said = |status| {
        let error = try_open(&rtsp(status), &quick())
            .err()
            .expect("refused")
            .to_string();
        assert!(!error.contains("s3cret"), "{error}");
        error
    };
    let password = said("401 Unauthorized");
    assert!(password.contains("401 Unauthorized"), "{password}");
    let path = said("404 Not Found");
    assert!(
        path.contains("404 Not Found") && path.contains("path"),
        "{path}"
    );
}
