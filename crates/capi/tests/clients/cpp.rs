//! The C++ client: framebus.hpp.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{Ground, Library, Reaped, root, run};

/// Compiles a C++ program against the library.
pub(crate) fn compile(library: &Library, source: &str, extra: &[&str]) -> PathBuf {
    let source = root().join(source);
    let program = library
        .path()
        .join(source.file_stem().expect("a file name"));
    run(Command::new("c++")
        .args(["-Wall", "-Wextra", "-Werror", "-O1", "-g"])
        .args(extra)
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .args(library.flags())
        .args(extra.iter().filter(|flag| flag.starts_with("-l"))));
    program
}

/// Compiles a C++ program that uses OpenCV.
fn compile_with_opencv(library: &Library, source: &str) -> PathBuf {
    let flags = run(Command::new("pkg-config").args(["--cflags", "opencv4"]));
    // All that `pkg-config --libs opencv4` names would take seconds to load.
    let libraries = [
        "-lopencv_aruco",
        "-lopencv_objdetect",
        "-lopencv_imgproc",
        "-lopencv_core",
    ];
    let mut flags: Vec<&str> = flags.split_whitespace().collect();
    flags.push("-std=c++17");
    // OpenCV's own headers have warnings.
    flags.push("-Wno-deprecated-enum-enum-conversion");
    flags.extend(libraries);
    compile(library, source, &flags)
}

#[test]
fn frames_and_claims_give_themselves_back() {
    let library = Library::new();
    for standard in ["-std=c++17", "-std=c++20"] {
        let sanitize = ["-fsanitize=address,undefined", standard];
        let program = compile(&library, "clients/cpp/tests/api.cpp", &sanitize);
        let ground = Ground::new();
        run(&mut ground.command(program));
    }
}

#[test]
fn planes_are_opencvs_images() {
    let library = Library::new();
    let program = compile_with_opencv(&library, "clients/cpp/tests/planes.cpp");
    run(&mut Ground::new().command(program));
}

#[test]
fn the_aruco_example_finds_each_processs_markers() {
    let library = Library::new();
    let producer = compile_with_opencv(&library, "clients/cpp/tests/marker_producer.cpp");
    let consumer = compile_with_opencv(&library, "clients/cpp/examples/aruco_consumer.cpp");
    let ground = Ground::new();
    let mut command = ground.background(&producer);
    let _producer = Reaped(command.arg(&ground.bus).spawn().expect("started"));
    for (index, marker) in [("0", " 23"), ("1", " 42")] {
        let printed = run(ground.command(&consumer).args([index, &ground.bus, "5"]));
        assert_eq!(printed.lines().count(), 5, "{printed}");
        assert!(
            printed
                .lines()
                .all(|line| line.ends_with(&format!(":{marker}"))),
            "{printed}"
        );
    }
}
