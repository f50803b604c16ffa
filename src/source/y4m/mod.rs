//! YUV4MPEG2 (`.y4m`), which ffmpeg, GStreamer and mpv write to a pipe.
//!
//! The format: <https://wiki.multimedia.cx/index.php/YUV4MPEG2> and `yuv4mpeg(5)` of the mjpegtools. The crate `y4m` reads
//! it too, but it blocks until a frame is whole, cannot go on after an interruption, copies each frame once more and does
//! not know 4:1:1 and 4:4:4 with alpha.

mod header;

use std::io::Read;
use std::os::fd::AsFd;
use std::time::Duration;

use crate::convert::ycc_to_bgr;
use crate::source::input::{FrameHeader, Got, Input};
use crate::source::{Arrival, Filled, FrameSource, FrameTarget, SourceError, SourceInfo};
use crate::stop::Stop;

use header::StreamHeader;

const MAGIC: &[u8] = b"YUV4MPEG2";
const FRAME: &[u8] = b"FRAME";
/// Headers are a line of some ten words; a longer one is no header.
const LONGEST_HEADER: usize = 4096;

/// Reads Y4M from a pipe or a file: the Y plane is the gray image. The chroma planes of 4:4:4 make the BGR image, where
/// one is kept; all others are skipped.
///
/// All 8-bit colour spaces are taken (mono, 4:2:0, 4:1:1, 4:2:2, 4:4:4, 4:4:4 with alpha). Y is limited-range luma unless
/// the header says `XCOLORRANGE=FULL`. Interlaced frames are taken as they are.
///
/// `fill` waits for the rest of a frame as long as it takes; it returns [`Filled::Damaged`] when somebody asks to stop.
#[derive(Debug)]
pub struct Y4mSource<R> {
    input: Input<R>,
    header: StreamHeader,
    /// The chroma planes of a frame.
    chroma: Vec<u8>,
}

impl<R: Read + AsFd> Y4mSource<R> {
    /// Reads the header of a stream that a person calls `name`; `None` when somebody asks to stop before it is there.
    ///
    /// `reader` must not buffer: see [`super::input::standard_input`]. If the stream is `looped`, it starts again at its end.
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
        let len = loop {
            match line(input.buffered(), MAGIC) {
                FrameHeader::Complete(len) => break len,
                FrameHeader::Incomplete => {}
                FrameHeader::Bad => {
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
        };
        let header = StreamHeader::parse(&input.buffered()[MAGIC.len()..len - 1])
            .map_err(|why| SourceError::Unusable(format!("{}: {why}", input.name())))?;
        input.consume_stream_header(len);
        input.set_payload(header.payload());
        let chroma = Vec::new();
        Ok(Some(Y4mSource {
            input,
            header,
            chroma,
        }))
    }

    /// Sets how long nothing may come before `wait` returns [`Arrival::Stalled`]; without this, 2 s.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Y4mSource<R> {
        self.input.set_patience(patience);
        self
    }
}

impl<R: Read + AsFd> FrameSource for Y4mSource<R> {
    fn info(&self) -> SourceInfo {
        let geometry = self.header.geometry;
        SourceInfo {
            geometry,
            fps: self.header.fps,
            bgr: self.header.is_444(),
            live: self.input.live(),
            limited_range: !self.header.full_range,
            description: format!("{} (y4m {geometry})", self.input.name()),
        }
    }

    fn wait(&mut self, stop: &Stop) -> Result<Arrival, SourceError> {
        self.input.wait(stop, |bytes| line(bytes, FRAME))
    }

    fn fill(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        target.expect(self.header.geometry)?;
        let filled = self.input.read_payload(target.gray)?;
        let Some(bgr) = target.bgr.as_deref_mut().filter(|_| self.header.is_444()) else {
            return Ok(filled);
        };
        let pixels = target.gray.len();
        self.chroma.resize(2 * pixels, 0);
        if filled == Filled::Damaged
            || self.input.read_payload(&mut self.chroma)? == Filled::Damaged
        {
            return Ok(Filled::Damaged);
        }
        let (blue, red) = self.chroma.split_at(pixels);
        ycc_to_bgr(target.gray, blue, red, !self.header.full_range, bgr);
        Ok(Filled::Frame)
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
mod tests {
    use std::io::{PipeReader, Seek, Write, pipe};

    use super::*;
    use crate::layout::Geometry;

    fn open(bytes: &[u8]) -> Result<Y4mSource<PipeReader>, SourceError> {
        let (reader, mut writer) = pipe().expect("pipe");
        writer.write_all(bytes).expect("write");
        drop(writer);
        let stop = Stop::new().expect("eventfd");
        let source = Y4mSource::open(reader, "standard input", false, &stop)?;
        Ok(source
            .expect("nobody asks to stop")
            .with_patience(Duration::ZERO))
    }

    fn refusal(bytes: &[u8]) -> String {
        open(bytes).expect_err("refused").to_string()
    }

    /// Numbers and Y planes.
    type Frames = Vec<(u64, Vec<u8>)>;

    /// All frames, and how the stream ended.
    fn play(source: &mut impl FrameSource) -> (Frames, Result<Arrival, String>) {
        let stop = Stop::new().expect("eventfd");
        let geometry = source.info().geometry;
        let mut frames = Vec::new();
        loop {
            match source.wait(&stop) {
                Ok(Arrival::Frame(capture)) => {
                    let mut gray = vec![0; geometry.gray_len()];
                    let mut target = FrameTarget {
                        geometry,
                        gray: &mut gray,
                        bgr: None,
                    };
                    match source.fill(&mut target) {
                        Ok(filled) => assert_eq!(filled, Filled::Frame),
                        Err(error) => return (frames, Err(error.to_string())),
                    }
                    frames.push((capture.source_frame, gray));
                }
                Ok(Arrival::Stalled(_)) => {}
                other => return (frames, other.map_err(|error| error.to_string())),
            }
        }
    }

    fn stream(header: &str, frames: &[&str], payload: usize) -> Vec<u8> {
        let mut bytes = format!("{header}\n").into_bytes();
        for (number, parameters) in (1..).zip(frames) {
            bytes.extend(format!("FRAME{parameters}\n").bytes());
            bytes.extend(vec![number; 15]);
            bytes.extend(vec![0xcc; payload - 15]);
        }
        bytes
    }

    fn planes(numbers: &[u8]) -> Frames {
        (0..)
            .zip(numbers.iter().map(|&number| vec![number; 15]))
            .collect()
    }

    #[test]
    fn every_8_bit_colour_space_gives_its_y_plane() {
        // 5x3 pixels: chroma planes are rounded up.
        let spaces = [
            ("", 27),
            (" C420", 27),
            (" C420jpeg", 27),
            (" C420mpeg2", 27),
            (" C420paldv", 27),
            (" C411", 27),
            (" C422", 33),
            (" C444", 45),
            (" C444alpha", 60),
            (" Cmono", 15),
        ];
        for (space, payload) in spaces {
            let header = format!("YUV4MPEG2 W5 H3 F30000:1001 It A1:1{space} XYSCSS=420JPEG");
            let bytes = stream(&header, &["", " It", " Ip XSOMETHING"], payload);
            let mut source = open(&bytes).expect("Y4M");
            assert_eq!(source.header.payload(), payload, "{space}");
            assert_eq!(
                play(&mut source),
                (planes(&[1, 2, 3]), Ok(Arrival::End)),
                "{space}"
            );
        }
    }

    #[test]
    fn the_header_describes_the_source() {
        let info = open(b"YUV4MPEG2 W640 H480 F30:1 XCOLORRANGE=LIMITED\n")
            .expect("Y4M")
            .info();
        assert_eq!(
            info.geometry,
            Geometry {
                width: 640,
                height: 480
            }
        );
        assert_eq!(info.fps, Some(30.0));
        assert!(info.limited_range && info.live && !info.bgr);
        assert_eq!(info.description, "standard input (y4m 640x480)");
        let info = open(b"YUV4MPEG2 H8 W8 F0:0 XCOLORRANGE=FULL\n")
            .expect("Y4M")
            .info();
        assert!(!info.limited_range);
        assert_eq!(info.fps, None);
    }

    #[test]
    fn what_is_not_8_bit_y4m_is_refused_in_one_sentence() {
        assert_eq!(
            refusal(b"RIFF"),
            "standard input is not Y4M: it does not begin with a YUV4MPEG2 header"
        );
        assert_eq!(
            refusal(b""),
            "standard input ended in its Y4M header, after 0 bytes"
        );
        assert_eq!(
            refusal(b"YUV4MPEG2 W8"),
            "standard input ended in its Y4M header, after 12 bytes"
        );
        assert!(refusal(&[b"YUV4MPEG2 ", &[b'X'; 9000][..]].concat()).contains("is not Y4M"));
        assert!(refusal(b"YUV4MPEG2 W8 H8 C420p10\n").contains("420p10 has more than 8 bits"));
        assert!(refusal(b"YUV4MPEG2 W8 H8 Cmono16\n").contains("mono16 has more than 8 bits"));
        assert!(refusal(b"YUV4MPEG2 W8 H8 C410\n").contains("410 is not known"));
        assert_eq!(
            refusal(b"YUV4MPEG2 W8\n"),
            "standard input: the Y4M header says W8 H; both must be 1 to 32768"
        );
        assert!(refusal(b"YUV4MPEG2 W99999 H8\n").contains("W99999 H8"));
        assert!(refusal(b"YUV4MPEG2 W-1 H8 \xff\n").contains("W-1 H8"));
    }

    #[test]
    fn a_stream_that_comes_byte_by_byte_is_the_same() {
        let bytes = stream("YUV4MPEG2 W5 H3 Cmono", &["", "", ""], 15);
        let (reader, mut writer) = pipe().expect("pipe");
        let thread = std::thread::spawn(move || {
            for byte in bytes {
                writer.write_all(&[byte]).expect("write");
            }
        });
        let stop = Stop::new().expect("eventfd");
        let source = Y4mSource::open(reader, "a pipe", false, &stop).expect("Y4M");
        let mut source = source
            .expect("nobody asks to stop")
            .with_patience(Duration::ZERO);
        assert_eq!(play(&mut source), (planes(&[1, 2, 3]), Ok(Arrival::End)));
        thread.join().expect("thread");
    }

    #[test]
    fn a_frame_arrives_with_the_first_byte_of_its_payload() {
        let (reader, mut writer) = pipe().expect("pipe");
        writer.write_all(b"YUV4MPEG2 W5 H3\nFRA").expect("write");
        let stop = Stop::new().expect("eventfd");
        let source = Y4mSource::open(reader, "a pipe", false, &stop).expect("Y4M");
        let mut source = source
            .expect("nobody asks to stop")
            .with_patience(Duration::ZERO);
        for bytes in ["", "ME", "\n"] {
            writer.write_all(bytes.as_bytes()).expect("write");
            assert!(
                matches!(source.wait(&stop), Ok(Arrival::Stalled(_))),
                "after {bytes:?}"
            );
        }
        writer.write_all(b"x").expect("write");
        assert!(matches!(source.wait(&stop), Ok(Arrival::Frame(_))));
    }

    #[test]
    fn a_damaged_stream_says_in_which_frame() {
        let bytes = stream("YUV4MPEG2 W5 H3 Cmono", &["", "", ""], 15);
        let header = "YUV4MPEG2 W5 H3 Cmono\n".len();
        let end = |len: usize| {
            let mut source = open(&bytes[..len]).expect("Y4M");
            let (frames, end) = play(&mut source);
            (frames.len(), end.expect_err("truncated"))
        };
        assert_eq!(
            end(header + 4),
            (0, "standard input ended in the header of frame 0".into())
        );
        let text = "standard input ended in the middle of frame 1: 0 of 15 bytes";
        assert_eq!(end(header + 27), (1, text.into()));
        let text = "standard input ended in the middle of frame 1: 14 of 15 bytes";
        assert_eq!(end(header + 41), (1, text.into()));

        let mut damaged = bytes.clone();
        damaged[header + 21] = b'f';
        let (frames, end) = play(&mut open(&damaged).expect("Y4M"));
        assert_eq!(frames, planes(&[1]));
        let text = "standard input is damaged: frame 1 has no valid header";
        assert_eq!(end, Err(text.into()));
    }

    #[test]
    fn a_looped_file_starts_again_behind_its_header() {
        let mut file = tempfile::tempfile().expect("file");
        let bytes = stream("YUV4MPEG2 W5 H3", &["", ""], 27);
        file.write_all(&bytes).expect("write");
        file.rewind().expect("rewind");
        let stop = Stop::new().expect("eventfd");
        let source = Y4mSource::open(file, "a file", true, &stop).expect("Y4M");
        let mut source = source.expect("nobody asks to stop");
        for frame in [0, 1, 0, 1, 0] {
            let arrival = source.wait(&stop).expect("a frame");
            assert!(matches!(arrival, Arrival::Frame(capture) if capture.source_frame == frame));
        }
        assert!(!source.info().live);
    }

    #[test]
    fn a_stop_ends_the_wait_for_the_header() {
        let (reader, _writer) = pipe().expect("pipe");
        let stop = Stop::new().expect("eventfd");
        stop.set();
        let source = Y4mSource::open(reader, "a pipe", false, &stop).expect("no error");
        assert!(source.is_none());
    }
}
