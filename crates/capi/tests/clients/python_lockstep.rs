//! A whole file through slow consumers: a Rust one that writes Y4M, and a Python one that takes its time.

use std::path::Path;

use crate::python::python;
use crate::support::{Ground, Reaped, run};

/// A film of 20 frames that differ, and OpenCV's gray of each.
const FILM: &str = "import cv2, numpy, sys\n\
    x, y = numpy.arange(320)[None, :], numpy.arange(240)[:, None]\n\
    out = cv2.VideoWriter(sys.argv[1], cv2.VideoWriter_fourcc(*'MJPG'), 25, (320, 240))\n\
    for n in range(20):\n\
    \x20   blue, green, red = x * 0.4 + y * 0 + 5 * n, y * 0.6 + x * 0 + n, 250 - x * 0.4 - y * 0.3\n\
    \x20   out.write(numpy.stack([blue, green, red], axis=2).astype(numpy.uint8))\n\
    out.release()\n\
    film = cv2.VideoCapture(sys.argv[1])\n\
    grays = [cv2.cvtColor(film.read()[1], cv2.COLOR_BGR2GRAY) for n in range(20)]\n\
    numpy.save(sys.argv[2], grays)\n";

/// 50 ms a frame.
const TAKE: &str = "import framebus, numpy, sys, time\n\
    consumer = framebus.Consumer(name='python', every_frame=True, timeout=60)\n\
    grays = []\n\
    for frame in consumer:\n\
    \x20   time.sleep(0.05)\n\
    \x20   grays.append(frame.gray.copy())\n\
    \x20   if len(grays) == int(sys.argv[2]): sys.exit(9)\n\
    numpy.save(sys.argv[1], grays)\n";

/// Both have all; a decoder that gives luma rounds otherwise than one that gives BGR does.
const COMPARE: &str = "import cv2, numpy, sys\n\
    opencv = numpy.load(sys.argv[1])\n\
    parts = open(sys.argv[2], 'rb').read().split(b'FRAME\\n', 20)[1:]\n\
    rust = numpy.stack([numpy.frombuffer(part, numpy.uint8).reshape(240, 320) for part in parts])\n\
    assert len(rust) == len(opencv) == 20, len(rust)\n\
    assert cv2.absdiff(rust, opencv).max() <= 2, cv2.absdiff(rust, opencv).max()\n\
    if len(sys.argv) > 3: assert numpy.array_equal(numpy.load(sys.argv[3]), rust)\n";

/// Plays the film to both; the Python one ends itself at frame `dies_at`, where that is not 0.
fn plays(python: &Path, place: &Path, dies_at: u32) {
    let ground = Ground::new();
    let path = |name: &str| place.join(name);
    let test = std::env::current_exe().expect("the path of the test");
    let framebus = test.with_file_name("../framebus");
    let mut slow = ground.command(python);
    slow.args(["-c", TAKE])
        .arg(path("python.npy"))
        .arg(dies_at.to_string());
    let mut slow = Reaped(slow.spawn().expect("started"));
    let mut writer = ground.command(&framebus);
    writer
        .args([
            "consume",
            "--quiet",
            "--name",
            "rust",
            "--every-frame",
            "-o",
        ])
        .arg(path("rust.y4m"));
    let mut writer = Reaped(writer.spawn().expect("started"));
    run(ground
        .command(&framebus)
        .args(["produce", "--quiet", "--lockstep", "--fps", "0"])
        .args(["--wait-for", "rust,python"])
        .arg(path("film.avi")));
    assert!(writer.0.wait().expect("its end").success());
    let code = slow.0.wait().expect("its end").code();
    assert_eq!(code, Some(if dies_at > 0 { 9 } else { 0 }));
    let mut compare = ground.command(python);
    compare.args(["-c", COMPARE]);
    compare.args([path("opencv.npy"), path("rust.y4m")]);
    if dies_at == 0 {
        compare.arg(path("python.npy"));
    }
    run(&mut compare);
}

#[test]
fn a_whole_file_reaches_a_slow_python_program_and_a_recorder() {
    let python = python();
    let place = tempfile::tempdir().expect("a directory");
    run(Ground::new().command(&python).args(["-c", FILM]).args([
        place.path().join("film.avi"),
        place.path().join("opencv.npy"),
    ]));
    for dies_at in [0, 7] {
        plays(&python, place.path(), dies_at);
    }
}
