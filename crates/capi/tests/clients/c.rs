//! The C client: framebus.h and libframebus.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Ground, Library, Reaped, root, run};

const WARNINGS: [&str; 6] = [
    "-std=c11",
    "-D_DEFAULT_SOURCE",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-O1",
];

/// Compiles a C program against the library.
pub(crate) fn compile(library: &Library, source: &str, extra: &[&str]) -> PathBuf {
    let source = root().join(source);
    let program = library
        .path()
        .join(source.file_stem().expect("a file name"));
    run(Command::new("cc")
        .args(WARNINGS)
        .arg("-g")
        .args(extra)
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .args(library.flags()));
    program
}

#[test]
fn every_function_does_what_the_header_says() {
    let library = Library::new();
    let program = compile(&library, "clients/c/tests/api.c", &[]);
    let ground = Ground::new();
    run(&mut ground.command(program));
}

#[test]
fn planes_are_what_the_header_says() {
    let library = Library::new();
    let sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    let program = compile(&library, "clients/c/tests/planes.c", &sanitize);
    let ground = Ground::new();
    run(&mut ground.command(program));
}

#[test]
fn handles_of_another_process_and_of_a_cut_segment_are_errors() {
    let library = Library::new();
    let program = compile(&library, "clients/c/tests/handles.c", &[]);
    let ground = Ground::new();
    run(&mut ground.command(program));
}

#[test]
fn address_sanitizer_finds_nothing() {
    let library = Library::new();
    let sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];
    let program = compile(&library, "clients/c/tests/api.c", &sanitize);
    let ground = Ground::new();
    run(ground
        .command(program)
        .env("ASAN_OPTIONS", "detect_leaks=1"));
}

#[test]
fn valgrind_finds_nothing() {
    let library = Library::new();
    let program = compile(&library, "clients/c/tests/api.c", &[]);
    let ground = Ground::new();
    run(ground
        .command("valgrind")
        .args(["--quiet", "--error-exitcode=99", "--leak-check=full"])
        .args([
            "--errors-for-leak-kinds=definite",
            "--show-leak-kinds=definite",
        ])
        .arg(program));
}

/// Runs a producer beside a consumer that takes ten frames.
pub(crate) fn ten_frames(producer: &Path, consumer: &Path) {
    let ground = Ground::new();
    let mut command = ground.background(producer);
    let _producer = Reaped(command.arg(&ground.bus).spawn().expect("started"));
    let printed = run(ground.command(consumer).args([&ground.bus, "10"]));
    assert_eq!(printed.lines().count(), 10, "{printed}");
    assert!(printed.lines().all(|line| line.contains("640x480")));
}

#[test]
fn the_examples_find_each_other() {
    let library = Library::new();
    let producer = compile(&library, "clients/c/examples/producer.c", &[]);
    let consumer = compile(&library, "clients/c/examples/consumer.c", &[]);
    ten_frames(&producer, &consumer);
}
