//! The programs themselves: a video file through `framebus produce`, the worker and `framebus consume`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::footage::{image, picture, text, video};
use crate::opencvs_gray::opencvs_gray;

/// A bus with a runtime directory of its own, and the programs that were started for it.
pub(crate) struct Bus {
    name: String,
    directory: tempfile::TempDir,
    children: Vec<Child>,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl Bus {
    pub(crate) fn new() -> Bus {
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
    pub(crate) fn framebus(&self, arguments: &[&str]) -> Command {
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

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
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

/// The frame of a film that is most like one, and by how much they differ at most.
fn likest(film: &[Vec<u8>], frame: &[u8]) -> (usize, u8) {
    let differences = |other: &Vec<u8>| -> Vec<u8> {
        let pairs = other.iter().zip(frame);
        pairs.map(|(a, b)| a.abs_diff(*b)).collect()
    };
    let sum = |other: &&Vec<u8>| differences(other).into_iter().map(u64::from).sum::<u64>();
    let numbered = film.iter().enumerate();
    let (number, best) = numbered
        .min_by_key(|(_, other)| sum(other))
        .expect("a film");
    (number, differences(best).into_iter().max().unwrap_or(0))
}

#[test]
fn what_comes_out_of_the_bus_is_the_gray_of_what_went_in() {
    let mut bus = Bus::new();
    let file = bus.directory.path().join("in.avi");
    video(&file, b"MJPG", 60);
    let wanted = opencvs_gray(&file);
    let wanted: Vec<Vec<u8>> = wanted.chunks(160 * 120).map(<[u8]>::to_vec).collect();
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
    let (first, _) = likest(&wanted, frames[0]);
    for (number, frame) in frames.iter().enumerate() {
        let (seen, worst) = likest(&wanted, frame);
        assert_eq!(seen, (first + number) % 60, "frame {number} after {first}");
        assert_eq!(worst, 0, "frame {number}");
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

/// The decoder that a producer has started; waits until there is one, other than `before`.
fn decoder_of(producer: u32, before: Option<i32>) -> i32 {
    for _ in 0..1000 {
        let children = fs::read_to_string(format!("/proc/{producer}/task/{producer}/children"));
        let found = children
            .unwrap_or_default()
            .split_whitespace()
            .find_map(|pid| {
                let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
                let pid = pid.parse().ok()?;
                (name.trim() == "framebus-decode" && Some(pid) != before).then_some(pid)
            });
        if let Some(pid) = found {
            return pid;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("there is no decoder");
}

#[test]
fn a_decoder_that_crashes_is_a_stall_and_consumers_stay() {
    let mut bus = Bus::new();
    let file = bus.path("in.avi");
    video(&file, b"MJPG", 60);
    let log = fs::File::create(bus.path("log")).expect("a file");
    let producer = bus
        .framebus(&["produce", &text(&file), "--loop", "--fps", "50"])
        .stderr(log)
        .spawn()
        .expect("framebus");
    let pid = producer.id();
    bus.children.push(producer);
    let waited = bus
        .framebus(&["wait", "--frames", "10", "--timeout", "60s"])
        .status();
    assert!(waited.expect("wait").success());
    let mut consumer = bus
        .framebus(&["consume", "--json", "--count", "400", "--timeout", "30s"])
        .stdout(Stdio::null())
        .spawn()
        .expect("consume");
    let mut decoder = None;
    for _ in 0..2 {
        let next = decoder_of(pid, decoder);
        let victim = rustix::process::Pid::from_raw(next).expect("a pid");
        rustix::process::kill_process(victim, rustix::process::Signal::ABORT).expect("it lives");
        decoder = Some(next);
    }
    decoder_of(pid, decoder);
    assert!(consumer.wait().expect("consume").success());
    let said = fs::read_to_string(bus.path("log")).expect("the log");
    assert!(said.contains("has crashed (signal 6)"), "{said}");
    assert!(said.contains("gives frames again"), "{said}");
}

#[test]
fn a_file_goes_on_where_its_decoder_was_killed() {
    const FRAMES: u64 = 100;
    let mut bus = Bus::new();
    let file = bus.path("in.avi");
    // Each frame says which it is by its gray, and only the first is a key frame.
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i"])
        .arg("color=black:s=64x48:r=25,format=yuv420p,geq=lum='20+2*N':cb=128:cr=128")
        .args(["-frames:v", &FRAMES.to_string()])
        .args(["-c:v", "mpeg4", "-g", "300", "-q:v", "1", "-bf", "0", "-y"])
        .arg(&file)
        .status();
    assert!(made.expect("ffmpeg").success());
    let taken = bus.path("taken.raw");
    let mut consumer = bus
        .framebus(&["consume", "-q", "--every-frame", "--format", "raw", "-o"])
        .arg(&taken)
        .spawn()
        .expect("consume");
    let producer = bus
        .framebus(&["produce", &text(&file), "--history", "60"])
        .spawn()
        .expect("framebus");
    let pid = producer.id();
    bus.children.push(producer);
    let waited = bus
        .framebus(&["wait", "--frames", "20", "--timeout", "60s"])
        .status();
    assert!(waited.expect("wait").success());
    let victim = rustix::process::Pid::from_raw(decoder_of(pid, None)).expect("a pid");
    rustix::process::kill_process(victim, rustix::process::Signal::KILL).expect("it lives");
    assert!(consumer.wait().expect("consume").success());
    let frames: Vec<u64> = fs::read(&taken)
        .expect("frames")
        .chunks_exact(64 * 48)
        .map(|gray| {
            let sum: u64 = gray.iter().map(|pixel| u64::from(*pixel)).sum();
            let luma = sum as f64 / gray.len() as f64 * 219.0 / 255.0 + 16.0;
            ((luma - 20.0) / 2.0).round() as u64
        })
        .collect();
    let first = frames[0];
    assert!(first < 20, "{frames:?}");
    let all: Vec<u64> = (first..FRAMES).collect();
    assert_eq!(frames, all);
}

#[test]
fn a_file_whose_name_is_not_utf8_is_a_file_like_another() {
    let bus = Bus::new();
    let file = bus.path("in.avi");
    video(&file, b"MJPG", 10);
    let odd = bus
        .path("x")
        .with_file_name(OsStr::from_bytes(b"in\xff.avi"));
    fs::rename(&file, &odd).expect("renamed");
    let produced = bus
        .framebus(&["produce", "--fps", "0"])
        .arg(&odd)
        .output()
        .expect("framebus");
    let said = String::from_utf8_lossy(&produced.stderr).into_owned();
    assert!(produced.status.success(), "{said}");
    assert!(said.contains("10 frames published"), "{said}");
}
