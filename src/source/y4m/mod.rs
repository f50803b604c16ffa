//! YUV4MPEG2 (`.y4m`), which ffmpeg, GStreamer and mpv write to a pipe.
//!
//! The format: <https://wiki.multimedia.cx/index.php/YUV4MPEG2> and `yuv4mpeg(5)` of the mjpegtools. The crate `y4m` reads
//! it too, but it blocks until a frame is whole, cannot go on after an interruption, copies each frame once more and does
//! not know 4:1:1 and 4:4:4 with alpha.

mod header;

use std::time::Duration;

use crate::source::input::{FrameHeader, Got, Input};
use crate::source::late::{self, Interrupted, Late};
use crate::source::wide::Wide;
use crate::system::Stream;
use framebus::convert::{gray_into, stretch_luma, ycc_to_bgr};
use framebus::layout::{ColorRange, Format, PlaneSpec};
use framebus::source::{
    Arrival, Filled, FrameMeta, FrameSource, FrameTarget, Progress, Range, SourceError, SourceInfo,
};
use framebus::stop::Stop;

use header::StreamHeader;

const MAGIC: &[u8] = b"YUV4MPEG2";
const FRAME: &[u8] = b"FRAME";
/// Headers are a line of some ten words; a longer one is no header.
const LONGEST_HEADER: usize = 4096;

/// Reads Y4M from a pipe or a file: the Y plane is the gray image. The chroma planes of 4:4:4 make the BGR image, where
/// one is kept; all others are skipped.
///
/// All 8-bit colour spaces are taken (mono, 4:2:0, 4:1:1, 4:2:2, 4:4:4, 4:4:4 with alpha). Limited-range luma becomes full
/// range: what the header calls `XCOLORRANGE=LIMITED`, and YUV of which it says nothing, as ffmpeg has it; mono of which
/// it says nothing is full. Interlaced frames are taken as they are.
///
/// Another header in the stream begins another stream, as a writer has it that was started again: with the same size the
/// frames go on, with another one they are [`Arrival::Resized`]. A frame in which the writer before it was cut off is damaged.
///
/// `fill` returns [`Filled::Unfinished`] when the rest of a frame does not come, and [`Filled::Damaged`] when somebody asks
/// to stop.
#[derive(Debug)]
pub struct Y4mSource<R> {
    input: Input<R>,
    header: StreamHeader,
    range: Range,
    /// The Y plane of a frame, where nobody wants it.
    luma: Vec<u8>,
    /// The chroma planes of a frame.
    chroma: Vec<u8>,
    late: Option<Late>,
    /// Samples of more than 8 bits, as they came: luma, chroma.
    wide: [Wide; 2],
}

impl<R: Stream> Y4mSource<R> {
    /// Reads the header of a stream that a person calls `name`; `None` when somebody asks to stop before it is there.
    ///
    /// `reader` must not buffer: see [`super::standard_input`]. If the stream is `looped`, it starts again at its end.
    ///
    /// # Errors
    /// Fails when the stream is not Y4M, has more than 8 bits a sample or an impossible size, ends in its header, or is to
    /// be looped and not a regular file.
    pub fn open(
        reader: R,
        name: impl Into<String>,
        looped: bool,
        stop: &Stop,
    ) -> Result<Option<Y4mSource<R>>, SourceError> {
        let mut input = Input::new(reader, name.into(), looped)?;
        loop {
            match line(input.buffered(), MAGIC) {
                FrameHeader::Complete(_) => break,
                FrameHeader::Incomplete => {}
                FrameHeader::Bad | FrameHeader::Stream => {
                    return Err(SourceError::Unusable(format!(
                        "{} is not Y4M: it does not begin with a YUV4MPEG2 header",
                        input.name()
                    )));
                }
            }
            match input.more(stop, None)? {
                Got::Data(_) => {}
                Got::Nothing | Got::Stopped => return Ok(None),
                Got::End => {
                    let (name, read) = (input.name(), input.buffered().len());
                    return Err(SourceError::Unusable(format!(
                        "{name} ended in its Y4M header, after {read} bytes"
                    )));
                }
            }
        }
        let header = take_header(&mut input)?;
        input.set_magic(MAGIC);
        Ok(Some(Y4mSource {
            input,
            header,
            range: Range::Auto,
            luma: Vec::new(),
            chroma: Vec::new(),
            late: None,
            wide: Default::default(),
        }))
    }

    /// Sets how long nothing may come before `wait` returns [`Arrival::Stalled`]; without this, 2 s.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Y4mSource<R> {
        self.input.set_patience(patience);
        self
    }

    /// Sets the range of its luma, where the header lies about it.
    #[must_use]
    pub fn with_range(mut self, range: Range) -> Y4mSource<R> {
        self.range = range;
        self
    }

    /// Takes the header of another stream; returns whether its frames are others to a bus.
    fn begin_again(&mut self) -> Result<bool, SourceError> {
        let before = self.header;
        self.header = take_header(&mut self.input)?;
        Ok(self.header.geometry != before.geometry
            || self.header.is_444() != before.is_444()
            || self.header.is_i420() != before.is_i420()
            || self.header.bits != before.bits)
    }

    /// What 4:2:0 is by itself.
    fn native(&self) -> Option<PlaneSpec> {
        let limited = self.range.is_limited(self.header.limited_range);
        let range = if limited {
            ColorRange::Limited
        } else {
            ColorRange::Full
        };
        let spec = PlaneSpec::new(Format::I420);
        self.header
            .is_i420()
            .then_some(spec.colors(range, spec.matrix))
    }

    /// Reads 4:2:0 as it is, and makes gray of it.
    fn read_i420(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        let native = self.native();
        let plane = native.and_then(|native| native.plane(self.header.geometry).ok());
        let (Some(plane), Some(image)) = (plane, &mut target.native) else {
            return Ok(Filled::Damaged);
        };
        let filled = self.wide[0].read(&mut self.input, self.header.bits, 0, image)?;
        if filled == Filled::Frame
            && let Some(gray) = &mut target.gray
        {
            gray_into(&plane, image, gray);
        }
        Ok(filled)
    }
}

impl<R: Stream> FrameSource for Y4mSource<R> {
    fn info(&self) -> SourceInfo {
        let geometry = self.header.geometry;
        SourceInfo {
            geometry,
            fps: self.header.fps,
            bgr: self.header.is_444(),
            live: self.input.live(),
            native: self.native(),
            description: format!("{} (y4m {geometry})", self.input.name()),
        }
    }

    fn wait(&mut self, stop: &Stop) -> Result<Arrival, SourceError> {
        if let Some(arrival) = late::wait_for_rest(self, stop)? {
            return Ok(arrival);
        }
        loop {
            if let Some(arrival) = self.input.wait(stop, frame_or_stream)? {
                return Ok(arrival);
            }
            if self.begin_again()? {
                return Ok(Arrival::Resized);
            }
        }
    }

    fn fill(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        target.expect(self.header.geometry)?;
        late::fill(self, target)
    }

    fn progress(&self) -> Option<Progress> {
        self.input.progress()
    }
}

impl<R: Stream> Interrupted for Y4mSource<R> {
    fn late(&mut self) -> &mut Option<Late> {
        &mut self.late
    }

    fn begin_to_fill(&mut self) -> bool {
        self.input.begin_to_fill()
    }

    fn read_frame(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        if target.native.is_some() {
            return self.read_i420(target);
        }
        let pixels = self.header.geometry.gray_len();
        let gray = match &mut target.gray {
            Some(gray) => &mut **gray,
            None => {
                self.luma.resize(pixels, 0);
                &mut self.luma
            }
        };
        let filled = self.wide[0].read(&mut self.input, self.header.bits, 0, gray)?;
        if filled != Filled::Frame {
            return Ok(filled);
        }
        let limited = self.range.is_limited(self.header.limited_range);
        let bgr = target.bgr.as_deref_mut();
        if let Some(bgr) = bgr.filter(|_| self.header.is_444()) {
            self.chroma.resize(2 * pixels, 0);
            let bits = self.header.bits;
            let filled = self.wide[1].read(&mut self.input, bits, pixels, &mut self.chroma)?;
            if filled != Filled::Frame {
                return Ok(filled);
            }
            let (blue, red) = self.chroma.split_at(pixels);
            ycc_to_bgr(gray, blue, red, limited, bgr);
        }
        // The last step: until then an interrupted frame is as it was read.
        if limited {
            stretch_luma(gray);
        }
        Ok(Filled::Frame)
    }

    fn capture(&self) -> FrameMeta {
        self.input.capture()
    }

    fn unfinished(&self) -> String {
        self.input.unfinished()
    }
}

/// Takes the header of a stream, which is in the buffer.
fn take_header<R: Stream>(input: &mut Input<R>) -> Result<StreamHeader, SourceError> {
    let FrameHeader::Complete(len) = line(input.buffered(), MAGIC) else {
        return Err(SourceError::Damaged(format!(
            "{} has no Y4M header",
            input.name()
        )));
    };
    let header = StreamHeader::parse(&input.buffered()[MAGIC.len()..len - 1])
        .map_err(|why| SourceError::Unusable(format!("{}: {why}", input.name())))?;
    input.consume(len);
    input.set_payload(header.payload());
    Ok(header)
}

/// Looks for the header of a frame, or of another stream.
fn frame_or_stream(bytes: &[u8]) -> FrameHeader {
    match (line(bytes, FRAME), line(bytes, MAGIC)) {
        (FrameHeader::Bad, FrameHeader::Complete(_)) => FrameHeader::Stream,
        (FrameHeader::Bad, stream) => stream,
        (frame, _) => frame,
    }
}

/// Looks for a line that begins with this word.
fn line(bytes: &[u8], word: &[u8]) -> FrameHeader {
    let known = bytes.len().min(word.len());
    if bytes[..known] != word[..known] {
        return FrameHeader::Bad;
    }
    let rest = &bytes[known..];
    if rest.first().is_some_and(|byte| !b" \n".contains(byte)) {
        return FrameHeader::Bad;
    }
    match rest.iter().position(|&byte| byte == b'\n') {
        Some(at) => FrameHeader::Complete(known + at + 1),
        None if bytes.len() < LONGEST_HEADER => FrameHeader::Incomplete,
        None => FrameHeader::Bad,
    }
}

#[cfg(test)]
mod pipe_tests;
#[cfg(test)]
mod tests;
