//! What Linux can do with a pipe beyond reading and writing it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

/// What a pipe may hold without privileges (`/proc/sys/fs/pipe-max-size`).
const LARGEST_PIPE: usize = 1 << 20;

/// What a descriptor is, as far as writing to it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FdKind {
    /// A file on a disk: never waits for a reader, and can be cut back.
    Regular,
    /// A pipe, named or not.
    Pipe,
    /// A socket or a terminal: may wait for its reader.
    Stream,
    /// Another device, such as `/dev/null`: never waits.
    Device,
}

/// Asks what `fd` is.
pub(super) fn kind(fd: impl AsFd) -> io::Result<FdKind> {
    let stat = rustix::fs::fstat(&fd)?;
    Ok(match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FdKind::Regular,
        FileType::Fifo => FdKind::Pipe,
        FileType::Socket => FdKind::Stream,
        _ if rustix::termios::isatty(&fd) => FdKind::Stream,
        _ => FdKind::Device,
    })
}

/// Opens a device or a pipe for writing without waiting; a named pipe that nobody reads yet is `ENXIO`.
pub(super) fn open_now(path: &Path) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Returns whether opening a named pipe failed only because nobody reads it yet.
pub(super) fn has_no_reader_yet(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::NXIO)
}

/// Opens the pipe behind `fd` once more, so that writing to it never waits.
///
/// Setting `O_NONBLOCK` on `fd` itself would also set it for every other process that has the same standard output.
/// Fails without `/proc`, and for a pipe of another user.
pub(super) fn reopen_nonblocking(fd: impl AsFd) -> io::Result<File> {
    let path = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
    open_now(path.as_ref())
}

/// Makes a pipe hold at least `len` bytes, up to [`LARGEST_PIPE`]. What the kernel refuses stays as it was.
pub(super) fn enlarge(fd: impl AsFd, len: usize) {
    let fd = fd.as_fd();
    let wanted = len.min(LARGEST_PIPE);
    if rustix::pipe::fcntl_getpipe_size(fd).is_ok_and(|now| now < wanted) {
        let _ = rustix::pipe::fcntl_setpipe_size(fd, wanted);
    }
}

/// Waits until `fd` can be written, for at most `timeout`; returns whether it can.
pub(super) fn wait_writable(fd: impl AsFd, timeout: Duration) -> io::Result<bool> {
    Ok(!poll_once(fd, PollFlags::OUT, timeout)?.is_empty())
}

/// Returns whether the other end of a pipe or a socket is closed.
pub(super) fn reader_gone(fd: impl AsFd) -> bool {
    poll_once(fd, PollFlags::empty(), Duration::ZERO)
        .is_ok_and(|seen| seen.intersects(PollFlags::ERR | PollFlags::HUP))
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
