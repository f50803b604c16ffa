//! What wakes the view: the terminal's bytes, its signals and a request to stop, in one wait. Unix only.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use signal_hook::SigId;
use signal_hook::consts::{SIGCONT, SIGTSTP, SIGWINCH};
use signal_hook::low_level::{self, pipe};

use super::input::{Input, Parser};
use super::woken::Woken;
use framebus::clock::monotonic_ns;
use framebus::stop::{Stop, Waited};

/// Whether a terminal answers what it is asked.
pub(crate) const ANSWERS: bool = true;

/// The keyboard and the signals of a terminal.
#[derive(Debug)]
pub(crate) struct Events {
    input: OwnedFd,
    parser: Parser,
    resized: Signal,
    suspend: Signal,
    resumed: Signal,
}

impl Events {
    /// Listens to standard input, or to the terminal of the process when that is something else.
    pub(crate) fn new() -> io::Result<Events> {
        let stdin = rustix::stdio::stdin();
        let input = match rustix::termios::isatty(stdin) {
            true => stdin.try_clone_to_owned()?,
            false => File::open("/dev/tty")?.into(),
        };
        Ok(Events {
            input,
            parser: Parser::default(),
            resized: Signal::new(SIGWINCH)?,
            suspend: Signal::new(SIGTSTP)?,
            resumed: Signal::new(SIGCONT)?,
        })
    }

    /// Waits for at most `timeout`, or until something happens.
    pub(crate) fn wait(&mut self, stop: &Stop, timeout: Duration) -> io::Result<Woken> {
        let timeout = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        let mut fds = [
            PollFd::from_borrowed_fd(stop.as_fd(), PollFlags::IN),
            PollFd::new(&self.input, PollFlags::IN),
            PollFd::new(&self.resized.read, PollFlags::IN),
            PollFd::new(&self.suspend.read, PollFlags::IN),
            PollFd::new(&self.resumed.read, PollFlags::IN),
        ];
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let readable = !fds[1].revents().is_empty();
        Ok(Woken {
            hung_up: readable && !self.read()?,
            resized: self.resized.take(),
            suspend: self.suspend.take(),
            resumed: self.resumed.take(),
        })
    }

    /// Reads until what came is complete, or for at most `limit`; keys among it stay keys.
    pub(crate) fn answer(
        &mut self,
        stop: &Stop,
        limit: Duration,
        is_complete: impl Fn(&[u8]) -> bool,
    ) -> io::Result<Vec<u8>> {
        let mut answer = Vec::new();
        let end_ns = monotonic_ns().saturating_add(u64::try_from(limit.as_nanos()).unwrap_or(0));
        while !is_complete(&answer) {
            let left = Duration::from_nanos(end_ns.saturating_sub(monotonic_ns()));
            if left.is_zero()
                || stop.wait_readable(self.input.as_fd(), Some(left))? != Waited::Ready
            {
                break;
            }
            let mut bytes = [0; 256];
            match rustix::io::read(&self.input, &mut bytes) {
                // The loop sees it too, and says so.
                Ok(0) | Err(Errno::IO) => break,
                Ok(count) => answer.extend_from_slice(&bytes[..count]),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.parser.feed(&answer);
        Ok(answer)
    }

    /// Takes the next input that has come.
    pub(crate) fn next(&mut self) -> Option<Input> {
        self.parser.next()
    }

    /// Returns whether an escape byte waits for what follows it.
    pub(crate) fn waits(&self) -> bool {
        self.parser.waits()
    }

    /// Takes an escape byte that nothing followed.
    pub(crate) fn flush(&mut self) -> Option<Input> {
        self.parser.flush()
    }

    /// Reads what is there; returns whether the terminal still is.
    fn read(&mut self) -> io::Result<bool> {
        let mut bytes = [0; 256];
        match rustix::io::read(&self.input, &mut bytes) {
            Ok(0) | Err(Errno::IO) => Ok(false),
            Ok(count) => {
                self.parser.feed(&bytes[..count]);
                Ok(true)
            }
            Err(Errno::INTR | Errno::AGAIN) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

/// Stops the process as Ctrl-Z does; returns once it is continued. Where nobody would continue it, as under
/// `ssh -t HOST framebus top`, it goes on: so the kernel does with the default action, which signal-hook replaces by SIGSTOP.
pub(crate) fn suspend() -> io::Result<()> {
    if !is_under_job_control().unwrap_or(false) {
        return Ok(());
    }
    low_level::emulate_default_handler(SIGTSTP)
}

/// What a process belongs to.
struct Kin {
    parent: i32,
    group: i32,
    session: i32,
}

impl Kin {
    fn of(pid: &str) -> Option<Kin> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The command in parentheses may hold anything; after it come the state and these.
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_ascii_whitespace().skip(1);
        let mut next = || fields.next()?.parse().ok();
        Some(Kin {
            parent: next()?,
            group: next()?,
            session: next()?,
        })
    }
}

/// Whether a shell of this session, outside this process group, can continue it: the group is not an orphan.
fn is_under_job_control() -> Option<bool> {
    let own = Kin::of("self")?;
    let mut parent = Kin::of(&own.parent.to_string())?;
    while parent.session == own.session && parent.group == own.group {
        parent = Kin::of(&parent.parent.to_string())?;
    }
    Some(parent.session == own.session)
}

/// A signal that makes a descriptor readable.
#[derive(Debug)]
struct Signal {
    read: UnixStream,
    id: SigId,
}

impl Signal {
    fn new(signal: i32) -> io::Result<Signal> {
        let (read, write) = UnixStream::pair()?;
        read.set_nonblocking(true)?;
        Ok(Signal {
            read,
            id: pipe::register(signal, write)?,
        })
    }

    fn take(&self) -> bool {
        let mut bytes = [0; 64];
        matches!(rustix::io::read(&self.read, &mut bytes), Ok(1..))
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        low_level::unregister(self.id);
    }
}
