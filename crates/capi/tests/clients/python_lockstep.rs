//! A whole file through slow consumers: a Rust one that writes Y4M, and a Python one that takes its time.
//!
//! Long form: `FRAMEBUS_LOCKSTEP_ROUNDS=50`, and with another film `FRAMEBUS_LOCKSTEP_FILM=/path/of/film.avi`.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::python::python;
use crate::support::{Ground, Reaped, run};

/// A film of 20 frames that differ.
const FILM: &str = "import cv2, numpy, sys\n\
    x, y = numpy.arange(320)[None, :], numpy.arange(240)[:, None]\n\
    out = cv2.VideoWriter(sys.argv[1], cv2.VideoWriter_fourcc(*'MJPG'), 25, (320, 240))\n\
    for n in range(20):\n\
    \x20   blue, green, red = x * 0.4 + y * 0 + 5 * n, y * 0.6 + x * 0 + n, 250 - x * 0.4 - y * 0.3\n\
    \x20   out.write(numpy.stack([blue, green, red], axis=2).astype(numpy.uint8))\n\
    out.release()\n";

/// OpenCV's gray of each frame, one after another.
const GRAY: &str = "import cv2, sys\n\
    film, out = cv2.VideoCapture(sys.argv[1]), open(sys.argv[2], 'wb')\n\
    while True:\n\
    \x20   there, image = film.read()\n\
    \x20   if not there: break\n\
    \x20   out.write(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).tobytes())\n";

/// 50 ms a frame.
const TAKE: &str = "import framebus, os, signal, sys, time\n\
    out, taken = open(sys.argv[1], 'wb'), 0\n\
    for frame in framebus.Consumer(name='python', every_frame=True, timeout=60):\n\
    \x20   time.sleep(0.05)\n\
    \x20   out.write(frame.gray.tobytes())\n\
    \x20   taken += 1\n\
    \x20   if taken == int(sys.argv[2]): os.kill(os.getpid(), signal.SIGKILL)\n";

/// Who is killed in the middle.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Killed {
    Nobody,
    Python,
    Rust,
}

/// A film, and where everything is.
struct Play {
    python: PathBuf,
    place: tempfile::TempDir,
    film: PathBuf,
}

impl Play {
    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// Plays the film to both.
    fn to_both(&self, killed: Killed) {
        for old in ["rust.y4m", "rust.y4m.ndjson", "python"] {
            let _ = std::fs::remove_file(self.path(old));
        }
        let ground = Ground::new();
        let test = std::env::current_exe().expect("the path of the test");
        let framebus = test.with_file_name("../framebus");
        let dies_at = if killed == Killed::Python { "7" } else { "0" };
        let mut slow = ground.command(&self.python);
        slow.args(["-c", TAKE])
            .arg(self.path("python"))
            .arg(dies_at);
        let mut slow = Reaped(slow.spawn().expect("started"));
        let mut writer = ground.command(&framebus);
        let args = [
            "consume",
            "--quiet",
            "--name",
            "rust",
            "--every-frame",
            "-o",
        ];
        writer.args(args).arg(self.path("rust.y4m"));
        let mut writer = Reaped(writer.spawn().expect("started"));
        let mut produce = ground.command(&framebus);
        produce
            .args(["produce", "--quiet", "--lockstep", "--fps", "0"])
            .args(["--wait-for", "rust,python"])
            .arg(&self.film);
        let mut producer = Reaped(produce.spawn().expect("started"));
        if killed == Killed::Rust {
            while len(&self.path("rust.y4m")) < len(&self.path("opencv")) / 3 {
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            writer.0.kill().expect("killed");
        }
        assert!(producer.0.wait().expect("its end").success(), "{killed:?}");
        let written = writer.0.wait().expect("its end").success();
        assert_eq!(written, killed != Killed::Rust);
        let taken = slow.0.wait().expect("its end").success();
        assert_eq!(taken, killed != Killed::Python);
    }

    /// Whoever was not killed has all, and both have the same to the bit. OpenCV's wheel brings an FFmpeg of its own, which may
    /// decode otherwise; that gray equals the OpenCV's of the system to the bit is for the worker's tests.
    fn compare(&self, killed: Killed) {
        let read = |name: &str| std::fs::read(self.path(name)).expect(name);
        let wanted = read("opencv");
        let mut all = Vec::new();
        if killed != Killed::Python {
            all.push(read("python"));
        }
        if killed != Killed::Rust {
            all.push(frames(&read("rust.y4m")));
        }
        for seen in &all {
            assert_eq!(seen.len(), wanted.len(), "{killed:?}");
            let off = seen.iter().zip(&wanted).map(|(a, b)| a.abs_diff(*b)).max();
            assert!(off <= Some(2), "{killed:?}: off by {off:?}");
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    }
}

/// The pixels of a gray Y4M, frame by frame.
fn frames(video: &[u8]) -> Vec<u8> {
    let end = video
        .iter()
        .position(|byte| *byte == b'\n')
        .expect("a line");
    let header = String::from_utf8_lossy(&video[..end]).into_owned();
    let number = |key: char| {
        let word = header.split(' ').find(|word| word.starts_with(key));
        let word = word.expect("a size");
        word[1..].parse::<usize>().expect("a number")
    };
    let frame = b"FRAME\n".len() + number('W') * number('H');
    let frames = video[end + 1..].chunks(frame).map(|frame| &frame[6..]);
    frames.collect::<Vec<_>>().concat()
}

fn len(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

#[test]
fn a_whole_file_reaches_a_slow_python_program_and_a_recorder() {
    let python = python();
    let place = tempfile::tempdir().expect("a directory");
    let script = |code: &str| {
        let mut command: Command = Ground::new().command(&python);
        command.args(["-c", code]);
        command
    };
    let film = match std::env::var_os("FRAMEBUS_LOCKSTEP_FILM") {
        Some(film) => PathBuf::from(film),
        None => {
            let film = place.path().join("film.avi");
            run(script(FILM).arg(&film));
            film
        }
    };
    run(script(GRAY).arg(&film).arg(place.path().join("opencv")));
    let rounds = std::env::var("FRAMEBUS_LOCKSTEP_ROUNDS");
    let rounds = rounds.map_or(1, |rounds| rounds.parse().expect("a number"));
    let play = Play {
        python,
        place,
        film,
    };
    for _ in 0..rounds {
        for killed in [Killed::Nobody, Killed::Python, Killed::Rust] {
            play.to_both(killed);
            play.compare(killed);
        }
    }
}
