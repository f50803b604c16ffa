//! What bin/install-capi installs: the library's names and symbols, and that pkg-config and CMake find it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::documented::{prints_ten_frames, program};
use crate::support::{Ground, finish, lock_of_the_library, root, run};

const VERSION: &str = env!("CARGO_PKG_VERSION");

fn soname() -> String {
    format!("libframebus.so.{}", env!("CARGO_PKG_VERSION_MAJOR"))
}

/// Installs into a prefix below this directory, which is left where it is.
fn install(directory: &TempDir) -> PathBuf {
    let prefix = directory.path().join("prefix");
    let lock = lock_of_the_library();
    lock.lock().expect("a lock");
    run(Command::new(root().join("bin/install-capi"))
        .args(["--profile", "dev"])
        .arg(&prefix));
    prefix
}

#[test]
fn install_capi_installs_what_pkg_config_finds() {
    let directory = tempfile::tempdir().expect("a directory");
    let prefix = install(&directory);
    let library = prefix.join("lib");
    let flags = run(Command::new("pkg-config")
        .args(["--cflags", "--libs", "framebus"])
        .env("PKG_CONFIG_PATH", library.join("pkgconfig")));
    let program = prefix.join("consumer");
    compile(&program, &flags, &[]);
    let ground = Ground::new();
    let output = finish(
        ground
            .command(&program)
            .env("LD_LIBRARY_PATH", &library)
            .args(["Not-A-Bus"]),
    );
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("bus name 'Not-A-Bus' is not valid"), "{text}");
    let archive = library.join("libframebus.a").display().to_string();
    let flags = flags.replace("-lframebus", &archive);
    compile(&program, &flags, &["-lpthread", "-ldl", "-lm", "-lgcc_s"]);
    let text = finish(ground.command(&program).args(["Not-A-Bus"])).stderr;
    assert!(String::from_utf8_lossy(&text).contains("is not valid"));
}

fn compile(program: &Path, flags: &str, more: &[&str]) {
    run(Command::new("cc")
        .arg(root().join("clients/c/examples/consumer.c"))
        .args(flags.split_whitespace())
        .args(more)
        .arg("-o")
        .arg(program));
}

/// The functions that framebus.h declares.
fn declared() -> BTreeSet<String> {
    let header = root().join("crates/capi/include/framebus.h");
    let header = std::fs::read_to_string(header).expect("the header");
    let code = header.lines().filter(|line| !line.contains("//"));
    let code: Vec<&str> = code.collect();
    let code = code.join("\n");
    let words = code.split(|character: char| !(character.is_alphanumeric() || character == '_'));
    words
        .filter(|word| word.starts_with("framebus_") && code.contains(&format!("{word}(")))
        .map(str::to_owned)
        .collect()
}

#[test]
fn the_shared_library_has_the_functions_of_the_header_its_number_and_nothing_else() {
    let directory = tempfile::tempdir().expect("a directory");
    let library = install(&directory).join("lib");
    let real = library.join(format!("libframebus.so.{VERSION}"));
    for (link, target) in [
        ("libframebus.so", soname()),
        (&soname(), format!("libframebus.so.{VERSION}")),
    ] {
        let leads = std::fs::read_link(library.join(link)).expect(link);
        assert_eq!(leads, Path::new(&target));
    }
    let dynamic = run(Command::new("readelf").arg("-dW").arg(&real));
    assert!(
        dynamic.contains(&format!("soname: [{}]", soname())),
        "{dynamic}"
    );
    let symbols = run(Command::new("nm")
        .args(["-D", "--defined-only", "--format=just-symbols"])
        .arg(&real));
    let symbols: BTreeSet<String> = symbols.lines().map(str::to_owned).collect();
    assert!(symbols.len() > 20, "{symbols:?}");
    assert_eq!(symbols, declared());
}

/// A project with a source of each language, as CMake sees it.
struct Project<'a> {
    directory: TempDir,
    prefix: &'a Path,
}

impl Project<'_> {
    fn new<'a>(prefix: &'a Path, text: &str) -> Project<'a> {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, text) in [
            ("CMakeLists.txt", text),
            ("first.c", &program("c")),
            ("first.cpp", &program("cpp")),
        ] {
            std::fs::write(directory.path().join(name), text).expect("written");
        }
        Project { directory, prefix }
    }

    fn configure(&self) -> Command {
        let mut command = Command::new("cmake");
        command
            .current_dir(self.directory.path())
            .args(["-S", ".", "-B", "build", "-Wdev", "-Werror=dev"])
            .arg(format!("-DCMAKE_PREFIX_PATH={}", self.prefix.display()));
        command
    }

    /// Builds a program with the library of this name, or none, in what it asks the loader for; it must take ten frames.
    fn takes_ten_frames(&self, target: &str, needs: bool) {
        let build = self.directory.path().join("build");
        run(Command::new("cmake")
            .arg("--build")
            .arg(&build)
            .args(["--target", target]));
        let program = build.join(target);
        let dynamic = run(Command::new("readelf").arg("-dW").arg(&program));
        let named = dynamic.contains(&format!("Shared library: [{}]", soname()));
        assert_eq!(named, needs, "{target}: {dynamic}");
        prints_ten_frames(|ground| ground.command(&program));
    }
}

#[test]
fn cmake_finds_the_package_where_it_was_moved_to_and_its_programs_run() {
    let directory = tempfile::tempdir().expect("a directory");
    let installed = install(&directory);
    let moved = directory.path().join("another place");
    std::fs::rename(installed, &moved).expect("renamed");
    let documented = Project::new(&moved, &program("cmake"));
    run(&mut documented.configure());
    documented.takes_ten_frames("first", true);
    documented.takes_ten_frames("first_static", false);
    // No C in the project, and found twice, as when a dependency looks for it too.
    let cpp = "cmake_minimum_required(VERSION 3.13)\n\
        project(cpp CXX)\n\
        find_package(framebus 0.1 CONFIG REQUIRED)\n\
        find_package(framebus CONFIG REQUIRED)\n\
        foreach(library framebus framebus_static)\n\
        \x20   add_executable(with_${library} first.cpp)\n\
        \x20   target_compile_features(with_${library} PRIVATE cxx_std_17)\n\
        \x20   target_link_libraries(with_${library} PRIVATE framebus::${library})\n\
        endforeach()\n";
    let cpp = Project::new(&moved, cpp);
    run(&mut cpp.configure());
    cpp.takes_ten_frames("with_framebus", true);
    cpp.takes_ten_frames("with_framebus_static", false);
}

#[test]
fn cmake_is_told_which_requests_this_version_answers() {
    let directory = tempfile::tempdir().expect("a directory");
    let prefix = install(&directory);
    let ask = |request: &str, bytes: &str| {
        let text = format!(
            "cmake_minimum_required(VERSION 3.19)\n\
             project(asks NONE)\n\
             set(CMAKE_SIZEOF_VOID_P {bytes})\n\
             find_package(framebus {request} CONFIG REQUIRED)\n"
        );
        finish(&mut Project::new(&prefix, &text).configure())
    };
    let mut parts = VERSION.split('.').map(|part| part.parse::<u32>());
    let mut part = || parts.next().expect("a part").expect("a number");
    let (major, minor, patch) = (part(), part(), part());
    let next = major + 1;
    for (request, found) in [
        (String::new(), true),
        (format!("{major}"), true),
        (format!("{major}.{minor}"), true),
        (format!("{VERSION} EXACT"), true),
        (format!("{major}.0...<{next}"), true),
        (format!("{major}.0...{VERSION}"), true),
        (format!("{major}.0...<{VERSION}"), false),
        (format!("{major}.{minor}.{} EXACT", patch + 1), false),
        (format!("{major}.{}", minor + 1), false),
        (format!("{next}"), false),
        ("COMPONENTS camera".to_owned(), false),
        ("OPTIONAL_COMPONENTS camera".to_owned(), true),
    ] {
        let output = ask(&request, "8");
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.success(), found, "{request}: {text}");
    }
    assert!(
        !ask("", "4").status.success(),
        "a library of 64 bits for 32"
    );
    std::fs::remove_file(prefix.join("lib/libframebus.a")).expect("removed");
    let output = ask("", "8");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("libframebus.a is missing"), "{text}");
}
