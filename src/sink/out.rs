//! The file, pipe or standard output that a stream of frames is written to.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::SinkError;
use super::pipe::{self, FdKind};
use framebus::clock::monotonic_ns;
use framebus::stop::{Stop, Waited};

/// `PIPE_BUF`: what a pipe that polls as writable takes without waiting.
const ATOMIC_WRITE: usize = 4096;
/// How long a reader that does read gets to take the rest of a frame after a request to stop.
const GRACE_NS: u64 = 1_000_000_000;
/// How often a named pipe without a reader is tried again.
const FIFO_RETRY: Duration = Duration::from_millis(50);

/// Something to write whole frames to.
///
/// - A regular file ends with a whole frame: what an error leaves of a frame is cut off. One that did not exist before and
///   gets no frame is removed again.
/// - On a pipe, a socket or a terminal a wait for the reader ends with [`SinkError::Stopped`] when somebody asks to
///   stop and the reader does not take the rest of the frame within a second.
/// - A reader that has closed its end is [`SinkError::Closed`].
#[derive(Debug)]
pub struct Output {
    target: String,
    file: File,
    way: Way,
    /// A file that did not exist before.
    created: Option<PathBuf>,
    stop: Stop,
    grace_ns: u64,
    /// When the grace ends, once somebody has asked to stop.
    grace_ends_ns: Option<u64>,
    /// Of whole frames.
    bytes: u64,
}

/// How bytes go out.
#[derive(Debug)]
enum Way {
    /// A regular file: written at once. `frame_end` is where its last whole frame ends.
    Regular { frame_end: u64 },
    /// Written when it can be, at most `chunk` bytes at a time.
    Polled { chunk: usize },
}

impl Output {
    /// Takes standard output.
    ///
    /// # Errors
    /// Fails when standard output is closed.
    pub fn stdout(stop: &Stop) -> Result<Output, SinkError> {
        let target = "standard output";
        let fd = io::stdout()
            .as_fd()
            .try_clone_to_owned()
            .map_err(|source| write_error(target, source))?;
        Output::from_fd(fd, target, stop)
    }

    /// Creates the file `path`, or replaces its content; a named pipe is waited on until it has a reader.
    ///
    /// # Errors
    /// Fails when the file cannot be opened, and when somebody asks to stop before a named pipe has a reader.
    pub fn file(path: &Path, stop: &Stop) -> Result<Output, SinkError> {
        let target = path.display().to_string();
        let is_regular = path.metadata().map_or(true, |metadata| metadata.is_file());
        let (file, created) = if is_regular {
            create(path).map_err(|source| write_error(&target, source))?
        } else {
            (open_special(path, &target, stop)?, false)
        };
        let mut output = Output::from_fd(file.into(), &target, stop)?;
        output.created = created.then(|| path.to_owned());
        Ok(output)
    }

    /// Writes to `fd`, which error messages call `target`.
    ///
    /// # Errors
    /// Fails when `fd` cannot be examined.
    pub fn from_fd(fd: OwnedFd, target: &str, stop: &Stop) -> Result<Output, SinkError> {
        let failed = |source| write_error(target, source);
        let mut file = File::from(fd);
        let way = match pipe::kind(&file).map_err(failed)? {
            FdKind::Regular => Way::Regular {
                frame_end: start_of(&mut file).map_err(failed)?,
            },
            FdKind::Pipe => match pipe::reopen_nonblocking(&file) {
                Ok(reopened) => {
                    file = reopened;
                    Way::Polled { chunk: usize::MAX }
                }
                Err(_) => Way::Polled {
                    chunk: ATOMIC_WRITE,
                },
            },
            FdKind::Stream => Way::Polled {
                chunk: ATOMIC_WRITE,
            },
            FdKind::Device => Way::Polled { chunk: usize::MAX },
        };
        let target = target.to_owned();
        Ok(Output {
            target,
            file,
            way,
            created: None,
            stop: stop.clone(),
            grace_ns: GRACE_NS,
            grace_ends_ns: None,
            bytes: 0,
        })
    }

    /// Sets how long a reader that does read gets to take the rest of a frame after a request to stop; without this, a second.
    #[must_use]
    pub(super) fn with_grace(mut self, grace: Duration) -> Output {
        self.grace_ns = u64::try_from(grace.as_nanos()).unwrap_or(u64::MAX);
        self
    }

    /// Returns what error messages call it.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Refuses a terminal, which `what` (such as `raw frames`) would fill with nonsense.
    ///
    /// # Errors
    /// [`SinkError::Unsuitable`] on a terminal.
    pub fn refuse_terminal(&self, what: &str) -> Result<(), SinkError> {
        if !self.file.is_terminal() {
            return Ok(());
        }
        Err(SinkError::Unsuitable(format!(
            "refusing to write {what} to a terminal; redirect standard output to a file or a pipe, or give `-o FILE`"
        )))
    }

    /// Makes a pipe large enough for a frame of `len` bytes where the system allows it.
    ///
    /// A larger pipe needs fewer system calls; one of more than a frame would only let a slow reader see older frames.
    pub fn expect_frames_of(&self, len: usize) {
        if matches!(self.way, Way::Polled { .. }) {
            pipe::enlarge(&self.file, len);
        }
    }

    /// Writes one frame, whose bytes are `parts` in order.
    ///
    /// # Errors
    /// See [`Output`].
    pub fn write_frame(&mut self, parts: &[&[u8]]) -> Result<(), SinkError> {
        let written = parts.iter().try_for_each(|part| self.write_part(part));
        let len: u64 = parts.iter().map(|part| part.len() as u64).sum();
        match &mut self.way {
            Way::Regular { frame_end } if written.is_ok() => *frame_end += len,
            Way::Regular { .. } => self.cut_partial_frame(),
            Way::Polled { .. } => {}
        }
        if written.is_ok() {
            self.bytes += len;
        }
        written
    }

    /// Returns how many bytes of whole frames were written.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Looks whether a pipe still has a reader, so that a closed one is noticed also while no frame comes.
    ///
    /// # Errors
    /// [`SinkError::Closed`] when it has none.
    pub fn check_reader(&self) -> Result<(), SinkError> {
        match self.way {
            Way::Polled { .. } if pipe::reader_gone(&self.file) => Err(SinkError::Closed),
            _ => Ok(()),
        }
    }

    /// Makes sure that a regular file is on its disk; some file systems report only here that the disk is full.
    ///
    /// # Errors
    /// Reports what could not be written.
    pub fn finish(&mut self) -> Result<(), SinkError> {
        match self.way {
            Way::Regular { .. } => self
                .file
                .sync_data()
                .map_err(|source| write_error(&self.target, source)),
            Way::Polled { .. } => Ok(()),
        }
    }

    fn write_part(&mut self, part: &[u8]) -> Result<(), SinkError> {
        let Way::Polled { chunk } = self.way else {
            return self
                .file
                .write_all(part)
                .map_err(|source| write_error(&self.target, source));
        };
        let mut rest = part;
        while !rest.is_empty() {
            self.wait_writable()?;
            match self.file.write(&rest[..rest.len().min(chunk)]) {
                Ok(0) => return Err(write_error(&self.target, io::ErrorKind::WriteZero.into())),
                Ok(written) => rest = &rest[written..],
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => return Err(write_error(&self.target, error)),
            }
        }
        Ok(())
    }

    fn wait_writable(&mut self) -> Result<(), SinkError> {
        let failed = |source| write_error(&self.target, source);
        if self.grace_ends_ns.is_none() {
            if self
                .stop
                .wait_writable(self.file.as_fd(), None)
                .map_err(failed)?
                == Waited::Ready
            {
                return Ok(());
            }
            self.grace_ends_ns = Some(monotonic_ns().saturating_add(self.grace_ns));
        }
        let ends = self.grace_ends_ns.unwrap_or(0);
        loop {
            let left = ends.saturating_sub(monotonic_ns());
            if pipe::wait_writable(&self.file, Duration::from_nanos(left)).map_err(failed)? {
                return Ok(());
            }
            if left == 0 {
                return Err(SinkError::Stopped);
            }
        }
    }

    /// Cuts off what there is of a frame that could not be written, if nobody else has written behind it.
    fn cut_partial_frame(&mut self) {
        let Way::Regular { frame_end } = self.way else {
            return;
        };
        let (Ok(position), Ok(metadata)) = (self.file.stream_position(), self.file.metadata())
        else {
            return;
        };
        if position > frame_end && metadata.len() == position {
            // The error that brought us here is what the user needs to hear; this one follows from it.
            let _ = self.file.set_len(frame_end);
            let _ = self.file.seek(SeekFrom::Start(frame_end));
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let (Some(path), Way::Regular { frame_end: 0 }) = (&self.created, &self.way) else {
            return;
        };
        // Not what somebody else has put there or written into it meanwhile.
        if let (Ok(ours), Ok(there)) = (self.file.metadata(), path.symlink_metadata())
            && ours.len() == 0
            && (ours.dev(), ours.ino()) == (there.dev(), there.ino())
        {
            let _ = fs::remove_file(path);
        }
    }
}

/// Creates a file, or replaces the content of one; says which.
fn create(path: &Path) -> io::Result<(File, bool)> {
    match File::create_new(path) {
        Ok(file) => Ok((file, true)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Ok((File::create(path)?, false))
        }
        Err(error) => Err(error),
    }
}

/// Opens a device or a named pipe; a named pipe without a reader is tried again until somebody asks to stop.
fn open_special(path: &Path, target: &str, stop: &Stop) -> Result<File, SinkError> {
    let is_fifo = path
        .metadata()
        .is_ok_and(|metadata| metadata.file_type().is_fifo());
    loop {
        match pipe::open_now(path) {
            Ok(file) => return Ok(file),
            Err(error) if is_fifo && pipe::has_no_reader_yet(&error) => {}
            Err(source) => return Err(write_error(target, source)),
        }
        if stop.sleep(FIFO_RETRY) {
            return Err(SinkError::Stopped);
        }
    }
}

/// Returns where the first frame goes: a file of the shell's `>>` starts at 0 and is written at its end.
fn start_of(file: &mut File) -> io::Result<u64> {
    if rustix::fs::fcntl_getfl(&*file)?.contains(rustix::fs::OFlags::APPEND) {
        return file.seek(SeekFrom::End(0));
    }
    file.stream_position()
}

fn write_error(target: &str, source: io::Error) -> SinkError {
    match source.kind() {
        io::ErrorKind::BrokenPipe => SinkError::Closed,
        _ => SinkError::Write {
            target: target.to_owned(),
            source,
        },
    }
}

#[cfg(test)]
#[path = "out_tests.rs"]
mod tests;
