//! From the images of a frame to bytes for the network.

use framebus::convert::{Images, Scratch, fill_plane, to_bgr};
use framebus::layout::{ColorRange, Format, Geometry, Matrix, Plane, PlaneSpec, Planes};
use jpeg_encoder::{ColorType, Encoder, EncodingError};
use thiserror::Error;

use crate::wire::{Image, MAX_FRAME, MAX_IMAGES, Packing, has_jpeg};

/// How frames are to be packed.
#[derive(Debug, Clone)]
pub struct PackOptions {
    /// The quality of JPEG, 1 to 100; `None` sends every image as it is.
    pub quality: Option<u8>,
    /// By how much frames are made smaller.
    pub scale: u32,
    /// Which planes are sent; `None` is all of them.
    pub planes: Option<Vec<PlaneSpec>>,
}

/// Why frames of a bus cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PackError {
    /// None of its planes was asked for, or can be sent.
    #[error("it has no plane that can be sent{}, it has {planes}", .asked.as_ref().map_or(String::new(), |asked| format!(" of those that --planes asks for ({asked})")))]
    Nothing {
        /// What it has.
        planes: String,
        /// What was asked for.
        asked: Option<String>,
    },
    /// They are larger than the other side takes.
    #[error("its frames have more than {} MB: send fewer planes (--planes), or smaller ones (--scale)", MAX_FRAME >> 20)]
    Large,
    /// Nothing is left of them.
    #[error("nothing is left of its frames of {0} with --scale 1/{1}")]
    Small(Geometry, u32),
}

/// An image that is sent.
#[derive(Debug, Clone, Copy)]
struct Chosen {
    /// Its number among the bus's planes.
    index: usize,
    spec: PlaneSpec,
    /// As it is sent.
    plane: Plane,
    packing: Packing,
}

/// What is sent of the frames of a bus, until they change.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The size as it is sent.
    pub geometry: Geometry,
    /// The most bytes of metadata; 0 sends none.
    pub metadata_room: u32,
    /// Planes that stay behind, by name.
    pub left_out: Vec<String>,
    scaled: bool,
    quality: u8,
    chosen: Vec<Chosen>,
}

/// The bytes of an image.
#[derive(Debug)]
pub enum Bytes {
    /// Those of the bus's plane with this number.
    OfPlane(usize),
    /// Made for the network.
    Made(Vec<u8>),
}

impl Plan {
    /// Chooses among the planes of a bus.
    ///
    /// # Errors
    /// Fails when nothing is left to send, or too much.
    pub fn new(
        options: &PackOptions,
        planes: &Planes,
        geometry: Geometry,
    ) -> Result<Plan, PackError> {
        let scale = options.scale.max(1);
        let small = PackError::Small(geometry, scale);
        let sent = scaled(geometry, scale).ok_or(small)?;
        let asked = |plane: &Plane| match &options.planes {
            None => true,
            Some(specs) => specs.iter().any(|spec| {
                let found = planes.find(spec, geometry);
                found.is_some_and(|(_, found)| found == plane)
            }),
        };
        let mut plan = Plan {
            geometry: sent,
            metadata_room: 0,
            left_out: Vec::new(),
            scaled: scale > 1,
            quality: options.quality.unwrap_or(0),
            chosen: Vec::new(),
        };
        let mut bytes = 0;
        for (index, plane) in planes.iter().enumerate() {
            if plane.one_for_all || !asked(plane) {
                continue;
            }
            if plane.format == Format::META {
                plan.metadata_room = plane.width.min(PlaneSpec::MAX_META);
                continue;
            }
            let Some(chosen) = choose(plane, index, geometry, &plan, options.quality) else {
                plan.left_out.push(plane.format.to_string());
                continue;
            };
            bytes += chosen.plane.bytes() as u64;
            plan.chosen.push(chosen);
        }
        if plan.chosen.len() + usize::from(plan.metadata_room > 0) > MAX_IMAGES || bytes > MAX_FRAME
        {
            return Err(PackError::Large);
        }
        if plan.chosen.is_empty() {
            let names = |specs: &Vec<PlaneSpec>| {
                let names: Vec<String> = specs.iter().map(ToString::to_string).collect();
                names.join(",")
            };
            return Err(PackError::Nothing {
                planes: planes.to_string(),
                asked: options.planes.as_ref().map(names),
            });
        }
        Ok(plan)
    }

    /// Whether every image goes as it is: nothing has to be made.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let raw = |chosen: &Chosen| chosen.packing == Packing::Raw;
        !self.scaled && self.chosen.iter().all(raw)
    }

    /// What it is called in a log: `gray as JPEG 80, 640x360`.
    #[must_use]
    pub fn words(&self) -> String {
        let word = |chosen: &Chosen| match chosen.packing {
            Packing::Raw => chosen.spec.to_string(),
            Packing::Jpeg => format!("{} as JPEG {}", chosen.spec, self.quality),
        };
        let mut words: Vec<String> = self.chosen.iter().map(word).collect();
        if self.metadata_room > 0 {
            words.push("metadata".to_owned());
        }
        format!("{} {}", self.geometry, words.join(", "))
    }

    /// Packs a frame: `plane` gives the bytes of the bus's planes. An image that cannot be packed fails the frame.
    ///
    /// # Errors
    /// Fails for what JPEG cannot hold.
    pub fn pack<'a>(
        &self,
        planes: &Planes,
        plane: impl Fn(usize) -> Option<&'a [u8]>,
        scratch: &mut PackScratch,
    ) -> Result<Vec<(Image, Bytes)>, EncodingError> {
        let mut packed = Vec::with_capacity(self.chosen.len());
        for chosen in &self.chosen {
            let (Some(from), Some(pixels)) = (planes.get(chosen.index), plane(chosen.index)) else {
                // The bus has changed under the plan: the next frame has another one.
                continue;
            };
            let pixels = if self.scaled {
                scratch.scale(from, pixels, &chosen.plane);
                scratch.scaled.as_slice()
            } else {
                pixels
            };
            let bytes = match chosen.packing {
                Packing::Raw if self.scaled => Bytes::Made(pixels.to_vec()),
                Packing::Raw => Bytes::OfPlane(chosen.index),
                Packing::Jpeg => Bytes::Made(jpeg(&chosen.plane, pixels, self.quality)?),
            };
            let len = match &bytes {
                Bytes::OfPlane(_) => pixels.len(),
                Bytes::Made(bytes) => bytes.len(),
            };
            let image = Image {
                plane: chosen.spec,
                packing: chosen.packing,
                len: u32::try_from(len).unwrap_or(u32::MAX),
            };
            packed.push((image, bytes));
        }
        Ok(packed)
    }
}

/// The size of a smaller frame. Even, as YCbCr has it, unless a side of the frame is not.
fn scaled(geometry: Geometry, scale: u32) -> Option<Geometry> {
    let side = |side: u32| match side / scale {
        small if side.is_multiple_of(2) && small > 1 => small & !1,
        small => small,
    };
    Geometry::new(side(geometry.width), side(geometry.height))
}

fn choose(
    plane: &Plane,
    index: usize,
    geometry: Geometry,
    plan: &Plan,
    quality: Option<u8>,
) -> Option<Chosen> {
    let mut spec = PlaneSpec::of(plane, geometry)?;
    if plan.scaled && plane.format.is_yuv() {
        // It is made anew, from colours.
        spec = spec.colors(ColorRange::Limited, Matrix::Bt601);
    }
    let as_sent = spec.plane(plan.geometry).ok()?;
    // What has padding is not what its format says.
    if as_sent.format.len(plane.size()?) != Some(plane.bytes()) {
        return None;
    }
    let packing = match quality {
        Some(_) if has_jpeg(plane.format) => Packing::Jpeg,
        _ => Packing::Raw,
    };
    Some(Chosen {
        index,
        spec,
        plane: as_sent,
        packing,
    })
}

fn jpeg(plane: &Plane, pixels: &[u8], quality: u8) -> Result<Vec<u8>, EncodingError> {
    let color = match plane.format {
        Format::BGR8 => ColorType::Bgr,
        Format::RGB8 => ColorType::Rgb,
        _ => ColorType::Luma,
    };
    let mut bytes = Vec::with_capacity(pixels.len() / 8);
    // A frame has no side above 32768.
    let (width, height) = (plane.width as u16, plane.height as u16);
    Encoder::new(&mut bytes, quality).encode(pixels, width, height, color)?;
    Ok(bytes)
}

/// What is used from frame to frame.
#[derive(Debug, Default)]
pub struct PackScratch {
    planes: Scratch,
    bgr: Vec<u8>,
    scaled: Vec<u8>,
}

impl PackScratch {
    /// Makes an image smaller, by means.
    fn scale(&mut self, from: &Plane, pixels: &[u8], to: &Plane) {
        self.scaled.clear();
        self.scaled.resize(to.bytes(), 0);
        let Some(geometry) = from.size() else {
            return;
        };
        let mut images = Images {
            geometry,
            ..Images::default()
        };
        let upper: Vec<u8>;
        match from.format {
            Format::GRAY8 => images.gray = Some(pixels),
            // Eight bits are what the library makes smaller.
            Format::GRAY16 => {
                upper = pixels
                    .as_chunks::<2>()
                    .0
                    .iter()
                    .map(|[_, high]| *high)
                    .collect();
                images.gray = Some(&upper);
            }
            Format::BGR8 => images.bgr = Some(pixels),
            _ => {
                self.bgr.resize(geometry.bgr_len(), 0);
                if to_bgr(from, pixels, &mut self.bgr) {
                    images.bgr = Some(&self.bgr);
                }
            }
        }
        fill_plane(to, &mut self.scaled, &images, &mut self.planes);
    }
}
