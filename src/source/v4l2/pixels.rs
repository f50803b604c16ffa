//! A camera's frames as gray and BGR.

use framebus::convert::{
    bgr_to_gray, luma_to_gray, pairs_to_gray, stretch_luma, words_to_gray, ycc_to_bgr,
};
use framebus::layout::Format;

use super::formats::Chroma::{self, Apart, ApartSwapped, Mixed, MixedSwapped};
use super::formats::{Pixels, rgb};

/// A frame in memory, and how it is to be read.
#[derive(Debug)]
pub(super) struct Raw<'a> {
    pub(super) pixels: Pixels,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) limited: bool,
    pub(super) planes: Vec<&'a [u8]>,
    /// Bytes from row to row of each plane; 0 where rows are packed.
    pub(super) strides: &'a [usize],
}

impl Raw<'_> {
    /// Bytes of the first plane's rows.
    fn row_len(&self) -> usize {
        self.width
            * match self.pixels {
                Pixels::Gray | Pixels::Planar { .. } | Pixels::Jpeg => 1,
                Pixels::Words { .. } => 2,
                Pixels::Packed { bytes, .. } | Pixels::Rgb { bytes, .. } => bytes,
            }
    }

    fn stride(&self) -> usize {
        let stride = self.strides.first().copied().unwrap_or(0);
        stride.max(self.row_len())
    }

    fn first(&self) -> &[u8] {
        self.planes.first().copied().unwrap_or(&[])
    }

    /// Whether it is all there, or only the luma of it where nobody asks for colour.
    pub(super) fn is_whole(&self, with_colour: bool) -> bool {
        let needed = self.stride() * (self.height.max(1) - 1) + self.row_len();
        let rows = self.height.max(1) - 1;
        self.first().len() >= needed
            && (!with_colour || self.chroma_row(rows, &mut Vec::new(), &mut Vec::new()))
    }

    /// Writes the gray image.
    pub(super) fn gray(&self, gray: &mut [u8]) {
        // Packed rows are one long row, for which the kernels are quickest.
        let whole = self.stride() == self.row_len();
        let (len, step) = if whole {
            (gray.len(), self.first().len())
        } else {
            (self.width, self.stride())
        };
        let mut line = Vec::new();
        for (gray, row) in gray
            .chunks_mut(len.max(1))
            .zip(self.first().chunks(step.max(1)))
        {
            self.gray_row(row, gray, &mut line);
        }
    }

    fn gray_row(&self, row: &[u8], gray: &mut [u8], bgr: &mut Vec<u8>) {
        match self.pixels {
            Pixels::Gray | Pixels::Planar { .. } => luma_to_gray(row, self.limited, gray),
            Pixels::Packed { bytes: 2, y, .. } => pairs_to_gray(row, y == 1, self.limited, gray),
            Pixels::Packed { bytes, y, .. } => {
                for (gray, pixel) in gray.iter_mut().zip(row.chunks_exact(bytes)) {
                    *gray = pixel[y];
                }
                self.stretch(gray);
            }
            Pixels::Words {
                bits,
                big_endian: false,
            } => {
                words_to_gray(row, bits, gray);
                self.stretch(gray);
            }
            Pixels::Words { .. } => pairs_to_gray(row, false, self.limited, gray),
            Pixels::Rgb { .. } if self.is_bgr() => {
                bgr_to_gray(row, gray);
                self.stretch(gray);
            }
            Pixels::Rgb { .. } => {
                bgr.resize(3 * gray.len(), 0);
                self.bgr_of_words(row, bgr);
                bgr_to_gray(bgr, gray);
                self.stretch(gray);
            }
            Pixels::Jpeg => {}
        }
    }

    fn stretch(&self, gray: &mut [u8]) {
        if self.limited {
            stretch_luma(gray);
        }
    }

    fn is_bgr(&self) -> bool {
        self.pixels == rgb(3, (0, 8), (8, 8), (16, 8))
    }

    /// Writes the frame as it is, without padding: NV12, I420 or YUYV in one plane. `false` where it is not all there.
    pub(super) fn copy_as(&self, format: Format, target: &mut [u8]) -> bool {
        let (row, stride) = (self.row_len(), self.stride());
        let rows = self.height;
        // The length of a row, how far it is to the next one, and how many there are.
        let blocks = match format {
            Format::YUYV => [(row, stride, rows), (0, 1, 0)],
            Format::NV12 => [(row, stride, rows), (row, stride, rows / 2)],
            Format::I420 => [(row, stride, rows), (row / 2, stride / 2, rows)],
            _ => return false,
        };
        let (mut place, mut written) = (0, 0);
        for (len, step, count) in blocks {
            for _ in 0..count {
                let from = self.first().get(place..place + len);
                let to = target.get_mut(written..written + len);
                let (Some(from), Some(to)) = (from, to) else {
                    return false;
                };
                to.copy_from_slice(from);
                place += step;
                written += len;
            }
        }
        written == target.len()
    }

    /// Writes the BGR image.
    pub(super) fn bgr(&self, bgr: &mut [u8]) {
        let (mut blue, mut red) = (Vec::new(), Vec::new());
        let mut luma = vec![0; self.width];
        let rows = self.first().chunks(self.stride().max(1));
        for (number, (bgr, row)) in bgr.chunks_mut(3 * self.width.max(1)).zip(rows).enumerate() {
            match self.pixels {
                Pixels::Rgb { .. } => {
                    self.bgr_of_words(row, bgr);
                    if self.limited {
                        stretch_luma(bgr);
                    }
                }
                Pixels::Gray | Pixels::Words { .. } => {
                    self.gray_row(row, &mut luma, &mut blue);
                    for (pixel, gray) in bgr.chunks_exact_mut(3).zip(&luma) {
                        pixel.fill(*gray);
                    }
                }
                Pixels::Packed { bytes, y, .. } => {
                    for (luma, pixel) in luma.iter_mut().zip(row.chunks_exact(bytes)) {
                        *luma = pixel[y];
                    }
                    self.chroma_row(number, &mut blue, &mut red);
                    ycc_to_bgr(&luma, &blue, &red, self.limited, bgr);
                }
                Pixels::Planar { .. } => {
                    self.chroma_row(number, &mut blue, &mut red);
                    ycc_to_bgr(row, &blue, &red, self.limited, bgr);
                }
                Pixels::Jpeg => {}
            }
        }
    }

    /// Reads the colours of a row, a value a pixel; `false` when they are not all there.
    fn chroma_row(&self, row: usize, blue: &mut Vec<u8>, red: &mut Vec<u8>) -> bool {
        blue.clear();
        red.clear();
        match self.pixels {
            Pixels::Packed { bytes, u, v, .. } => {
                let begin = (row * self.stride()).min(self.first().len());
                let row = &self.first()[begin..];
                let shared = if bytes == 2 { 2 } else { 1 };
                for group in row
                    .chunks_exact(bytes * shared)
                    .take(self.width.div_ceil(shared))
                {
                    blue.extend(std::iter::repeat_n(group[u], shared));
                    red.extend(std::iter::repeat_n(group[v], shared));
                }
            }
            Pixels::Planar { wide, high, chroma } => {
                let (at, row) = (self.width.div_ceil(wide), row / high);
                let (first, second) = self.chroma_rows(chroma, at, row, high);
                let (cb, cr) = match chroma {
                    Mixed | Apart => (first, second),
                    MixedSwapped | ApartSwapped => (second, first),
                };
                let step = if matches!(chroma, Mixed | MixedSwapped) {
                    2
                } else {
                    1
                };
                let spread = |from: &[u8], to: &mut Vec<u8>| {
                    for value in from.iter().step_by(step).take(at) {
                        to.extend(std::iter::repeat_n(*value, wide));
                    }
                };
                spread(cb, blue);
                spread(cr, red);
            }
            _ => return true,
        }
        blue.len() >= self.width && red.len() >= self.width
    }

    /// From where on the two colours of a row are, `at` values of each.
    fn chroma_rows(&self, chroma: Chroma, at: usize, row: usize, high: usize) -> (&[u8], &[u8]) {
        let mixed = matches!(chroma, Mixed | MixedSwapped);
        let luma_len = self.stride() * self.height;
        let rest = |plane: usize, from: usize| -> &[u8] {
            let plane = self.planes.get(plane).copied().unwrap_or(&[]);
            plane.get(from..).unwrap_or(&[])
        };
        // Where a plane's stride is not told, it follows from that of luma.
        let stride = self.strides.get(1).copied().filter(|stride| *stride > 0);
        let follows = self.stride() * at / self.width.max(1);
        let stride = stride.unwrap_or(if mixed { 2 * follows } else { follows });
        let stride = stride.max(if mixed { 2 * at } else { at });
        let plane_len = stride * self.height.div_ceil(high);
        let apart_in_memory = self.planes.len() > 1;
        let (first, second) = match (mixed, apart_in_memory) {
            (true, true) => (rest(1, stride * row), rest(1, stride * row + 1)),
            (true, false) => (
                rest(0, luma_len + stride * row),
                rest(0, luma_len + stride * row + 1),
            ),
            (false, true) => (rest(1, stride * row), rest(2, stride * row)),
            (false, false) => (
                rest(0, luma_len + stride * row),
                rest(0, luma_len + plane_len + stride * row),
            ),
        };
        (first, second)
    }

    fn bgr_of_words(&self, row: &[u8], bgr: &mut [u8]) {
        let Pixels::Rgb {
            bytes,
            big_endian,
            bgr: places,
        } = self.pixels
        else {
            return;
        };
        for (pixel, word) in bgr.chunks_exact_mut(3).zip(row.chunks_exact(bytes)) {
            let mut number = [0; 4];
            number[..bytes].copy_from_slice(word);
            if big_endian {
                number[..bytes].reverse();
            }
            let number = u32::from_le_bytes(number);
            for (colour, (from, bits)) in pixel.iter_mut().zip(places) {
                let most = (1 << bits) - 1;
                // Rounded: the largest number becomes 255.
                *colour = (((number >> from & most) * 255 + most / 2) / most) as u8;
            }
        }
    }
}
