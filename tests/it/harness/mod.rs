//! What the tests stand on: a bus of their own, processes that cannot outlive them, and a raw look at the segment.

mod maps;
mod process;
mod pty;
mod random;
mod raw;
mod terminal;
mod wait;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

pub(crate) use maps::{Map, maps};
pub(crate) use process::{Exit, Finished, Process};
pub(crate) use pty::Mute;
pub(crate) use random::Random;
pub(crate) use raw::{Field, HEADER, RawSegment, fields};
pub(crate) use terminal::Terminal;
pub(crate) use wait::until;

/// The program under test.
pub(crate) const FRAMEBUS: &str = env!("CARGO_BIN_EXE_framebus");

/// Small frames at a lively rate, and so many of them kept that a reader of every frame may be late by two seconds.
pub(crate) const LIVELY: &[&str] = &["--size", "160x120", "--fps", "60", "--history", "120"];

/// A bus with a name and a runtime directory of its own. Dropped, it removes whatever is left of it.
#[derive(Debug)]
pub(crate) struct Bus {
    name: String,
    runtime: TempDir,
}

impl Bus {
    pub(crate) fn new() -> Bus {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Not under TMPDIR: a socket's path must be short.
        let runtime = tempfile::Builder::new()
            .prefix("framebus-it-")
            .tempdir_in("/tmp")
            .expect("a runtime directory");
        Bus {
            name: format!("it-{}-{count}", std::process::id()),
            runtime,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn runtime(&self) -> &Path {
        self.runtime.path()
    }

    /// The file of the shared-memory object.
    pub(crate) fn segment_path(&self) -> PathBuf {
        PathBuf::from(format!("/dev/shm/framebus.{}", self.name))
    }

    pub(crate) fn lock_path(&self) -> PathBuf {
        PathBuf::from(format!("/dev/shm/framebus.{}.lock", self.name))
    }

    /// The named pipe of a consumer index.
    pub(crate) fn pipe(&self, index: u8) -> PathBuf {
        self.runtime()
            .join("framebus")
            .join(&self.name)
            .join(format!("pipe{index}"))
    }

    /// A program with this bus in its environment, and nothing else of framebus's.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("FRAMEBUS_") {
                command.env_remove(name);
            }
        }
        command
            .env("FRAMEBUS_BUS", &self.name)
            .env("FRAMEBUS_RUNTIME_DIR", self.runtime())
            // Nobody's own configuration.
            .env("HOME", self.runtime())
            .env_remove("XDG_CONFIG_HOME");
        command
    }

    /// `framebus` with these arguments.
    pub(crate) fn framebus(&self, args: &[&str]) -> Command {
        let mut command = self.command(FRAMEBUS);
        command.args(args);
        command
    }

    /// Starts `framebus produce pattern` with these arguments and waits for its first frame. It ends by itself some day,
    /// so that not even a killed test leaves it behind for ever.
    pub(crate) fn produce(&self, args: &[&str]) -> Process {
        let producer = self.start_produce(args);
        let pid = u64::from(producer.pid());
        until("the first frame is published", || {
            assert!(!producer.has_ended(), "the producer ended at once");
            self.try_segment().is_some_and(|segment| {
                segment.header("producer_pid") == pid && segment.header("published") > 0
            })
        });
        producer
    }

    /// As [`Bus::produce`], without waiting.
    pub(crate) fn start_produce(&self, args: &[&str]) -> Process {
        let mut command = self.framebus(&["produce", "pattern"]);
        command.args(args);
        if !args.contains(&"--duration") {
            command.args(["--duration", "1h"]);
        }
        Process::spawn(command)
    }

    /// Starts `framebus consume` with these arguments.
    pub(crate) fn consume(&self, args: &[&str]) -> Process {
        let mut command = self.framebus(&["consume"]);
        command.args(args);
        if !args.contains(&"--duration") {
            command.args(["--duration", "1h"]);
        }
        Process::spawn(command)
    }

    /// Runs `framebus` with these arguments to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Finished {
        Process::spawn(self.framebus(args)).wait()
    }

    /// The segment that the name means now.
    pub(crate) fn try_segment(&self) -> Option<RawSegment> {
        RawSegment::open(&self.segment_path()).ok()
    }

    pub(crate) fn segment(&self) -> RawSegment {
        self.try_segment().expect("a segment")
    }

    /// Waits until so many more frames have been published.
    pub(crate) fn frames_go_by(&self, count: u64) {
        let segment = self.segment();
        let start = segment.header("published");
        until("frames are published", || {
            segment.header("published") >= start + count
        });
    }

    /// Waits until a process is attached as this index.
    pub(crate) fn attached(&self, index: u8, process: &Process) {
        let pid = u64::from(process.pid());
        until("a consumer is attached", || {
            self.try_segment()
                .is_some_and(|segment| segment.record(index, "pid") == pid)
        });
    }

    /// Starts a consumer that holds the first frame it gets, and waits until it does.
    pub(crate) fn holder(&self, index: u8) -> Process {
        let process = self.consume(&["-i", &index.to_string(), "--work", "1h"]);
        self.attached(index, &process);
        until("a frame is held", || {
            self.segment().record(index, "lease") != 0
        });
        process
    }

    /// Every name that is left of the bus.
    pub(crate) fn left(&self) -> Vec<PathBuf> {
        let mut left = Vec::new();
        list(self.runtime(), &mut left);
        left.extend([self.segment_path(), self.lock_path()]);
        left.retain(|path| path.symlink_metadata().is_ok());
        left
    }

    pub(crate) fn assert_nothing_left(&self) {
        assert_eq!(self.left(), Vec::<PathBuf>::new(), "names are left");
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.segment_path());
        let _ = fs::remove_file(self.lock_path());
    }
}

fn list(directory: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        found.push(entry.path());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            list(&entry.path(), found);
        }
    }
}
