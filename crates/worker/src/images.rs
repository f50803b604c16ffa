//! Image files: a sequence with numbers in its names, those of a pattern or a directory, or a single one.
//!
//! Not OpenCV's own sequences: those begin at 0 or 1 only, end at the first gap, and know neither EXIF's orientation nor
//! whether a JPEG is whole. Its decoder of single images knows both, and 16 bits; the worker has it anyway.

mod entropy;
mod jpeg;
mod listing;
mod order;

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use framebus::clock::{monotonic_ns, wall_ns};
use framebus::layout::Geometry;
use framebus::source::{
    Arrival, Filled, FrameMeta, FrameSource, FrameTarget, Progress, SourceError, SourceInfo,
    SourceSpec,
};
use framebus::stop::Stop;
use framebus_tools::file;
use opencv::core::{Mat, MatTraitConst};
use opencv::imgcodecs::{IMREAD_ANYCOLOR, IMREAD_ANYDEPTH, imdecode};

use crate::convert::{to_bgr8, to_gray};
use crate::mat;
use crate::options::OpenOptions;
use crate::quiet;
use listing::{Listing, Placed};

/// How large an image file may be.
const LARGEST: u64 = 1 << 30;
/// How many images at the start may be damaged.
const DAMAGED_AT_START: usize = 50;
/// How many damaged images are named; the others are only counted.
const NAMED: usize = 20;
/// What image files end with that are decoded here; FFmpeg reads the others.
const EXTENSIONS: [&str; 20] = [
    "jpg", "jpeg", "jpe", "png", "bmp", "dib", "tif", "tiff", "webp", "pgm", "ppm", "pbm", "pnm",
    "pxm", "jp2", "sr", "ras", "exr", "hdr", "pic",
];

/// Whether a file is an image by its name.
pub(crate) fn is_image(path: &Path) -> bool {
    let end = path.extension().and_then(|end| end.to_str());
    end.is_some_and(|end| EXTENSIONS.iter().any(|one| end.eq_ignore_ascii_case(one)))
}

/// Frames from image files, in the order of their numbers or names.
///
/// - A number that is missing is passed over. A file that is empty, truncated or no image is a damaged frame, named once.
/// - EXIF's orientation is applied. Of 16 bits the high 8 become the image, as elsewhere; floating-point images are 0 to 1.
/// - A single image that is looped is decoded anew only when its file has changed.
/// - An image of another size is announced ([`Arrival::Resized`]), and is not lost.
/// - At the end the directory is looked at again: what has been written meanwhile is taken too.
pub struct ImageSource {
    spec: SourceSpec,
    looped: bool,
    listing: Listing,
    files: Vec<Placed>,
    next: usize,
    geometry: Geometry,
    /// An image that was decoded ahead, because its size had to be known.
    ahead: Option<(usize, Mat)>,
    announced: Option<Mat>,
    /// A single image that was shown, and what its file was then.
    shown: Option<(Stamp, Mat)>,
    /// What the file of the image was that is announced.
    stamp: Option<Stamp>,
    /// Whether an image was whole since the sequence started.
    progressed: bool,
    named: BTreeSet<PathBuf>,
}

impl ImageSource {
    /// Finds the images, and decodes the first that is whole.
    ///
    /// # Errors
    /// One sentence: no image is there, or none of the first ones can be decoded.
    pub fn open(spec: &SourceSpec, options: &OpenOptions) -> Result<ImageSource, SourceError> {
        quiet::configure(options.threads);
        let listing = Listing::of(spec)?;
        let files = listing.files()?;
        let (ahead, geometry) = first_whole(spec, &files)?;
        Ok(ImageSource {
            spec: spec.clone(),
            looped: options.looped,
            listing,
            files,
            next: 0,
            geometry,
            ahead: Some(ahead),
            announced: None,
            shown: None,
            stamp: None,
            progressed: false,
            named: BTreeSet::new(),
        })
    }

    fn decode_next(&mut self) -> Result<Mat, Refusal> {
        if self.ahead.as_ref().is_some_and(|(at, _)| *at == self.next)
            && let Some((_, image)) = self.ahead.take()
        {
            return Ok(image);
        }
        let path = &self.files[self.next].1;
        // First: one that is written meanwhile has another stamp the next time.
        self.stamp = Stamp::of(path);
        match self.shown.take() {
            Some((stamp, image)) if self.stamp == Some(stamp) => Ok(image),
            _ => decode(path),
        }
    }

    /// Announces the next image; a damaged one too, which `fill` then refuses, so that it counts as dropped.
    fn announce(&mut self, image: Option<Mat>) -> Arrival {
        self.progressed |= image.is_some();
        self.announced = image;
        let source_frame = self.next as u64;
        self.next += 1;
        Arrival::Frame(FrameMeta {
            capture_ns: monotonic_ns(),
            wall_ns: wall_ns(),
            source_frame,
        })
    }

    fn complain(&mut self, why: &str) {
        let path = &self.files[self.next].1;
        if self.named.len() >= NAMED || !self.named.insert(path.clone()) {
            return;
        }
        let rest = if self.named.len() == NAMED {
            "; further ones are only counted"
        } else {
            ""
        };
        tracing::warn!("image {} is left out: {why}{rest}", path.display());
    }

    /// Goes on behind the last image: with those that have come meanwhile, or from the start; `false` at the end.
    fn go_on(&mut self) -> Result<bool, SourceError> {
        let files = self.listing.files();
        if let (Ok(files), Some((last, _))) = (&files, self.files.last()) {
            let newer: Vec<Placed> = files.iter().filter(|(at, _)| at > last).cloned().collect();
            self.files.extend(newer);
        }
        if self.next < self.files.len() {
            return Ok(true);
        }
        if !self.looped {
            return Ok(false);
        }
        if !self.progressed {
            return Err(SourceError::Damaged(format!(
                "{} cannot start again: none of its images can be decoded any more",
                self.spec
            )));
        }
        self.files = files?;
        self.next = 0;
        self.progressed = false;
        Ok(true)
    }
}

impl FrameSource for ImageSource {
    fn info(&self) -> SourceInfo {
        SourceInfo {
            geometry: self.geometry,
            fps: None,
            bgr: true,
            live: false,
            native: None,
            description: self.spec.to_string(),
        }
    }

    fn wait(&mut self, stop: &Stop) -> Result<Arrival, SourceError> {
        self.announced = None;
        loop {
            if stop.is_set() {
                return Ok(Arrival::Stopped);
            }
            if self.next >= self.files.len() && !self.go_on()? {
                return Ok(Arrival::End);
            }
            if self.next >= self.files.len() {
                continue;
            }
            match self.decode_next() {
                Ok(image) => {
                    let geometry = mat::geometry(&image).unwrap_or(self.geometry);
                    if geometry == self.geometry {
                        return Ok(self.announce(Some(image)));
                    }
                    self.geometry = geometry;
                    self.ahead = Some((self.next, image));
                    return Ok(Arrival::Resized);
                }
                // Removed since the directory was read: a gap.
                Err(Refusal::Gone) => self.next += 1,
                Err(Refusal::Damaged(why)) => {
                    self.complain(&why);
                    return Ok(self.announce(None));
                }
            }
        }
    }

    fn fill(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        let Some(image) = self.announced.take() else {
            return Ok(Filled::Damaged);
        };
        if target.geometry != self.geometry {
            return Err(SourceError::Unusable(format!(
                "{} has images of {}, and the bus has room for {}; start the producer again",
                self.spec, self.geometry, target.geometry
            )));
        }
        target.expect(self.geometry)?;
        let pixels = mat::bytes(&image)?;
        if let Some(gray) = &mut target.gray {
            to_gray(pixels, gray)?;
        }
        if let Some(bgr) = &mut target.bgr {
            bgr.copy_from_slice(pixels);
        }
        if self.looped && matches!(self.listing, Listing::One(_)) {
            self.shown = self.stamp.take().map(|stamp| (stamp, image));
        }
        Ok(Filled::Frame)
    }

    fn progress(&self) -> Option<Progress> {
        (!self.looped).then_some(Progress::Frames {
            at: self.next as u64,
            of: self.files.len() as u64,
        })
    }
}

impl fmt::Debug for ImageSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageSource")
            .field("spec", &self.spec)
            .field("geometry", &self.geometry)
            .finish_non_exhaustive()
    }
}

/// What tells a file from what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: SystemTime,
    len: u64,
    inode: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        let metadata = path.metadata().ok()?;
        Some(Stamp {
            modified: metadata.modified().ok()?,
            len: metadata.len(),
            inode: metadata.ino(),
        })
    }
}

/// Why an image is not shown.
enum Refusal {
    Gone,
    Damaged(String),
}

/// Finds the first image that is whole; those before it are damaged frames when their turn comes.
fn first_whole(
    spec: &SourceSpec,
    files: &[Placed],
) -> Result<((usize, Mat), Geometry), SourceError> {
    let mut first_why = String::new();
    for (at, (_, path)) in files.iter().enumerate().take(DAMAGED_AT_START) {
        match decode(path) {
            Ok(image) => {
                if let Some(geometry) = mat::geometry(&image) {
                    return Ok(((at, image), geometry));
                }
            }
            Err(Refusal::Damaged(why)) if first_why.is_empty() => {
                first_why = format!("{}: {why}", path.display());
            }
            Err(_) => {}
        }
    }
    let tried = files.len().min(DAMAGED_AT_START);
    let what = match (tried, files.len()) {
        (1, 1) => String::new(),
        (tried, all) if tried < all => {
            format!("none of the first {tried} of {spec} can be decoded: ")
        }
        _ => format!("none of {spec} can be decoded: "),
    };
    Err(SourceError::Damaged(format!(
        "{what}{first_why}; give images that OpenCV reads"
    )))
}

/// Reads and decodes a file into 8-bit BGR with packed rows.
fn decode(path: &Path) -> Result<Mat, Refusal> {
    let damaged = |why: &str| Err(Refusal::Damaged(why.to_owned()));
    let bytes = match file::read(path, LARGEST) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Refusal::Gone),
        Err(error) => return damaged(&format!("it cannot be read: {error}")),
    };
    if bytes.is_empty() {
        return damaged("it is empty");
    }
    // Where a JPEG ends too early or its codes are damaged, libjpeg makes up the rest.
    if jpeg::is_jpeg(&bytes) && !jpeg::is_whole(&bytes) {
        return damaged("it is a JPEG that is truncated or damaged");
    }
    let not_an_image = "it is not an image that OpenCV can read, or is damaged";
    let Ok(image) = Mat::from_slice(&bytes)
        .and_then(|bytes| imdecode(&bytes, IMREAD_ANYCOLOR | IMREAD_ANYDEPTH))
    else {
        return damaged(not_an_image);
    };
    if image.empty() {
        return damaged(not_an_image);
    }
    match to_bgr8(&image) {
        Ok(bgr) if mat::geometry(&bgr).is_some() => Ok(bgr),
        Ok(_) => damaged("it is larger than a bus can carry (32768 a side)"),
        Err(error) => damaged(&format!("it cannot be converted to BGR: {}", error.message)),
    }
}
