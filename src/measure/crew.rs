//! Consumers in processes of their own: this program once more, in another role.

use std::env;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use rustix::process::{Pid, Signal, getppid, kill_process, set_parent_process_death_signal};

use framebus::bus::{BusName, Consumer, ConsumerOptions, IndexChoice, Waited};
use framebus::clock::monotonic_ns;
use framebus::layout::TriggerKind;
use framebus::stop::Stop;

/// What the argument that gives a process a role begins with.
const ROLE: &str = "role:";
/// The environment variable that tells a process in a role who has started it.
const STARTED_BY: &str = "FRAMEBUS_STARTED_BY";

/// A role that a process can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// Measures.
    Run,
    /// A consumer of a bus.
    Consumer,
    /// Waits on an eventfd, its standard input.
    Eventfd,
    /// What only one program knows.
    Other(String),
}

impl Role {
    /// Returns the role that an argument names.
    #[must_use]
    pub fn of(argument: &str) -> Option<Role> {
        Some(match argument.strip_prefix(ROLE)? {
            "run" => Role::Run,
            "consumer" => Role::Consumer,
            "eventfd" => Role::Eventfd,
            other => Role::Other(other.to_owned()),
        })
    }

    fn argument(&self) -> String {
        let name = match self {
            Role::Run => "run",
            Role::Consumer => "consumer",
            Role::Eventfd => "eventfd",
            Role::Other(name) => name,
        };
        format!("{ROLE}{name}")
    }
}

/// A program that plays roles.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
}

impl Program {
    /// This program.
    ///
    /// # Errors
    /// Fails when its own place is not known.
    pub fn this() -> io::Result<Program> {
        let path = env::current_exe()?;
        Ok(Program { path })
    }

    /// Another program.
    #[must_use]
    pub fn other(path: &Path) -> Program {
        Program {
            path: path.to_owned(),
        }
    }

    pub(super) fn command(&self, role: &Role) -> Command {
        let mut command = Command::new(&self.path);
        command.arg(role.argument());
        command.env(STARTED_BY, std::process::id().to_string());
        command
    }
}

/// Has the kernel end this process with the one that has started it; `false` when that has ended already.
pub(super) fn end_with_starter() -> io::Result<bool> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before the kernel was asked.
    let parent = getppid().map(|pid| pid.as_raw_nonzero().to_string());
    Ok(parent == env::var(STARTED_BY).ok())
}

/// One frame, or one bare wake-up, as a consumer saw it.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// When it was sent (monotonic ns).
    pub sent_ns: u64,
    /// When the consumer had it (monotonic ns).
    pub taken_ns: u64,
}

/// A process in a role. Dropped, it is killed.
#[derive(Debug)]
pub struct Hand {
    child: Child,
}

impl Hand {
    /// Starts a program in a role, and waits until it is ready.
    ///
    /// # Errors
    /// Fails when the program cannot be started, or ends before it is ready.
    pub fn start(
        program: &Program,
        role: Role,
        arguments: &[String],
        stdin: Stdio,
    ) -> io::Result<Hand> {
        let child = program
            .command(&role)
            .args(arguments)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut hand = Hand { child };
        hand.read_exact(&mut [0]).map_err(|_| {
            io::Error::other("a process that was to be measured ended before it was ready")
        })?;
        Ok(hand)
    }

    /// Starts a consumer of a bus.
    ///
    /// # Errors
    /// As [`Hand::start`].
    pub fn consumer(
        program: &Program,
        bus: &BusName,
        index: u8,
        kind: TriggerKind,
    ) -> io::Result<Hand> {
        let arguments = [bus.to_string(), index.to_string(), kind.name().to_owned()];
        Hand::start(program, Role::Consumer, &arguments, Stdio::null())
    }

    /// Reads what it has seen, once it has been told to end.
    ///
    /// # Errors
    /// Fails when it cannot be read.
    pub fn samples(mut self) -> io::Result<Vec<Sample>> {
        let mut bytes = Vec::new();
        if let Some(stdout) = &mut self.child.stdout {
            stdout.read_to_end(&mut bytes)?;
        }
        let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
        let (pairs, _) = bytes.as_chunks::<8>().0.as_chunks::<2>();
        Ok(pairs
            .iter()
            .map(|[sent, taken]| Sample {
                sent_ns: word(sent),
                taken_ns: word(taken),
            })
            .collect())
    }

    /// Stops it, so that a spinning process leaves its core to the others.
    pub fn rest(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let _ = kill_process(Pid::from_child(&self.child), signal);
    }
}

impl Read for Hand {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match &mut self.child.stdout {
            Some(stdout) => stdout.read(bytes),
            None => Ok(0),
        }
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Plays the role of a consumer of a bus.
pub(super) fn play_consumer(arguments: &[String]) -> io::Result<ExitCode> {
    let [bus, index, kind] = arguments else {
        return Err(io::Error::other("consumer BUS INDEX KIND"));
    };
    let kind = [TriggerKind::Eventfd, TriggerKind::Pipe, TriggerKind::Spin]
        .into_iter()
        .find(|known| known.name() == kind)
        .unwrap_or_default();
    let options = ConsumerOptions::new(bus.parse().map_err(io::Error::other)?)
        .index(IndexChoice::Index(index.parse().map_err(io::Error::other)?))
        .trigger(kind);
    let stop = Stop::new()?;
    let mut consumer = Consumer::attach(options, None, &stop, |_| ()).map_err(io::Error::other)?;
    let mut log = Log::ready()?;
    loop {
        match consumer.wait(None)? {
            Waited::Frame => {
                if let Some(frame) = consumer.acquire() {
                    log.push(frame.info().capture_ns);
                }
            }
            Waited::Renewed | Waited::TimedOut => {}
            Waited::Ended | Waited::Lost | Waited::Stopped => return log.finish(),
        }
    }
}

/// What a process in a role has seen, until it is told to end.
#[derive(Debug)]
pub struct Log {
    bytes: Vec<u8>,
}

impl Log {
    /// Says that the process is ready, with memory for some minutes already touched.
    ///
    /// # Errors
    /// Fails when nobody reads.
    pub fn ready() -> io::Result<Log> {
        let mut bytes = vec![1; 1 << 20];
        bytes.clear();
        io::stdout().write_all(&[1])?;
        io::stdout().flush()?;
        Ok(Log { bytes })
    }

    /// Notes something that was sent at `sent_ns` and is here now.
    pub fn push(&mut self, sent_ns: u64) {
        let taken_ns = monotonic_ns();
        self.bytes.extend_from_slice(&sent_ns.to_le_bytes());
        self.bytes.extend_from_slice(&taken_ns.to_le_bytes());
    }

    /// Hands everything over.
    ///
    /// # Errors
    /// Fails when nobody reads.
    pub fn finish(self) -> io::Result<ExitCode> {
        io::stdout().write_all(&self.bytes)?;
        Ok(ExitCode::SUCCESS)
    }
}
