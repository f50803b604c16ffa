//! The programs themselves: a video file through `framebus produce`, the worker and `framebus consume`.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use opencv::core::{Mat, MatTraitConstManual};
use opencv::imgproc::{COLOR_BGR2GRAY, cvt_color_def};
use opencv::videoio::{CAP_FFMPEG, VideoCapture, VideoCaptureTrait};

use crate::footage::{image, picture, text, video};

/// A bus with a runtime directory of its own, and the programs that were started for it.
struct Bus {
    name: String,
    directory: tempfile::TempDir,
    children: Vec<Child>,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Bus {
    fn new() -> Bus {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("worker-{}-{number}", std::process::id());
        let directory = tempfile::tempdir().expect("a directory");
        Bus {
            name,
            directory,
            children: Vec::new(),
        }
    }

    /// `framebus` stands beside the worker.
    fn framebus(&self, arguments: &[&str]) -> Command {
        let worker = PathBuf::from(env!("CARGO_BIN_EXE_framebus-worker"));
        let program = worker.with_file_name("framebus");
        assert!(
            program.is_file(),
            "build the workspace's programs first: cargo build --workspace --bins"
        );
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("FRAMEBUS_BUS", &self.name)
            .env("FRAMEBUS_RUNTIME_DIR", self.directory.path())
            .stdin(Stdio::null());
        command
    }

    fn start(&mut self, arguments: &[&str]) {
        let child = self
            .framebus(arguments)
            .stderr(Stdio::null())
            .spawn()
            .expect("framebus");
        self.children.push(child);
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
        for suffix in ["", ".lock"] {
            let _ = fs::remove_file(format!("/dev/shm/framebus.{}{suffix}", self.name));
        }
    }
}

/// OpenCV's gray of every frame of a file.
fn gray_frames(path: &str) -> Vec<Vec<u8>> {
    let mut capture = VideoCapture::from_file(path, CAP_FFMPEG).expect("a file");
    let mut frames = Vec::new();
    let mut frame = Mat::default();
    while capture.read(&mut frame).expect("a frame") {
        let mut gray = Mat::default();
        cvt_color_def(&frame, &mut gray, COLOR_BGR2GRAY).expect("gray");
        frames.push(gray.data_bytes().expect("bytes").to_vec());
    }
    frames
}

#[test]
fn what_comes_out_of_the_bus_is_opencvs_gray_of_what_went_in() {
    let mut bus = Bus::new();
    let file = bus.directory.path().join("in.avi");
    video(&file, b"MJPG", 60);
    let wanted = gray_frames(&text(&file));
    assert_eq!(wanted.len(), 60);
    bus.start(&[
        "produce",
        &text(&file),
        "--loop",
        "--fps",
        "100",
        "--history",
        "30",
    ]);
    let output = bus
        .framebus(&[
            "consume",
            "-i",
            "0",
            "-o",
            "-",
            "--every-frame",
            "--count",
            "100",
            "--timeout",
            "30s",
        ])
        .output()
        .expect("consume");
    assert!(output.status.success(), "{output:?}");
    let frames: Vec<&[u8]> = output.stdout.chunks(160 * 120).collect();
    assert_eq!(frames.len(), 100);
    // The consumer came when the film was running already; from there on it is frame after frame.
    let first = wanted
        .iter()
        .position(|frame| frame == frames[0])
        .expect("a frame of the film");
    for (number, frame) in frames.iter().enumerate() {
        assert!(
            *frame == wanted[(first + number) % 60],
            "frame {number} after {first}"
        );
    }
}

#[test]
fn a_change_of_size_is_a_new_generation_and_consumers_stay() {
    let mut bus = Bus::new();
    for number in 0..40 {
        let size = if number < 20 { (160, 120) } else { (200, 100) };
        image(
            &bus.directory.path().join(format!("img_{number:04}.png")),
            &picture(size, number),
        );
    }
    let pattern = text(&bus.directory.path().join("img_%04d.png"));
    bus.start(&["produce", &pattern, "--loop", "--fps", "100"]);
    let output = bus
        .framebus(&[
            "consume",
            "-i",
            "1",
            "--json",
            "--count",
            "120",
            "--timeout",
            "30s",
        ])
        .output()
        .expect("consume");
    assert!(output.status.success(), "{output:?}");
    let lines = String::from_utf8(output.stdout).expect("text");
    let numbers = |key: &str| -> Vec<u64> {
        let key = format!("\"{key}\":");
        let value = |line: &str| {
            line.split_once(&key)?
                .1
                .split([',', '}'])
                .next()?
                .parse()
                .ok()
        };
        lines
            .lines()
            .map(|line| value(line).expect("a number"))
            .collect()
    };
    let (sequences, widths, generations) =
        (numbers("sequence"), numbers("width"), numbers("generation"));
    assert!(
        sequences.windows(2).all(|pair| pair[0] < pair[1]),
        "{sequences:?}"
    );
    assert!(widths.contains(&160) && widths.contains(&200), "{widths:?}");
    for ((width, generation), (next_width, next_generation)) in widths
        .iter()
        .zip(&generations)
        .zip(widths.iter().zip(&generations).skip(1))
    {
        assert_eq!(
            width == next_width,
            generation == next_generation,
            "{widths:?} {generations:?}"
        );
    }
}
