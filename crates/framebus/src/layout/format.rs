//! What the bytes of a plane mean.

use super::Geometry;

/// The format of a plane: a fourcc, as V4L2 writes it. The constants are the formats that this library fills and converts;
/// any other is carried as it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Format(u32);

/// How the bytes of a format are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// So many bytes for each pixel, row after row.
    Packed(u8),
    /// Rows of luma, and half as many rows of chroma of the same length (4:2:0).
    Luma420,
    /// Bytes without rows.
    Bytes,
}

/// One format: the one place that names it.
#[derive(Debug)]
struct Row {
    format: Format,
    name: &'static str,
    shape: Shape,
    /// Bytes of one number.
    sample: u8,
    /// Whether it can only hold an even number of columns, and of rows.
    even: (bool, bool),
}

const fn row(
    format: Format,
    name: &'static str,
    shape: Shape,
    sample: u8,
    even: (bool, bool),
) -> Row {
    Row {
        format,
        name,
        shape,
        sample,
        even,
    }
}

/// Every format that has a name.
const ROWS: [Row; 8] = [
    row(Format::GRAY8, "gray", Shape::Packed(1), 1, (false, false)),
    row(
        Format::GRAY16,
        "gray16",
        Shape::Packed(2),
        2,
        (false, false),
    ),
    row(Format::BGR8, "bgr", Shape::Packed(3), 1, (false, false)),
    row(Format::RGB8, "rgb", Shape::Packed(3), 1, (false, false)),
    row(Format::NV12, "nv12", Shape::Luma420, 1, (true, true)),
    row(Format::I420, "i420", Shape::Luma420, 1, (true, true)),
    row(Format::YUYV, "yuyv", Shape::Packed(2), 1, (true, false)),
    row(Format::META, "meta", Shape::Bytes, 1, (false, false)),
];

impl Format {
    /// Gray, 8 bits for each pixel: `GREY`.
    pub const GRAY8: Format = Format::new(*b"GREY");
    /// Gray, 16 bits for each pixel, little-endian: `Y16 `.
    pub const GRAY16: Format = Format::new(*b"Y16 ");
    /// Blue, green, red, 8 bits each, as OpenCV has them: `BGR3`.
    pub const BGR8: Format = Format::new(*b"BGR3");
    /// Red, green, blue, 8 bits each: `RGB3`.
    pub const RGB8: Format = Format::new(*b"RGB3");
    /// Luma, then Cb and Cr in turns for each 2x2 pixels: `NV12`.
    pub const NV12: Format = Format::new(*b"NV12");
    /// Luma, then Cb, then Cr, one of each for 2x2 pixels: `YU12`.
    pub const I420: Format = Format::new(*b"YU12");
    /// `Y0 Cb Y1 Cr` for every two pixels: `YUYV`.
    pub const YUYV: Format = Format::new(*b"YUYV");
    /// Bytes that belong to a frame and are no image: `META`.
    pub const META: Format = Format::new(*b"META");

    /// A format by its four characters.
    #[must_use]
    pub const fn new(fourcc: [u8; 4]) -> Format {
        Format(u32::from_le_bytes(fourcc))
    }

    /// A format by the word that a segment has for it.
    #[must_use]
    pub const fn from_word(word: u32) -> Format {
        Format(word)
    }

    /// The word of it: its four characters as a little-endian number.
    #[must_use]
    pub const fn word(self) -> u32 {
        self.0
    }

    /// Every format that has a name, in the order in which they are shown.
    pub fn all() -> impl Iterator<Item = Format> {
        ROWS.iter().map(|row| row.format)
    }

    /// The format of a name (`gray`, `nv12`) or a fourcc (`GREY`, `NV12`), in whatever case.
    #[must_use]
    pub fn named(text: &str) -> Option<Format> {
        ROWS.iter()
            .find(|row| {
                text.eq_ignore_ascii_case(row.name)
                    || text.eq_ignore_ascii_case(row.format.fourcc().trim_end())
            })
            .map(|row| row.format)
    }

    /// What users call it; `None` for a format that only a newer framebus has a name for.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Some(self.row()?.name)
    }

    /// Its four characters; what is not printable is a question mark.
    #[must_use]
    pub fn fourcc(self) -> String {
        self.0
            .to_le_bytes()
            .map(|byte| {
                let printable = byte.is_ascii_graphic() || byte == b' ';
                char::from(if printable { byte } else { b'?' })
            })
            .iter()
            .collect()
    }

    /// How its bytes are arranged.
    #[must_use]
    pub fn shape(self) -> Option<Shape> {
        Some(self.row()?.shape)
    }

    /// Bytes of one of its numbers: 2 for 16-bit gray, 1 for all others.
    #[must_use]
    pub fn sample_bytes(self) -> u8 {
        self.row().map_or(1, |row| row.sample)
    }

    /// Numbers for each pixel of a row: as many channels as OpenCV's image of the format has. 4:2:0 has one, in half as many
    /// rows again.
    #[must_use]
    pub fn channels(self) -> u8 {
        match self.row().map(|row| (row.shape, row.sample)) {
            Some((Shape::Packed(bytes), sample)) => bytes / sample,
            _ => 1,
        }
    }

    /// Whether it is YCbCr, which has a range and a matrix.
    #[must_use]
    pub fn is_yuv(self) -> bool {
        [Format::NV12, Format::I420, Format::YUYV].contains(&self)
    }

    /// Bytes from row to row of an image without padding.
    #[must_use]
    pub fn stride(self, width: u32) -> Option<u32> {
        match self.shape()? {
            Shape::Packed(bytes) => width.checked_mul(bytes.into()),
            Shape::Luma420 | Shape::Bytes => Some(width),
        }
    }

    /// Bytes of an image without padding.
    #[must_use]
    pub fn len(self, size: Geometry) -> Option<usize> {
        let rows = match self.shape()? {
            Shape::Packed(_) => size.height as usize,
            Shape::Luma420 => size.height as usize + (size.height as usize).div_ceil(2),
            Shape::Bytes => 1,
        };
        Some(self.stride(size.width)? as usize * rows)
    }

    /// Whether an image of this size can have the format: 4:2:0 needs an even width and height.
    #[must_use]
    pub fn fits(self, size: Geometry) -> bool {
        self.row().is_some_and(|row| {
            (!row.even.0 || size.width.is_multiple_of(2))
                && (!row.even.1 || size.height.is_multiple_of(2))
        })
    }

    fn row(self) -> Option<&'static Row> {
        ROWS.iter().find(|row| row.format == self)
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => f.write_str(self.fourcc().trim_end()),
        }
    }
}

impl std::fmt::Debug for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Format({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_found_by_its_name_and_by_its_fourcc() {
        for format in Format::all() {
            let name = format.name().expect("a name");
            assert_eq!(Format::named(name), Some(format));
            assert_eq!(Format::named(&name.to_uppercase()), Some(format));
            assert_eq!(Format::named(format.fourcc().trim_end()), Some(format));
            assert_eq!(Format::from_word(format.word()), format);
        }
        assert_eq!(Format::named("green"), None);
        assert_eq!(Format::new(*b"H264").to_string(), "H264");
        assert_eq!(Format::from_word(7).name(), None);
    }

    #[test]
    fn lengths_are_those_of_opencv_and_v4l2() {
        let size = Geometry::new(640, 480).expect("a size");
        let len = |format: Format| format.len(size).expect("a length");
        assert_eq!(len(Format::GRAY8), 307_200);
        assert_eq!(len(Format::GRAY16), 614_400);
        assert_eq!(len(Format::BGR8), 921_600);
        assert_eq!(len(Format::NV12), 460_800);
        assert_eq!(len(Format::I420), 460_800);
        assert_eq!(len(Format::YUYV), 614_400);
        let array = |format: Format| (format.channels(), format.sample_bytes());
        assert_eq!(array(Format::GRAY16), (1, 2));
        assert_eq!(array(Format::BGR8), (3, 1));
        assert_eq!(array(Format::YUYV), (2, 1));
        assert_eq!(array(Format::NV12), (1, 1));
        assert_eq!(Format::from_word(7).len(size), None);
        let odd = Geometry::new(641, 480).expect("a size");
        assert!(Format::BGR8.fits(odd) && !Format::NV12.fits(odd) && !Format::YUYV.fits(odd));
    }
}
