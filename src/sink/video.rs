//! Video as one stream of bytes: a plane as it is, or Y4M.

use super::{FrameView, Output, Plane, Sink, SinkError, StreamInfo, Summary};
use framebus::convert::{bgr_to_chroma, bgr_to_gray};
use framebus::layout::{ColorRange, Format, Geometry};

/// Y4M's frame rate when the bus announces none: what most players assume.
const UNKNOWN_RATE: (u64, u64) = (25, 1);

/// What the bytes of a [`VideoSink`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// The images of a plane, one after another.
    Raw(Format),
    /// YUV4MPEG2 with `Cmono`: a header with size and frame rate, then each gray image after a line `FRAME`.
    Y4m,
    /// YUV4MPEG2 with `C444`, in full range: the BGR image. Its luma is the gray image of nearly every source; that of a
    /// Y4M is off by rounding, and a program may publish what it likes.
    Y4mColor,
}

/// Writes frames of one size as a video stream.
///
/// Neither raw video nor Y4M can change the size of its frames, so a stream that begins again with another size is
/// refused; with the same size it goes on.
#[derive(Debug)]
pub struct VideoSink {
    output: Output,
    encoding: Encoding,
    begun: Option<Geometry>,
    /// Luma and chroma of a BGR frame, kept for their capacity.
    planes: Vec<u8>,
    /// Y4M's header, until it goes out in one piece with the first frame: a file never has a header alone.
    header: Vec<u8>,
}

impl VideoSink {
    /// Writes the images of a plane as they are; a bus without it is refused with its first frame.
    ///
    /// # Errors
    /// Refuses a terminal.
    pub fn raw(output: Output, format: Format) -> Result<VideoSink, SinkError> {
        VideoSink::new(output, Encoding::Raw(format))
    }

    /// Writes Y4M, which `ffmpeg -f yuv4mpegpipe -i -` and most players read.
    ///
    /// # Errors
    /// Refuses a terminal.
    pub fn y4m(output: Output, plane: Plane) -> Result<VideoSink, SinkError> {
        let encoding = match plane {
            Plane::Gray => Encoding::Y4m,
            Plane::Bgr => Encoding::Y4mColor,
        };
        VideoSink::new(output, encoding)
    }

    fn new(output: Output, encoding: Encoding) -> Result<VideoSink, SinkError> {
        output.refuse_terminal(match encoding {
            Encoding::Raw(_) => "raw frames",
            Encoding::Y4m | Encoding::Y4mColor => "Y4M video",
        })?;
        Ok(VideoSink {
            output,
            encoding,
            planes: Vec::new(),
            begun: None,
            header: Vec::new(),
        })
    }
}

impl Sink for VideoSink {
    fn begin(&mut self, stream: &StreamInfo) -> Result<(), SinkError> {
        let geometry = stream.geometry;
        match self.begun {
            Some(begun) if begun == geometry => return Ok(()),
            Some(begun) => {
                return Err(SinkError::Unsuitable(format!(
                    "the frames of bus {} are now {geometry}, but {} holds {begun} and one video stream has one size; \
                     write another file, or images",
                    stream.bus,
                    self.output.target()
                )));
            }
            None => self.begun = Some(geometry),
        }
        match self.encoding {
            Encoding::Raw(format) => self
                .output
                .expect_frames_of(format.len(geometry).unwrap_or(0)),
            Encoding::Y4m => {
                self.output.expect_frames_of(geometry.gray_len());
                let gray = stream.planes.full(Format::GRAY8, geometry);
                let limited = gray.is_some_and(|gray| gray.range == ColorRange::Limited);
                self.header = y4m_header(stream, "mono", limited).into_bytes();
            }
            Encoding::Y4mColor => {
                self.output.expect_frames_of(geometry.bgr_len());
                self.planes = vec![0; 3 * geometry.gray_len()];
                self.header = y4m_header(stream, "444", false).into_bytes();
            }
        }
        Ok(())
    }

    fn frame(&mut self, frame: &FrameView<'_>) -> Result<(), SinkError> {
        match self.encoding {
            Encoding::Raw(format) => self.output.write_frame(&[frame.wanted(format)?]),
            Encoding::Y4m => {
                let gray = frame.wanted(Format::GRAY8)?;
                self.output.write_frame(&[&self.header, b"FRAME\n", gray])?;
                self.header.clear();
                Ok(())
            }
            Encoding::Y4mColor => {
                let bgr = frame.wanted(Format::BGR8)?;
                let pixels = frame.geometry.gray_len();
                let (luma, chroma) = self.planes.split_at_mut(pixels);
                let (blue, red) = chroma.split_at_mut(pixels);
                bgr_to_gray(bgr, luma);
                bgr_to_chroma(bgr, blue, red);
                self.output
                    .write_frame(&[&self.header, b"FRAME\n", &self.planes])?;
                self.header.clear();
                Ok(())
            }
        }
    }

    fn tick(&mut self, _now_ns: u64) -> Result<(), SinkError> {
        self.output.check_reader()
    }

    fn finish(&mut self, _summary: &Summary) -> Result<(), SinkError> {
        self.output.finish()
    }

    fn bytes(&self) -> u64 {
        self.output.bytes()
    }
}

/// Returns the first line of a Y4M stream (`yuv4mpeg(5)` of mjpegtools; `Cmono` and `XCOLORRANGE` as FFmpeg has them).
fn y4m_header(stream: &StreamInfo, space: &str, limited: bool) -> String {
    let Geometry { width, height } = stream.geometry;
    let (numerator, denominator) = stream.nominal_fps.map_or(UNKNOWN_RATE, rational);
    let range = if limited { "LIMITED" } else { "FULL" };
    format!(
        "YUV4MPEG2 W{width} H{height} F{numerator}:{denominator} Ip A1:1 C{space} XCOLORRANGE={range}\n"
    )
}

/// Returns a frame rate as a fraction: a whole number, a rate of NTSC's family (30000/1001), or thousandths.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss
)]
fn rational(fps: f64) -> (u64, u64) {
    const NTSC: f64 = 1000.0 / 1001.0;
    if !(fps.is_finite() && fps > 0.0) {
        return UNKNOWN_RATE;
    }
    let whole = fps.round();
    if whole > 0.0 && (fps - whole).abs() < 1e-6 {
        return (whole as u64, 1);
    }
    let ntsc = (fps / NTSC).round();
    if ntsc >= 24.0 && (fps - ntsc * NTSC).abs() < 5e-3 {
        return (ntsc as u64 * 1000, 1001);
    }
    let scale = if fps < 1.0 { 1_000_000 } else { 1000 };
    let scaled = ((fps * scale as f64).round() as u64).max(1);
    let common = gcd(scaled, scale);
    (scaled / common, scale / common)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
#[path = "video_tests.rs"]
mod tests;
