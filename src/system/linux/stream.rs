//! Bytes that are waited for: poll.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::fs::{FileType, SeekFrom, fstat, seek};

use crate::system::Stream;
use framebus::stop::{Stop, Waited};

/// Standard input.
pub type StandardInput = File;

/// Opens standard input without the buffer that the standard library puts before it: bytes in that buffer are invisible to
/// `poll`.
///
/// # Errors
/// Fails when the process has no descriptor left, or no standard input.
pub fn standard_input() -> io::Result<StandardInput> {
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

impl<T: Read + AsFd> Stream for T {
    fn wait(&self, stop: &Stop, patience: Option<Duration>) -> io::Result<Waited> {
        stop.wait_readable(self.as_fd(), patience)
    }

    fn file_len(&self) -> io::Result<Option<u64>> {
        let stat = fstat(self)?;
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        Ok(is_file.then(|| u64::try_from(stat.st_size).unwrap_or(0)))
    }

    fn position(&self) -> io::Result<u64> {
        Ok(seek(self, SeekFrom::Current(0))?)
    }

    fn go_to(&self, position: u64) -> io::Result<()> {
        seek(self, SeekFrom::Start(position))?;
        Ok(())
    }
}

/// Waits until a socket can be read.
pub(crate) fn wait_readable(
    socket: &TcpStream,
    stop: &Stop,
    patience: Duration,
) -> io::Result<Waited> {
    stop.wait_readable(socket.as_fd(), Some(patience))
}

/// Waits until a socket can be written.
pub(crate) fn wait_writable(
    socket: &TcpStream,
    stop: &Stop,
    patience: Duration,
) -> io::Result<Waited> {
    stop.wait_writable(socket.as_fd(), Some(patience))
}

/// Something to wait for, and what ends the wait when it is dropped.
pub(crate) fn sign() -> io::Result<(PipeReader, PipeWriter)> {
    io::pipe()
}

/// Waits until the other half of a [`sign`] is dropped.
pub(crate) fn wait_for_sign(
    sign: &PipeReader,
    stop: &Stop,
    patience: Duration,
) -> io::Result<Waited> {
    stop.wait_readable(sign.as_fd(), Some(patience))
}
