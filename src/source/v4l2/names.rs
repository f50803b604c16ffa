//! Which video devices there are, and their names that stay (Linux: /dev).

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

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
