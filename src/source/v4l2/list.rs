//! The cameras of this machine, for somebody to read.

use std::path::{Path, PathBuf};

use framebus::source::SourceError;

use super::abi::FourCc;
use super::device::{Device, Sizes};
use super::formats::known;
use super::names::{self, devices};
use super::people;
use super::settings::{ControlInfo, controls};

/// A camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    /// Its device now.
    pub device: PathBuf,
    /// Names that stay when it is plugged in again, the best first.
    pub stable_names: Vec<PathBuf>,
    /// What it calls itself.
    pub name: String,
    /// Its driver, and where it is plugged in.
    pub driver: String,
    /// Where it is plugged in.
    pub bus: String,
    /// Its formats.
    pub formats: Vec<CameraFormat>,
    /// What it is set to: size, format and rate.
    pub current: Option<(u32, u32, FourCc, Option<f64>)>,
    /// Why it has no picture, where it knows.
    pub no_signal: Option<&'static str>,
    /// The processes that have it open, as far as this user may see them.
    pub users: Vec<(u32, String)>,
}

/// A pixel format of a camera.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraFormat {
    /// Its four letters.
    pub fourcc: FourCc,
    /// What the driver calls it.
    pub description: String,
    /// Whether framebus reads it without OpenCV.
    pub known: bool,
    /// Its sizes; of a range the smallest and the largest.
    pub sizes: Vec<CameraSize>,
    /// Whether every size between the two is possible.
    pub range: bool,
}

/// A frame size of a format.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraSize {
    /// Pixels in a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Frames a second, highest first.
    pub fps: Vec<f64>,
}

/// Describes the cameras of this machine. Devices that capture nothing are left out; one that cannot be asked is there as
/// an error.
#[must_use]
pub fn list() -> Vec<Result<Camera, (PathBuf, SourceError)>> {
    let mut found = Vec::new();
    for path in devices() {
        match Camera::of(&path) {
            Ok(camera) => found.push(Ok(camera)),
            Err(_) if captures_nothing(&path) => {}
            Err(error) => found.push(Err((path, error))),
        }
    }
    found
}

/// Whether a device answers, and is one that captures nothing.
#[must_use]
pub fn captures_nothing(path: &Path) -> bool {
    Device::is_something_else(path)
}

impl Camera {
    /// Describes one camera.
    ///
    /// # Errors
    /// One sentence, as when it is captured.
    pub fn of(path: &Path) -> Result<Camera, SourceError> {
        let device = Device::open(path)?;
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let formats = device.offers().into_iter().map(|offer| {
            let (sizes, range) = match device.sizes(offer.fourcc) {
                Sizes::Listed(sizes) => (sizes, false),
                Sizes::Between(least, most, _) => (vec![least, most], true),
            };
            let sizes = sizes.into_iter().map(|size| CameraSize {
                width: size.0,
                height: size.1,
                fps: device.rates(offer.fourcc, size),
            });
            CameraFormat {
                fourcc: offer.fourcc,
                known: known(offer.fourcc).is_some(),
                sizes: sizes.collect(),
                description: offer.description,
                range,
            }
        });
        let formats = formats.collect();
        let current = device.picture().ok();
        let current =
            current.map(|picture| (picture.width, picture.height, picture.fourcc, device.rate()));
        let own = std::process::id();
        let users = people::users(&real).into_iter();
        Ok(Camera {
            stable_names: names::stable_names(&real),
            device: real,
            name: device.about.card.clone(),
            driver: device.about.driver.clone(),
            bus: device.about.bus.clone(),
            formats,
            current,
            no_signal: device.no_signal(),
            users: users.filter(|(pid, _)| *pid != own).collect(),
        })
    }

    /// The controls of a camera.
    ///
    /// # Errors
    /// One sentence, as when it is captured.
    pub fn controls(path: &Path) -> Result<Vec<ControlInfo>, SourceError> {
        Ok(controls(&Device::open(path)?))
    }
}
