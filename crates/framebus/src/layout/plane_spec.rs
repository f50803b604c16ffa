//! Which planes a producer wants.

use std::str::FromStr;

use thiserror::Error;

use super::{ColorRange, Format, Geometry, Matrix, Plane, Planes};

/// A plane that a producer wants: `gray`, `nv12`, `gray/4` (a quarter of the width and of the height), `meta/4096` (at most
/// so many bytes for each frame).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct PlaneSpec {
    /// What its bytes mean.
    pub format: Format,
    /// By how much its width and height are smaller than the frame's; of [`Format::META`] the most bytes of a frame.
    pub divisor: u32,
    /// Which numbers are black and white.
    pub range: ColorRange,
    /// How YCbCr becomes RGB.
    pub matrix: Matrix,
    /// Whether there is one image for all slots: it is of the newest frame or of one shortly before it.
    pub one_for_all: bool,
}

/// Why planes cannot be had.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlanesError {
    /// It is no plane's name.
    #[error("{0:?} is no plane; planes are {names}, each with /N for an Nth of the size (gray/4), and meta/BYTES", names = names())]
    Unknown(String),
    /// There are more than the header has room for, or none.
    #[error("a bus has 1 to {max} planes, not {count}", max = Planes::MAX)]
    Count {
        /// Planes asked for.
        count: usize,
    },
    /// The same plane twice.
    #[error("plane {0} is asked for twice")]
    Twice(String),
    /// An image of this size cannot have this format.
    #[error("plane {plane} cannot have {width}x{height} pixels: its format needs an even number of columns{rows}", rows = if *.plane == Format::YUYV { "" } else { " and rows" })]
    Odd {
        /// The format.
        plane: Format,
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// Nothing is left of an image that is so much smaller.
    #[error("plane {plane}/{divisor} has no pixels left, frames are {geometry}")]
    Vanished {
        /// The format.
        plane: Format,
        /// By how much it is smaller.
        divisor: u32,
        /// The frames.
        geometry: Geometry,
    },
    /// The library cannot plan planes of this format.
    #[error("planes of format {0} are not known to this framebus")]
    Format(Format),
}

fn names() -> String {
    let names = Format::all().filter(|format| *format != Format::META);
    let names: Vec<String> = names.map(|format| format.to_string()).collect();
    names.join(", ")
}

impl PlaneSpec {
    /// The most bytes of metadata of a frame.
    pub const MAX_META: u32 = 1 << 20;

    /// A plane in the frames' own size, in every slot; YCbCr is BT.601 in limited range, everything else is full range.
    #[must_use]
    pub fn new(format: Format) -> PlaneSpec {
        let (range, matrix) = if format.is_yuv() {
            (ColorRange::Limited, Matrix::Bt601)
        } else if format == Format::META {
            (ColorRange::Unknown, Matrix::Unknown)
        } else {
            (ColorRange::Full, Matrix::Unknown)
        };
        PlaneSpec {
            format,
            divisor: if format == Format::META { 4096 } else { 1 },
            range,
            matrix,
            one_for_all: false,
        }
    }

    /// What a plane of a bus is called: what its producer would ask for it by. `None` for a size that is no whole part of
    /// the frames', and for a format that has no name.
    #[must_use]
    pub fn of(plane: &Plane, geometry: Geometry) -> Option<PlaneSpec> {
        plane.format.name()?;
        let spec = PlaneSpec::new(plane.format)
            .colors(plane.range, plane.matrix)
            .one_for_all(plane.one_for_all);
        if plane.format == Format::META {
            return Some(spec.divisor(plane.width));
        }
        let (across, down) = (
            geometry.width.checked_div(plane.width)?,
            geometry.height.checked_div(plane.height)?,
        );
        // Rounding down has several divisors give the same width.
        let mut divisors = (1..=across.min(down)).rev();
        let fits = |divisor: &u32| {
            (geometry.width / divisor, geometry.height / divisor) == (plane.width, plane.height)
        };
        Some(spec.divisor(divisors.find(fits)?))
    }

    /// By how much its width and height are smaller than the frame's; of [`Format::META`] the most bytes of a frame.
    #[must_use]
    pub fn divisor(mut self, divisor: u32) -> PlaneSpec {
        self.divisor = divisor;
        self
    }

    /// Which numbers are black and white, and how YCbCr becomes RGB.
    #[must_use]
    pub fn colors(mut self, range: ColorRange, matrix: Matrix) -> PlaneSpec {
        self.range = range;
        self.matrix = matrix;
        self
    }

    /// One image for all slots instead of one in each.
    #[must_use]
    pub fn one_for_all(mut self, one_for_all: bool) -> PlaneSpec {
        self.one_for_all = one_for_all;
        self
    }

    /// Reads a list such as `gray,bgr,gray/4`.
    ///
    /// # Errors
    /// [`PlanesError`] says which word is no plane.
    pub fn list(text: &str) -> Result<Vec<PlaneSpec>, PlanesError> {
        let words = text.split(',').map(str::trim);
        let specs: Vec<PlaneSpec> = words.map(str::parse).collect::<Result<_, _>>()?;
        for (index, spec) in specs.iter().enumerate() {
            if specs[..index].contains(spec) {
                return Err(PlanesError::Twice(spec.to_string()));
            }
        }
        if specs.len() > Planes::MAX {
            return Err(PlanesError::Count { count: specs.len() });
        }
        Ok(specs)
    }

    /// The plane in frames of a size; its place in the segment is not planned yet.
    ///
    /// # Errors
    /// Fails when frames of this size cannot have it.
    pub fn plane(&self, geometry: Geometry) -> Result<Plane, PlanesError> {
        let format = self.format;
        let size = if format == Format::META {
            (self.divisor.min(Self::MAX_META), 1)
        } else {
            let divisor = self.divisor.max(1);
            (geometry.width / divisor, geometry.height / divisor)
        };
        if size.0 == 0 || size.1 == 0 {
            return Err(PlanesError::Vanished {
                plane: format,
                divisor: self.divisor,
                geometry,
            });
        }
        let (width, height) = size;
        let size = Geometry { width, height };
        let (Some(stride), Some(len)) = (format.stride(width), format.len(size)) else {
            return Err(PlanesError::Format(format));
        };
        if !format.fits(size) {
            return Err(PlanesError::Odd {
                plane: format,
                width,
                height,
            });
        }
        Ok(Plane {
            format,
            width,
            height,
            stride,
            range: self.range,
            matrix: self.matrix,
            one_for_all: self.one_for_all,
            len: len as u64,
            ..Plane::default()
        })
    }
}

impl Planes {
    /// The plane that was asked for, in frames of a size; its number, too. Its colours may be any, and metadata of any length.
    #[must_use]
    pub fn find(&self, spec: &PlaneSpec, frames: Geometry) -> Option<(usize, &Plane)> {
        let wanted = spec.plane(frames).ok()?;
        let same = |plane: &Plane| {
            plane.format == wanted.format
                && (plane.format == Format::META
                    || (plane.width, plane.height) == (wanted.width, wanted.height))
                && !plane.one_for_all
        };
        self.iter().enumerate().find(|(_, plane)| same(plane))
    }
}

impl FromStr for PlaneSpec {
    type Err = PlanesError;

    fn from_str(text: &str) -> Result<PlaneSpec, PlanesError> {
        let unknown = || PlanesError::Unknown(text.to_owned());
        let (name, divisor) = match text.split_once('/') {
            Some((name, divisor)) => (name, Some(divisor.parse::<u32>().map_err(|_| unknown())?)),
            None => (text, None),
        };
        let spec = PlaneSpec::new(Format::named(name).ok_or_else(unknown)?);
        let most = if spec.format == Format::META {
            PlaneSpec::MAX_META
        } else {
            Geometry::MAX_SIDE
        };
        match divisor {
            Some(divisor) if (1..=most).contains(&divisor) => Ok(spec.divisor(divisor)),
            Some(_) => Err(unknown()),
            None => Ok(spec),
        }
    }
}

/// In the frames' own size.
impl From<Format> for PlaneSpec {
    fn from(format: Format) -> PlaneSpec {
        PlaneSpec::new(format)
    }
}

impl std::fmt::Display for PlaneSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.format)?;
        if self.divisor != PlaneSpec::new(self.format).divisor {
            write!(f, "/{}", self.divisor)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written_alike() {
        for text in [
            "gray",
            "gray,bgr,gray/4",
            "nv12,meta/512",
            "rgb,i420,yuyv,gray16,meta",
        ] {
            let specs = PlaneSpec::list(text).expect("planes");
            let words: Vec<String> = specs.iter().map(ToString::to_string).collect();
            assert_eq!(words.join(","), text);
        }
        assert_eq!(PlaneSpec::list("GREY, BGR3"), PlaneSpec::list("gray,bgr"));
    }

    #[test]
    fn planes_are_found_by_the_names_that_they_are_called_by() {
        for (width, height) in [(640, 480), (642, 10), (4096, 2160)] {
            let geometry = Geometry::new(width, height).expect("a size");
            let specs = PlaneSpec::list("gray/2,bgr,gray,nv12,gray16/5,meta/64").expect("planes");
            let mut planes = Planes::default();
            for spec in &specs {
                planes.push(spec.plane(geometry).expect("a plane"));
            }
            for (index, spec) in specs.iter().enumerate() {
                let found = planes.find(spec, geometry);
                assert_eq!(found, Some((index, &planes[index])), "{spec}");
                let called = PlaneSpec::of(&planes[index], geometry).expect("a name");
                assert_eq!(called.plane(geometry), spec.plane(geometry), "{spec}");
                assert_eq!(called.to_string(), spec.to_string());
            }
            let find = |spec: PlaneSpec| Some(planes.find(&spec, geometry)?.0);
            assert_eq!(find(Format::META.into()), Some(5));
            assert_eq!(find(PlaneSpec::new(Format::GRAY8).divisor(4)), None);
            assert_eq!(find(Format::RGB8.into()), None);
            assert_eq!(planes.best(Format::GRAY8, geometry), Some(2));
            assert_eq!(planes.best(Format::GRAY16, geometry), Some(4));
            assert_eq!(planes.best(Format::RGB8, geometry), None);
        }
    }

    #[test]
    fn what_is_no_plane_is_said() {
        let said = |text: &str| PlaneSpec::list(text).expect_err("no planes").to_string();
        assert!(said("green").starts_with("\"green\" is no plane; planes are gray, gray16, bgr"));
        assert!(said("gray/0").starts_with("\"gray/0\" is no plane"));
        assert!(said("gray/x").starts_with("\"gray/x\" is no plane"));
        assert!(said("").starts_with("\"\" is no plane"));
        assert_eq!(said("gray,gray"), "plane gray is asked for twice");
        let many: Vec<String> = (1..=9).map(|n| format!("gray/{n}")).collect();
        assert_eq!(said(&many.join(",")), "a bus has 1 to 8 planes, not 9");
    }

    #[test]
    fn sizes_are_checked() {
        let geometry = Geometry::new(641, 480).expect("a size");
        let said = |text: &str| {
            let spec: PlaneSpec = text.parse().expect("a plane");
            spec.plane(geometry).expect_err("no plane").to_string()
        };
        assert_eq!(
            said("nv12"),
            "plane nv12 cannot have 641x480 pixels: its format needs an even number of columns and rows"
        );
        assert_eq!(
            said("yuyv"),
            "plane yuyv cannot have 641x480 pixels: its format needs an even number of columns"
        );
        assert_eq!(
            said("gray/500"),
            "plane gray/500 has no pixels left, frames are 641x480"
        );
        let small: PlaneSpec = "nv12/2".parse().expect("a plane");
        let plane = small.plane(geometry).expect("320x240");
        assert_eq!((plane.width, plane.height, plane.len), (320, 240, 115_200));
    }
}
