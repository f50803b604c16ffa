//! The Python client: built as a wheel, installed into a virtual environment under target/.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Ground, Reaped, build, files, finish, kept, root, run};

/// What the tests use from the package index.
const PACKAGES: [&str; 5] = [
    "maturin>=1.9,<2",
    "numpy",
    "pillow",
    "opencv-python-headless",
    "dotnetcore2",
];

/// The virtual environment with what is needed, but not the client; made once.
pub(crate) fn environment() -> PathBuf {
    build(
        "venv",
        &[root().join("capi/tests/clients/python.rs")],
        |venv| {
            run(Command::new("python3").args(["-m", "venv"]).arg(venv));
            run(Command::new(venv.join("bin/python"))
                .args([
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                ])
                .args(PACKAGES));
        },
    )
}

/// Python with the client installed.
pub(crate) fn python() -> PathBuf {
    let venv = environment();
    let mut sources = files("clients/python/src", &["rs"]);
    sources.extend(files("clients/python/python", &["py", "pyi"]));
    sources.extend(files("src", &["rs"]));
    sources.push(root().join("clients/python/pyproject.toml"));
    build("wheel", &sources, |wheel| {
        let _ = std::fs::remove_dir_all(wheel);
        let manifest = root().join("clients/python/Cargo.toml");
        // The profile of the tests, so that what they have compiled is used.
        run(Command::new(venv.join("bin/maturin"))
            .args(["build", "--quiet", "--profile", "dev", "--manifest-path"])
            .arg(manifest)
            .arg("--out")
            .arg(wheel)
            .env("PATH", path_with(&venv.join("bin"))));
        let built = std::fs::read_dir(wheel).expect("a directory").next();
        run(Command::new(venv.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
            ])
            .args(["--force-reinstall", "--no-deps"])
            .arg(built.expect("a wheel").expect("an entry").path()));
    });
    kept().join("venv/bin/python")
}

fn path_with(directory: &Path) -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{}:{path}", directory.display())
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
        out = cv2.VideoWriter(sys.argv[1], cv2.VideoWriter_fourcc(*'MJPG'), 25, (64, 48))\n\
        for value in range(200): out.write(numpy.full((48, 64, 3), value, numpy.uint8))\n";
    run(ground.command(&python).args(["-c", make]).arg(&video));
    let example = root().join("clients/python/examples/webcam_producer.py");
    let take = "import framebus, sys\n\
        consumer = framebus.Consumer(timeout=60)\n\
        frames = [(frame.source_frame, round(frame.gray.mean())) for frame in consumer]\n\
        assert frames and all(abs(number - mean) < 6 for number, mean in frames), frames\n";
    let mut consumer = ground.background(&python);
    let consumer = Reaped(consumer.args(["-c", take]).spawn().expect("started"));
    let mut command = ground.command(&python);
    let mut waiting = consumer;
    run(command.arg(example).arg(&video));
    // A file is read faster than a consumer starts: it may have come too late, and then it is ended.
    let _ = waiting.0.kill();
}

#[test]
fn a_stub_names_everything_that_the_module_has() {
    let python = python();
    let stub = root().join("clients/python/python/framebus/__init__.pyi");
    let compare = "import ast, framebus, sys\n\
        stub = {node.name: node for node in ast.parse(open(sys.argv[1]).read()).body if hasattr(node, 'name')}\n\
        missing = [name for name in framebus.__all__ if name not in stub]\n\
        for name in framebus.__all__:\n\
        \x20   if isinstance(getattr(framebus, name), type) and not issubclass(getattr(framebus, name), Exception):\n\
        \x20       has = {m for m in dir(getattr(framebus, name)) if not m.startswith('_') and not m.endswith(('_bytes', '_json'))}\n\
        \x20       says = {n.name for n in stub[name].body if hasattr(n, 'name') and not n.name.startswith('_')}\n\
        \x20       missing += [f'{name}.{m}' for m in sorted(has ^ says)]\n\
        sys.exit(', '.join(missing) or 0)\n";
    let output = finish(Command::new(python).args(["-c", compare]).arg(stub));
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
