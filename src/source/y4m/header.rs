//! The header of a Y4M stream.

use framebus::layout::{Format, Geometry};

/// What the header says of all frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct StreamHeader {
    pub(super) geometry: Geometry,
    pub(super) fps: Option<f64>,
    /// Whether its luma is limited by its own account: full gray is what ffmpeg means by mono without a range.
    pub(super) limited_range: bool,
    planes: Planes,
}

/// The planes behind the Y plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Planes {
    None,
    /// Two planes, smaller by these factors.
    Chroma(usize, usize),
    /// Two planes of full size, and alpha.
    ChromaAndAlpha,
}

impl StreamHeader {
    /// Parses the parameters: words of which the first letter says what they are. Those that do not matter are passed over.
    pub(super) fn parse(parameters: &[u8]) -> Result<StreamHeader, String> {
        let text = String::from_utf8_lossy(parameters);
        let (mut width, mut height) = ("", "");
        let (mut fps, mut limited, mut planes) = (None, None, Planes::Chroma(2, 2));
        for word in text.split_ascii_whitespace() {
            let Some((first, value)) = word.split_at_checked(1) else {
                continue;
            };
            match first {
                "W" => width = value,
                "H" => height = value,
                "F" => fps = rate(value),
                "C" => planes = colour_space(value)?,
                "X" => match value {
                    "COLORRANGE=FULL" => limited = Some(false),
                    "COLORRANGE=LIMITED" => limited = Some(true),
                    _ => {}
                },
                _ => {}
            }
        }
        let geometry = match (width.parse(), height.parse()) {
            (Ok(width), Ok(height)) => Geometry::new(width, height),
            _ => None,
        };
        let Some(geometry) = geometry else {
            let most = Geometry::MAX_SIDE;
            return Err(format!(
                "the Y4M header says W{width} H{height}; both must be 1 to {most}"
            ));
        };
        Ok(StreamHeader {
            geometry,
            fps,
            limited_range: limited.unwrap_or(planes != Planes::None),
            planes,
        })
    }

    /// Whether the chroma planes are as large as the Y plane.
    pub(super) fn is_444(&self) -> bool {
        self.planes == Planes::Chroma(1, 1)
    }

    /// Whether the chroma planes have half the width and half the height, of an image that can be halved.
    pub(super) fn is_i420(&self) -> bool {
        self.planes == Planes::Chroma(2, 2) && Format::I420.fits(self.geometry)
    }

    /// Bytes of a frame.
    pub(super) fn payload(&self) -> usize {
        let (width, height) = (self.geometry.width as usize, self.geometry.height as usize);
        width * height
            + match self.planes {
                Planes::None => 0,
                Planes::Chroma(x, y) => 2 * width.div_ceil(x) * height.div_ceil(y),
                Planes::ChromaAndAlpha => 3 * width * height,
            }
    }
}

/// Parses a frame rate such as `30000:1001`; `0:0` is an unknown one.
fn rate(value: &str) -> Option<f64> {
    let (frames, seconds) = value.split_once(':')?;
    let (frames, seconds): (u32, u32) = (frames.parse().ok()?, seconds.parse().ok()?);
    (frames > 0 && seconds > 0).then(|| f64::from(frames) / f64::from(seconds))
}

fn colour_space(name: &str) -> Result<Planes, String> {
    match name {
        "mono" => Ok(Planes::None),
        "420" | "420jpeg" | "420mpeg2" | "420paldv" => Ok(Planes::Chroma(2, 2)),
        "411" => Ok(Planes::Chroma(4, 1)),
        "422" => Ok(Planes::Chroma(2, 1)),
        "444" => Ok(Planes::Chroma(1, 1)),
        "444alpha" => Ok(Planes::ChromaAndAlpha),
        _ if has_more_bits(name) => Err(format!(
            "Y4M with colour space {name} has more than 8 bits a sample; have it written with 8 (ffmpeg: -pix_fmt yuv420p)"
        )),
        _ => Err(format!("Y4M with colour space {name} is not known here")),
    }
}

/// Recognises names such as `mono16` and `422p10`.
fn has_more_bits(name: &str) -> bool {
    let bits = name
        .strip_prefix("mono")
        .or_else(|| name.split_once('p').map(|(_, bits)| bits));
    bits.is_some_and(|bits| bits.parse().is_ok_and(|bits: u32| bits > 8))
}
