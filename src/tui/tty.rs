//! Standard output as a terminal that may stop reading: whoever is asked to stop does not wait for it. Unix only.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{QueueSelector, tcflush};

use framebus::stop::{Stop, Waited};

/// How long the last words wait for a terminal that does not read, before what it has not read is thrown away.
const GRACE: Duration = Duration::from_millis(300);
/// How long to wait after a write that was refused though there was room, and how often before the last words give up on it.
const PAUSE: Duration = Duration::from_millis(10);
const REFUSALS: u32 = 30;
/// What is written at once where the terminal cannot be opened once more: it has room for this when it has room at all.
const PIECE: usize = 64;

/// The terminal of standard output. Once somebody asks to stop, what it has no room for is thrown away: `last_words` follow.
#[derive(Debug)]
pub(crate) struct Tty {
    file: File,
    /// How much is written at once; a terminal of its own opening takes what it has room for.
    most: usize,
    stop: Stop,
}

impl Tty {
    /// Opens the terminal of standard output.
    pub(crate) fn open(stop: &Stop) -> io::Result<Tty> {
        let (file, most) = reopened()?;
        Ok(Tty {
            file,
            most,
            stop: stop.clone(),
        })
    }
}

impl Write for Tty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            // Before every write: one that is not opened anew waits in the kernel when there is no room.
            if self.stop.wait_writable(self.file.as_fd(), None)? == Waited::Stopped {
                return Ok(bytes.len());
            }
            match rustix::io::write(&self.file, &bytes[..bytes.len().min(self.most)]) {
                // A terminal that is nearly full can be ready and yet take nothing.
                Err(Errno::AGAIN | Errno::INTR) => drop(self.stop.sleep(PAUSE)),
                written => return Ok(written?),
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes the last words, which nobody can ask to stop: they wait a moment for a terminal that does not read, and then take the place
/// of what it has not read.
pub(crate) fn last_words(bytes: &[u8]) -> io::Result<()> {
    let (file, most) = reopened()?;
    let nobody = Stop::new()?;
    let mut rest = bytes;
    let (mut flushed, mut refused) = (false, 0);
    while !rest.is_empty() {
        let waited = nobody.wait_writable(file.as_fd(), Some(GRACE))?;
        if waited == Waited::TimedOut || refused > REFUSALS {
            refused = 0;
            if flushed {
                return Err(io::ErrorKind::TimedOut.into());
            }
            tcflush(&file, QueueSelector::OFlush)?;
            flushed = true;
            continue;
        }
        match rustix::io::write(&file, &rest[..rest.len().min(most)]) {
            Err(Errno::AGAIN | Errno::INTR) => {
                refused += 1;
                let _ = nobody.sleep(PAUSE);
            }
            written => rest = &rest[written?..],
        }
    }
    Ok(())
}

/// Opens the terminal of standard output once more: `O_NONBLOCK` on standard output itself would be the shell's too.
fn reopened() -> io::Result<(File, usize)> {
    let stdout = rustix::stdio::stdout();
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let path = format!("/proc/self/fd/{}", stdout.as_raw_fd());
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => Ok((file.into(), usize::MAX)),
        // No /proc, or the terminal of another user, as after `su`.
        Err(_) => Ok((stdout.try_clone_to_owned()?.into(), PIECE)),
    }
}
