//! What `bin/package python` makes: the wheel on a machine that has nothing, and its types.

use std::path::Path;
use std::process::Command;

use crate::python::{python, wheel};
use crate::support::{Ground, finish, root, run};

/// Directories without a compiler, a cargo or a node.
const NOTHING: &str = "/nonexistent";

#[test]
fn the_wheel_needs_only_glibc_and_the_stable_interface_of_python() {
    let (python, wheel) = (python(), wheel());
    let name = wheel.file_name().expect("a name").to_string_lossy();
    let platform = format!("manylinux_2_17_{}.whl", std::env::consts::ARCH);
    assert!(
        name.contains("-cp39-abi3-") && name.ends_with(&platform),
        "{name}"
    );
    let look = "import io, re, sys, zipfile\n\
        from elftools.elf.elffile import ELFFile\n\
        wheel = zipfile.ZipFile(sys.argv[1])\n\
        names = [name for name in wheel.namelist() if '.dist-info/' not in name]\n\
        print(*sorted(names))\n\
        print(*sorted(name.split('/')[-1] for name in wheel.namelist() if '/licenses/' in name))\n\
        module = ELFFile(io.BytesIO(wheel.read('framebus/_framebus.abi3.so')))\n\
        needs = {tag.needed for tag in module.get_section_by_name('.dynamic').iter_tags('DT_NEEDED')}\n\
        print(*(name for name in needs if not re.match(r'(ld-linux.*|lib(c|m|dl|rt|pthread))\\.so', name)))\n";
    let seen = run(Command::new(&python).args(["-c", look]).arg(&wheel));
    assert_eq!(
        seen,
        "framebus/__init__.py framebus/__init__.pyi framebus/_capture.py framebus/_framebus.abi3.so framebus/py.typed\n\
         LICENSE-APACHE LICENSE-MIT\n\
         \n"
    );
    run(Command::new(&python)
        .args(["-m", "abi3audit", "--strict"])
        .arg(&wheel));
}

#[test]
fn the_wheel_installs_and_runs_where_nothing_else_is() {
    let wheel = wheel();
    let ground = Ground::new();
    let place = tempfile::tempdir().expect("a directory");
    run(Command::new("python3")
        .args(["-m", "venv"])
        .arg(place.path()));
    let bare = place.path().join("bin/python");
    run(Command::new(&bare)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .args(["--only-binary", ":all:"])
        .arg(wheel)
        .env("PATH", NOTHING));
    let program = "import framebus, sys\n\
        gray, bgr = framebus.Pattern(64, 48).draw(3)\n\
        with framebus.Producer(64, 48, color=True) as producer:\n\
        \x20   consumer, capture = framebus.Consumer(), framebus.VideoCapture(sys.argv[1])\n\
        \x20   producer.publish(gray, bgr)\n\
        \x20   assert framebus.verify_pattern(consumer.next().gray) == 3\n\
        \x20   assert (capture.read()[1] == bgr).all()\n\
        \x20   capture.release()\n\
        \x20   consumer.close()\n\
        print('cv2' in sys.modules)\n";
    let printed = run(ground.command(&bare).args(["-c", program, &ground.bus]));
    assert_eq!(printed, "False\n");
}

/// The examples, and one that uses the client wrongly, in a directory of their own.
fn programs() -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a directory");
    for entry in std::fs::read_dir(root().join("clients/python/examples")).expect("examples") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|ending| ending == "py") {
            std::fs::copy(&path, place.path().join(path.file_name().expect("a name")))
                .expect("a copy");
        }
    }
    let planes = "import framebus\n\n\
        with framebus.Producer(64, 48, planes=[\"nv12\", \"meta\"]) as producer:\n\
        \x20   slot = producer.claim()\n\
        \x20   if slot is not None:\n\
        \x20       slot.plane(\"nv12\")[...] = 128\n\
        \x20       slot.publish(metadata=b\"{}\")\n\
        for frame in framebus.Consumer(needs=\"nv12\"):\n\
        \x20   print(frame.planes, frame.plane(\"nv12\").shape, frame.metadata.decode())\n\
        print(sorted(framebus.FORMATS))\n";
    std::fs::write(place.path().join("planes.py"), planes).expect("written");
    let wrong = "import framebus\n\nframebus.VideoCapture(1.5)\n";
    std::fs::write(place.path().join("wrong.py"), wrong).expect("written");
    let strict = r#"{ "typeCheckingMode": "strict" }"#;
    std::fs::write(place.path().join("pyrightconfig.json"), strict).expect("written");
    place
}

/// Runs a checker of types, which must find fault with the wrong program and with nothing else.
fn finds_only_the_wrong_one(command: &mut Command, place: &Path) {
    let output = finish(command.current_dir(place));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let faults = said.lines().filter(|line| line.contains("error:"));
    let (wrong, others): (Vec<_>, Vec<_>) = faults.partition(|line| line.contains("wrong.py:3"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!wrong.is_empty() && others.is_empty(), "{said}{stderr}");
}

#[test]
fn the_examples_are_clean_to_mypy_and_pyright_at_their_strictest() {
    let python = python();
    let place = programs();
    let mut mypy = Command::new(&python);
    mypy.args(["-m", "mypy", "--strict", "--no-error-summary", "."]);
    finds_only_the_wrong_one(&mut mypy, place.path());
    let mut pyright = Command::new(&python);
    pyright
        .args(["-m", "pyright", "--pythonpath"])
        .arg(&python)
        // It has what it needs, and says on every run that there may be a newer one.
        .env("PYRIGHT_PYTHON_IGNORE_WARNINGS", "1")
        .env("PATH", NOTHING);
    // Its colon has a column before it: `wrong.py:3:23 - error: …`.
    finds_only_the_wrong_one(&mut pyright, place.path());
}

#[test]
fn the_stub_says_what_the_module_has() {
    let python = python();
    let place = tempfile::tempdir().expect("a directory");
    let settings = place.path().join("mypy.ini");
    // The native module is behind the package, whose stub this is about.
    let text = "[mypy]\n[mypy-framebus._framebus]\nignore_missing_imports = True\n";
    std::fs::write(&settings, text).expect("written");
    run(Command::new(python)
        .args(["-m", "mypy.stubtest", "framebus", "--mypy-config-file"])
        .arg(settings)
        .current_dir(place.path()));
}
