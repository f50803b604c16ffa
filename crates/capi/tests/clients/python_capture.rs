//! `framebus.VideoCapture` in the place of OpenCV's.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::python::python;
use crate::support::{Ground, Reaped, root, run};

/// A film of 50 frames that differ, and are smooth, so that two decoders agree about them.
const FILM: &str = "import cv2, numpy, sys\n\
    x, y = numpy.arange(320)[None, :], numpy.arange(240)[:, None]\n\
    out = cv2.VideoWriter(sys.argv[1], cv2.VideoWriter_fourcc(*'MJPG'), 25, (320, 240))\n\
    for n in range(50):\n\
    \x20   blue, green, red = x * 0.4 + y * 0 + 2 * n, y * 0.6 + x * 0 + n, 250 - x * 0.4 - y * 0.3\n\
    \x20   out.write(numpy.stack([blue, green, red], axis=2).astype(numpy.uint8))\n";

/// Compares what the program kept: the same frames, but for those before the capture had found its bus.
const COMPARE: &str = "import cv2, numpy, sys\n\
    file, bus = numpy.load(sys.argv[1]), numpy.load(sys.argv[2])\n\
    assert len(file.files) == 50 and len(bus.files) >= 40, (file.files, bus.files)\n\
    for position in bus.files:\n\
    \x20   expected, image = file[position], bus[position]\n\
    \x20   assert image.shape == expected.shape and image.dtype == expected.dtype, image.shape\n\
    \x20   if sys.argv[3] == 'gray':\n\
    \x20       expected = cv2.cvtColor(cv2.cvtColor(expected, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)\n\
    \x20   difference = cv2.absdiff(image, expected)\n\
    \x20   assert difference.mean() < 1.5 and difference.max() <= 12, (position, difference.mean(), difference.max())\n\
    \x20   wrong = cv2.absdiff(image, file[str(int(position) % 50 + 1)]).mean()\n\
    \x20   assert wrong > difference.mean(), position\n";

fn plays_like_the_file(color: bool) {
    let python = python();
    let ground = Ground::new();
    let place = tempfile::tempdir().expect("a directory");
    let path = |name: &str| place.path().join(name);
    let program = root().join("clients/python/tests/same_program.py");
    run(ground
        .command(&python)
        .args(["-c", FILM])
        .arg(path("film.avi")));
    let said = run(ground
        .command(&python)
        .arg(&program)
        .arg("opencv")
        .args([path("film.avi"), path("file.npz")]));

    let mut beside = ground.command(&python);
    beside
        .arg(&program)
        .args(["framebus", &ground.bus])
        .arg(path("bus.npz"))
        .stdout(Stdio::piped());
    let mut reader = Reaped(beside.spawn().expect("started"));
    let mut output = BufReader::new(reader.0.stdout.take().expect("its output"));
    let mut heard = String::new();
    // From then on it looks for the bus.
    output.read_line(&mut heard).expect("a line");
    let test = std::env::current_exe().expect("the path of the test");
    let mut producer = ground.command(test.with_file_name("../framebus"));
    producer.args(["produce", "--quiet", "--history", "60"]);
    if color {
        producer.arg("--color");
    }
    run(producer.arg(path("film.avi")));
    output.read_to_string(&mut heard).expect("the rest");
    assert_eq!(heard, said);
    assert!(reader.0.wait().expect("its end").success());

    let kind = if color { "color" } else { "gray" };
    run(ground
        .command(&python)
        .args(["-c", COMPARE])
        .args([path("file.npz"), path("bus.npz")])
        .arg(kind));
}

#[test]
fn one_program_reads_a_file_and_a_bus_in_colour_alike() {
    plays_like_the_file(true);
}

#[test]
fn one_program_reads_a_file_and_a_gray_bus_alike() {
    plays_like_the_file(false);
}

#[test]
fn the_capture_keeps_its_promises() {
    let python = python();
    let ground = Ground::new();
    run(ground
        .command(python)
        .args(["-X", "dev", "-W", "error"])
        .arg(root().join("clients/python/tests/test_capture.py")));
}

#[test]
fn the_opencv_example_sees_what_moves() {
    let python = python();
    let ground = Ground::new();
    let example = root().join("clients/python/examples/opencv_capture.py");
    let test = std::env::current_exe().expect("the path of the test");
    let mut producer = ground.background(test.with_file_name("../framebus"));
    producer.args(["produce", "--quiet", "pattern", "--size", "320x240"]);
    let _producer = Reaped(producer.spawn().expect("started"));
    let printed = run(ground.command(python).arg(example).args([&ground.bus, "5"]));
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines[0], "320x240");
    assert_eq!(lines.len(), 6, "{printed}");
    assert!(
        lines[1..].iter().all(|line| line.ends_with(" % moved")),
        "{printed}"
    );
}

#[test]
fn another_size_in_the_source_is_another_size_of_the_images() {
    let python = python();
    let ground = Ground::new();
    let place = tempfile::tempdir().expect("a directory");
    let make = "import cv2, numpy, sys\n\
        for n in range(10):\n\
        \x20   shape = (48, 64, 3) if n < 5 else (120, 160, 3)\n\
        \x20   cv2.imwrite(f'{sys.argv[1]}/{n:02}.png', numpy.full(shape, 20 * n, numpy.uint8))\n";
    run(ground.command(&python).args(["-c", make]).arg(place.path()));
    let test = std::env::current_exe().expect("the path of the test");
    let mut producer = ground.background(test.with_file_name("../framebus"));
    producer
        .args(["produce", "--quiet", "--loop", "--fps", "50", "--color"])
        .arg(place.path().join("%02d.png"));
    let _producer = Reaped(producer.spawn().expect("started"));
    // Without follow=True: it is the same producer.
    let take = "import framebus, sys\n\
        capture, shapes, changes = framebus.VideoCapture(sys.argv[1], timeout=60), set(), 0\n\
        while changes < 4:\n\
        \x20   before = capture.get(3)\n\
        \x20   ok, image = capture.read()\n\
        \x20   assert ok and (capture.get(3), capture.get(4)) == (image.shape[1], image.shape[0])\n\
        \x20   assert (image[0, 0, 0] >= 100 - 3) == (image.shape[0] == 120), image[0, 0]\n\
        \x20   shapes.add(image.shape)\n\
        \x20   changes += capture.get(3) != before\n\
        print(sorted(shapes))\n";
    let printed = run(ground.command(python).args(["-c", take, &ground.bus]));
    assert_eq!(printed, "[(48, 64, 3), (120, 160, 3)]\n");
}

/// OpenCV's own capture, as a program has it that knows no framebus.
#[test]
fn opencvs_own_capture_reads_the_stream_of_serve() {
    use std::io::{BufRead, BufReader};
    let python = python();
    let ground = Ground::new();
    let test = std::env::current_exe().expect("the path of the test");
    let program = test.with_file_name("../framebus");
    let mut producer = ground.background(&program);
    producer.args(["produce", "--quiet", "pattern", "--size", "320x240"]);
    let _producer = Reaped(producer.spawn().expect("started"));
    run(ground.command(&program).args(["wait", "--timeout", "60s"]));
    let mut serve = ground.background(&program);
    serve.args(["serve", "--bus", &ground.bus, "--listen", "127.0.0.1:0"]);
    let mut serve = Reaped(
        serve
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("started"),
    );
    let said = BufReader::new(serve.0.stderr.take().expect("a pipe"))
        .lines()
        .next();
    let said = said.expect("a line").expect("a text");
    let (_, url) = said.split_once("page at ").expect("an address");
    let take = "import cv2, sys\n\
        capture = cv2.VideoCapture(sys.argv[1] + 'stream.mjpg?width=160', cv2.CAP_FFMPEG)\n\
        for n in range(20):\n\
        \x20   ok, image = capture.read()\n\
        \x20   assert ok and image.shape == (120, 160, 3), (n, ok)\n\
        print('twenty')\n";
    let printed = run(ground.command(python).args(["-c", take, url]));
    assert_eq!(printed, "twenty\n");
}
