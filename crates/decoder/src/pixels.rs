//! From a decoded frame to gray and BGR.

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame::Video;
use ffmpeg_next::software::scaling;
use ffmpeg_next::util::color;
use framebus::convert::{bgr_to_gray, stretch_luma};
use framebus::source::Range;

use crate::turn::Turn;
use crate::wire::Gray;

/// Where the luma of a pixel format stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Luma {
    /// Bytes of plane 0.
    Bytes,
    /// Every second byte of plane 0, from this one on.
    Interleaved(usize),
    /// Little-endian 16-bit words of plane 0: this many bits, above this many others.
    Words { bits: u32, below: u32 },
    /// There is none: RGB, a palette, floating point.
    None,
}

fn luma(format: Pixel) -> Luma {
    let words = |bits| Luma::Words { bits, below: 0 };
    match format {
        Pixel::YUV410P
        | Pixel::YUV411P
        | Pixel::YUV420P
        | Pixel::YUV422P
        | Pixel::YUV440P
        | Pixel::YUV444P
        | Pixel::YUVJ411P
        | Pixel::YUVJ420P
        | Pixel::YUVJ422P
        | Pixel::YUVJ440P
        | Pixel::YUVJ444P
        | Pixel::YUVA420P
        | Pixel::YUVA422P
        | Pixel::YUVA444P
        | Pixel::NV12
        | Pixel::NV16
        | Pixel::NV21
        | Pixel::NV24
        | Pixel::GRAY8 => Luma::Bytes,
        Pixel::YUYV422 | Pixel::YVYU422 => Luma::Interleaved(0),
        Pixel::UYVY422 => Luma::Interleaved(1),
        Pixel::YUV420P9LE | Pixel::YUV422P9LE | Pixel::YUV444P9LE | Pixel::GRAY9LE => words(9),
        Pixel::YUV420P10LE | Pixel::YUV422P10LE | Pixel::YUV444P10LE | Pixel::GRAY10LE => words(10),
        Pixel::YUV420P12LE | Pixel::YUV422P12LE | Pixel::YUV444P12LE | Pixel::GRAY12LE => words(12),
        Pixel::YUV420P16LE | Pixel::YUV422P16LE | Pixel::YUV444P16LE | Pixel::GRAY16LE => words(16),
        Pixel::P010LE => Luma::Words { bits: 10, below: 6 },
        _ => Luma::None,
    }
}

/// The two names that FFmpeg has for some formats: limited and full range. Its scaler knows the range by the name only.
const NAMES: [(Pixel, Pixel); 5] = [
    (Pixel::YUV411P, Pixel::YUVJ411P),
    (Pixel::YUV420P, Pixel::YUVJ420P),
    (Pixel::YUV422P, Pixel::YUVJ422P),
    (Pixel::YUV440P, Pixel::YUVJ440P),
    (Pixel::YUV444P, Pixel::YUVJ444P),
];

fn is_full(frame: &Video, range: Range) -> bool {
    let format = frame.format();
    // Gray video is full range unless it says otherwise, as FFmpeg has it.
    let by_name = NAMES.iter().any(|(_, full)| *full == format)
        || (is_gray(format) && frame.color_range() != color::Range::MPEG);
    let full = by_name || frame.color_range() == color::Range::JPEG;
    !range.is_limited(!full)
}

fn is_gray(format: Pixel) -> bool {
    matches!(
        format,
        Pixel::GRAY8 | Pixel::GRAY9LE | Pixel::GRAY10LE | Pixel::GRAY12LE | Pixel::GRAY16LE
    )
}

/// Makes gray of luma: the value of each that `bits` can write.
fn table(bits: u32, full: bool) -> Vec<u8> {
    let most = f64::from((1u32 << bits) - 1);
    let unit = f64::from(1u32 << (bits - 8));
    let (black, white) = if full {
        (0.0, most)
    } else {
        (16.0 * unit, 235.0 * unit)
    };
    (0..1u32 << bits)
        .map(|value| {
            let share = (f64::from(value) - black) / (white - black);
            (share * 255.0).round().clamp(0.0, 255.0) as u8
        })
        .collect()
}

/// Converts frames, and keeps what it needs for that.
pub(crate) struct Converter {
    scaler: Option<Scaler>,
    table: Option<(u32, bool, Vec<u8>)>,
    /// BGR that only gray is made of.
    bgr: Vec<u8>,
    lying: Vec<u8>,
}

/// FFmpeg's conversion to BGR, and what it writes: rows with what they are padded with.
struct Scaler {
    key: (Pixel, u32, u32),
    context: scaling::Context,
    image: Video,
}

impl Scaler {
    fn new(key: (Pixel, u32, u32)) -> Result<Scaler, ffmpeg_next::Error> {
        let (format, width, height) = key;
        // As OpenCV does: exact rounding would take twice the time.
        let flags = scaling::Flags::BICUBIC;
        let context =
            scaling::Context::get(format, width, height, Pixel::BGR24, width, height, flags)?;
        Ok(Scaler {
            key,
            context,
            image: Video::empty(),
        })
    }
}

impl Converter {
    pub(crate) fn new() -> Converter {
        Converter {
            scaler: None,
            table: None,
            bgr: Vec::new(),
            lying: Vec::new(),
        }
    }

    /// Makes gray of a frame, and BGR if it is wanted: packed and upright, in places that are as large.
    pub(crate) fn convert(
        &mut self,
        frame: &mut Video,
        turn: Turn,
        range: Range,
        made_of: Gray,
        gray: &mut [u8],
        bgr: Option<&mut [u8]>,
    ) -> Result<(), ffmpeg_next::Error> {
        let luma = match (luma(frame.format()), made_of) {
            // Rows that are stored from the bottom up have a negative stride, which only FFmpeg's scaler can follow.
            _ if frame.stride(0).cast_signed() < 0 => Luma::None,
            (_, Gray::Colours) => Luma::None,
            (Luma::Bytes | Luma::Interleaved(_), Gray::Colours8) if !is_gray(frame.format()) => {
                Luma::None
            }
            (luma, _) => luma,
        };
        let full = is_full(frame, range);
        if luma != Luma::None {
            if let Some(bgr) = bgr {
                self.make_bgr(frame, full, turn, bgr)?;
            }
            self.make_gray(frame, luma, full, turn, gray);
        } else if let Some(bgr) = bgr {
            self.make_bgr(frame, full, turn, bgr)?;
            bgr_to_gray(bgr, gray);
        } else {
            let mut bgr = std::mem::take(&mut self.bgr);
            bgr.resize(3 * gray.len(), 0);
            self.make_bgr(frame, full, turn, &mut bgr)?;
            bgr_to_gray(&bgr, gray);
            self.bgr = bgr;
        }
        Ok(())
    }

    fn make_gray(&mut self, frame: &Video, luma: Luma, full: bool, turn: Turn, out: &mut [u8]) {
        let width = frame.width() as usize;
        let bits = match luma {
            Luma::Words { bits, .. } => bits,
            _ => 8,
        };
        let known = self
            .table
            .take()
            .filter(|(of, was_full, _)| (*of, *was_full) == (bits, full));
        let (_, _, table) = self
            .table
            .insert(known.unwrap_or_else(|| (bits, full, table(bits, full))));
        let rows = frame.data(0).chunks(frame.stride(0));
        stand_up::<1>(turn, width, &mut self.lying, out, |gray| {
            for (row, gray) in rows.zip(gray.chunks_exact_mut(width)) {
                match luma {
                    Luma::Bytes => {
                        gray.copy_from_slice(&row[..width]);
                        if !full {
                            stretch_luma(gray);
                        }
                    }
                    Luma::Interleaved(from) => {
                        for (gray, luma) in gray.iter_mut().zip(row[from..].iter().step_by(2)) {
                            *gray = table[usize::from(*luma)];
                        }
                    }
                    Luma::Words { bits, below } => {
                        let mask = (1usize << bits) - 1;
                        let (words, _) = row.as_chunks::<2>();
                        for (gray, word) in gray.iter_mut().zip(words) {
                            let value = usize::from(u16::from_le_bytes(*word)) >> below;
                            *gray = table[value & mask];
                        }
                    }
                    Luma::None => {}
                }
            }
        });
    }

    fn make_bgr(
        &mut self,
        frame: &mut Video,
        full: bool,
        turn: Turn,
        out: &mut [u8],
    ) -> Result<(), ffmpeg_next::Error> {
        let (width, height) = (frame.width(), frame.height());
        for (limited, full_name) in NAMES {
            if [limited, full_name].contains(&frame.format()) {
                frame.set_format(if full { full_name } else { limited });
            }
        }
        let key = (frame.format(), width, height);
        let scaler = match self.scaler.take().filter(|scaler| scaler.key == key) {
            Some(scaler) => scaler,
            None => Scaler::new(key)?,
        };
        let scaler = self.scaler.insert(scaler);
        scaler.context.run(frame, &mut scaler.image)?;
        let image = &scaler.image;
        let row_len = 3 * width as usize;
        stand_up::<3>(turn, width as usize, &mut self.lying, out, |bgr| {
            let rows = image.data(0).chunks(image.stride(0));
            for (row, bgr) in rows.zip(bgr.chunks_exact_mut(row_len)) {
                bgr.copy_from_slice(&row[..row_len]);
            }
        });
        Ok(())
    }
}

/// Has pixels of `N` bytes made as they lie, rows of `width`, and makes them stand upright in `out`.
fn stand_up<const N: usize>(
    turn: Turn,
    width: usize,
    lying: &mut Vec<u8>,
    out: &mut [u8],
    make: impl FnOnce(&mut [u8]),
) {
    if turn.is_none() {
        make(out);
    } else {
        lying.resize(out.len(), 0);
        make(lying);
        turn.apply::<N>(lying, width, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn black_and_white_are_0_and_255_in_every_range_and_depth() {
        for bits in [8, 9, 10, 12, 16] {
            let unit = 1usize << (bits - 8);
            let limited = table(bits, false);
            assert_eq!((limited[16 * unit], limited[235 * unit]), (0, 255));
            assert_eq!((limited[0], limited[limited.len() - 1]), (0, 255));
            let full = table(bits, true);
            assert_eq!((full[0], full[full.len() - 1]), (0, 255));
        }
        assert!((0..=255u8).all(|value| table(8, true)[usize::from(value)] == value));
    }
}
