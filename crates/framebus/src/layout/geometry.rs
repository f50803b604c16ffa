//! The size of an image.

/// The size of an image in pixels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Geometry {
    /// Pixels in a row, 1 to [`Geometry::MAX_SIDE`].
    pub width: u32,
    /// Rows, 1 to [`Geometry::MAX_SIDE`].
    pub height: u32,
}

impl Geometry {
    /// The longest side of an image: what Table 2's `i32` step can carry for BGR, rounded down to what cameras make.
    pub const MAX_SIDE: u32 = 32_768;

    /// Checks the size.
    #[must_use]
    pub const fn new(width: u32, height: u32) -> Option<Geometry> {
        if width == 0 || height == 0 || width > Self::MAX_SIDE || height > Self::MAX_SIDE {
            return None;
        }
        Some(Geometry { width, height })
    }

    /// Bytes of a gray image with packed rows.
    #[must_use]
    pub const fn gray_len(self) -> usize {
        self.width as usize * self.height as usize
    }

    /// Bytes of a BGR image with packed rows.
    #[must_use]
    pub const fn bgr_len(self) -> usize {
        3 * self.gray_len()
    }
}

impl std::fmt::Display for Geometry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}
