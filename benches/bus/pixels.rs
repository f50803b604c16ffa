//! The sizes of frames.

use framebus::layout::Geometry;

/// Small.
pub(crate) const VGA: Geometry = Geometry {
    width: 640,
    height: 480,
};
/// Large.
pub(crate) const FULL_HD: Geometry = Geometry {
    width: 1920,
    height: 1080,
};
