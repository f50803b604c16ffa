//! The images of every frame, as a person reads them.

#[cfg(any(feature = "serde", test))]
use serde::{Deserialize, Serialize};

use crate::layout::{Format, Layout, Plane};

/// A name that this library has given.
type Name = &'static str;

/// One plane of the segment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(any(feature = "serde", test), derive(Serialize, Deserialize))]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct PlaneInfo {
    /// What it holds: `gray`, `bgr`, `nv12`, `meta` …, or its fourcc where it is not known here.
    pub format: String,
    /// Pixels in a row; of `meta` the most bytes of a frame.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Bytes from row to row.
    pub stride: u32,
    /// Which numbers are black and white: `full` or `limited`.
    #[cfg_attr(any(feature = "serde", test), serde(deserialize_with = "known"))]
    pub range: Option<Name>,
    /// How YCbCr becomes RGB: `bt601` or `bt709`.
    #[cfg_attr(any(feature = "serde", test), serde(deserialize_with = "known"))]
    pub matrix: Option<Name>,
    /// Whether there is one image for all slots instead of one in each: the BGR debugging image.
    pub one_for_all: bool,
}

/// A name that this library has given; another one is not known.
#[cfg(any(feature = "serde", test))]
fn known<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<Name>, D::Error> {
    let name = Option::<String>::deserialize(from)?;
    let names = ["full", "limited", "bt601", "bt709"];
    Ok(name.and_then(|name| names.into_iter().find(|known| *known == name)))
}

/// Names the images in every slot in one word.
pub(super) fn format_of(layout: &Layout) -> String {
    let in_slots = layout.planes.iter().filter(|plane| !plane.one_for_all);
    let names = in_slots.map(|plane| {
        let name = match plane.format {
            Format::GRAY8 => "gray8".to_owned(),
            other => other.to_string(),
        };
        let smaller = layout.geometry.width / plane.width.max(1);
        if smaller > 1 && plane.format != Format::META {
            format!("{name}/{smaller}")
        } else {
            name
        }
    });
    names.collect::<Vec<_>>().join("+")
}

impl PlaneInfo {
    pub(super) fn of(plane: &Plane) -> PlaneInfo {
        PlaneInfo {
            format: plane.format.to_string(),
            width: plane.width,
            height: plane.height,
            stride: plane.stride,
            range: plane.range.name(),
            matrix: plane.matrix.name(),
            one_for_all: plane.one_for_all,
        }
    }
}
