//! The programs of docs/clients.md, and what of docs/recipes.md needs a client, as they stand there.

use std::path::Path;
use std::process::Command;

use crate::csharp::prepare;
use crate::support::{Ground, Library, Reaped, root, run};

/// The code of docs/clients.md in this language.
pub(crate) fn program(language: &str) -> String {
    program_of("docs/clients.md", language)
}

/// The code between the fences of this language; a page has one.
pub(crate) fn program_of(page: &str, language: &str) -> String {
    let page = std::fs::read_to_string(root().join(page)).expect(page);
    let fence = format!("```{language}\n");
    let mut found = page.split(&fence).skip(1);
    let code = found.next().unwrap_or_else(|| panic!("no {language}"));
    assert!(found.next().is_none(), "two programs in {language}");
    code.split("```").next().expect("a fence").to_owned()
}

/// Writes a program where its compiler finds it.
fn write(library: &Library, name: &str, language: &str) -> String {
    let place = library.path().join(name);
    std::fs::write(&place, program(language)).expect("written");
    place.display().to_string()
}

/// Runs a command beside a producer; it must print ten frames.
fn takes_ten_frames(library: &Library, program: &Path, arguments: &[&str]) {
    prints_ten_frames(|ground| {
        let mut command = ground.command(program);
        command.args(arguments);
        prepare(&mut command, library);
        command
    });
}

/// Runs what is made for a ground, with the bus as its last argument, beside a producer; it must print ten frames.
pub(crate) fn prints_ten_frames(make: impl FnOnce(&Ground) -> Command) {
    let ground = Ground::new();
    let test = std::env::current_exe().expect("the path of the test");
    let mut producer = ground.background(test.with_file_name("../examples/conformance"));
    producer.args(["produce", &ground.bus, "64", "48", "100", "1", "3600"]);
    let _producer = Reaped(producer.spawn().expect("started"));
    let printed = run(make(&ground).arg(&ground.bus));
    assert_eq!(printed.lines().count(), 10, "{printed}");
}

#[test]
fn the_c_program_runs() {
    let library = Library::new();
    let source = write(&library, "first.c", "c");
    let program = crate::c::compile(&library, &source, &[]);
    takes_ten_frames(&library, &program, &[]);
}

#[test]
fn the_cpp_program_runs() {
    let library = Library::new();
    let source = write(&library, "first.cpp", "cpp");
    let program = crate::cpp::compile(&library, &source, &["-std=c++17"]);
    takes_ten_frames(&library, &program, &[]);
}

#[test]
fn the_python_program_runs() {
    let library = Library::new();
    let source = write(&library, "first.py", "python");
    takes_ten_frames(&library, &crate::python::python(), &[&source]);
}

#[test]
fn the_recipe_with_opencv_runs() {
    let library = Library::new();
    let place = library.path().join("edges.py");
    std::fs::write(&place, program_of("docs/recipes.md", "python")).expect("written");
    let source = place.display().to_string();
    takes_ten_frames(&library, &crate::python::python(), &[&source]);
}

#[test]
fn the_csharp_program_runs() {
    let library = Library::new();
    let source = write(&library, "first.cs", "csharp");
    let program = crate::csharp::compile(&library, &source);
    takes_ten_frames(
        &library,
        Path::new("mono"),
        &[&program.display().to_string()],
    );
}

#[test]
fn the_rust_program_is_the_example_and_runs() {
    let example = std::fs::read_to_string(root().join("crates/capi/examples/first_frames.rs"));
    let example = example.expect("the example");
    assert!(
        example.trim_end().ends_with(program("rust").trim_end()),
        "docs/clients.md and crates/capi/examples/first_frames.rs differ"
    );
    let test = std::env::current_exe().expect("the path of the test");
    let built = test.with_file_name("../examples/first_frames");
    takes_ten_frames(&Library::new(), &built, &[]);
}

#[test]
fn every_name_of_the_layout_that_the_protocol_mentions_exists() {
    let protocol = std::fs::read_to_string(root().join("docs/protocol.md")).expect("protocol");
    let layout = std::fs::read_to_string(root().join("docs/layout.md")).expect("layout");
    let mut seen = 0;
    for word in protocol.split('`').skip(1).step_by(2) {
        for prefix in ["header.", "record.", "slot."] {
            if let Some(field) = word.strip_prefix(prefix) {
                let field = field.split([' ', '=']).next().expect("a name");
                assert!(layout.contains(&format!("| `{field}` |")), "{word}");
                seen += 1;
            }
        }
    }
    assert!(seen > 10);
}
