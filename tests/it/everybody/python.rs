//! A consumer in Python, where the client has been built.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::harness::{Bus, Process};

/// Python, and a copy of the client: its test may install it anew meanwhile.
#[derive(Debug)]
pub(super) struct Python {
    program: PathBuf,
    packages: TempDir,
}

impl Python {
    /// Looks for `FRAMEBUS_CHAOS_PYTHON`, else for what the tests of the client have built; the client must be of this version.
    pub(super) fn find() -> Option<Python> {
        let given = std::env::var_os("FRAMEBUS_CHAOS_PYTHON").map(PathBuf::from);
        let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clients/venv/bin/python");
        let program = given.unwrap_or(built);
        let where_is = "import framebus, os; print(os.path.dirname(framebus.__file__))";
        let directory = answer(Command::new(&program).args(["-c", where_is]))?;
        let packages = tempfile::tempdir().expect("a directory");
        copy(Path::new(&directory), &packages.path().join("framebus")).ok()?;
        let python = Python { program, packages };
        let version = "import framebus; print(framebus.__version__)";
        let version = answer(
            python
                .command(&mut Command::new(&python.program))
                .args(["-c", version]),
        )?;
        (version == env!("CARGO_PKG_VERSION")).then_some(python)
    }

    /// Starts a consumer that follows, proves every frame, and ends with SIGTERM or SIGINT.
    pub(super) fn start(&self, bus: &Bus) -> Process {
        let mut command = bus.command(&self.program);
        self.command(&mut command)
            .args(["-c", include_str!("consumer.py")]);
        Process::spawn(command)
    }

    fn command<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env("PYTHONPATH", self.packages.path())
            .env("PYTHONDONTWRITEBYTECODE", "1")
    }
}

fn answer(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)?.flatten() {
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
