//! The package for C#: as NuGet expects it, and used as NuGet's clients use it, on mono and on .NET Core.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::csharp::Runtime;
use crate::documented::{prints_ten_frames, program, program_of};
use crate::support::{Ground, finish, lock_of_the_library, root, run};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const KIND: &str = if cfg!(target_arch = "aarch64") {
    "linux-arm64"
} else {
    "linux-x64"
};

/// The package, unpacked to where NuGet keeps packages, and a place for programs.
struct Package {
    directory: TempDir,
}

impl Package {
    fn new() -> Package {
        let directory = tempfile::tempdir().expect("a directory");
        let package = Package { directory };
        let test = std::env::current_exe().expect("the path of the test");
        let lock = lock_of_the_library();
        lock.lock_shared().expect("a lock");
        let made = run(Command::new(root().join("bin/package"))
            .args(["nuget", "--from"])
            .arg(test.parent().expect("a directory"))
            .arg("--to")
            .arg(package.directory.path()));
        drop(lock);
        assert_eq!(Path::new(made.trim()), package.file());
        run(Command::new("python3")
            .args(["-m", "zipfile", "-e"])
            .arg(package.file())
            .arg(package.unpacked("")));
        fs::create_dir(package.program("")).expect("a directory");
        package
    }

    fn file(&self) -> PathBuf {
        self.directory
            .path()
            .join(format!("Framebus.{VERSION}.nupkg"))
    }

    fn cache(&self) -> PathBuf {
        self.directory.path().join("packages")
    }

    fn unpacked(&self, path: &str) -> PathBuf {
        self.cache().join("framebus").join(VERSION).join(path)
    }

    fn native(&self) -> PathBuf {
        self.unpacked(&format!("runtimes/{KIND}/native/libframebus.so"))
    }

    fn program(&self, name: &str) -> PathBuf {
        self.directory.path().join("programs").join(name)
    }

    /// What the .NET SDK writes beside a program that has this package: where the runtime finds the assembly and, for
    /// this kind of machine, the library.
    fn describe(&self, program: &str) {
        let name = program.split('.').next().expect("a name");
        let framework = ".NETCoreApp,Version=v3.1";
        let dependencies = serde_json::json!({
            "runtimeTarget": {"name": framework, "signature": ""},
            "targets": {framework: {
                format!("{name}/1.0.0"): {"dependencies": {"Framebus": VERSION}, "runtime": {program: {}}},
                format!("Framebus/{VERSION}"): {
                    "runtime": {"lib/netstandard2.0/Framebus.dll": {}},
                    "runtimeTargets": {
                        format!("runtimes/{KIND}/native/libframebus.so"): {"rid": KIND, "assetType": "native"},
                    },
                },
            }},
            "libraries": {
                format!("{name}/1.0.0"): {"type": "project", "serviceable": false, "sha512": ""},
                format!("Framebus/{VERSION}"): {
                    "type": "package", "serviceable": true, "sha512": "", "path": format!("framebus/{VERSION}"),
                },
            },
        });
        let config = serde_json::json!({
            "runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": "3.1.0"}},
        });
        for (what, text) in [("deps", dependencies), ("runtimeconfig", config)] {
            fs::write(
                self.program(&format!("{name}.{what}.json")),
                text.to_string(),
            )
            .expect("written");
        }
    }

    /// Runs a program on .NET Core, which finds everything of framebus in the package.
    fn on_core(&self, ground: &Ground, program: &str) -> Command {
        self.describe(program);
        let mut command = ground.command(&Runtime::Core.prefix()[0]);
        command
            .args(["exec", "--additionalprobingpath"])
            .arg(self.cache())
            .arg(self.program(program))
            .env("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1")
            .env("COMPlus_EnableDiagnostics", "0");
        command
    }

    /// Compiles a program as a project for mono or .NET Framework would.
    fn compile(&self, source: &Path, name: &str) {
        run(Command::new("mcs")
            .args(["-langversion:7", "-unsafe", "-warnaserror"])
            .arg(format!(
                "-r:{}",
                self.unpacked("lib/net461/Framebus.dll").display()
            ))
            .arg(format!("-out:{}", self.program(name).display()))
            .arg(source));
    }

    /// Compiles a program against the package's netstandard2.0 and the assemblies of .NET Core.
    fn compile_for_core(&self, source: &Path, name: &str) {
        let dotnet = &Runtime::Core.prefix()[0];
        let shared = dotnet.with_file_name("shared/Microsoft.NETCore.App");
        let version = fs::read_dir(shared).expect("a directory").next();
        let assemblies = version.expect("a version").expect("an entry").path();
        let mut command = Command::new("mcs");
        command.args(["-langversion:latest", "-nostdlib", "-noconfig"]);
        for name in [
            "netstandard",
            "System.Private.CoreLib",
            "System.Runtime",
            "System.Console",
            "System.Collections",
            "System.Linq",
            "System.Memory",
        ] {
            let assembly = assemblies.join(format!("{name}.dll"));
            command.arg(format!("-r:{}", assembly.display()));
        }
        run(command
            .arg(format!(
                "-r:{}",
                self.unpacked("lib/netstandard2.0/Framebus.dll").display()
            ))
            .arg(format!("-out:{}", self.program(name).display()))
            .arg("-target:exe")
            .arg(source));
    }
}

/// Says what of a package a client of NuGet would not understand.
const CHECK: &str = r#"
import pathlib, sys, zipfile
import xml.etree.ElementTree as xml

path, version = pathlib.Path(sys.argv[1]), sys.argv[2]
package = zipfile.ZipFile(path)
assert package.testzip() is None
names = package.namelist()
assert len(names) == len(set(names)) and not any(name.endswith("/") or "\\" in name for name in names), names

types = xml.fromstring(package.read("[Content_Types].xml"))
space = "{http://schemas.openxmlformats.org/package/2006/content-types}"
endings = {node.get("Extension") for node in types.findall(space + "Default")}
parts = {node.get("PartName") for node in types.findall(space + "Override")}
for name in names:
    assert name == "[Content_Types].xml" or "/" + name in parts or pathlib.Path(name).suffix[1:] in endings or name.endswith(".rels"), name

relations = xml.fromstring(package.read("_rels/.rels"))
manifest, = [node.get("Target") for node in relations if node.get("Type").endswith("/manifest")]
assert manifest == "/Framebus.nuspec"

nuspec = xml.fromstring(package.read(manifest[1:]))
space = "{http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd}"
says = {node.tag.removeprefix(space): node for node in nuspec.find(space + "metadata")}
assert (says["id"].text, says["version"].text) == ("Framebus", version)
assert f"Framebus.{version}.nupkg" == path.name
assert says["license"].get("type") == "expression" and says["license"].text == "MIT OR Apache-2.0"
assert says["readme"].text in names
for field in "id version authors description".split():
    assert says[field].text.strip(), field
folders = {"net461": ".NETFramework4.6.1", "netstandard2.0": ".NETStandard2.0"}
assert {name.split("/")[1] for name in names if name.startswith("lib/")} == set(folders)
groups = {node.get("targetFramework"): [(of.get("id"), of.get("version")) for of in node] for node in says["dependencies"]}
assert groups == {".NETFramework4.6.1": [], ".NETStandard2.0": [("System.Memory", "4.5.5")]}, groups
for folder in folders:
    xml.fromstring(package.read(f"lib/{folder}/Framebus.xml"))
"#;

#[test]
fn the_package_is_one_that_nuget_understands() {
    let package = Package::new();
    run(Command::new("python3")
        .args(["-c", CHECK])
        .arg(package.file())
        .arg(VERSION));
    let bytes = fs::read(package.file()).expect("the package");
    let again = fs::read(Package::new().file()).expect("the package");
    assert!(bytes == again, "the same sources have made another package");
}

#[test]
fn a_program_on_mono_uses_the_package() {
    let package = Package::new();
    let source = package.program("first.cs");
    fs::write(&source, program("csharp")).expect("written");
    package.compile(&source, "first.exe");
    // As the package's readme says: the library beside the program.
    for from in [
        package.unpacked("lib/net461/Framebus.dll"),
        package.native(),
    ] {
        let name = from.file_name().expect("a name").to_str().expect("text");
        fs::copy(&from, package.program(name)).expect("a copy");
    }
    prints_ten_frames(|ground| {
        let mut command = ground.command("mono");
        command.arg(package.program("first.exe"));
        command
    });
}

#[test]
fn the_lines_of_the_readme_compile() {
    let package = Package::new();
    let lines = program_of("clients/csharp/README.md", "csharp");
    let source = package.program("readme.cs");
    let text = format!("using System; class Readme {{ static void Main() {{ {lines} }} }}");
    fs::write(&source, text).expect("written");
    package.compile(&source, "readme.exe");
}

#[test]
fn programs_on_net_core_use_the_package_where_nuget_keeps_it() {
    let package = Package::new();
    let tests = root().join("clients/csharp/tests");
    // Compiled against the other assembly, and held to every promise on this one.
    package.compile(&tests.join("Api.cs"), "Api.exe");
    run(&mut package.on_core(&Ground::new(), "Api.exe"));
    package.compile_for_core(&tests.join("Spans.cs"), "Spans.dll");
    prints_ten_frames(|ground| package.on_core(ground, "Spans.dll"));
}

#[test]
fn what_package_nuget_cannot_do_it_says() {
    let empty = tempfile::tempdir().expect("a directory");
    let package = |arguments: &[&str]| {
        let mut command = Command::new(root().join("bin/package"));
        let output = finish(command.arg("nuget").args(arguments));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), text)
    };
    let (code, text) = package(&["--size", "3"]);
    assert_eq!(code, Some(2));
    assert!(text.starts_with("usage: bin/package nuget "), "{text}");
    let from = empty.path().to_str().expect("text");
    let (code, text) = package(&["--from", from]);
    assert_eq!(code, Some(1));
    assert!(
        text.ends_with("libframebus_c.so is missing\n") && text.lines().count() == 1,
        "{text}"
    );
    fs::write(
        empty.path().join("libframebus_c.so"),
        "not a library at all",
    )
    .expect("written");
    let (code, text) = package(&["--from", from]);
    assert_eq!(code, Some(1));
    assert!(
        text.contains("is for a machine that NuGet has no name for"),
        "{text}"
    );
}
