//! Cameras: whether this user may use them, who does, and whether they can give what is configured (Linux: /dev, /sys).

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::super::config::{Config, Produce};
use super::Check;
use crate::source::v4l2::{Camera, captures_nothing, devices, group_name};
use framebus::source::SourceSpec;

/// The highest rate of a device at a USB 2 port, in megabits a second.
const USB2_MBITS: u32 = 480;

/// One check a camera, and more for what is in its way; one that says so when there is none.
pub(super) fn checks(config: &Config) -> Vec<Check> {
    let devices = devices();
    if devices.is_empty() {
        return vec![Check::pass(
            "camera",
            "there is no /dev/video*: files, streams and the test pattern work without",
        )];
    }
    let mut checks = Vec::new();
    for path in devices.iter().filter(|path| !captures_nothing(path)) {
        checks.extend(check(path, config));
    }
    checks
}

fn check(path: &Path, config: &Config) -> Vec<Check> {
    let name = path.display();
    if let Err(error) = access(path, Access::READ_OK | Access::WRITE_OK) {
        let error = io::Error::from(error);
        let gid = fs::metadata(path).map_or(0, |metadata| metadata.gid());
        let group = group_name(gid).unwrap_or_else(|| gid.to_string());
        return vec![Check::fail(
            "camera",
            format!("{name} cannot be used by this user: {error}; it belongs to group {group}"),
            format!("sudo usermod -aG {group} $USER   # then log in again"),
        )];
    }
    let camera = match Camera::of(path) {
        Ok(camera) => camera,
        Err(error) => {
            return vec![Check::warn(
                "camera",
                error.to_string(),
                format!("v4l2-ctl -d {name} --all   # what its driver says"),
            )];
        }
    };
    let mut checks = vec![of_users(&camera)];
    checks.extend(of_port(path));
    for produce in configured(config, path) {
        checks.extend(of_rate(&camera, &produce));
    }
    checks
}

fn of_users(camera: &Camera) -> Check {
    let name = camera.device.display();
    if camera.users.is_empty() {
        let input = camera
            .no_signal
            .map_or(String::new(), |why| format!("; its input {why}"));
        return Check::pass(
            "camera",
            format!("{name} ({}) can be used{input}", camera.name),
        );
    }
    let users = camera.users.iter();
    let list: Vec<String> = users
        .map(|(pid, command)| format!("pid {pid} ({command})"))
        .collect();
    let pids: Vec<String> = camera
        .users
        .iter()
        .map(|(pid, _)| pid.to_string())
        .collect();
    Check::warn(
        "camera",
        format!("{name} is in use by {}", list.join(", ")),
        format!(
            "kill {}   # if it is not to have the camera",
            pids.join(" ")
        ),
    )
}

/// A USB 3 camera says version 2.10 of itself at a USB 2 port, where an older one says 2.00.
fn of_port(path: &Path) -> Option<Check> {
    let interface = Path::new("/sys/class/video4linux")
        .join(path.file_name()?)
        .join("device");
    let read = |name: &str| fs::read_to_string(interface.join("..").join(name)).ok();
    let (speed, version) = (read("speed")?, read("version")?);
    is_slow(&speed, &version).then(|| {
        Check::warn(
            "camera-port",
            format!(
                "{} is a USB 3 camera at a USB 2 port, with {} of 5000 Mbit/s",
                path.display(),
                speed.trim()
            ),
            "lsusb -t   # plug it into a port that shows 5000M or more, with a cable for USB 3",
        )
    })
}

fn is_slow(speed: &str, version: &str) -> bool {
    let speed = speed.trim().parse::<u32>();
    let version = version.trim().parse::<f64>();
    speed.is_ok_and(|speed| speed <= USB2_MBITS) && version.is_ok_and(|version| version >= 2.1)
}

/// What the configuration asks of a camera, for each bus that has it.
fn configured(config: &Config, path: &Path) -> Vec<Produce> {
    let named = config.buses.keys().map(|bus| config.of_bus(bus));
    let all = named.chain([config.produce.clone()]);
    let is_it = |produce: &Produce| {
        let source = produce
            .source
            .as_deref()
            .and_then(|source| source.parse::<SourceSpec>().ok()?.device());
        source.is_some_and(|source: PathBuf| source == path)
    };
    all.filter(is_it).collect()
}

/// Says when no format gives the size at the rate that is configured.
fn of_rate(camera: &Camera, produce: &Produce) -> Option<Check> {
    let (size, fps) = (produce.size?, produce.fps.filter(|fps| *fps > 0.0)?);
    let formats = camera.formats.iter();
    let asked =
        formats.filter(|format| produce.fourcc.is_none_or(|wanted| wanted == format.fourcc));
    let with_size = asked.flat_map(|format| &format.sizes);
    let rates = with_size
        .filter(|one| (one.width, one.height) == (size.width, size.height))
        .flat_map(|one| &one.fps);
    let most = rates.copied().fold(0.0, f64::max);
    if most >= fps * 0.99 || camera.formats.iter().all(|format| format.range) {
        return None;
    }
    let name = camera.device.display();
    let text = if most == 0.0 {
        format!("{name} has no {size}, which is configured")
    } else {
        format!("{name} gives {size} at {most:.1} fps at the most, and {fps} are configured")
    };
    let mend =
        format!("framebus cameras {name}   # lists what it has; set another size, fps or fourcc");
    Some(Check::warn("camera-rate", text, mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::v4l2::{CameraFormat, CameraSize, FourCc};
    use framebus::layout::Geometry;

    #[test]
    fn a_usb_3_camera_at_a_usb_2_port_is_told_from_an_old_one() {
        assert!(is_slow("480\n", " 2.10\n"));
        assert!(!is_slow("480\n", " 2.00\n"));
        assert!(!is_slow("5000\n", " 3.20\n"));
        assert!(!is_slow("", ""));
    }

    #[test]
    fn a_rate_that_no_format_gives_is_pointed_at() {
        let size = CameraSize {
            width: 1280,
            height: 720,
            fps: vec![10.0, 5.0],
        };
        let camera = Camera {
            device: "/dev/video0".into(),
            stable_names: Vec::new(),
            name: "Cam".into(),
            driver: "uvcvideo".into(),
            bus: "usb-1".into(),
            formats: vec![CameraFormat {
                fourcc: FourCc::new(b"YUYV"),
                description: String::new(),
                known: true,
                sizes: vec![size],
                range: false,
            }],
            current: None,
            no_signal: None,
            users: Vec::new(),
        };
        let asked = |width, height, fps| Produce {
            size: Geometry::new(width, height),
            fps: Some(fps),
            ..Produce::default()
        };
        assert_eq!(of_rate(&camera, &asked(1280, 720, 10.0)), None);
        let slow = of_rate(&camera, &asked(1280, 720, 30.0)).expect("a finding");
        assert!(
            slow.text
                .contains("at 10.0 fps at the most, and 30 are configured")
        );
        let missing = of_rate(&camera, &asked(640, 480, 30.0)).expect("a finding");
        assert!(missing.text.contains("has no 640x480"));
    }
}
