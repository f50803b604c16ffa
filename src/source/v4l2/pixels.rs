//! Pixel formats: how luma and colours lie in a camera's frames, and how they become gray and BGR.

use framebus::convert::{
    bgr_to_gray, luma_to_gray, pairs_to_gray, stretch_luma, words_to_gray, ycc_to_bgr,
};

use super::abi::FourCc;

/// Where the pixels of a format are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pixels {
    /// A byte of luma a pixel.
    Gray,
    /// Words of so many bits of luma, the lowest in front or behind.
    Words { bits: u32, big_endian: bool },
    /// Pixels of so many bytes, in which luma and the two colours stand at these places. With 2 bytes a pixel, two pixels
    /// share their colours.
    Packed { bytes: usize, y: usize, u: usize, v: usize },
    /// A plane of luma, then colours for groups of pixels, so many wide and high.
    Planar { wide: usize, high: usize, chroma: Chroma },
    /// Words of so many bytes, in which blue, green and red are so many bits from so many bits on.
    Rgb { bytes: usize, big_endian: bool, bgr: [(u32, u32); 3] },
    /// A JPEG picture.
    Jpeg,
}

/// How the colours of planar formats lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chroma {
    /// Cb, Cr, Cb, Cr.
    Mixed,
    /// Cr, Cb, Cr, Cb.
    MixedSwapped,
    /// All Cb, then all Cr.
    Apart,
    /// All Cr, then all Cb.
    ApartSwapped,
}

use Chroma::{Apart, ApartSwapped, Mixed, MixedSwapped};

const fn packed(bytes: usize, y: usize, u: usize, v: usize) -> Pixels {
    Pixels::Packed { bytes, y, u, v }
}

const fn planar(wide: usize, high: usize, chroma: Chroma) -> Pixels {
    Pixels::Planar { wide, high, chroma }
}

const fn words(bits: u32) -> Pixels {
    let big_endian = false;
    Pixels::Words { bits, big_endian }
}

const fn rgb(bytes: usize, blue: (u32, u32), green: (u32, u32), red: (u32, u32)) -> Pixels {
    let (big_endian, bgr) = (false, [blue, green, red]);
    Pixels::Rgb { bytes, big_endian, bgr }
}

const fn swapped(pixels: Pixels) -> Pixels {
    match pixels {
        Pixels::Rgb { bytes, bgr, .. } => Pixels::Rgb { bytes, big_endian: true, bgr },
        Pixels::Words { bits, .. } => Pixels::Words { bits, big_endian: true },
        other => other,
    }
}

const RGB444: Pixels = rgb(2, (0, 4), (4, 4), (8, 4));
const BGR444: Pixels = rgb(2, (8, 4), (4, 4), (0, 4));
const RGBX444: Pixels = rgb(2, (4, 4), (8, 4), (12, 4));
const BGRX444: Pixels = rgb(2, (12, 4), (8, 4), (4, 4));
const RGB555: Pixels = rgb(2, (0, 5), (5, 5), (10, 5));
const BGR555: Pixels = rgb(2, (10, 5), (5, 5), (0, 5));
const RGBX555: Pixels = rgb(2, (1, 5), (6, 5), (11, 5));
const BGRX555: Pixels = rgb(2, (11, 5), (6, 5), (1, 5));
const RGB565: Pixels = rgb(2, (0, 5), (5, 6), (11, 5));
const BGRA: Pixels = rgb(4, (0, 8), (8, 8), (16, 8));
const ABGR: Pixels = rgb(4, (8, 8), (16, 8), (24, 8));
const ARGB: Pixels = rgb(4, (24, 8), (16, 8), (8, 8));
const RGBA: Pixels = rgb(4, (16, 8), (8, 8), (0, 8));

/// The formats that are known, those that cost least first.
const KNOWN: [(&[u8; 4], Pixels); 67] = [
    (b"GREY", Pixels::Gray),
    (b"NV12", planar(2, 2, Mixed)),
    (b"NV21", planar(2, 2, MixedSwapped)),
    (b"NM12", planar(2, 2, Mixed)),
    (b"NM21", planar(2, 2, MixedSwapped)),
    (b"YU12", planar(2, 2, Apart)),
    (b"YV12", planar(2, 2, ApartSwapped)),
    (b"YM12", planar(2, 2, Apart)),
    (b"YM21", planar(2, 2, ApartSwapped)),
    (b"NV16", planar(2, 1, Mixed)),
    (b"NV61", planar(2, 1, MixedSwapped)),
    (b"NM16", planar(2, 1, Mixed)),
    (b"NM61", planar(2, 1, MixedSwapped)),
    (b"422P", planar(2, 1, Apart)),
    (b"YM16", planar(2, 1, Apart)),
    (b"YM61", planar(2, 1, ApartSwapped)),
    (b"YUYV", packed(2, 0, 1, 3)),
    (b"YVYU", packed(2, 0, 3, 1)),
    (b"UYVY", packed(2, 1, 0, 2)),
    (b"VYUY", packed(2, 1, 2, 0)),
    (b"Y10 ", words(10)),
    (b"Y12 ", words(12)),
    (b"Y14 ", words(14)),
    (b"Y16 ", words(16)),
    (b"NV24", planar(1, 1, Mixed)),
    (b"NV42", planar(1, 1, MixedSwapped)),
    (b"YM24", planar(1, 1, Apart)),
    (b"YM42", planar(1, 1, ApartSwapped)),
    (b"YUV3", packed(3, 0, 1, 2)),
    (b"AYUV", packed(4, 1, 2, 3)),
    (b"XYUV", packed(4, 1, 2, 3)),
    (b"YUV4", packed(4, 1, 2, 3)),
    (b"VUYA", packed(4, 2, 1, 0)),
    (b"VUYX", packed(4, 2, 1, 0)),
    (b"YUVA", packed(4, 0, 1, 2)),
    (b"YUVX", packed(4, 0, 1, 2)),
    (b"BGR3", rgb(3, (0, 8), (8, 8), (16, 8))),
    (b"RGB3", rgb(3, (16, 8), (8, 8), (0, 8))),
    (b"AR24", BGRA),
    (b"XR24", BGRA),
    (b"BGR4", BGRA),
    (b"RA24", ABGR),
    (b"RX24", ABGR),
    (b"BA24", ARGB),
    (b"BX24", ARGB),
    (b"RGB4", ARGB),
    (b"AB24", RGBA),
    (b"XB24", RGBA),
    (b"RGBP", RGB565),
    (b"RGBR", swapped(RGB565)),
    (b"RGBO", RGB555),
    (b"AR15", RGB555),
    (b"XR15", RGB555),
    (b"RGBQ", swapped(RGB555)),
    (b"RA15", RGBX555),
    (b"RX15", RGBX555),
    (b"AB15", BGR555),
    (b"XB15", BGR555),
    (b"BA15", BGRX555),
    (b"BX15", BGRX555),
    (b"R444", RGB444),
    (b"AR12", RGB444),
    (b"XR12", RGB444),
    (b"RGB1", rgb(1, (0, 2), (2, 3), (5, 3))),
    (b"BGRH", swapped(rgb(4, (26, 6), (20, 6), (14, 6)))),
    (b"MJPG", Pixels::Jpeg),
    (b"JPEG", Pixels::Jpeg),
];

/// Further formats of 16 bits, which no camera is known to prefer.
const MORE: [(&[u8; 4], Pixels); 6] = [
    (b"RA12", RGBX444),
    (b"RX12", RGBX444),
    (b"AB12", BGR444),
    (b"XB12", BGR444),
    (b"GA12", BGRX444),
    (b"BX12", BGRX444),
];

const BIG_ENDIAN: [(&[u8; 4], Pixels); 3] = [
    (b"Y16 ", swapped(words(16))),
    (b"AR15", swapped(RGB555)),
    (b"XR15", swapped(RGB555)),
];

/// How a format's pixels lie, and its rank: the lower, the less it costs to make gray of it. `None` for one that is not known.
pub(super) fn known(fourcc: FourCc) -> Option<(Pixels, usize)> {
    let little = KNOWN.iter().chain(&MORE);
    let little = little.map(|(letters, pixels)| (FourCc::new(letters), *pixels));
    let big = BIG_ENDIAN.iter();
    let big = big.map(|(letters, pixels)| (FourCc::big_endian(letters), *pixels));
    let mut all = little.chain(big).enumerate();
    let (rank, (_, pixels)) = all.find(|(_, (name, _))| *name == fourcc)?;
    // JPEG is always the last resort: decoding costs most by far.
    let rank = if pixels == Pixels::Jpeg { usize::MAX } else { rank };
    Some((pixels, rank))
}

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
        let (len, step) = if whole { (gray.len(), self.first().len()) } else { (self.width, self.stride()) };
        let mut line = Vec::new();
        for (gray, row) in gray.chunks_mut(len.max(1)).zip(self.first().chunks(step.max(1))) {
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
            Pixels::Words { bits, big_endian: false } => {
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
                for group in row.chunks_exact(bytes * shared).take(self.width.div_ceil(shared)) {
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
                let step = if matches!(chroma, Mixed | MixedSwapped) { 2 } else { 1 };
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
            (true, false) => (rest(0, luma_len + stride * row), rest(0, luma_len + stride * row + 1)),
            (false, true) => (rest(1, stride * row), rest(2, stride * row)),
            (false, false) => (
                rest(0, luma_len + stride * row),
                rest(0, luma_len + plane_len + stride * row),
            ),
        };
        (first, second)
    }

    fn bgr_of_words(&self, row: &[u8], bgr: &mut [u8]) {
        let Pixels::Rgb { bytes, big_endian, bgr: places } = self.pixels else {
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
