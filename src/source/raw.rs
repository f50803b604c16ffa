//! Frames without any header, one after the other, as `ffmpeg -f rawvideo` writes them.

use std::io::Read;
use std::os::fd::AsFd;
use std::time::Duration;

use crate::convert::{bgr_to_gray, yuyv_to_gray};
use crate::layout::Geometry;
use crate::source::input::{FrameHeader, Input};
use crate::source::{Arrival, Filled, FrameSource, FrameTarget, SourceError, SourceInfo};
use crate::stop::Stop;

/// Pixels that are read and converted at a time, so that they are still in the cache when they are converted. Even, as
/// YUYV needs it.
const PIXELS_AT_ONCE: usize = 16 * 1024;

/// The pixels of a raw stream, rows packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawFormat {
    /// 1 byte a pixel (`-pix_fmt gray`).
    Gray,
    /// 3 bytes a pixel: blue, green, red (`-pix_fmt bgr24`).
    Bgr,
    /// 2 bytes a pixel: Y0 U Y1 V (`-pix_fmt yuyv422`); gray is Y, in limited range. The width is even.
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
/// `fill` waits for the rest of a frame as long as it takes; it returns [`Filled::Damaged`] when somebody asks to stop.
#[derive(Debug)]
pub struct RawSource<R> {
    input: Input<R>,
    format: RawFormat,
    geometry: Geometry,
    fps: Option<f64>,
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
            scratch: vec![0; scratch],
        })
    }

    /// Sets how long nothing may come before `wait` returns [`Arrival::Stalled`]; without this, 2 s.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> RawSource<R> {
        self.input.set_patience(patience);
        self
    }

    fn convert(
        &mut self,
        gray: &mut [u8],
        convert: fn(&[u8], &mut [u8]),
    ) -> Result<Filled, SourceError> {
        for gray in gray.chunks_mut(PIXELS_AT_ONCE) {
            let pixels = &mut self.scratch[..gray.len() * self.format.bytes_per_pixel()];
            if self.input.read_payload(pixels)? == Filled::Damaged {
                return Ok(Filled::Damaged);
            }
            convert(pixels, gray);
        }
        Ok(Filled::Frame)
    }

    fn read_both(&mut self, bgr: &mut [u8], gray: &mut [u8]) -> Result<Filled, SourceError> {
        let images = bgr
            .chunks_mut(3 * PIXELS_AT_ONCE)
            .zip(gray.chunks_mut(PIXELS_AT_ONCE));
        for (bgr, gray) in images {
            if self.input.read_payload(bgr)? == Filled::Damaged {
                return Ok(Filled::Damaged);
            }
            bgr_to_gray(bgr, gray);
        }
        Ok(Filled::Frame)
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
            limited_range: self.format == RawFormat::Yuyv,
            description: format!("{name} ({format} {})", self.geometry),
        }
    }

    fn wait(&mut self, stop: &Stop) -> Result<Arrival, SourceError> {
        // There is no header, so a frame begins with the first of its own bytes.
        self.input.wait(stop, |bytes| match bytes {
            [] => FrameHeader::Incomplete,
            _ => FrameHeader::Complete(0),
        })
    }

    fn fill(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        target.expect(self.geometry)?;
        match (self.format, &mut target.bgr) {
            (RawFormat::Gray, _) => self.input.read_payload(target.gray),
            (RawFormat::Yuyv, _) => self.convert(target.gray, yuyv_to_gray),
            (RawFormat::Bgr, Some(bgr)) => self.read_both(bgr, target.gray),
            (RawFormat::Bgr, None) => self.convert(target.gray, bgr_to_gray),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::{PipeReader, PipeWriter, Seek, Write, pipe};

    use super::*;

    const SIZE: Geometry = Geometry {
        width: 4,
        height: 3,
    };

    fn piped(format: RawFormat) -> (RawSource<PipeReader>, PipeWriter) {
        let (reader, writer) = pipe().expect("pipe");
        let source = RawSource::new(reader, "standard input", format, SIZE, None, false);
        (
            source.expect("a source").with_patience(Duration::ZERO),
            writer,
        )
    }

    fn file(bytes: &[u8], looped: bool) -> RawSource<File> {
        let mut file = tempfile::tempfile().expect("file");
        file.write_all(bytes).expect("write");
        file.rewind().expect("rewind");
        RawSource::new(file, "a file", RawFormat::Gray, SIZE, None, looped).expect("a source")
    }

    fn stop() -> Stop {
        Stop::new().expect("eventfd")
    }

    fn number(arrival: Result<Arrival, SourceError>) -> u64 {
        match arrival {
            Ok(Arrival::Frame(capture)) => capture.source_frame,
            other => panic!("not a frame: {other:?}"),
        }
    }

    fn fill(source: &mut impl FrameSource, bgr: Option<&mut [u8]>) -> (Filled, Vec<u8>) {
        let mut gray = vec![0; SIZE.gray_len()];
        let mut target = FrameTarget {
            geometry: SIZE,
            gray: &mut gray,
            bgr,
        };
        let filled = source.fill(&mut target).expect("filled");
        (filled, gray)
    }

    fn ramp(len: u8) -> Vec<u8> {
        (0..len).collect()
    }

    #[test]
    fn gray_frames_come_one_after_the_other() {
        let (mut source, mut writer) = piped(RawFormat::Gray);
        writer.write_all(&ramp(24)).expect("write");
        drop(writer);
        let stop = stop();
        assert_eq!(number(source.wait(&stop)), 0);
        assert_eq!(fill(&mut source, None), (Filled::Frame, ramp(12)));
        assert_eq!(number(source.wait(&stop)), 1);
        assert_eq!(
            fill(&mut source, None),
            (Filled::Frame, ramp(24)[12..].to_vec())
        );
        assert_eq!(source.wait(&stop).expect("the end"), Arrival::End);
        assert!(source.info().live);
        assert_eq!(source.info().description, "standard input (gray 4x3)");
    }

    #[test]
    fn bgr_frames_fill_both_images_or_only_gray() {
        for both in [true, false] {
            let (mut source, mut writer) = piped(RawFormat::Bgr);
            writer.write_all(&ramp(36)).expect("write");
            assert_eq!(number(source.wait(&stop())), 0);
            let mut bgr = vec![0; SIZE.bgr_len()];
            let (filled, gray) = fill(&mut source, both.then_some(&mut bgr[..]));
            let mut want = vec![0; SIZE.gray_len()];
            bgr_to_gray(&ramp(36), &mut want);
            assert_eq!((filled, gray), (Filled::Frame, want));
            assert_eq!(bgr == ramp(36), both);
        }
    }

    #[test]
    fn yuyv_frames_give_their_luma() {
        let (mut source, mut writer) = piped(RawFormat::Yuyv);
        writer.write_all(&ramp(24)).expect("write");
        assert_eq!(number(source.wait(&stop())), 0);
        let luma = (0..24).step_by(2).collect();
        assert_eq!(fill(&mut source, None), (Filled::Frame, luma));
        assert!(source.info().limited_range);
    }

    #[test]
    fn a_frame_that_is_not_filled_is_skipped() {
        let (mut source, mut writer) = piped(RawFormat::Gray);
        writer.write_all(&ramp(24)).expect("write");
        assert_eq!(number(source.wait(&stop())), 0);
        assert_eq!(number(source.wait(&stop())), 1);
        assert_eq!(fill(&mut source, None).1, ramp(24)[12..]);
    }

    #[test]
    fn a_silent_writer_is_stalled_and_then_goes_on() {
        let (mut source, mut writer) = piped(RawFormat::Gray);
        let silent = Arrival::Stalled("no data on standard input for 0 s".into());
        assert_eq!(source.wait(&stop()).expect("an answer"), silent);
        writer.write_all(&ramp(5)).expect("write");
        assert_eq!(number(source.wait(&stop())), 0);
        assert_eq!(source.wait(&stop()).expect("an answer"), silent);
        writer.write_all(&ramp(8)).expect("write");
        assert_eq!(number(source.wait(&stop())), 1);
    }

    #[test]
    fn a_stop_ends_a_fill_whose_writer_hangs() {
        let (mut source, mut writer) = piped(RawFormat::Gray);
        let stop = stop();
        writer.write_all(&ramp(5)).expect("write");
        assert_eq!(number(source.wait(&stop)), 0);
        stop.set();
        assert_eq!(fill(&mut source, None).0, Filled::Damaged);
        assert_eq!(source.wait(&stop).expect("an answer"), Arrival::Stopped);
    }

    #[test]
    fn a_stream_that_ends_in_a_frame_says_where() {
        let (mut source, mut writer) = piped(RawFormat::Gray);
        writer.write_all(&ramp(17)).expect("write");
        drop(writer);
        assert_eq!(number(source.wait(&stop())), 0);
        assert_eq!(number(source.wait(&stop())), 1);
        let mut gray = [0; 12];
        let mut target = FrameTarget {
            geometry: SIZE,
            gray: &mut gray,
            bgr: None,
        };
        let error = source.fill(&mut target).expect_err("truncated").to_string();
        assert_eq!(
            error,
            "standard input ended in the middle of frame 1: 5 of 12 bytes"
        );
    }

    #[test]
    fn a_fill_without_a_frame_writes_nothing() {
        let (mut source, mut writer) = piped(RawFormat::Gray);
        writer.write_all(&ramp(24)).expect("write");
        assert_eq!(fill(&mut source, None).0, Filled::Damaged);
        assert_eq!(number(source.wait(&stop())), 0);
        assert_eq!(fill(&mut source, None).0, Filled::Frame);
        assert_eq!(fill(&mut source, None).0, Filled::Damaged);
    }

    #[test]
    fn a_looped_file_starts_again_and_a_file_without_a_frame_does_not() {
        let mut source = file(&ramp(24), true);
        for frame in [0, 1, 0, 1, 0] {
            assert_eq!(number(source.wait(&stop())), frame);
        }
        assert_eq!(fill(&mut source, None).1, ramp(12));
        assert!(!source.info().live);
        assert_eq!(
            file(&[], true).wait(&stop()).expect("the end"),
            Arrival::End
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (reader, _writer) = pipe().expect("pipe");
        let error = RawSource::new(reader, "standard input", RawFormat::Gray, SIZE, None, true)
            .expect_err("a pipe");
        assert_eq!(
            error.to_string(),
            "standard input cannot be looped: it is not a regular file"
        );
        let (reader, _writer) = pipe().expect("pipe");
        let odd = Geometry {
            width: 5,
            height: 4,
        };
        let error = RawSource::new(reader, "standard input", RawFormat::Yuyv, odd, None, false)
            .expect_err("odd");
        assert_eq!(error.to_string(), "yuyv frames have an even width, not 5x4");
    }
}
