//! Frames without any header, one after the other, as `ffmpeg -f rawvideo` writes them.

use std::io::Read;
use std::os::fd::AsFd;
use std::time::Duration;

use crate::source::input::{FrameHeader, Input};
use crate::source::late::{self, Interrupted, Late};
use framebus::convert::{bgr_to_gray, stretch_luma, yuyv_to_gray};
use framebus::layout::Geometry;
use framebus::source::{
    Arrival, Capture, Filled, FrameSource, FrameTarget, Range, SourceError, SourceInfo,
};
use framebus::stop::Stop;

/// Pixels that are read and converted at a time, so that they are still in the cache when they are converted. Even, as
/// YUYV needs it.
const PIXELS_AT_ONCE: usize = 16 * 1024;

/// The pixels of a raw stream, rows packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawFormat {
    /// 1 byte a pixel (`-pix_fmt gray`), in full range unless [`RawSource::with_range`] says otherwise.
    Gray,
    /// 3 bytes a pixel: blue, green, red (`-pix_fmt bgr24`).
    Bgr,
    /// 2 bytes a pixel: Y0 U Y1 V (`-pix_fmt yuyv422`); gray is Y, of limited range by itself. The width is even.
    Yuyv,
}

impl RawFormat {
    /// Bytes of a pixel.
    #[must_use]
    pub const fn bytes_per_pixel(self) -> usize {
        match self {
            RawFormat::Gray => 1,
            RawFormat::Yuyv => 2,
            RawFormat::Bgr => 3,
        }
    }

    /// What users call it: `gray`, `bgr` or `yuyv`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            RawFormat::Gray => "gray",
            RawFormat::Bgr => "bgr",
            RawFormat::Yuyv => "yuyv",
        }
    }
}

/// Reads raw frames from a pipe or a file.
///
/// Frame n ends where frame n + 1 begins: a stream that has lost a byte stays shifted, and nothing can notice it. Y4M is
/// the better choice where the writer has one.
///
/// `fill` returns [`Filled::Unfinished`] when the rest of a frame does not come, and [`Filled::Damaged`] when somebody asks
/// to stop. Limited-range luma becomes full range; BGR has no such range.
#[derive(Debug)]
pub struct RawSource<R> {
    input: Input<R>,
    format: RawFormat,
    geometry: Geometry,
    fps: Option<f64>,
    range: Range,
    late: Option<Late>,
    /// Pixels of a frame that is converted and has no image of its own.
    scratch: Vec<u8>,
}

impl<R: Read + AsFd> RawSource<R> {
    /// Takes a stream that a person calls `name`. `reader` must not buffer: see [`super::input::standard_input`].
    ///
    /// If the stream is `looped`, it starts again at its end.
    ///
    /// # Errors
    /// Fails when the size does not suit the format, and when a looped stream is not a regular file.
    pub fn new(
        reader: R,
        name: impl Into<String>,
        format: RawFormat,
        geometry: Geometry,
        fps: Option<f64>,
        looped: bool,
    ) -> Result<RawSource<R>, SourceError> {
        if format == RawFormat::Yuyv && geometry.width % 2 == 1 {
            return Err(SourceError::Unusable(format!(
                "yuyv frames have an even width, not {geometry}"
            )));
        }
        let mut input = Input::new(reader, name.into(), looped)?;
        let pixels = geometry.gray_len();
        input.set_payload(pixels * format.bytes_per_pixel());
        let scratch = match format {
            RawFormat::Gray => 0,
            RawFormat::Bgr | RawFormat::Yuyv => {
                pixels.min(PIXELS_AT_ONCE) * format.bytes_per_pixel()
            }
        };
        Ok(RawSource {
            input,
            format,
            geometry,
            fps,
            range: Range::Auto,
            late: None,
            scratch: vec![0; scratch],
        })
    }

    /// Sets how long nothing may come before `wait` returns [`Arrival::Stalled`]; without this, 2 s.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> RawSource<R> {
        self.input.set_patience(patience);
        self
    }

    /// Sets the range of gray or YUYV frames, where it is not what the format has by itself.
    #[must_use]
    pub fn with_range(mut self, range: Range) -> RawSource<R> {
        self.range = range;
        self
    }

    /// Reads and converts some pixels at a time; those of an interrupted frame that are converted are passed over.
    fn convert(
        &mut self,
        gray: &mut [u8],
        convert: impl Fn(&[u8], &mut [u8]),
    ) -> Result<Filled, SourceError> {
        let mut begin = 0;
        for gray in gray.chunks_mut(PIXELS_AT_ONCE) {
            let pixels = &mut self.scratch[..gray.len() * self.format.bytes_per_pixel()];
            let end = begin + pixels.len();
            if !self.input.has_read(end) {
                let filled = self.input.read_payload(begin, pixels)?;
                if filled != Filled::Frame {
                    return Ok(filled);
                }
                convert(pixels, gray);
            }
            begin = end;
        }
        Ok(Filled::Frame)
    }

    fn read_both(&mut self, bgr: &mut [u8], gray: &mut [u8]) -> Result<Filled, SourceError> {
        let images = bgr
            .chunks_mut(3 * PIXELS_AT_ONCE)
            .zip(gray.chunks_mut(PIXELS_AT_ONCE));
        let mut begin = 0;
        for (bgr, gray) in images {
            let end = begin + bgr.len();
            if !self.input.has_read(end) {
                let filled = self.input.read_payload(begin, bgr)?;
                if filled != Filled::Frame {
                    return Ok(filled);
                }
                bgr_to_gray(bgr, gray);
            }
            begin = end;
        }
        Ok(Filled::Frame)
    }

    fn read_gray(&mut self, gray: &mut [u8], limited: bool) -> Result<Filled, SourceError> {
        let filled = self.input.read_payload(0, gray)?;
        if filled == Filled::Frame && limited {
            stretch_luma(gray);
        }
        Ok(filled)
    }
}

impl<R: Read + AsFd> FrameSource for RawSource<R> {
    fn info(&self) -> SourceInfo {
        let (name, format) = (self.input.name(), self.format.name());
        SourceInfo {
            geometry: self.geometry,
            fps: self.fps,
            bgr: self.format == RawFormat::Bgr,
            live: self.input.live(),
            limited_range: false,
            description: format!("{name} ({format} {})", self.geometry),
        }
    }

    fn wait(&mut self, stop: &Stop) -> Result<Arrival, SourceError> {
        if let Some(arrival) = late::wait_for_rest(self, stop)? {
            return Ok(arrival);
        }
        // There is no header, so a frame begins with the first of its own bytes, and no other stream ever does.
        let arrival = self.input.wait(stop, |bytes| match bytes {
            [] => FrameHeader::Incomplete,
            _ => FrameHeader::Complete(0),
        })?;
        Ok(arrival.unwrap_or(Arrival::End))
    }

    fn fill(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        target.expect(self.geometry)?;
        late::fill(self, target)
    }
}

impl<R: Read + AsFd> Interrupted for RawSource<R> {
    fn late(&mut self) -> &mut Option<Late> {
        &mut self.late
    }

    fn begin_to_fill(&mut self) -> bool {
        self.input.begin_to_fill()
    }

    fn read_frame(
        &mut self,
        gray: &mut [u8],
        bgr: Option<&mut [u8]>,
    ) -> Result<Filled, SourceError> {
        let limited = self.range.is_limited(self.format == RawFormat::Yuyv);
        match (self.format, bgr) {
            (RawFormat::Gray, _) => self.read_gray(gray, limited),
            (RawFormat::Yuyv, _) if limited => self.convert(gray, |yuyv, gray| {
                yuyv_to_gray(yuyv, gray);
                stretch_luma(gray);
            }),
            (RawFormat::Yuyv, _) => self.convert(gray, yuyv_to_gray),
            (RawFormat::Bgr, Some(bgr)) => self.read_both(bgr, gray),
            (RawFormat::Bgr, None) => self.convert(gray, bgr_to_gray),
        }
    }

    fn capture(&self) -> Capture {
        self.input.capture()
    }

    fn unfinished(&self) -> String {
        self.input.unfinished()
    }
}

#[cfg(test)]
#[path = "raw_tests.rs"]
mod tests;
