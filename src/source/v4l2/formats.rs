//! Pixel formats: how luma and colours lie in a camera's frames.

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
    Packed {
        bytes: usize,
        y: usize,
        u: usize,
        v: usize,
    },
    /// A plane of luma, then colours for groups of pixels, so many wide and high.
    Planar {
        wide: usize,
        high: usize,
        chroma: Chroma,
    },
    /// Words of so many bytes, in which blue, green and red are so many bits from so many bits on.
    Rgb {
        bytes: usize,
        big_endian: bool,
        bgr: [(u32, u32); 3],
    },
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

pub(super) const fn rgb(
    bytes: usize,
    blue: (u32, u32),
    green: (u32, u32),
    red: (u32, u32),
) -> Pixels {
    let (big_endian, bgr) = (false, [blue, green, red]);
    Pixels::Rgb {
        bytes,
        big_endian,
        bgr,
    }
}

const fn swapped(pixels: Pixels) -> Pixels {
    match pixels {
        Pixels::Rgb { bytes, bgr, .. } => Pixels::Rgb {
            bytes,
            big_endian: true,
            bgr,
        },
        Pixels::Words { bits, .. } => Pixels::Words {
            bits,
            big_endian: true,
        },
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
    let rank = if pixels == Pixels::Jpeg {
        usize::MAX
    } else {
        rank
    };
    Some((pixels, rank))
}
