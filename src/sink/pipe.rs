//! What Linux can do with a pipe beyond reading and writing it.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use framebus::stop::{Stop, Waited};

/// What a pipe may hold without privileges (`/proc/sys/fs/pipe-max-size`).
const LARGEST_PIPE: usize = 1 << 20;
/// `PIPE_BUF`: what a pipe that polls as writable takes without waiting.
const ATOMIC_WRITE: usize = 4096;
/// How often a named pipe without a reader is tried again.
const FIFO_RETRY: Duration = Duration::from_millis(50);

/// What is open, and is closed by whoever has it.
pub(super) type Owned = OwnedFd;

/// What something open is, as far as writing to it goes.
#[derive(Debug)]
pub(super) enum Opened {
    /// A file on a disk: never waits for a reader, and can be cut back.
    Regular(File),
    /// Everything else.
    Flow(Flow),
}

/// A pipe, a socket or a terminal, which may wait for its reader; another device, such as `/dev/null`, never does.
#[derive(Debug)]
pub(super) struct Flow {
    file: File,
    /// How much is written at once.
    chunk: usize,
}

/// What a descriptor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FdKind {
    Regular,
    /// A pipe, named or not.
    Pipe,
    /// A socket or a terminal.
    Stream,
    Device,
}

impl Flow {
    /// Whether it takes bytes that it has not written yet: here what is written is with the kernel.
    pub(super) const TAKES_AHEAD: bool = false;

    /// Writes some of the bytes; waits only where [`Flow::wait`] was not asked before.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(&mut self.file, &bytes[..bytes.len().min(self.chunk)])
    }

    /// Waits until it can be written, or somebody asks to stop.
    pub(super) fn wait(&self, stop: &Stop) -> io::Result<Waited> {
        stop.wait_writable(self.file.as_fd(), None)
    }

    /// Waits until it can be written, for at most `timeout`; returns whether it can.
    pub(super) fn wait_writable(&self, timeout: Duration) -> io::Result<bool> {
        Ok(!poll_once(&self.file, PollFlags::OUT, timeout)?.is_empty())
    }

    /// Returns whether the other end of a pipe or a socket is closed.
    pub(super) fn reader_gone(&self) -> bool {
        poll_once(&self.file, PollFlags::empty(), Duration::ZERO)
            .is_ok_and(|seen| seen.intersects(PollFlags::ERR | PollFlags::HUP))
    }

    /// Makes a pipe hold at least `len` bytes, up to [`LARGEST_PIPE`]. What the kernel refuses stays as it was.
    pub(super) fn enlarge(&self, len: usize) {
        let wanted = len.min(LARGEST_PIPE);
        if rustix::pipe::fcntl_getpipe_size(&self.file).is_ok_and(|now| now < wanted) {
            let _ = rustix::pipe::fcntl_setpipe_size(&self.file, wanted);
        }
    }

    pub(super) fn is_terminal(&self) -> bool {
        self.file.is_terminal()
    }

    /// Writes as where a pipe cannot be opened again.
    #[cfg(test)]
    pub(super) fn write_little(&mut self) {
        self.chunk = ATOMIC_WRITE;
    }
}

/// Standard output, once more.
pub(super) fn stdout() -> io::Result<Owned> {
    io::stdout().as_fd().try_clone_to_owned()
}

/// Asks what something open is.
pub(super) fn examine(file: File) -> io::Result<Opened> {
    let (file, chunk) = match kind(&file)? {
        FdKind::Regular => return Ok(Opened::Regular(file)),
        FdKind::Pipe => match reopen_nonblocking(&file) {
            Ok(reopened) => (reopened, usize::MAX),
            Err(_) => (file, ATOMIC_WRITE),
        },
        FdKind::Stream => (file, ATOMIC_WRITE),
        FdKind::Device => (file, usize::MAX),
    };
    Ok(Opened::Flow(Flow { file, chunk }))
}

fn kind(fd: impl AsFd) -> io::Result<FdKind> {
    let stat = rustix::fs::fstat(&fd)?;
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FdKind::Regular,
        FileType::Fifo => FdKind::Pipe,
        FileType::Socket => FdKind::Stream,
        _ if rustix::termios::isatty(&fd) => FdKind::Stream,
        _ => FdKind::Device,
    })
}

/// Opens a device or a named pipe; a named pipe without a reader is tried again until somebody asks to stop: `None`.
pub(super) fn open_special(path: &Path, stop: &Stop) -> io::Result<Option<File>> {
    let is_fifo = path
        .metadata()
        .is_ok_and(|metadata| metadata.file_type().is_fifo());
    loop {
        match open_now(path) {
            // Opening a named pipe failed only because nobody reads it yet.
            Err(error) if is_fifo && Errno::from_io_error(&error) == Some(Errno::NXIO) => {}
            opened => return opened.map(Some),
        }
        if stop.sleep(FIFO_RETRY) {
            return Ok(None);
        }
    }
}

/// Whether what is written goes behind what others write meanwhile, as after the shell's `>>`.
pub(super) fn appends(file: &File) -> io::Result<bool> {
    Ok(rustix::fs::fcntl_getfl(file)?.contains(OFlags::APPEND))
}

/// Opens a device or a pipe for writing without waiting; a named pipe that nobody reads yet is `ENXIO`.
fn open_now(path: &Path) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Opens the pipe behind `fd` once more, so that writing to it never waits.
///
/// Setting `O_NONBLOCK` on `fd` itself would also set it for every other process that has the same standard output.
/// Fails without `/proc`, and for a pipe of another user.
fn reopen_nonblocking(fd: impl AsFd) -> io::Result<File> {
    let path = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
    open_now(path.as_ref())
}

fn poll_once(fd: impl AsFd, events: PollFlags, timeout: Duration) -> io::Result<PollFlags> {
    let timeout = Timespec {
        tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(timeout.subsec_nanos()),
    };
    let mut fds = [PollFd::new(&fd, events)];
    match poll(&mut fds, Some(&timeout)) {
        // Interrupted: nothing was seen, and the caller asks again until its time is over.
        Ok(_) | Err(Errno::INTR) => Ok(fds[0].revents()),
        Err(error) => Err(error.into()),
    }
}
