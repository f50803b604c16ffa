//! The Python client: `bin/package python` makes its wheel, which is installed into a virtual environment under target/.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Ground, Reaped, build, files, root, run};

/// What the tests use from the package index.
const PACKAGES: [&str; 7] = [
    "numpy",
    "pillow",
    "opencv-python-headless",
    "dotnetcore2",
    "abi3audit",
    "mypy",
    // With a node of its own, which not every machine has.
    "pyright[nodejs]",
];

const INSTALL: [&str; 5] = [
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
];

/// The virtual environment with what is needed, but not the client; made once.
pub(crate) fn environment() -> PathBuf {
    build(
        "venv",
        &[root().join("crates/capi/tests/clients/python.rs")],
        |venv| {
            run(Command::new("python3").args(["-m", "venv"]).arg(venv));
            run(Command::new(venv.join("bin/python"))
                .args(INSTALL)
                .args(PACKAGES));
        },
    )
}

/// The wheel, as its users get it.
pub(crate) fn wheel() -> PathBuf {
    let mut sources = files("clients/python/src", &["rs"]);
    sources.extend(files("clients/python/python", &["py", "pyi"]));
    sources.extend(files("crates/framebus/src", &["rs"]));
    sources.extend(
        ["Cargo.toml", "pyproject.toml", "package"]
            .map(|name| root().join("clients/python").join(name)),
    );
    let directory = build("wheel", &sources, |directory| {
        let _ = std::fs::remove_dir_all(directory);
        run(Command::new(root().join("bin/package"))
            .args(["python", "--to"])
            .arg(directory));
    });
    let built = std::fs::read_dir(directory).expect("a directory").next();
    built.expect("a wheel").expect("an entry").path()
}

/// Python with the client installed.
pub(crate) fn python() -> PathBuf {
    let python = environment().join("bin/python");
    let wheel = wheel();
    build("installed", std::slice::from_ref(&wheel), |_| {
        run(Command::new(&python)
            .args(INSTALL)
            .args(["--force-reinstall", "--no-deps"])
            .arg(&wheel));
    });
    python
}

#[test]
fn the_python_client_keeps_its_promises() {
    let python = python();
    let ground = Ground::new();
    let rounds = std::env::var("FRAMEBUS_ROUNDS").unwrap_or_else(|_| "1000000".to_owned());
    run(ground
        .command(python)
        .args(["-X", "dev", "-W", "error"])
        .arg(root().join("clients/python/tests/test_framebus.py"))
        .env("PYTHONDEVMODE", "1")
        .env("FRAMEBUS_ROUNDS", rounds));
}

#[test]
fn planes_are_numpys_arrays_in_opencvs_shapes() {
    let python = python();
    let ground = Ground::new();
    run(ground
        .command(python)
        .args(["-X", "dev", "-W", "error"])
        .arg(root().join("clients/python/tests/test_planes.py")));
}

#[test]
fn the_python_aruco_example_finds_each_processs_markers() {
    let python = python();
    let ground = Ground::new();
    let markers = root().join("clients/python/tests/marker_producer.py");
    let mut command = ground.background(&python);
    let _producer = Reaped(
        command
            .arg(markers)
            .arg(&ground.bus)
            .spawn()
            .expect("started"),
    );
    let example = root().join("clients/python/examples/aruco_consumer.py");
    for (index, marker) in [("0", "[23]"), ("1", "[42]")] {
        let printed = run(ground
            .command(&python)
            .arg(&example)
            .args([index, &ground.bus, "5"]));
        assert_eq!(printed.lines().count(), 5, "{printed}");
        assert!(
            printed.lines().all(|line| line.ends_with(marker)),
            "{printed}"
        );
    }
}

#[test]
fn the_webcam_example_shares_a_video_file() {
    let python = python();
    let ground = Ground::new();
    let directory = tempfile::tempdir().expect("a directory");
    let video = directory.path().join("video.avi");
    let make = "import cv2, numpy, sys\n\
        out = cv2.VideoWriter(sys.argv[1], cv2.VideoWriter_fourcc(*'MJPG'), 25, (320, 240))\n\
        for value in range(250): out.write(numpy.full((240, 320, 3), value, numpy.uint8))\n";
    run(ground.command(&python).args(["-c", make]).arg(&video));
    let example = root().join("clients/python/examples/webcam_producer.py");
    let take = "import framebus, sys\n\
        consumer = framebus.Consumer(timeout=60)\n\
        frames = [(frame.source_frame, round(frame.gray.mean())) for frame in consumer]\n\
        assert frames and all(abs(number - mean) < 6 for number, mean in frames), frames\n";
    let mut consumer = ground.background(&python);
    let mut consumer = Reaped(consumer.args(["-c", take]).spawn().expect("started"));
    // A short file may be over before the consumer is there: it is shared until the consumer has had its frames.
    let ended = loop {
        run(ground.command(&python).arg(&example).arg(&video));
        if let Some(ended) = consumer.0.try_wait().expect("its state") {
            break ended;
        }
    };
    assert!(ended.success(), "{ended}");
}
