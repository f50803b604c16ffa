//! Who uses a device, and whose it is (Linux: /proc, /etc/group).

use std::fs;
use std::path::Path;

/// The processes that have a file open, as far as this user may see them.
#[must_use]
pub fn users(device: &Path) -> Vec<(u32, String)> {
    let device = fs::canonicalize(device).unwrap_or_else(|_| device.to_owned());
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

/// The name of a group.
#[must_use]
pub fn group_name(gid: u32) -> Option<String> {
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
