//! Which cameras there are, and how one is found again whose number has changed.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::device::{About, Device};

/// Where udev keeps names that stay.
const STABLE: [&str; 2] = ["/dev/v4l/by-id", "/dev/v4l/by-path"];

/// The video devices of this machine, in the order of their numbers.
#[must_use]
pub fn devices() -> Vec<PathBuf> {
    let entries = fs::read_dir("/dev").into_iter().flatten();
    let mut found: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let number = path.file_name()?.to_str()?.strip_prefix("video")?.parse();
            let is_device = fs::metadata(&path).ok()?.file_type().is_char_device();
            Some((number.ok()?, path)).filter(|_| is_device)
        })
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

/// The names of a device that stay when it is plugged in again, the best first.
#[must_use]
pub fn stable_names(device: &Path) -> Vec<PathBuf> {
    let links = STABLE
        .iter()
        .flat_map(|directory| fs::read_dir(directory).into_iter().flatten())
        .filter_map(|entry| Some(entry.ok()?.path()));
    let mut names: Vec<PathBuf> = links
        .filter(|link| fs::canonicalize(link).is_ok_and(|target| target == device))
        .collect();
    // By its own name before by its place, and both in a fixed order.
    names.sort();
    names
}

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
