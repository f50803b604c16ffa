//! `framebus produce`: capture, publish, trigger.

mod camera;
mod combinations;
mod run;
mod viewer;

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::camera_words::{Backend, parse_fourcc, parse_setting};
use super::config::{Config, device};
use super::units::{
    parse_duration, parse_fps_or_unpaced, parse_group, parse_mode, parse_size, parse_speed,
    range_parser,
};
use super::{choose_bus, parse_bus, stopped, worker};
use crate::recording::is_recording;
use crate::source::v4l2::FourCc;
use crate::source::{RawFormat, RawSource, ReplaySource, Speed, Y4mSource, standard_input};
use framebus::bus::{BusName, ProducerOptions};
use framebus::layout::{Geometry, MAX_CONSUMERS};
use framebus::source::{FrameSource, PatternSource, Range, SourceError, SourceInfo};
use framebus::stop::Stop;
use run::Run;
use viewer::Viewer;

/// A source of any kind.
pub type BoxedSource = Box<dyn FrameSource>;

/// Opens the source that the arguments name; `None` when somebody asks to stop meanwhile.
pub trait OpenSource:
    FnOnce(&ProduceArgs, &Stop) -> Result<Option<BoxedSource>, SourceError>
{
}
impl<F: FnOnce(&ProduceArgs, &Stop) -> Result<Option<BoxedSource>, SourceError>> OpenSource for F {}

/// Capture frames and share them with any number of consumers
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ProduceArgs {
    /// What to capture: a camera (0, /dev/video0), a video file, an image sequence (img_%04d.png), an rtsp:// or http://
    /// URL, a GStreamer pipeline (gst:...), a recording (run.y4m), `pattern` (a moving test picture), or `-` (Y4M or raw
    /// video on stdin) [default: pattern]
    ///
    /// A password in a URL is hidden from the list of processes, but not at the very start, nor in the shell's history: set
    /// it as FRAMEBUS_PRODUCE_SOURCE, or in a configuration that only you may read.
    #[arg(allow_hyphen_values = true)]
    pub source: Option<OsString>,
    /// Name of the bus [default: FRAMEBUS_BUS, else cam0]
    #[arg(short, long, value_name = "NAME", value_parser = parse_bus)]
    pub bus: Option<BusName>,
    /// Frame rate, such as 30 or 30000/1001: paces files and the pattern, and is requested from a camera; 0 = unlimited
    #[arg(long, value_name = "FPS", value_parser = parse_fps_or_unpaced)]
    pub fps: Option<f64>,
    /// Frame size of the pattern or of raw input; for a camera, the size to request [pattern: 640x480]
    #[arg(long, value_name = "WxH", value_parser = parse_size)]
    pub size: Option<Geometry>,
    /// Pixel format of raw frames on stdin; without it they are Y4M
    #[arg(long, value_enum)]
    pub format: Option<RawPixels>,
    /// Pixel format to ask a camera for, such as YUYV or MJPG; `framebus cameras` lists those that it has [default: the one
    /// that costs least and keeps the rate]
    #[arg(long, value_name = "CODE", value_parser = parse_fourcc)]
    pub fourcc: Option<FourCc>,
    /// Set a control of a camera, such as exposure_auto=1 or gain=20, in the order given; `framebus cameras DEVICE` lists them
    #[arg(long = "set", value_name = "CONTROL=VALUE", value_parser = parse_setting)]
    pub settings: Vec<(String, i64)>,
    /// What reads a camera or pictures over HTTP: framebus itself, or OpenCV and FFmpeg in the headless worker
    /// [default: native; the worker for formats that are not known here]
    #[arg(long, value_enum)]
    pub backend: Option<Backend>,
    /// How often the BGR debugging image is renewed, in frames a second; 0 = it is not kept [default: 2 for cameras and
    /// pictures over HTTP, else every frame]
    #[arg(long, value_name = "FPS", value_parser = parse_fps_or_unpaced, conflicts_with = "color")]
    pub bgr_fps: Option<f64>,
    /// Which luma is black and white in the source, where it says nothing of it or lies; gray on the bus is always full
    /// range, 0 to 255 [default: auto]
    #[arg(long, value_parser = range_parser())]
    pub range: Option<Range>,
    /// Start a file again when it ends
    #[arg(long = "loop")]
    pub looped: bool,
    /// Replay speed of a recording: 2.0 is twice as fast, `max` as fast as possible
    #[arg(long, value_name = "TIMES|max", value_parser = parse_speed, conflicts_with = "fps")]
    pub speed: Option<Speed>,
    /// How long a source may take until its first frame, such as 1m for a time-lapse camera [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub open_timeout: Option<Duration>,
    /// How long a source may be silent before it counts as stalled and is opened again [default: for a stream 4 times its
    /// longest interval, 1.5s at the least; for a camera 1.5s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub read_timeout: Option<Duration>,
    /// How many consumers can be attached at a time, 1 to 250 [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_CONSUMERS)))]
    pub consumers: Option<u8>,
    /// Frames kept beyond the newest, for consumers that read every frame (--every-frame) [default: 0]
    #[arg(long, value_name = "K")]
    pub history: Option<u8>,
    /// Put a BGR image into every slot beside the gray one
    #[arg(long)]
    pub color: bool,
    /// Show the BGR image and every slot in windows, as peek --show does; q ends it
    #[arg(long)]
    pub show: bool,
    /// Mode bits of the segment and the named pipes: who may attach [default: 0600]
    #[arg(long, value_name = "OCTAL", value_parser = parse_mode)]
    pub mode: Option<u32>,
    /// Group of the segment and the named pipes
    #[arg(long, value_name = "NAME", value_parser = parse_group)]
    pub group: Option<u32>,
    /// End after this many frames
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// End after this time, such as 10s
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// Where `color` was set, if not by its flag.
    #[arg(skip)]
    color_by: Option<String>,
}

const AFTER_HELP: &str = "\
Examples:
  framebus produce pattern --size 1280x720 --fps 30
  framebus produce /dev/video0 --size 1920x1080 --consumers 8
  framebus produce video.mp4 --loop
  framebus produce run.y4m --speed 2.0
  ffmpeg -loglevel error -i video.mp4 -f yuv4mpegpipe - | framebus produce -";

/// Pixel formats of raw frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RawPixels {
    /// 8-bit gray
    Gray,
    /// 8-bit blue, green, red
    Bgr,
    /// YUV 4:2:2, as many cameras give it
    Yuyv,
}

impl From<RawPixels> for RawFormat {
    fn from(pixels: RawPixels) -> RawFormat {
        match pixels {
            RawPixels::Gray => RawFormat::Gray,
            RawPixels::Bgr => RawFormat::Bgr,
            RawPixels::Yuyv => RawFormat::Yuyv,
        }
    }
}

const PATTERN_SIZE: Geometry = Geometry {
    width: 640,
    height: 480,
};
const PATTERN_FPS: f64 = 30.0;
const PATTERN: &str = "pattern";
/// The pace of a file that does not say its own.
const UNKNOWN_FPS: f64 = 25.0;

impl ProduceArgs {
    /// Takes from the configuration what no flag has set.
    fn over(&self, config: &Config) -> anyhow::Result<ProduceArgs> {
        let bus = choose_bus(self.bus.as_ref(), config)?;
        let named = config.of_bus(bus.as_str());
        let named_source = || named.source.clone().map(OsString::from);
        let source = self.source.clone().or_else(named_source);
        let source = source.unwrap_or_else(|| PATTERN.into());
        // A size that the configuration has for cameras means nothing for what has a size of its own.
        let takes_size =
            (source != "-" || self.format.is_some()) && !is_recording(Path::new(&source));
        let backend = self.backend.or(named.backend);
        // And what it has for cameras means nothing for others.
        let native = backend != Some(Backend::Opencv)
            && source
                .to_str()
                .is_some_and(|source| device(source).is_some());
        let place = |key| config.place(bus.as_str(), key);
        let group = named.group.as_deref().filter(|_| self.group.is_none());
        let group = group
            .map(|name| {
                parse_group(name)
                    .map_err(|why| anyhow::anyhow!("{}: {name:?} {why}", place("group")))
            })
            .transpose()?;
        Ok(ProduceArgs {
            fps: self.fps.or(named.fps.filter(|_| self.speed.is_none())),
            range: self.range.or(named.range),
            size: self.size.or(named.size.filter(|_| takes_size)),
            open_timeout: self.open_timeout.or(named.open_timeout),
            read_timeout: self.read_timeout.or(named.read_timeout),
            consumers: self.consumers.or(named.consumers),
            history: self.history.or(named.history),
            color: self.color || named.color == Some(true),
            looped: self.looped || named.looped == Some(true),
            mode: self.mode.or(named.mode),
            group: self.group.or(group),
            fourcc: self.fourcc.or(named.fourcc.filter(|_| native)),
            settings: match named
                .settings
                .filter(|_| native && self.settings.is_empty())
            {
                Some(settings) => settings,
                None => self.settings.clone(),
            },
            backend,
            bgr_fps: self.bgr_fps.or(named.bgr_fps),
            color_by: (!self.color).then(|| place("color").to_string()),
            bus: Some(bus),
            source: Some(source),
            ..self.clone()
        })
    }

    /// What is captured. A path may have any characters.
    #[must_use]
    pub fn source(&self) -> &OsStr {
        self.source.as_deref().unwrap_or(OsStr::new(PATTERN))
    }

    /// What is captured, as a text to look at and to show.
    fn source_text(&self) -> Cow<'_, str> {
        self.source().to_string_lossy()
    }

    /// Whether the source needs the headless worker, as far as one can tell without opening it.
    fn needs_worker(&self) -> bool {
        let own = self.source() == PATTERN || self.source() == "-" || self.is_recording();
        !own && !camera::is_native(self)
    }

    /// How often the BGR debugging image is renewed; `None` is with every frame.
    fn bgr_fps(&self) -> Option<f64> {
        let usual = camera::is_native(self).then_some(camera::BGR_FPS);
        self.bgr_fps.or(usual).filter(|_| !self.color)
    }

    fn is_recording(&self) -> bool {
        is_recording(Path::new(self.source()))
    }

    /// The pace at which frames are asked for; `None` = as they come, or as fast as possible.
    fn pace(&self, info: &SourceInfo) -> Option<f64> {
        match self.fps {
            Some(0.0) => None,
            // A camera is asked for its rate; a pipe can be made to wait.
            Some(fps) if !info.live || self.source() == "-" => Some(fps),
            // As it comes, and no waiting: what --speed max means.
            None if self.speed == Some(Speed::Max) => None,
            None if !info.live => Some(info.fps.unwrap_or(UNKNOWN_FPS)),
            _ => None,
        }
    }

    /// What a source is said to give: a camera's own word counts more than what it was asked for.
    fn nominal_fps(&self, info: &SourceInfo) -> Option<f64> {
        let asked = self.fps.filter(|fps| *fps > 0.0);
        if camera::is_camera(self) && camera::is_native(self) {
            info.fps.or(asked)
        } else {
            asked.or(info.fps)
        }
    }

    fn options(&self, info: &SourceInfo) -> ProducerOptions {
        let options = ProducerOptions::new(self.bus.clone().unwrap_or_default(), info.geometry);
        let (consumers, history, mode) = (options.consumers, options.history, options.mode);
        options
            .consumers(self.consumers.unwrap_or(consumers))
            .history(self.history.unwrap_or(history))
            .bgr_image(info.bgr && !self.color && self.bgr_fps() != Some(0.0))
            .color(info.bgr && self.color)
            .limited_range(info.limited_range)
            .nominal_fps(self.nominal_fps(info))
            .mode(self.mode.unwrap_or(mode))
            .gid(self.group)
            .source(&info.description)
    }
}

/// Captures in this process what needs no OpenCV, and hands the rest over to the headless worker.
///
/// # Errors
/// One sentence for a person.
pub fn main(args: &ProduceArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let merged = args.over(config)?;
    combinations::check(args, &merged, config)?;
    if merged.needs_worker() {
        return Err(worker::hand_over(&merged.source_text()));
    }
    if merged.show {
        return Err(worker::hand_over("--show"));
    }
    let stop = Stop::on_signals()?;
    match open(&merged, &stop)? {
        Opened::Source(source) => Run::start(&merged, source, stop, None)?.run(),
        Opened::Stopped => Ok(stopped(&stop)),
        Opened::Elsewhere(why) => Err(worker::hand_over(&why)),
    }
}

/// In the worker: captures with the source that `opencv` opens, or one of the library's own.
///
/// # Errors
/// One sentence for a person.
pub fn main_with(
    args: &ProduceArgs,
    config: &Config,
    opencv: impl OpenSource,
) -> anyhow::Result<ExitCode> {
    let merged = args.over(config)?;
    combinations::check(args, &merged, config)?;
    let stop = Stop::on_signals()?;
    let mut viewer = None;
    if merged.show {
        viewer = Viewer::start(&merged.bus.clone().unwrap_or_default(), &stop)?;
        if viewer.is_none() {
            return Ok(stopped(&stop));
        }
    }
    let own = if merged.needs_worker() {
        Opened::Elsewhere(String::new())
    } else {
        open(&merged, &stop)?
    };
    let source = match own {
        Opened::Source(source) => Some(source),
        Opened::Stopped => None,
        Opened::Elsewhere(_) => opencv(&merged, &stop)?,
    };
    match source {
        Some(source) => Run::start(&merged, source, stop, viewer)?.run(),
        None => Ok(stopped(&stop)),
    }
}

/// What opening a source without the worker comes to.
enum Opened {
    Source(BoxedSource),
    /// Somebody asked to stop meanwhile.
    Stopped,
    /// The worker has to open it: what it is, for a message.
    Elsewhere(String),
}

/// Opens a source of the command's own.
fn open(args: &ProduceArgs, stop: &Stop) -> Result<Opened, SourceError> {
    if camera::is_native(args) {
        return camera::open(args, stop);
    }
    let source = open_video(args, stop)?;
    Ok(source.map_or(Opened::Stopped, Opened::Source))
}

fn open_video(args: &ProduceArgs, stop: &Stop) -> Result<Option<BoxedSource>, SourceError> {
    let range = args.range.unwrap_or_default();
    if args.is_recording() {
        let (path, speed) = (Path::new(args.source()), args.speed.unwrap_or_default());
        let replay = ReplaySource::open(path, speed, args.fps.is_some(), args.looped, stop)?;
        return Ok(replay.map(|source| Box::new(source.with_range(range)) as BoxedSource));
    }
    if args.source() == PATTERN {
        let fps = args.fps.unwrap_or(PATTERN_FPS);
        let size = args.size.unwrap_or(PATTERN_SIZE);
        return Ok(Some(Box::new(PatternSource::new(
            size,
            Some(fps).filter(|fps| *fps > 0.0),
        ))));
    }
    let name = "standard input";
    let input = standard_input()
        .map_err(|error| SourceError::Unusable(format!("{name} cannot be read: {error}")))?;
    if input.is_terminal() {
        return Err(SourceError::Unusable(format!(
            "{name} is a terminal: pipe Y4M or raw video into it"
        )));
    }
    match args.format.zip(args.size) {
        Some((format, size)) => {
            let fps = args.fps.filter(|fps| *fps > 0.0);
            let source = RawSource::new(input, name, format.into(), size, fps, false)?;
            Ok(Some(Box::new(source.with_range(range))))
        }
        None => Ok(Y4mSource::open(input, name, false, stop)?
            .map(|source| Box::new(source.with_range(range)) as BoxedSource)),
    }
}
