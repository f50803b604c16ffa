//! Real processes on buses of a test's own; nothing is left when it ends, however it ends.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

static BUSES: AtomicU32 = AtomicU32::new(0);

/// A bus name, a runtime directory and a scratch directory of a test.
pub(crate) struct Place {
    pub(crate) bus: String,
    pub(crate) dir: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Place {
        let number = BUSES.fetch_add(1, Ordering::Relaxed);
        let bus = format!("shell-{}-{number}", std::process::id());
        let dir = tempfile::Builder::new()
            .prefix("fb")
            .tempdir()
            .expect("a directory");
        Place { bus, dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A framebus command on this bus, with no configuration but its own.
    pub(crate) fn framebus(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_framebus"));
        command.args(args);
        self.surround(&mut command);
        command
    }

    /// A shell in which `framebus` is the one under test.
    pub(crate) fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        self.surround(&mut command);
        command
    }

    fn surround(&self, command: &mut Command) {
        let program = Path::new(env!("CARGO_BIN_EXE_framebus"));
        let directory = program.parent().expect("a directory");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::iter::once(directory.to_owned()).chain(std::env::split_paths(&path));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("FRAMEBUS_") || name.starts_with("XDG_") || name == "NO_COLOR" {
                command.env_remove(&name);
            }
        }
        command
            .env("PATH", std::env::join_paths(paths).expect("paths"))
            .env("FRAMEBUS_BUS", &self.bus)
            .env("FRAMEBUS_RUNTIME_DIR", self.dir.path())
            .env("HOME", self.dir.path())
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        Done::of(
            self.framebus(args).output().expect("framebus starts"),
            &format!("{args:?}"),
        )
    }

    /// Runs a shell script to its end.
    pub(crate) fn sh(&self, script: &str) -> Done {
        Done::of(self.shell(script).output().expect("sh starts"), script)
    }

    /// Starts a command that goes on.
    pub(crate) fn start(&self, args: &[&str]) -> Running {
        Running::start(self.framebus(args))
    }

    /// Starts a producer of the test pattern and waits for its first frame.
    pub(crate) fn produce(&self, args: &[&str]) -> Running {
        let all = [&["produce", "pattern", "--size", "64x48"], args].concat();
        let running = self.start(&all);
        self.run(&["wait", "--timeout", "30s"]).is(0);
        running
    }

    /// What of this bus is in shared memory.
    pub(crate) fn shm_files(&self) -> Vec<String> {
        let entries = std::fs::read_dir("/dev/shm").expect("/dev/shm");
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names
            .filter(|name| name.split('.').nth(1) == Some(&self.bus))
            .collect();
        names.sort();
        names
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for name in self.shm_files() {
            let _ = std::fs::remove_file(Path::new("/dev/shm").join(name));
        }
    }
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) what: String,
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Done {
    pub(crate) fn of(output: Output, what: &str) -> Done {
        Done {
            what: what.to_owned(),
            status: output.status,
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Expects an exit code.
    #[track_caller]
    pub(crate) fn is(self, code: i32) -> Done {
        let Done { what, stderr, .. } = &self;
        assert_eq!(
            self.status.code(),
            Some(code),
            "{what}: {stderr}{}",
            self.text()
        );
        self
    }

    /// Standard output as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.stdout).expect("JSON")
    }

    /// Expects one sentence on standard error and nothing on standard output.
    #[track_caller]
    pub(crate) fn one_sentence(&self, part: &str) {
        assert!(self.stdout.is_empty(), "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{}", self.stderr);
        assert!(
            self.stderr.contains(part),
            "{} has no {part:?}",
            self.stderr
        );
    }
}

/// A process that is killed when the test ends.
pub(crate) struct Running {
    child: Child,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Running {
        let child = command.spawn().expect("it starts");
        Running { child }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("a signal");
    }

    /// Whether it has ended; does not wait.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("wait").is_some()
    }

    /// Reads one line of its standard error.
    pub(crate) fn error_line(&mut self) -> String {
        line(self.child.stderr.as_mut().expect("a pipe"))
    }

    /// Reads one line of its standard output.
    pub(crate) fn output_line(&mut self) -> String {
        line(self.child.stdout.as_mut().expect("a pipe"))
    }

    /// Its standard input, where the command was given a pipe.
    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("a pipe")
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Done {
        let mut stdout = Vec::new();
        let mut stderr = String::new();
        let mut errors = self.child.stderr.take();
        let mut data = self.child.stdout.take();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                data.as_mut().map(|pipe| pipe.read_to_end(&mut stdout));
            });
            errors.as_mut().map(|pipe| pipe.read_to_string(&mut stderr));
        });
        let status = self.child.wait().expect("wait");
        let what = format!("pid {}", self.child.id());
        Done {
            what,
            status,
            stdout,
            stderr,
        }
    }

    /// Kills it with SIGKILL and waits.
    pub(crate) fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn line(pipe: &mut impl Read) -> String {
    let mut line = Vec::new();
    let mut byte = [0];
    while pipe.read(&mut byte).expect("a line") == 1 && byte != *b"\n" {
        line.push(byte[0]);
    }
    String::from_utf8_lossy(&line).into_owned()
}

/// Waits until something is so; a test that waits for a minute has failed.
#[track_caller]
pub(crate) fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
