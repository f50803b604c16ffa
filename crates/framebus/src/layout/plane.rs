//! The planes of a bus: what images, or bytes, there are for every frame.

use super::{Format, Geometry};
use crate::sync::{AtomicU32, AtomicU64};

layout! {
    /// One plane: an image (or bytes) that every frame has. Writer: the producer, before `abi`; only `sequence` changes.
    struct PlaneEntry[64] {
        /// Pixel format, a fourcc: GREY, Y16, BGR3, RGB3, NV12, YU12, YUYV, or META for bytes that are no image.
        0 format: AtomicU32,
        /// Bit 0: there is one image for all slots instead of one in each; its frame's number is in `sequence`.
        4 flags: AtomicU32,
        /// Pixels in a row; of META the most bytes that a frame can have.
        8 width: AtomicU32,
        /// Rows; of META 1.
        12 height: AtomicU32,
        /// Bytes from row to row.
        16 stride: AtomicU32,
        /// Which numbers are black and white: 0 = does not apply or not known, 1 full (0 to 255), 2 limited (16 to 235).
        20 range: AtomicU32,
        /// How YCbCr becomes RGB: 0 = does not apply or not known, 1 BT.601, 2 BT.709.
        24 matrix: AtomicU32,
        /// Zero.
        28 reserved0: AtomicU32,
        /// Offset of the first slot's image.
        32 offset: AtomicU64,
        /// Bytes from one slot's image to the next; 0 with one image for all.
        40 pitch: AtomicU64,
        /// Bytes of an image.
        48 len: AtomicU64,
        /// Sequence of the frame in an image for all slots; 0 = being written, or in every slot. Release.
        56 sequence: AtomicU64,
    }
}

/// Bits of [`PlaneEntry::flags`].
pub(crate) struct PlaneFlags;

impl PlaneFlags {
    /// One image for all slots.
    pub(crate) const ONE_FOR_ALL: u32 = 1;
}

/// Which numbers of a plane mean black and white.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
#[repr(u32)]
pub enum ColorRange {
    /// Not known, or no image.
    #[default]
    Unknown = 0,
    /// 0 is black, 255 white.
    Full = 1,
    /// Luma from 16 to 235, chroma from 16 to 240.
    Limited = 2,
}

impl ColorRange {
    pub(crate) const fn from_word(word: u32) -> ColorRange {
        match word {
            1 => ColorRange::Full,
            2 => ColorRange::Limited,
            _ => ColorRange::Unknown,
        }
    }

    /// What users call it: `full`, `limited`, or nothing.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            ColorRange::Unknown => None,
            ColorRange::Full => Some("full"),
            ColorRange::Limited => Some("limited"),
        }
    }
}

/// How YCbCr becomes RGB.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
#[repr(u32)]
pub enum Matrix {
    /// Not known, or not YCbCr.
    #[default]
    Unknown = 0,
    /// ITU-R BT.601.
    Bt601 = 1,
    /// ITU-R BT.709.
    Bt709 = 2,
}

impl Matrix {
    pub(crate) const fn from_word(word: u32) -> Matrix {
        match word {
            1 => Matrix::Bt601,
            2 => Matrix::Bt709,
            _ => Matrix::Unknown,
        }
    }

    /// What users call it: `bt601`, `bt709`, or nothing.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Matrix::Unknown => None,
            Matrix::Bt601 => Some("bt601"),
            Matrix::Bt709 => Some("bt709"),
        }
    }
}

/// A plane of a bus, as its segment has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Plane {
    /// What its bytes mean.
    pub format: Format,
    /// Pixels in a row; of [`Format::META`] the most bytes that a frame can have.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes from row to row.
    pub stride: u32,
    /// Which numbers are black and white.
    pub range: ColorRange,
    /// How YCbCr becomes RGB.
    pub matrix: Matrix,
    /// Whether there is one image for all slots, of the newest frame or one shortly before it, instead of one for each frame.
    pub one_for_all: bool,
    pub(crate) offset: u64,
    pub(crate) pitch: u64,
    pub(crate) len: u64,
}

impl Plane {
    /// A plane outside of a segment, such as for a [`crate::source::FrameTarget`] of one's own: without padding, full range.
    /// `None` for a format that has no name, or that an image of this size cannot have.
    #[must_use]
    pub fn of(format: Format, size: Geometry) -> Option<Plane> {
        if !format.fits(size) {
            return None;
        }
        Some(Plane {
            format,
            width: size.width,
            height: size.height,
            stride: format.stride(size.width)?,
            range: ColorRange::Full,
            len: format.len(size)? as u64,
            ..Plane::default()
        })
    }

    /// Bytes of an image.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.len as usize
    }

    /// The size of the image; `None` for bytes that are none.
    #[must_use]
    pub fn size(&self) -> Option<Geometry> {
        Geometry::new(self.width, self.height).filter(|_| self.format != Format::META)
    }

    /// Where the image of a slot starts.
    pub(crate) fn place(&self, slot: u8) -> u64 {
        self.offset + u64::from(slot) * self.pitch
    }

    /// Bytes that all its images take in the segment.
    pub(crate) fn total(&self, slots: u8) -> Option<u64> {
        if self.one_for_all {
            Some(self.len)
        } else {
            self.pitch.checked_mul(slots.into())
        }
    }
}

impl Default for Format {
    fn default() -> Format {
        Format::from_word(0)
    }
}

/// The planes of a bus, at most [`Planes::MAX`], in the order in which they are in the segment.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Planes {
    planes: [Plane; Planes::MAX],
    count: usize,
}

impl Planes {
    /// The most planes of a bus.
    pub const MAX: usize = 8;

    pub(crate) fn push(&mut self, plane: Plane) {
        self.planes[self.count] = plane;
        self.count += 1;
    }

    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[Plane] {
        &self.planes[..self.count]
    }

    /// One of them alone.
    #[must_use]
    pub fn only(&self, index: usize) -> Planes {
        let mut planes = Planes::default();
        if let Some(plane) = self.get(index) {
            planes.push(*plane);
        }
        planes
    }

    /// The first plane of a format that is in every slot, in whatever size.
    #[must_use]
    pub fn of(&self, format: Format) -> Option<&Plane> {
        self.iter()
            .find(|plane| plane.format == format && !plane.one_for_all)
    }

    /// The plane of a format that is in every slot in the frames' own size.
    #[must_use]
    pub fn full(&self, format: Format, size: Geometry) -> Option<&Plane> {
        self.iter().find(|plane| {
            plane.format == format
                && !plane.one_for_all
                && (plane.width, plane.height) == (size.width, size.height)
        })
    }

    /// Which plane of a format to take: that in the frames' own size where there is one, else the first that is in every
    /// slot.
    #[must_use]
    pub fn best(&self, format: Format, size: Geometry) -> Option<usize> {
        let of_every_slot = |plane: &Plane| plane.format == format && !plane.one_for_all;
        let full = |plane: &Plane| of_every_slot(plane) && plane.size() == Some(size);
        let full = self.iter().position(full);
        full.or_else(|| self.iter().position(of_every_slot))
    }

    /// The plane of which there is one image for all slots: the seed's BGR debugging image.
    #[must_use]
    pub fn one_for_all(&self) -> Option<&Plane> {
        self.one_for_all_index().map(|index| &self.planes[index])
    }

    pub(crate) fn one_for_all_index(&self) -> Option<usize> {
        self.as_slice().iter().position(|plane| plane.one_for_all)
    }
}

/// In the order of the segment.
impl std::ops::Deref for Planes {
    type Target = [Plane];

    fn deref(&self) -> &[Plane] {
        self.as_slice()
    }
}

impl std::fmt::Debug for Planes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.as_slice()).finish()
    }
}

/// Names the planes, as messages do: `gray, bgr, gray 160x120`.
impl std::fmt::Display for Planes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, plane) in self.as_slice().iter().enumerate() {
            let again = self.as_slice()[..index]
                .iter()
                .any(|before| before.format == plane.format);
            f.write_str(if index == 0 { "" } else { ", " })?;
            write!(f, "{}", plane.format)?;
            if again {
                write!(f, " {}x{}", plane.width, plane.height)?;
            }
        }
        if self.count == 0 {
            f.write_str("nothing")?;
        }
        Ok(())
    }
}
