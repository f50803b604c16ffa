//! Cameras: whether this user may use them, and who does (Linux: /dev, /proc).

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::Check;

/// One check a camera; one that says so when there is none.
pub(super) fn checks() -> Vec<Check> {
    let entries = fs::read_dir("/dev").into_iter().flatten();
    let mut devices: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| is_camera(path))
        .collect();
    devices.sort();
    if devices.is_empty() {
        return vec![Check::pass(
            "camera",
            "there is no /dev/video*: files, streams and the test pattern work without",
        )];
    }
    devices.iter().map(|device| check(device)).collect()
}

fn is_camera(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("");
    let digits = name.strip_prefix("video").unwrap_or("");
    let is_device = fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_char_device());
    is_device && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn check(device: &Path) -> Check {
    let name = device.display();
    if let Err(error) = access(device, Access::READ_OK | Access::WRITE_OK) {
        let error = io::Error::from(error);
        let gid = fs::metadata(device).map_or(0, |metadata| metadata.gid());
        let group = group_name(gid).unwrap_or_else(|| gid.to_string());
        return Check::fail(
            "camera",
            format!("{name} cannot be used by this user: {error}; it belongs to group {group}"),
            format!("sudo usermod -aG {group} $USER   # then log in again"),
        );
    }
    match users(device).as_slice() {
        [] => Check::pass("camera", format!("{name} can be used")),
        users => {
            let list: Vec<String> = users
                .iter()
                .map(|(pid, command)| format!("pid {pid} ({command})"))
                .collect();
            let pids: Vec<String> = users.iter().map(|(pid, _)| pid.to_string()).collect();
            Check::warn(
                "camera",
                format!("{name} is in use by {}", list.join(", ")),
                format!(
                    "kill {}   # if it is not to have the camera",
                    pids.join(" ")
                ),
            )
        }
    }
}

/// The processes that have a file open, as far as this user may see them.
fn users(device: &Path) -> Vec<(u32, String)> {
    let processes = fs::read_dir("/proc").into_iter().flatten();
    let pids = processes.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid: &u32| {
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten();
        descriptors
            .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
            .any(|target| target == device)
    })
    .map(|pid| {
        let command = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        (pid, command.trim().to_owned())
    })
    .collect()
}

fn group_name(gid: u32) -> Option<String> {
    let groups = fs::read_to_string("/etc/group").ok()?;
    groups.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        (fields.get(2)?.parse() == Ok(gid)).then(|| fields[0].to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_open_has_a_user() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let found = users(file.path());
        assert!(found.iter().any(|(pid, _)| *pid == std::process::id()));
        assert_eq!(users(Path::new("/nonexistent")), []);
    }

    #[test]
    fn group_0_has_a_name() {
        assert_eq!(group_name(0).as_deref(), Some("root"));
    }
}
