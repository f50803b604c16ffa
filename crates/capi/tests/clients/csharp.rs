//! The C# client: compiled by mono's compiler, run by mono and by .NET Core.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::python::environment;
use crate::support::{Ground, Library, Reaped, finish, root, run};

/// A runtime for assemblies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runtime {
    Mono,
    Core,
}

pub(crate) const RUNTIMES: [Runtime; 2] = [Runtime::Mono, Runtime::Core];

impl Runtime {
    /// The command that runs an assembly beside the library.
    pub(crate) fn prefix(self) -> Vec<PathBuf> {
        match self {
            Runtime::Mono => vec!["mono".into()],
            Runtime::Core => {
                let python = environment().join("bin/python");
                let find = "import dotnetcore2, os; print(os.path.dirname(dotnetcore2.__file__))";
                let package = run(Command::new(python).args(["-c", find]));
                vec![Path::new(package.trim()).join("bin/dotnet")]
            }
        }
    }
}

/// Compiles the client and a program into the library's directory.
pub(crate) fn compile(library: &Library, source: &str) -> PathBuf {
    let source = root().join(source);
    let directory = library.path();
    let dll = directory.join("Framebus.dll");
    let mut sources = crate::support::files("clients/csharp/src", &["cs"]);
    sources.sort();
    let mcs = |target: &str, out: &Path| {
        let mut command = Command::new("mcs");
        command.args(["-langversion:7", "-unsafe", "-warnaserror"]);
        command.arg(format!("-target:{target}"));
        command.arg(format!("-out:{}", out.display()));
        command
    };
    if !dll.exists() {
        run(mcs("library", &dll).args(sources));
    }
    let program = directory
        .join(source.file_stem().expect("a file name"))
        .with_extension("exe");
    run(mcs("exe", &program)
        .arg(format!("-r:{}", dll.display()))
        .arg(source));
    let config = r#"{"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": "3.1.0"}}}"#;
    std::fs::write(program.with_extension("runtimeconfig.json"), config).expect("written");
    program
}

/// What both runtimes need to find the library, and .NET Core to do without ICU.
pub(crate) fn prepare<'a>(command: &'a mut Command, library: &Library) -> &'a mut Command {
    command
        .env("LD_LIBRARY_PATH", library.path())
        .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
        .env("COMPlus_EnableDiagnostics", "0")
}

fn run_on(ground: &Ground, library: &Library, runtime: Runtime, program: &Path) -> Command {
    let prefix = runtime.prefix();
    let mut command = ground.command(&prefix[0]);
    command.args(&prefix[1..]).arg(program);
    prepare(&mut command, library);
    command
}

#[test]
fn the_csharp_client_keeps_its_promises_on_mono_and_net_core() {
    let library = Library::new();
    let program = compile(&library, "clients/csharp/tests/Api.cs");
    for runtime in RUNTIMES {
        let ground = Ground::new();
        run(&mut run_on(&ground, &library, runtime, &program));
    }
}

/// What stands between the words that open it and the next closing brace.
fn body(path: &str, opens: &str) -> String {
    let text = std::fs::read_to_string(root().join(path)).expect("a source file");
    let (_, rest) = text
        .split_once(opens)
        .unwrap_or_else(|| panic!("{path} has no {opens}"));
    let (body, _) = rest.split_once('}').expect("its end");
    body.to_owned()
}

/// A name of C as C# writes it: both TIMED_OUT and timed_out are TimedOut.
fn pascal(name: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..].to_lowercase();
    name.split('_').map(word).collect()
}

#[test]
fn csharp_names_every_result_of_the_header() {
    let members = |body: String, name: fn(&str) -> Option<String>| {
        let member = |line: &str| {
            let (left, number) = line.trim().trim_end_matches(',').split_once(" = ")?;
            Some((name(left)?, number.parse().ok()?))
        };
        body.lines()
            .filter_map(member)
            .collect::<Vec<(String, i32)>>()
    };
    let c = body("crates/capi/include/framebus.h", "enum framebus_result\n");
    let c = members(c, |name| {
        Some(pascal(name.strip_prefix("FRAMEBUS_RESULT_")?))
    });
    let csharp = body("clients/csharp/src/Result.cs", "public enum Result");
    assert!(c.len() > 30, "{c:?}");
    assert_eq!(members(csharp, |name| Some(name.to_owned())), c);
}

#[test]
fn csharp_has_the_structures_of_the_header() {
    // Types by what they take, whatever they are called.
    let kind = |name: &str| match name {
        "uint" | "uint32_t" => "u32",
        "long" | "int64_t" => "i64",
        "ulong" | "uint64_t" => "u64",
        "double" => "f64",
        "IntPtr" => "pointer",
        "char" | "fixed byte" => "bytes",
        other if other.ends_with('*') => "pointer",
        other => panic!("a type of no known size: {other}"),
    };
    for (c, csharp) in [
        ("consumer_options", "ConsumerOptions"),
        ("frame", "FrameInfo"),
        ("stream", "Stream"),
        ("consumer_stats", "ConsumerStats"),
        ("producer_options", "ProducerOptions"),
        ("target", "Target"),
        ("meta", "Meta"),
        ("plane", "Plane"),
        ("target_plane", "Plane"),
        ("producer_stats", "ProducerStats"),
    ] {
        let opens = format!("typedef struct framebus_{c} {{");
        let fields = |body: String, name: fn(&str) -> String| {
            let field = |line: &str| {
                let line = line.trim().strip_suffix(';')?;
                let split = line.rfind([' ', '*'])? + 1;
                let (of, called) = line.split_at(split);
                let of = of.trim().trim_start_matches("internal ");
                Some((kind(of), name(called)))
            };
            body.lines().filter_map(field).collect::<Vec<_>>()
        };
        let c = fields(body("crates/capi/include/framebus.h", &opens), pascal);
        let opens = format!("struct {csharp}\n");
        let csharp = body("clients/csharp/src/Native.cs", &opens);
        assert!(c.len() > 4, "{c:?}");
        assert_eq!(fields(csharp, str::to_owned), c);
    }
}

#[test]
fn the_csharp_examples_find_each_other() {
    let library = Library::new();
    let producer = compile(&library, "clients/csharp/examples/ProducerExample.cs");
    let consumer = compile(&library, "clients/csharp/examples/ConsumerExample.cs");
    for runtime in RUNTIMES {
        let ground = Ground::new();
        let prefix = runtime.prefix();
        let mut command = ground.background(&prefix[0]);
        command.args(&prefix[1..]).arg(&producer).arg(&ground.bus);
        let started = prepare(&mut command, &library).spawn().expect("started");
        let _producer = Reaped(started);
        let mut command = run_on(&ground, &library, runtime, &consumer);
        let printed = run(command.args([&ground.bus, "10"]));
        assert_eq!(printed.lines().count(), 10, "{printed}");
        assert!(printed.lines().all(|line| line.contains("640x480")));
    }
}

#[test]
fn a_program_without_the_library_waits_on_the_pipe_and_reads_table_2() {
    let library = Library::new();
    let reader = compile(&library, "clients/csharp/examples/Table2Reader.cs");
    let producer = crate::c::compile(&library, "clients/c/examples/producer.c", &[]);
    for runtime in RUNTIMES {
        let ground = Ground::new();
        let mut command = ground.background(&producer);
        let _producer = Reaped(command.arg(&ground.bus).spawn().expect("started"));
        let segment = format!("/dev/shm/framebus.{}", ground.bus);
        let pipe = ground.pipe(1);
        while !pipe.exists() || !Path::new(&segment).exists() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let mut command = run_on(&ground, &library, runtime, &reader);
        command.arg(&pipe).args([segment.as_str(), "10"]);
        let printed = run(&mut command);
        assert_eq!(printed.lines().count(), 10, "{printed}");
        assert!(printed.lines().all(|line| line.contains("640x480")));
    }
}

#[test]
fn a_missing_library_is_named() {
    let library = Library::new();
    let program = compile(&library, "clients/csharp/tests/Conformance.cs");
    let output = finish(
        Ground::new()
            .command("mono")
            .arg(program)
            .args(["consume", "b", "0", "newest", "0"]),
    );
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && text.contains("framebus"),
        "{text}"
    );
}
