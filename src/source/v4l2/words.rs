//! What is said when a camera cannot be used: one sentence that says which, why, and what to do.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use framebus::source::SourceError;

use super::people::{group_name, users};

pub(super) fn cannot_open(path: &Path, error: &io::Error) -> SourceError {
    let shown = path.display();
    match error.kind() {
        ErrorKind::NotFound => unusable(format!("camera {shown} is not there; {}", cameras())),
        ErrorKind::PermissionDenied => forbidden(path),
        ErrorKind::ResourceBusy => busy(path),
        _ if is_gone(error) => unusable(format!(
            "camera {shown} is not there any more; plug it in again"
        )),
        _ => unusable(format!(
            "camera {shown} cannot be opened: {error}; plug it in again"
        )),
    }
}

pub(super) fn no_device(path: &Path) -> SourceError {
    unusable(format!(
        "{} is not a camera but a file; {}",
        path.display(),
        cameras()
    ))
}

pub(super) fn no_camera(path: &Path, error: &io::Error) -> SourceError {
    if is_gone(error) {
        return cannot_open(path, error);
    }
    unusable(format!(
        "{} is not a camera: it does not answer as a V4L2 device does ({error}); {}",
        path.display(),
        cameras()
    ))
}

pub(super) fn captures_nothing(path: &Path, card: &str, metadata: bool) -> SourceError {
    let why = if metadata {
        "gives data about the frames of another device, and no images"
    } else {
        "does not capture images: it is an output or a converter"
    };
    unusable(format!(
        "{} ({card}) {why}; `framebus cameras` lists those that do",
        path.display()
    ))
}

pub(super) fn does_not_stream(path: &Path, card: &str) -> SourceError {
    unusable(format!(
        "{} ({card}) hands out frames only by read, not by memory-mapped buffers; try --backend opencv",
        path.display()
    ))
}

pub(super) fn busy(path: &Path) -> SourceError {
    let shown = path.display();
    let others: Vec<String> = users(path)
        .into_iter()
        .filter(|(pid, _)| *pid != std::process::id())
        .map(|(pid, name)| format!("pid {pid} ({name})"))
        .collect();
    let by = if others.is_empty() {
        format!("another program, which `sudo fuser -v {shown}` names")
    } else {
        others.join(", ")
    };
    unusable(format!(
        "camera {shown} is in use by {by}; end it, or let its programs take the frames from a bus"
    ))
}

fn forbidden(path: &Path) -> SourceError {
    let shown = path.display();
    let gid = fs::metadata(path).map_or(0, |metadata| metadata.gid());
    let group = group_name(gid).unwrap_or_else(|| gid.to_string());
    SourceError::Permission(format!(
        "camera {shown} may not be opened by this user; it belongs to the group {group}: `sudo usermod -aG {group} $USER`, \
         and log in again"
    ))
}

/// Says that a request failed that every camera has.
pub(super) fn refused(path: &Path, what: &str, error: &io::Error) -> SourceError {
    if error.kind() == ErrorKind::ResourceBusy {
        return busy(path);
    }
    let shown = path.display();
    if error.raw_os_error() == Some(libc::ENOSPC) {
        return unusable(format!(
            "camera {shown} cannot {what}: its USB bus has no room for this size and rate beside other cameras; use a \
             smaller --size or --fps, --fourcc MJPG, or another USB controller"
        ));
    }
    // HDMI and television, where nothing is plugged in.
    if matches!(error.raw_os_error(), Some(libc::ENOLINK | libc::ENOLCK)) {
        return unusable(format!(
            "camera {shown} cannot {what}: it has no signal; check the cable and what is at its other end"
        ));
    }
    unusable(format!("camera {shown} cannot {what}: {error}"))
}

pub(super) fn is_gone(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENODEV | libc::ENXIO))
}

/// Says which cameras this machine has.
fn cameras() -> String {
    let names: Vec<String> = super::names::devices()
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    if names.is_empty() {
        return "this machine has none (no /dev/video*)".to_owned();
    }
    format!("this machine has {}", names.join(", "))
}

fn unusable(text: String) -> SourceError {
    SourceError::Unusable(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_is_missing_forbidden_or_busy_is_told_apart() {
        let path = Path::new("/dev/video77");
        let text = |kind: ErrorKind| cannot_open(path, &kind.into()).to_string();
        assert!(text(ErrorKind::NotFound).contains("is not there; this machine has"));
        assert!(text(ErrorKind::ResourceBusy).contains("is in use by another program"));
        let forbidden = cannot_open(path, &ErrorKind::PermissionDenied.into());
        assert!(
            matches!(&forbidden, SourceError::Permission(text) if text.contains("belongs to the group"))
        );
        let room = refused(path, "start", &io::Error::from_raw_os_error(libc::ENOSPC));
        assert!(room.to_string().contains("USB bus has no room"));
        let link = refused(path, "start", &io::Error::from_raw_os_error(libc::ENOLINK));
        assert!(link.to_string().contains("it has no signal"));
    }

    #[test]
    fn a_file_and_a_device_that_is_no_camera_are_told_apart() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let why = |path: &Path| match super::super::device::Device::open(path) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        };
        assert!(why(file.path()).contains("not a camera but a file"));
        assert!(why(Path::new("/dev/null")).contains("is not a camera: it does not answer"));
    }
}
