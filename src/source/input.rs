//! A byte stream that is cut into frames: interruptible, resumable, without a copy where one can be spared.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::fs::{FileType, SeekFrom, fstat, seek};

use crate::clock::{monotonic_ns, wall_ns};
use crate::source::{Arrival, Capture, Filled, SourceError};
use crate::stop::{Stop, Waited};

/// How long nothing may come before `wait` says so.
const PATIENCE: Duration = Duration::from_secs(2);
/// What is read at once when bytes are skipped.
const BUFFER_LEN: usize = 64 * 1024;
/// What is read at once when a header is looked for: what comes behind it is pixels, which then have to be copied.
const HEADER_READ: usize = 4096;

/// Opens standard input without the buffer that the standard library puts before it: bytes in that buffer are invisible to
/// `poll`.
///
/// # Errors
/// Fails when the process has no descriptor left, or no standard input.
pub fn standard_input() -> io::Result<File> {
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

/// What the bytes at the beginning of a frame are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameHeader {
    /// A header of this many bytes.
    Complete(usize),
    /// Not enough to know.
    Incomplete,
    /// No header.
    Bad,
}

/// How a read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Got {
    /// There is more in the buffer, or in the slice, than before.
    Data(usize),
    /// The stream has ended.
    End,
    /// Nothing came for as long as the patience lasts.
    Nothing,
    /// Somebody asked to stop.
    Stopped,
}

/// Where in the stream the next byte is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In, or before, the header of a frame.
    Header,
    /// Before the first byte of a frame's payload.
    Payload,
    /// In the payload of the frame that was announced.
    Announced,
}

/// A stream of frames, each a header and a payload of always the same length.
#[derive(Debug)]
pub(super) struct Input<R> {
    reader: R,
    name: String,
    patience: Duration,
    /// Where the first frame begins, in a stream that starts again at its end.
    rewind_to: Option<u64>,
    regular_file: bool,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    place: Place,
    payload: usize,
    /// Bytes of the payload that were not read yet.
    left: usize,
    /// The number of the frame at `place`.
    frame: u64,
    stop: Option<Stop>,
}

impl<R: Read + AsFd> Input<R> {
    /// Takes a stream that a person calls `name`. If it is `looped`, it starts again at its end.
    pub(super) fn new(reader: R, name: String, looped: bool) -> Result<Input<R>, SourceError> {
        let cannot = |error| unusable(&name, "read", error);
        let mode = fstat(&reader).map_err(cannot)?.st_mode;
        let regular_file = FileType::from_raw_mode(mode) == FileType::RegularFile;
        if looped && !regular_file {
            return Err(SourceError::Unusable(format!(
                "{name} cannot be looped: it is not a regular file"
            )));
        }
        let here = |reader| seek(reader, SeekFrom::Current(0)).map_err(cannot);
        let rewind_to = looped.then(|| here(&reader)).transpose()?;
        Ok(Input {
            reader,
            name,
            patience: PATIENCE,
            rewind_to,
            regular_file,
            buffer: vec![0; BUFFER_LEN].into_boxed_slice(),
            start: 0,
            end: 0,
            place: Place::Header,
            payload: 0,
            left: 0,
            frame: 0,
            stop: None,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether frames come at their own time: a regular file is read as fast as one likes.
    pub(super) fn live(&self) -> bool {
        !self.regular_file
    }

    pub(super) fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// Says how many bytes follow each header.
    pub(super) fn set_payload(&mut self, payload: usize) {
        self.payload = payload;
    }

    /// Passes over the header of the whole stream, which is not read again when the stream is looped.
    pub(super) fn consume_stream_header(&mut self, len: usize) {
        self.consume(len);
        if let Some(position) = &mut self.rewind_to {
            *position += len as u64;
        }
    }

    pub(super) fn buffered(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Reads some more bytes behind those that are buffered, for a header.
    pub(super) fn more(
        &mut self,
        stop: &Stop,
        patience: Option<Duration>,
    ) -> Result<Got, SourceError> {
        if self.buffer.len() - self.end < HEADER_READ {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let room = (self.end + HEADER_READ).min(self.buffer.len());
        let space = &mut self.buffer[self.end..room];
        let got = read(&mut self.reader, space, stop, patience)
            .map_err(|error| unusable(&self.name, "read", error))?;
        if let Got::Data(len) = got {
            self.end += len;
        }
        Ok(got)
    }

    /// Waits until the header and the first byte of the next frame are there; whatever is left of the last one is skipped.
    pub(super) fn wait(
        &mut self,
        stop: &Stop,
        header: impl Fn(&[u8]) -> FrameHeader,
    ) -> Result<Arrival, SourceError> {
        self.stop = Some(stop.clone());
        if stop.is_set() {
            return Ok(Arrival::Stopped);
        }
        loop {
            let got = match self.place {
                Place::Announced if self.left == 0 => {
                    self.place = Place::Header;
                    self.frame += 1;
                    continue;
                }
                Place::Announced => self.skip(stop)?,
                Place::Header => match header(self.buffered()) {
                    FrameHeader::Complete(len) => {
                        self.consume(len);
                        self.left = self.payload;
                        self.place = Place::Payload;
                        continue;
                    }
                    FrameHeader::Incomplete => self.more(stop, Some(self.patience))?,
                    FrameHeader::Bad => return Err(self.bad_header()),
                },
                Place::Payload if self.start < self.end => {
                    self.place = Place::Announced;
                    return Ok(Arrival::Frame(Capture {
                        capture_ns: monotonic_ns(),
                        wall_ns: wall_ns(),
                        source_frame: self.frame,
                    }));
                }
                Place::Payload => self.more(stop, Some(self.patience))?,
            };
            match got {
                Got::Data(_) => {}
                Got::Nothing => return Ok(Arrival::Stalled(self.no_data())),
                Got::Stopped => return Ok(Arrival::Stopped),
                Got::End if self.place == Place::Header && self.start == self.end => {
                    if !self.rewind()? {
                        return Ok(Arrival::End);
                    }
                }
                Got::End => return Err(self.truncated()),
            }
        }
    }

    /// Reads the next bytes of the payload that was announced; waits for them as long as it takes.
    ///
    /// [`Filled::Damaged`] when somebody asked to stop, or when the payload has fewer bytes left than that.
    pub(super) fn read_payload(&mut self, target: &mut [u8]) -> Result<Filled, SourceError> {
        let Some(stop) = self.stop.clone() else {
            return Ok(Filled::Damaged);
        };
        if self.place != Place::Announced || self.left < target.len() {
            return Ok(Filled::Damaged);
        }
        let mut done = target.len().min(self.end - self.start);
        target[..done].copy_from_slice(&self.buffered()[..done]);
        self.consume(done);
        self.left -= done;
        while done < target.len() {
            let got = read(&mut self.reader, &mut target[done..], &stop, None)
                .map_err(|error| unusable(&self.name, "read", error))?;
            match got {
                Got::Data(len) => {
                    done += len;
                    self.left -= len;
                }
                Got::End => return Err(self.truncated()),
                Got::Nothing | Got::Stopped => return Ok(Filled::Damaged),
            }
        }
        Ok(Filled::Frame)
    }

    fn skip(&mut self, stop: &Stop) -> Result<Got, SourceError> {
        let buffered = self.left.min(self.end - self.start);
        self.consume(buffered);
        self.left -= buffered;
        if buffered > 0 {
            return Ok(Got::Data(buffered));
        }
        let len = self.left.min(self.buffer.len());
        let got = read(
            &mut self.reader,
            &mut self.buffer[..len],
            stop,
            Some(self.patience),
        )
        .map_err(|error| unusable(&self.name, "read", error))?;
        if let Got::Data(len) = got {
            self.left -= len;
        }
        Ok(got)
    }

    /// Goes back to the first frame. A stream without a frame is not looped: that would never end.
    fn rewind(&mut self) -> Result<bool, SourceError> {
        let (Some(position), 1..) = (self.rewind_to, self.frame) else {
            return Ok(false);
        };
        seek(&self.reader, SeekFrom::Start(position))
            .map_err(|error| unusable(&self.name, "rewind", error))?;
        self.frame = 0;
        Ok(true)
    }

    fn consume(&mut self, len: usize) {
        self.start += len;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    fn no_data(&self) -> String {
        let seconds = self.patience.as_secs();
        format!("no data on {} for {seconds} s", self.name)
    }

    fn bad_header(&self) -> SourceError {
        let (name, frame) = (&self.name, self.frame);
        SourceError::Damaged(format!(
            "{name} is damaged: frame {frame} has no valid header"
        ))
    }

    fn truncated(&self) -> SourceError {
        let (name, frame, all) = (&self.name, self.frame, self.payload);
        SourceError::Damaged(match self.place {
            Place::Header => format!("{name} ended in the header of frame {frame}"),
            Place::Payload | Place::Announced => {
                let read = all - self.left;
                format!("{name} ended in the middle of frame {frame}: {read} of {all} bytes")
            }
        })
    }
}

fn read(
    reader: &mut (impl Read + AsFd),
    space: &mut [u8],
    stop: &Stop,
    patience: Option<Duration>,
) -> io::Result<Got> {
    loop {
        match stop.wait_readable(reader.as_fd(), patience)? {
            Waited::Ready => {}
            Waited::TimedOut => return Ok(Got::Nothing),
            Waited::Stopped => return Ok(Got::Stopped),
        }
        match reader.read(space) {
            Ok(0) => return Ok(Got::End),
            Ok(len) => return Ok(Got::Data(len)),
            Err(error)
                if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Err(error) => return Err(error),
        }
    }
}

fn unusable(name: &str, what: &str, error: impl Into<io::Error>) -> SourceError {
    SourceError::Unusable(format!("cannot {what} {name}: {}", error.into()))
}
