//! Consumers in processes of their own: this program once more, in another role.

use std::env;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use framebus::bus::{BusName, Consumer, ConsumerOptions, IndexChoice, Waited};
use framebus::clock::monotonic_ns;
use framebus::layout::TriggerKind;
use framebus::stop::Stop;
use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};

/// What the first argument of a process with a role begins with.
const ROLE: &str = "role:";

/// How often it is looked whether the process that measures is done.
const LOOK_EVERY: Duration = Duration::from_millis(100);

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
        send_signal(&self.child, signal);
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

fn send_signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    let _ = pid.map(|pid| kill_process(pid, signal));
}

/// The role of the process that measures.
const RUN: &str = "run";

/// Runs the benchmark in a process of its own, with a runtime directory that is removed after it.
pub(crate) fn supervise() -> io::Result<ExitCode> {
    let stop = Stop::on_signals()?;
    let runtime = tempfile::Builder::new()
        .prefix("framebus-bench-")
        .tempdir()?;
    // Not in the terminal's process group: it gets one request to stop, from here. A second would end it at once.
    let mut child = Command::new(env::current_exe()?)
        .arg(format!("{ROLE}{RUN}"))
        .args(env::args_os().skip(1))
        .env("FRAMEBUS_RUNTIME_DIR", runtime.path())
        .process_group(0)
        .spawn()?;
    let mut asked = false;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        // Once asked to stop, this does not sleep any more.
        if !stop.sleep(LOOK_EVERY) {
            continue;
        }
        if !asked {
            asked = true;
            send_signal(&child, Signal::TERM);
        }
        std::thread::sleep(LOOK_EVERY);
    };
    Ok(match (status.success(), stop.signal()) {
        (true, None) => ExitCode::SUCCESS,
        (_, Some(signal)) => ExitCode::from(128 + u8::try_from(signal).unwrap_or(0)),
        _ => ExitCode::FAILURE,
    })
}

/// The role of this process, if it has one, and the arguments of the role.
pub(crate) fn role() -> Option<(String, Vec<String>)> {
    let mut arguments = env::args().skip(1);
    let role = arguments.next()?.strip_prefix(ROLE)?.to_owned();
    // Whoever started it may be killed: then nobody needs it. Only who measures has something to put away.
    let signal = if role == RUN {
        Signal::TERM
    } else {
        Signal::KILL
    };
    let _ = set_parent_process_death_signal(Some(signal));
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
