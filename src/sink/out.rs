//! The file, pipe or standard output that a stream of frames is written to.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::SinkError;
use super::pipe::{self, Flow, Opened, Owned};
use crate::system::is_same_file;
use framebus::clock::monotonic_ns;
use framebus::stop::{Stop, Waited};

/// How long a reader that does read gets to take the rest of a frame after a request to stop.
const GRACE_NS: u64 = 1_000_000_000;

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
    Regular { file: File, frame_end: u64 },
    /// Written when it can be.
    Polled(Flow),
}

impl Output {
    /// Takes standard output.
    ///
    /// # Errors
    /// Fails when standard output is closed.
    pub fn stdout(stop: &Stop) -> Result<Output, SinkError> {
        let target = "standard output";
        let fd = pipe::stdout().map_err(|source| write_error(target, source))?;
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
            (special(path, &target, stop)?, false)
        };
        let mut output = Output::from_fd(file.into(), &target, stop)?;
        output.created = created.then(|| path.to_owned());
        Ok(output)
    }

    /// Writes to `fd`, which error messages call `target`.
    ///
    /// # Errors
    /// Fails when `fd` cannot be examined.
    pub fn from_fd(fd: Owned, target: &str, stop: &Stop) -> Result<Output, SinkError> {
        let failed = |source| write_error(target, source);
        let way = match pipe::examine(File::from(fd)).map_err(failed)? {
            Opened::Regular(mut file) => Way::Regular {
                frame_end: start_of(&mut file).map_err(failed)?,
                file,
            },
            Opened::Flow(flow) => Way::Polled(flow),
        };
        let target = target.to_owned();
        Ok(Output {
            target,
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
        match &self.way {
            Way::Polled(flow) if flow.is_terminal() => {}
            _ => return Ok(()),
        }
        Err(SinkError::Unsuitable(format!(
            "refusing to write {what} to a terminal; redirect standard output to a file or a pipe, or give `-o FILE`"
        )))
    }

    /// Makes a pipe large enough for a frame of `len` bytes where the system allows it.
    ///
    /// A larger pipe needs fewer system calls; one of more than a frame would only let a slow reader see older frames.
    pub fn expect_frames_of(&self, len: usize) {
        if let Way::Polled(flow) = &self.way {
            flow.enlarge(len);
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
            Way::Regular { frame_end, .. } if written.is_ok() => *frame_end += len,
            Way::Regular { .. } => self.cut_partial_frame(),
            Way::Polled(_) => {}
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
        match &self.way {
            Way::Polled(flow) if flow.reader_gone() => Err(SinkError::Closed),
            _ => Ok(()),
        }
    }

    /// Makes sure that a regular file is on its disk; some file systems report only here that the disk is full.
    ///
    /// # Errors
    /// Reports what could not be written.
    pub fn finish(&mut self) -> Result<(), SinkError> {
        match &self.way {
            Way::Regular { file, .. } => file
                .sync_data()
                .map_err(|source| write_error(&self.target, source)),
            Way::Polled(_) => Ok(()),
        }
    }

    fn write_part(&mut self, part: &[u8]) -> Result<(), SinkError> {
        let mut rest = part;
        while !rest.is_empty() {
            let flow = match &mut self.way {
                Way::Regular { file, .. } => {
                    return file
                        .write_all(part)
                        .map_err(|source| write_error(&self.target, source));
                }
                Way::Polled(flow) => flow,
            };
            let grace = (self.grace_ns, &mut self.grace_ends_ns);
            wait_writable(flow, &self.target, &self.stop, grace)?;
            match flow.write(rest) {
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
        match &self.way {
            Way::Polled(flow) if Flow::TAKES_AHEAD => {
                let grace = (self.grace_ns, &mut self.grace_ends_ns);
                wait_writable(flow, &self.target, &self.stop, grace)
            }
            _ => Ok(()),
        }
    }

    /// Cuts off what there is of a frame that could not be written, if nobody else has written behind it.
    fn cut_partial_frame(&mut self) {
        let Way::Regular { file, frame_end } = &mut self.way else {
            return;
        };
        let (Ok(position), Ok(metadata)) = (file.stream_position(), file.metadata()) else {
            return;
        };
        if position > *frame_end && metadata.len() == position {
            // The error that brought us here is what the user needs to hear; this one follows from it.
            let _ = file.set_len(*frame_end);
            let _ = file.seek(SeekFrom::Start(*frame_end));
        }
    }
}

/// Waits until more can be written, and after a request to stop for as long as the grace lasts.
fn wait_writable(
    flow: &Flow,
    target: &str,
    stop: &Stop,
    (grace_ns, grace_ends_ns): (u64, &mut Option<u64>),
) -> Result<(), SinkError> {
    let failed = |source| write_error(target, source);
    let ends = match *grace_ends_ns {
        Some(ends) => ends,
        None => {
            if flow.wait(stop).map_err(failed)? == Waited::Ready {
                return Ok(());
            }
            *grace_ends_ns.insert(monotonic_ns().saturating_add(grace_ns))
        }
    };
    loop {
        let left = ends.saturating_sub(monotonic_ns());
        if flow
            .wait_writable(Duration::from_nanos(left))
            .map_err(failed)?
        {
            return Ok(());
        }
        if left == 0 {
            return Err(SinkError::Stopped);
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let (Some(path), Way::Regular { file, frame_end: 0 }) = (&self.created, &self.way) else {
            return;
        };
        // Not what somebody else has put there or written into it meanwhile.
        if file.metadata().is_ok_and(|ours| ours.len() == 0) && is_same_file(file, path) {
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

/// Opens a device or a named pipe, and waits until that has a reader.
fn special(path: &Path, target: &str, stop: &Stop) -> Result<File, SinkError> {
    match pipe::open_special(path, stop) {
        Ok(Some(file)) => Ok(file),
        Ok(None) => Err(SinkError::Stopped),
        Err(source) => Err(write_error(target, source)),
    }
}

/// Returns where the first frame goes: a file of the shell's `>>` starts at 0 and is written at its end.
fn start_of(file: &mut File) -> io::Result<u64> {
    if pipe::appends(file)? {
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
