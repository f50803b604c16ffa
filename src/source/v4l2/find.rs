//! How a camera is found again whose number has changed.

use std::path::{Path, PathBuf};

use super::device::{About, Device};
use super::names::devices;

/// Finds a camera again: by a stable name, else by what it says of itself and where it is plugged in, else by its path.
pub(super) fn again(path: &Path, stable: Option<&Path>, about: &About) -> PathBuf {
    if let Some(stable) = stable {
        return stable.to_owned();
    }
    let is_it = |path: &Path| Device::open(path).is_ok_and(|device| device.about == *about);
    if is_it(path) {
        return path.to_owned();
    }
    let mut others = devices().into_iter();
    others
        .find(|path| is_it(path))
        .unwrap_or_else(|| path.to_owned())
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
        assert_eq!(again(path, None, &about), path);
        let stable = Path::new("/dev/v4l/by-id/usb-x");
        assert_eq!(again(path, Some(stable), &about), stable);
    }
}
