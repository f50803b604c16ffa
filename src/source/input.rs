//! A byte stream that is cut into frames: interruptible, resumable, without a copy where one can be spared.

mod payload;
mod streams;
mod words;

use std::io::{self, ErrorKind};
use std::mem;
use std::time::Duration;

use crate::system::Stream;
use framebus::clock::{monotonic_ns, wall_ns};
use framebus::source::{Arrival, FrameMeta, Progress, SourceError};
use framebus::stop::{Stop, Waited};

/// How long nothing may come before `wait` says so.
const PATIENCE: Duration = Duration::from_secs(2);
/// What is read at once when bytes are skipped.
const BUFFER_LEN: usize = 64 * 1024;
/// What is read at once when a header is looked for: what comes behind it is pixels, which then have to be copied.
const HEADER_READ: usize = 4096;

/// What the bytes at the beginning of a frame are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FrameHeader {
    /// A header of this many bytes.
    Complete(usize),
    /// Not enough to know.
    Incomplete,
    /// The header of another stream, which begins here.
    Stream,
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
    /// When the frame came that was announced last.
    capture: FrameMeta,
    /// Whether that one may still be filled for the first time.
    untouched: bool,
    /// How the header of a stream begins; empty where there are none.
    magic: &'static [u8],
    /// How many frames a regular file has, by its size and the first one's.
    frames: Option<u64>,
    /// Whether what comes is no frame, up to the next stream.
    lost: bool,
    /// Whether this may be that next stream.
    found: bool,
    stop: Option<Stop>,
}

impl<R: Stream> Input<R> {
    /// Takes a stream that a person calls `name`. If it is `looped`, it starts again at its end.
    pub(super) fn new(reader: R, name: String, looped: bool) -> Result<Input<R>, SourceError> {
        let cannot = |error| unusable(&name, "read", error);
        let regular_file = reader.file_len().map_err(cannot)?.is_some();
        if looped && !regular_file {
            return Err(SourceError::Unusable(format!(
                "{name} cannot be looped: it is not a regular file"
            )));
        }
        let here = || reader.position().map_err(cannot);
        let rewind_to = looped.then(here).transpose()?;
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
            capture: FrameMeta::default(),
            untouched: false,
            magic: &[],
            frames: None,
            lost: false,
            found: false,
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

    /// Bytes of a frame behind its header.
    pub(super) fn payload(&self) -> usize {
        self.payload
    }

    /// Says how the header of a stream begins, so that one is found behind a frame that was cut off.
    pub(super) fn set_magic(&mut self, magic: &'static [u8]) {
        self.magic = magic;
    }

    /// When the frame came that was announced last.
    pub(super) fn capture(&self) -> FrameMeta {
        self.capture
    }

    /// Whether a frame was announced that nobody has begun to fill: each is filled once.
    pub(super) fn begin_to_fill(&mut self) -> bool {
        mem::take(&mut self.untouched)
    }

    /// Whether so many bytes of the payload that was announced have been read.
    pub(super) fn has_read(&self, len: usize) -> bool {
        self.place == Place::Announced && self.payload - self.left >= len
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
    ///
    /// `None` when another stream begins here: its header is in the buffer.
    pub(super) fn wait(
        &mut self,
        stop: &Stop,
        header: impl Fn(&[u8]) -> FrameHeader,
    ) -> Result<Option<Arrival>, SourceError> {
        self.stop = Some(stop.clone());
        self.untouched = false;
        if stop.is_set() {
            return Ok(Some(Arrival::Stopped));
        }
        let due_ns = self.due_ns();
        loop {
            let got = match self.place {
                _ if self.lost => {
                    if self.find_stream() {
                        continue;
                    }
                    self.more(stop, Some(self.patience))?
                }
                Place::Announced if self.left == 0 => {
                    self.place = Place::Header;
                    self.frame += 1;
                    continue;
                }
                Place::Announced => self.skip(stop)?,
                Place::Header => match header(self.buffered()) {
                    FrameHeader::Complete(len) => {
                        self.count_frames(len)?;
                        self.consume(len);
                        self.left = self.payload;
                        self.place = Place::Payload;
                        continue;
                    }
                    FrameHeader::Incomplete => self.more(stop, Some(self.patience))?,
                    FrameHeader::Stream => {
                        self.tell_that_it_was_lost();
                        return Ok(None);
                    }
                    // A file does not mend itself; a pipe may have a writer that is started again.
                    FrameHeader::Bad if self.regular_file || self.magic.is_empty() => {
                        return Err(self.bad_header());
                    }
                    FrameHeader::Bad => {
                        self.lose();
                        continue;
                    }
                },
                Place::Payload if self.begins_stream(self.buffered()) => {
                    self.place = Place::Header;
                    continue;
                }
                Place::Payload if self.start < self.end => {
                    self.place = Place::Announced;
                    self.capture = FrameMeta {
                        capture_ns: monotonic_ns(),
                        wall_ns: wall_ns(),
                        source_frame: self.frame,
                    };
                    self.untouched = true;
                    return Ok(Some(Arrival::Frame(self.capture)));
                }
                Place::Payload => self.more(stop, Some(self.patience))?,
            };
            match got {
                Got::Data(_) if self.lost && monotonic_ns() > due_ns => {
                    return Ok(Some(Arrival::Stalled(self.bad_header().to_string())));
                }
                Got::Data(_) => {}
                Got::End if self.lost => return Err(self.bad_header()),
                Got::Nothing => return Ok(Some(Arrival::Stalled(self.no_data()))),
                Got::Stopped => return Ok(Some(Arrival::Stopped)),
                Got::End if self.place == Place::Header && self.start == self.end => {
                    if !self.rewind()? {
                        return Ok(Some(Arrival::End));
                    }
                }
                Got::End => return Err(self.truncated()),
            }
        }
    }

    /// At the first frame of a file: how many there are. Some writers say more in the header of one than of another, and then it
    /// is nearly true.
    fn count_frames(&mut self, header: usize) -> Result<(), SourceError> {
        if !self.regular_file || self.frames.is_some() {
            return Ok(());
        }
        let cannot = |error| unusable(&self.name, "read", error);
        let size = self.reader.file_len().map_err(cannot)?.unwrap_or(0);
        let read = self.reader.position().map_err(cannot)?;
        let begins = read.saturating_sub(self.buffered().len() as u64);
        let pitch = (header + self.payload).max(1) as u64;
        self.frames = Some(size.saturating_sub(begins) / pitch);
        Ok(())
    }

    /// How far a file is.
    pub(super) fn progress(&self) -> Option<Progress> {
        let at = self.frame + 1;
        self.frames
            .map(|of| Progress::Frames { at: at.min(of), of })
    }

    fn due_ns(&self) -> u64 {
        let patience_ns = u64::try_from(self.patience.as_nanos()).unwrap_or(u64::MAX);
        monotonic_ns().saturating_add(patience_ns)
    }

    /// Goes back to the first frame. A stream without a frame is not looped: that would never end.
    fn rewind(&mut self) -> Result<bool, SourceError> {
        let (Some(position), 1..) = (self.rewind_to, self.frame) else {
            return Ok(false);
        };
        self.reader
            .go_to(position)
            .map_err(|error| unusable(&self.name, "rewind", error))?;
        self.frame = 0;
        Ok(true)
    }
}

impl<R> Input<R> {
    pub(super) fn buffered(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }
}

fn read(
    reader: &mut impl Stream,
    space: &mut [u8],
    stop: &Stop,
    patience: Option<Duration>,
) -> io::Result<Got> {
    loop {
        match reader.wait(stop, patience)? {
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

fn unusable(name: &str, what: &str, error: io::Error) -> SourceError {
    SourceError::Unusable(format!("cannot {what} {name}: {error}"))
}
