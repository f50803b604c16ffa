//! Which numbers of a video mean black and white.

/// The range of luma that a source has. On a bus gray is full range, black 0 and white 255, as OpenCV's: limited luma is
/// stretched on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Range {
    /// What the source says of itself; limited where YUV says nothing, full where gray says nothing.
    #[default]
    Auto,
    /// 0 to 255.
    Full,
    /// 16 to 235, as most video is.
    Limited,
}

impl Range {
    /// Every range, in the order in which they are shown.
    pub const ALL: [Range; 3] = [Range::Auto, Range::Full, Range::Limited];

    /// What users call it: `auto`, `full` or `limited`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Range::Auto => "auto",
            Range::Full => "full",
            Range::Limited => "limited",
        }
    }

    /// Whether luma has to be stretched that is limited by its own account, or is not.
    #[must_use]
    pub const fn is_limited(self, by_itself: bool) -> bool {
        match self {
            Range::Auto => by_itself,
            Range::Full => false,
            Range::Limited => true,
        }
    }
}
