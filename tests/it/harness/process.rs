//! A process that ends with the test.

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use super::wait::until;

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(i32),
    Signal(i32),
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Exit {
        match status.code() {
            Some(code) => Exit::Code(code),
            None => Exit::Signal(status.signal().unwrap_or(0)),
        }
    }
}

/// A process that has ended, and what it wrote.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) exit: Exit,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Finished {
    /// The lines of JSON on its standard output.
    pub(crate) fn json(&self) -> Vec<serde_json::Value> {
        let text = String::from_utf8_lossy(&self.stdout);
        text.lines()
            .filter(|line| line.starts_with('{'))
            .map(|line| serde_json::from_str(line).expect("a line of JSON"))
            .collect()
    }

    /// The sequences of these lines.
    pub(crate) fn sequences(&self) -> Vec<u64> {
        let sequence = |line: &serde_json::Value| line["sequence"].as_u64().expect("a sequence");
        self.json().iter().map(sequence).collect()
    }
}

/// A running process. Dropped, it is killed; if the test has failed, it says first what it was and what it wrote.
#[derive(Debug)]
pub(crate) struct Process {
    what: String,
    child: Child,
    stdout: Captured,
    stderr: Captured,
}

impl Process {
    /// Starts a process without input.
    pub(crate) fn spawn(command: Command) -> Process {
        Process::spawn_with_input(command, Vec::new())
    }

    /// Starts a process and writes `input` to it.
    pub(crate) fn spawn_with_input(mut command: Command, input: Vec<u8>) -> Process {
        let stdin = if input.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        };
        command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let what = format!("{command:?}");
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{what} does not start: {error}"));
        if let Some(mut stdin) = child.stdin.take() {
            // It may end before it has read everything, which is its affair.
            std::thread::spawn(move || stdin.write_all(&input));
        }
        Process {
            what,
            stdout: Captured::new(child.stdout.take().expect("stdout")),
            stderr: Captured::new(child.stderr.take().expect("stderr")),
            child,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn rustix_pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal. The process is not reaped before it is dropped or waited for, so that its pid is nobody else's.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.rustix_pid(), signal)
            .unwrap_or_else(|error| panic!("{}: {error}", self.what));
    }

    /// Sends SIGSTOP and waits until it stands still.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
        until("the process is stopped", || {
            self.stat_state().is_some_and(|state| state == 'T')
        });
    }

    /// The state letter in /proc, of the whole process.
    fn stat_state(&self) -> Option<char> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).ok()?;
        stat.rsplit_once(") ")?.1.chars().next()
    }

    /// Whether it has ended; it stays a zombie.
    pub(crate) fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(self.rustix_pid()), options).is_ok_and(|status| status.is_some())
    }

    /// What it has written to standard output so far.
    pub(crate) fn stdout(&self) -> Vec<u8> {
        self.stdout.so_far()
    }

    /// What it has written to standard error so far.
    pub(crate) fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.so_far()).into_owned()
    }

    /// Waits until it ends.
    pub(crate) fn wait(mut self) -> Finished {
        until("the process ends", || self.has_ended());
        let exit = self.child.wait().expect("a status").into();
        Finished {
            exit,
            stdout: self.stdout.all(),
            stderr: String::from_utf8_lossy(&self.stderr.all()).into_owned(),
        }
    }

    /// Sends a signal and waits until it ends.
    pub(crate) fn end(self, signal: Signal) -> Finished {
        self.signal(signal);
        self.wait()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let lines = self.stderr();
            let from = lines.len().saturating_sub(2000);
            let tail = lines.get(from..).unwrap_or(&lines);
            eprintln!("--- {}\n{tail}---", self.what);
        }
        // A killed process ends also when it is stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What comes out of a pipe, read by a thread so that the writer never waits.
#[derive(Debug)]
struct Captured {
    bytes: Arc<Mutex<Vec<u8>>>,
    thread: Option<JoinHandle<()>>,
}

impl Captured {
    fn new(mut pipe: impl Read + Send + 'static) -> Captured {
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&bytes);
        let thread = std::thread::spawn(move || {
            let mut chunk = [0; 65536];
            while let Ok(len) = pipe.read(&mut chunk) {
                if len == 0 {
                    break;
                }
                all.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend_from_slice(&chunk[..len]);
            }
        });
        Captured {
            bytes,
            thread: Some(thread),
        }
    }

    fn so_far(&self) -> Vec<u8> {
        self.bytes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn all(&mut self) -> Vec<u8> {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("the reader of a pipe");
        }
        self.so_far()
    }
}
