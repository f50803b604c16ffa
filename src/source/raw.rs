//! Frames without any header, one after the other, as `ffmpeg -f rawvideo` writes them.

use std::time::Duration;

use clap::ValueEnum;

use crate::source::input::{FrameHeader, Input};
use crate::source::late::{self, Interrupted, Late};
use crate::source::packed::{Repack, from_bgra, from_rgba, from_uyvy};
use crate::system::Stream;
use framebus::convert::{bgr_to_gray, gray_into, stretch_luma, yuyv_to_gray};
use framebus::layout::{ColorRange, Format, Geometry, PlaneSpec};
use framebus::source::{
    Arrival, Filled, FrameMeta, FrameSource, FrameTarget, Progress, Range, SourceError, SourceInfo,
};
use framebus::stop::Stop;

/// Pixels that are read and converted at a time, so that they are still in the cache when they are converted. Even, as
/// YUYV needs it.
const PIXELS_AT_ONCE: usize = 16 * 1024;

/// The pixels of a raw stream, rows packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RawFormat {
    /// 8-bit gray
    ///
    /// 1 byte a pixel (`-pix_fmt gray`), in full range unless [`RawSource::with_range`] says otherwise.
    Gray,
    /// 8-bit blue, green, red
    ///
    /// 3 bytes a pixel (`-pix_fmt bgr24`).
    Bgr,
    /// YUV 4:2:2, the format of many cameras
    ///
    /// 2 bytes a pixel: Y0 U Y1 V (`-pix_fmt yuyv422`); gray is Y, of limited range by itself. The width is even.
    Yuyv,
    /// 8-bit red, green, blue
    ///
    /// 3 bytes a pixel (`-pix_fmt rgb24`).
    Rgb,
    /// YUV 4:2:0: luma, then chroma in turns
    ///
    /// `-pix_fmt nv12`, of limited range by itself. Width and height are even.
    Nv12,
    /// YUV 4:2:0: luma, then two planes of chroma (yuv420p)
    ///
    /// Of limited range by itself. Width and height are even.
    I420,
    /// 8-bit red, green, blue and alpha, which is left out
    Rgba,
    /// 8-bit blue, green, red and alpha, which is left out
    Bgra,
    /// YUV 4:2:2, chroma first
    ///
    /// Blue difference, luma, red difference, luma.
    Uyvy,
    /// 16-bit gray, little-endian; its high 8 bits become gray
    Gray16le,
}

impl RawFormat {
    /// The same as a plane's format.
    #[must_use]
    pub const fn format(self) -> Format {
        match self {
            RawFormat::Gray => Format::GRAY8,
            RawFormat::Bgr => Format::BGR8,
            RawFormat::Yuyv => Format::YUYV,
            RawFormat::Rgb => Format::RGB8,
            RawFormat::Nv12 => Format::NV12,
            RawFormat::I420 => Format::I420,
            RawFormat::Rgba | RawFormat::Bgra => Format::RGB8,
            RawFormat::Uyvy => Format::YUYV,
            RawFormat::Gray16le => Format::GRAY16,
        }
    }

    /// Bytes of a frame on the wire.
    fn len(self, geometry: Geometry) -> usize {
        let pixels = geometry.gray_len();
        match self {
            RawFormat::Rgba | RawFormat::Bgra => 4 * pixels,
            _ => self.format().len(geometry).unwrap_or(pixels),
        }
    }

    /// Makes the image of [`RawFormat::format`] of what came, where that is not the same.
    const fn repack(self) -> Option<Repack> {
        match self {
            RawFormat::Rgba => Some(from_rgba),
            RawFormat::Bgra => Some(from_bgra),
            RawFormat::Uyvy => Some(from_uyvy),
            _ => None,
        }
    }

    /// Bytes of a pixel, where each has its own.
    const fn bytes_per_pixel(self) -> usize {
        match self {
            RawFormat::Yuyv | RawFormat::Uyvy | RawFormat::Gray16le => 2,
            RawFormat::Bgr | RawFormat::Rgb => 3,
            RawFormat::Rgba | RawFormat::Bgra => 4,
            RawFormat::Gray | RawFormat::Nv12 | RawFormat::I420 => 1,
        }
    }

    /// Whether luma is limited where nobody says otherwise.
    const fn is_yuv(self) -> bool {
        matches!(
            self,
            RawFormat::Yuyv | RawFormat::Nv12 | RawFormat::I420 | RawFormat::Uyvy
        )
    }

    /// What users call it: `gray`, `bgr`, `nv12` …
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RawFormat::Rgba => "rgba",
            RawFormat::Bgra => "bgra",
            RawFormat::Uyvy => "uyvy",
            RawFormat::Gray16le => "gray16le",
            other => other.format().name().unwrap_or_default(),
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
    /// Pixels of a frame that is converted and has no image of its own: some of them, or all.
    scratch: Vec<u8>,
    whole: Vec<u8>,
    /// A frame as it came, where that is not what it is converted from.
    packed: Vec<u8>,
}

impl<R: Stream> RawSource<R> {
    /// Takes a stream that a person calls `name`. `reader` must not buffer: see [`super::standard_input`].
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
        if !format.format().fits(geometry) {
            let rows = if format.format() == Format::YUYV {
                ""
            } else {
                " and height"
            };
            return Err(SourceError::Unusable(format!(
                "{} frames have an even width{rows}, not {geometry}",
                format.name()
            )));
        }
        let mut input = Input::new(reader, name.into(), looped)?;
        let pixels = geometry.gray_len();
        input.set_payload(format.len(geometry));
        let scratch = match format {
            RawFormat::Bgr | RawFormat::Yuyv => {
                pixels.min(PIXELS_AT_ONCE) * format.bytes_per_pixel()
            }
            _ => 0,
        };
        Ok(RawSource {
            input,
            format,
            geometry,
            fps,
            range: Range::Auto,
            late: None,
            scratch: vec![0; scratch],
            whole: Vec::new(),
            packed: Vec::new(),
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

    /// Reads all of a frame, into the target's own place for it or beside, and makes gray of it.
    fn read_whole(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        let native = self.native();
        let Some(plane) = native.and_then(|native| native.plane(self.geometry).ok()) else {
            return Ok(Filled::Damaged);
        };
        self.whole.resize(plane.bytes(), 0);
        let image = match &mut target.native {
            Some(native) => &mut **native,
            None => &mut self.whole,
        };
        let filled = match self.format.repack() {
            None => self.input.read_payload(0, image)?,
            Some(repack) => {
                self.packed.resize(self.format.len(self.geometry), 0);
                let filled = self.input.read_payload(0, &mut self.packed)?;
                if filled == Filled::Frame {
                    repack(&self.packed, image);
                }
                filled
            }
        };
        if filled == Filled::Frame
            && let Some(gray) = &mut target.gray
        {
            gray_into(&plane, image, gray);
        }
        Ok(filled)
    }

    /// What the frames are by themselves, where that is neither gray nor BGR.
    fn native(&self) -> Option<PlaneSpec> {
        let spec = PlaneSpec::new(self.format.format());
        match self.format {
            RawFormat::Gray | RawFormat::Bgr => None,
            RawFormat::Rgb | RawFormat::Rgba | RawFormat::Bgra | RawFormat::Gray16le => Some(spec),
            RawFormat::Yuyv | RawFormat::Nv12 | RawFormat::I420 | RawFormat::Uyvy => {
                let range = if self.range.is_limited(true) {
                    ColorRange::Limited
                } else {
                    ColorRange::Full
                };
                Some(spec.colors(range, spec.matrix))
            }
        }
    }

    fn read_gray(&mut self, gray: &mut [u8], limited: bool) -> Result<Filled, SourceError> {
        let filled = self.input.read_payload(0, gray)?;
        if filled == Filled::Frame && limited {
            stretch_luma(gray);
        }
        Ok(filled)
    }
}

impl<R: Stream> FrameSource for RawSource<R> {
    fn info(&self) -> SourceInfo {
        let (name, format) = (self.input.name(), self.format.name());
        SourceInfo {
            geometry: self.geometry,
            fps: self.fps,
            bgr: self.format == RawFormat::Bgr,
            live: self.input.live(),
            native: self.native(),
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

    fn progress(&self) -> Option<Progress> {
        self.input.progress()
    }
}

impl<R: Stream> Interrupted for RawSource<R> {
    fn late(&mut self) -> &mut Option<Late> {
        &mut self.late
    }

    fn begin_to_fill(&mut self) -> bool {
        self.input.begin_to_fill()
    }

    fn read_frame(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        let limited = self.range.is_limited(self.format.is_yuv());
        match (self.format, &mut target.gray, &mut target.bgr) {
            (RawFormat::Gray, Some(gray), _) => self.read_gray(gray, limited),
            (RawFormat::Yuyv, Some(gray), _) if target.native.is_none() => {
                self.convert(gray, |yuyv, gray| {
                    yuyv_to_gray(yuyv, gray);
                    if limited {
                        stretch_luma(gray);
                    }
                })
            }
            (RawFormat::Bgr, Some(gray), Some(bgr)) => self.read_both(bgr, gray),
            (RawFormat::Bgr, None, Some(bgr)) => self.input.read_payload(0, bgr),
            (RawFormat::Bgr, Some(gray), None) => self.convert(gray, bgr_to_gray),
            // Nobody wants what it has; a frame is read all the same.
            (RawFormat::Gray | RawFormat::Bgr, None, None) | (RawFormat::Gray, None, Some(_)) => {
                self.whole.resize(self.input.payload(), 0);
                self.input.read_payload(0, &mut self.whole)
            }
            _ => self.read_whole(target),
        }
    }

    fn capture(&self) -> FrameMeta {
        self.input.capture()
    }

    fn unfinished(&self) -> String {
        self.input.unfinished()
    }
}

#[cfg(test)]
#[path = "raw_tests.rs"]
mod tests;
