//! Consumers in processes of their own: this program once more, in another role.

use std::env;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

use framebus::bus::{BusName, Consumer, ConsumerOptions, IndexChoice, Waited};
use framebus::clock::monotonic_ns;
use framebus::layout::TriggerKind;
use framebus::stop::Stop;
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

/// What the first argument of a process with a role begins with.
const ROLE: &str = "role:";

/// One frame, or one bare wake-up, as a consumer saw it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// When it was sent (monotonic ns).
    pub(crate) sent_ns: u64,
    /// When the consumer had it (monotonic ns).
    pub(crate) taken_ns: u64,
}

/// A process in a role. Dropped, it is killed.
#[derive(Debug)]
pub(crate) struct Hand {
    child: Child,
}

impl Hand {
    /// Starts this program in a role, and waits until it is ready.
    pub(crate) fn start(role: &str, arguments: &[String], stdin: Stdio) -> io::Result<Hand> {
        Hand::start_of(&env::current_exe()?, role, arguments, stdin)
    }

    fn start_of(
        program: &Path,
        role: &str,
        arguments: &[String],
        stdin: Stdio,
    ) -> io::Result<Hand> {
        let child = Command::new(program)
            .arg(format!("{ROLE}{role}"))
            .args(arguments)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .spawn()?;
        let mut hand = Hand { child };
        let mut ready = [0];
        hand.read_exact(&mut ready)?;
        Ok(hand)
    }

    /// Starts a consumer of a bus: of this program, or of an earlier build of it.
    pub(crate) fn consumer(
        program: Option<&Path>,
        bus: &BusName,
        index: u8,
        kind: TriggerKind,
    ) -> io::Result<Hand> {
        let arguments = [bus.to_string(), index.to_string(), kind.name().to_owned()];
        match program {
            Some(program) => Hand::start_of(program, "consumer", &arguments, Stdio::null()),
            None => Hand::start("consumer", &arguments, Stdio::null()),
        }
    }

    /// Reads what it has seen, once it has been told to end.
    pub(crate) fn samples(mut self) -> io::Result<Vec<Sample>> {
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
    pub(crate) fn rest(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it go on.
    pub(crate) fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let _ = pid.map(|pid| kill_process(pid, signal));
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

/// The role of this process, if it has one, and the arguments of the role.
pub(crate) fn role() -> Option<(String, Vec<String>)> {
    let mut arguments = env::args().skip(1);
    let role = arguments.next()?.strip_prefix(ROLE)?.to_owned();
    // Whoever started it may be killed: then nobody needs it.
    let _ = set_parent_process_death_signal(Some(Signal::KILL));
    Some((role, arguments.collect()))
}

/// Plays the role of a consumer of a bus.
pub(crate) fn play_consumer(arguments: &[String]) -> io::Result<ExitCode> {
    let [bus, index, kind] = arguments else {
        return Err(io::Error::other("consumer BUS INDEX KIND"));
    };
    let kind = [TriggerKind::Eventfd, TriggerKind::Pipe, TriggerKind::Spin]
        .into_iter()
        .find(|known| known.name() == kind)
        .unwrap_or_default();
    let options = ConsumerOptions {
        index: IndexChoice::Index(index.parse().map_err(io::Error::other)?),
        trigger: kind,
        ..ConsumerOptions::new(bus.parse().map_err(io::Error::other)?)
    };
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
pub(crate) struct Log {
    bytes: Vec<u8>,
}

impl Log {
    /// Says that the process is ready, with memory for some minutes already touched.
    pub(crate) fn ready() -> io::Result<Log> {
        let mut bytes = vec![1; 1 << 20];
        bytes.clear();
        io::stdout().write_all(&[1])?;
        io::stdout().flush()?;
        Ok(Log { bytes })
    }

    /// Notes something that was sent at `sent_ns` and is here now.
    pub(crate) fn push(&mut self, sent_ns: u64) {
        let taken_ns = monotonic_ns();
        self.bytes.extend_from_slice(&sent_ns.to_le_bytes());
        self.bytes.extend_from_slice(&taken_ns.to_le_bytes());
    }

    /// Hands everything over.
    pub(crate) fn finish(self) -> io::Result<ExitCode> {
        io::stdout().write_all(&self.bytes)?;
        Ok(ExitCode::SUCCESS)
    }
}
