//! How a camera is found again whose number has changed.

use std::path::{Path, PathBuf};

use super::device::{About, Device};
use super::names::devices;

/// Finds a camera again: by a stable name, else by what it says of itself and where it is plugged in. Where it is not to be
/// found its path stays, for the message of whoever opens that; `Err` is what another camera calls itself that has it now.
pub(super) fn again(path: &Path, stable: Option<&Path>, about: &About) -> Result<PathBuf, String> {
    if let Some(stable) = stable {
        return Ok(stable.to_owned());
    }
    let there = Device::open(path).ok().map(|device| device.about);
    if there.as_ref() == Some(about) {
        return Ok(path.to_owned());
    }
    let is_it = |path: &PathBuf| Device::open(path).is_ok_and(|device| device.about == *about);
    match (devices().into_iter().find(is_it), there) {
        (Some(found), _) => Ok(found),
        // One of its kind, plugged in elsewhere: in a container there is only this path.
        (None, Some(other)) if (&other.driver, &other.card) != (&about.driver, &about.card) => {
            Err(other.card)
        }
        _ => Ok(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_is_nowhere_keeps_its_path() {
        let about = About {
            driver: "none".into(),
            card: "none".into(),
            bus: "none".into(),
        };
        let path = Path::new("/dev/video77");
        assert_eq!(again(path, None, &about).as_deref(), Ok(path));
        let stable = Path::new("/dev/v4l/by-id/usb-x");
        assert_eq!(again(path, Some(stable), &about).as_deref(), Ok(stable));
    }
}
