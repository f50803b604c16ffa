//! `framebus cameras`: the cameras of this machine, and what one of them can be set to.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;
use serde::Serialize;

use super::print;
use crate::source::v4l2::{Camera, CameraFormat, CameraSize, ControlInfo, list};
use framebus::observe::SCHEMA;
use framebus::source::SourceSpec;
use framebus_tools::exit::EXIT_NO;

/// List the cameras of this machine; of one, what it can be set to
///
/// Names that stay, formats, sizes, rates, what it is set to now, and who has it open.
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct CamerasArgs {
    /// One camera (0, /dev/video0, a name below /dev/v4l): also its controls, with their ranges and values
    pub device: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

const AFTER_HELP: &str = "\
Formats with a star need OpenCV, in the headless worker; framebus reads the others itself.
Exit codes: 0 there are cameras, 1 there are none, 2 a camera cannot be looked at.

Examples:
  framebus cameras
  framebus cameras /dev/video0
  framebus cameras --json | jq -r '.cameras[].stable_names[0]'
  framebus produce /dev/video0 --fourcc YUYV --set exposure_auto=1 --set gain=20";

#[derive(Serialize)]
struct Report {
    schema: u32,
    cameras: Vec<ShownCamera>,
    /// Devices that could not be looked at, and why.
    errors: Vec<ShownError>,
}

#[derive(Serialize)]
struct ShownError {
    device: PathBuf,
    text: String,
}

#[derive(Serialize)]
struct ShownCamera {
    device: PathBuf,
    stable_names: Vec<PathBuf>,
    name: String,
    driver: String,
    bus: String,
    current: Option<ShownCurrent>,
    no_signal: Option<&'static str>,
    users: Vec<ShownUser>,
    formats: Vec<ShownFormat>,
    controls: Option<Vec<ShownControl>>,
}

#[derive(Serialize)]
struct ShownCurrent {
    width: u32,
    height: u32,
    fourcc: String,
    fps: Option<f64>,
}

#[derive(Serialize)]
struct ShownUser {
    pid: u32,
    name: String,
}

#[derive(Serialize)]
struct ShownFormat {
    fourcc: String,
    description: String,
    /// Whether framebus reads it itself.
    native: bool,
    /// Whether `sizes` are the smallest and the largest of a range.
    range: bool,
    sizes: Vec<ShownSize>,
}

#[derive(Serialize)]
struct ShownSize {
    width: u32,
    height: u32,
    fps: Vec<f64>,
}

#[derive(Serialize)]
struct ShownControl {
    name: String,
    kind: &'static str,
    minimum: i64,
    maximum: i64,
    step: u64,
    default: i64,
    value: Option<i64>,
    menu: Vec<ShownItem>,
    note: Option<&'static str>,
}

#[derive(Serialize)]
struct ShownItem {
    value: i64,
    name: String,
}

/// Lists cameras.
///
/// # Errors
/// Fails when the camera that was named cannot be looked at, or standard output cannot be written.
pub fn main(args: &CamerasArgs) -> anyhow::Result<ExitCode> {
    let mut report = Report {
        schema: SCHEMA,
        cameras: Vec::new(),
        errors: Vec::new(),
    };
    if let Some(named) = &args.device {
        let Some(path) = named
            .parse()
            .ok()
            .and_then(|spec: SourceSpec| spec.device())
        else {
            bail!("{named} is no camera: give a number, /dev/videoN or a name below /dev/v4l");
        };
        let camera = Camera::of(&path)?;
        let controls = Camera::controls(&path)?;
        report.cameras.push(shown(camera, Some(controls)));
    } else {
        for found in list() {
            match found {
                Ok(camera) => report.cameras.push(shown(camera, None)),
                Err((device, error)) => report.errors.push(ShownError {
                    device,
                    text: error.to_string(),
                }),
            }
        }
    }
    if args.json {
        print(&format!("{}\n", serde_json::to_string(&report)?))?;
    } else {
        print(&text(&report))?;
    }
    Ok(
        match (report.cameras.is_empty(), report.errors.is_empty()) {
            (_, false) => ExitCode::from(2),
            (true, true) => ExitCode::from(EXIT_NO),
            (false, true) => ExitCode::SUCCESS,
        },
    )
}

fn shown(camera: Camera, controls: Option<Vec<ControlInfo>>) -> ShownCamera {
    let size = |size: CameraSize| ShownSize {
        width: size.width,
        height: size.height,
        fps: size.fps,
    };
    let format = |format: CameraFormat| ShownFormat {
        fourcc: format.fourcc.to_string(),
        description: format.description,
        native: format.known,
        range: format.range,
        sizes: format.sizes.into_iter().map(size).collect(),
    };
    let control = |control: ControlInfo| {
        let (minimum, maximum, step, default) = control.range;
        let items = control.menu.into_iter();
        ShownControl {
            name: control.name,
            kind: control.kind,
            minimum,
            maximum,
            step,
            default,
            value: control.value,
            menu: items
                .map(|(value, name)| ShownItem { value, name })
                .collect(),
            note: control.note,
        }
    };
    ShownCamera {
        current: camera
            .current
            .map(|(width, height, fourcc, fps)| ShownCurrent {
                width,
                height,
                fourcc: fourcc.to_string(),
                fps,
            }),
        users: camera
            .users
            .into_iter()
            .map(|(pid, name)| ShownUser { pid, name })
            .collect(),
        formats: camera.formats.into_iter().map(format).collect(),
        controls: controls.map(|controls| controls.into_iter().map(control).collect()),
        device: camera.device,
        stable_names: camera.stable_names,
        name: camera.name,
        driver: camera.driver,
        bus: camera.bus,
        no_signal: camera.no_signal,
    }
}

fn text(report: &Report) -> String {
    let mut lines = Vec::new();
    for camera in &report.cameras {
        describe(camera, &mut lines);
    }
    for error in &report.errors {
        lines.push(error.text.clone());
    }
    if lines.is_empty() {
        lines.push("this machine has no camera".to_owned());
    }
    lines.join("\n") + "\n"
}

fn describe(camera: &ShownCamera, lines: &mut Vec<String>) {
    let shown = |path: &Path| path.display().to_string();
    lines.push(format!(
        "{}  {} ({}, {})",
        shown(&camera.device),
        camera.name,
        camera.driver,
        camera.bus
    ));
    for name in &camera.stable_names {
        lines.push(format!("  stays     {}", shown(name)));
    }
    if let Some(now) = &camera.current {
        let fps = now
            .fps
            .map_or(String::new(), |fps| format!(" at {} fps", short(fps)));
        lines.push(format!(
            "  now       {} {}x{}{fps}",
            now.fourcc, now.width, now.height
        ));
    }
    if let Some(why) = camera.no_signal {
        lines.push(format!("  input     {why}"));
    }
    for user in &camera.users {
        lines.push(format!("  in use    by pid {} ({})", user.pid, user.name));
    }
    for format in &camera.formats {
        let star = if format.native { "" } else { "*" };
        lines.push(format!(
            "  {:<9} {}",
            format!("{}{star}", format.fourcc),
            sizes(format)
        ));
    }
    for control in camera.controls.iter().flatten() {
        lines.push(format!("  {:<32} {}", control.name, about(control)));
    }
}

fn sizes(format: &ShownFormat) -> String {
    let one = |size: &ShownSize| {
        let rates: Vec<String> = size.fps.iter().take(4).map(|fps| short(*fps)).collect();
        let more = if size.fps.len() > 4 { " …" } else { "" };
        let rates = if rates.is_empty() {
            String::new()
        } else {
            format!(" ({}{more})", rates.join(" "))
        };
        format!("{}x{}{rates}", size.width, size.height)
    };
    let all: Vec<String> = format.sizes.iter().map(one).collect();
    all.join(if format.range { " to " } else { ", " })
}

fn about(control: &ShownControl) -> String {
    let value = control
        .value
        .map_or("-".to_owned(), |value| value.to_string());
    let range = match control.kind {
        "menu" => {
            let items = control.menu.iter();
            let items: Vec<String> = items
                .map(|item| format!("{} {}", item.value, item.name))
                .collect();
            format!("of {}", items.join(", "))
        }
        "bool" => "of 0, 1".to_owned(),
        "button" => "a button: set it to press it".to_owned(),
        "other" => "not a number".to_owned(),
        _ => format!("of {} to {}", control.minimum, control.maximum),
    };
    let note = control
        .note
        .map_or(String::new(), |note| format!("  ({note})"));
    format!("{value} {range}{note}")
}

fn short(fps: f64) -> String {
    format!("{}", (fps * 100.0).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_described_with_what_stays_and_what_it_can() {
        let camera = ShownCamera {
            device: "/dev/video2".into(),
            stable_names: vec!["/dev/v4l/by-id/usb-cam".into()],
            name: "Cam".into(),
            driver: "uvcvideo".into(),
            bus: "usb-1".into(),
            current: Some(ShownCurrent {
                width: 640,
                height: 480,
                fourcc: "YUYV".into(),
                fps: Some(30.0),
            }),
            no_signal: None,
            users: vec![ShownUser {
                pid: 7,
                name: "cheese".into(),
            }],
            formats: vec![ShownFormat {
                fourcc: "H264".into(),
                description: "H.264".into(),
                native: false,
                range: false,
                sizes: vec![ShownSize {
                    width: 640,
                    height: 480,
                    fps: vec![30.0, 30000.0 / 1001.0, 20.0, 15.0, 10.0],
                }],
            }],
            controls: Some(vec![ShownControl {
                name: "gain".into(),
                kind: "int",
                minimum: 0,
                maximum: 255,
                step: 1,
                default: 16,
                value: Some(20),
                menu: Vec::new(),
                note: Some("inactive"),
            }]),
        };
        let report = Report {
            schema: SCHEMA,
            cameras: vec![camera],
            errors: Vec::new(),
        };
        let expected = "\
/dev/video2  Cam (uvcvideo, usb-1)
  stays     /dev/v4l/by-id/usb-cam
  now       YUYV 640x480 at 30 fps
  in use    by pid 7 (cheese)
  H264*     640x480 (30 29.97 20 15 …)
  gain                             20 of 0 to 255  (inactive)
";
        assert_eq!(text(&report), expected);
    }
}
