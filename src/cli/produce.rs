//! `framebus produce`: capture, publish, trigger.

mod camera;
mod combinations;
#[cfg_attr(windows, path = "windows/device.rs")]
mod device;
mod gray;
mod over;

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::camera_words::{Backend, parse_fourcc, parse_setting};
use super::config::{Config, PlaneList, parse_planes};
use super::parse_bus;
use super::progress::When;
use super::units::{
    parse_duration, parse_fps_or_unpaced, parse_group, parse_mode, parse_size, parse_speed,
    range_parser,
};
use crate::source::{FourCc, RawFormat, RawSource, ReplaySource, Speed, Y4mSource, standard_input};
pub use gray::GrayFrom;

use framebus::bus::BusName;
use framebus::layout::{Geometry, MAX_CONSUMERS};
use framebus::source::{Opener, PatternSource, Range, SourceError, SourceSpec};
use framebus::stop::Stop;
use framebus_tools::exit::stopped;
use framebus_tools::job::{Job, Task, WORKER};
use framebus_tools::produce::BoxedSource;
use framebus_tools::production::{Awaited, Production};

/// Capture frames and share them with any number of consumers
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ProduceArgs {
    /// What to capture: a camera (0, /dev/video0), a video file, images (img_%04d.png, 'img*.png', a directory, one.jpg), an
    /// rtsp:// or http:// URL, a GStreamer pipeline (gst:...), a recording (run.y4m), `pattern` (a moving test picture), or `-`
    /// (Y4M or raw video on stdin) [default: pattern]
    ///
    /// Images come in the order of their numbers (img_9 before img_10), from any first number on and over gaps. One image alone is
    /// a single frame; with --duration or --count it is shown for that long. EXIF's orientation is applied. Of samples with more
    /// than 8 bits, in images, Y4M and raw video, the high 8 become gray.
    ///
    /// A password in a URL stays in the shell's history, and shows in the list of processes for a moment at the start. To
    /// avoid both, put the URL into FRAMEBUS_PRODUCE_SOURCE, or into a configuration that only you can read.
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
    /// Pixel format of raw frames on stdin; without it, stdin is Y4M
    #[arg(long, value_enum)]
    pub format: Option<RawFormat>,
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
    /// Luma range of the source, if it does not say or is wrong; gray on the bus is always full range, 0 to 255
    /// [default: auto]
    #[arg(long, value_parser = range_parser())]
    pub range: Option<Range>,
    /// What gray is made of, in a video file or a stream that FFmpeg decodes
    #[arg(long, value_enum, value_name = "OF", default_value_t)]
    pub gray: GrayFrom,
    /// Start a file again when it ends
    #[arg(long = "loop")]
    pub looped: bool,
    /// Start a video file or a recording at this time, such as 90s
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub start: Option<Duration>,
    /// End a video file or a recording before this time; with --loop it starts again at --start
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub end: Option<Duration>,
    /// Replay speed of a recording: 2.0 is twice as fast, `max` as fast as possible
    #[arg(long, value_name = "TIMES|max", value_parser = parse_speed, conflicts_with = "fps")]
    pub speed: Option<Speed>,
    /// How long a source may take until its first frame, such as 1m for a time-lapse camera [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub open_timeout: Option<Duration>,
    /// How long a source may be silent before it counts as stalled and is reopened [default: 1.5s for a camera; for a stream
    /// 4 times its longest interval, at least 1.5s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub read_timeout: Option<Duration>,
    /// Believe an https:// camera by the certificates in this PEM file, its own or those of who signs it, instead of this
    /// machine's (or those of SSL_CERT_FILE); its own is believed whatever name and dates it has
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub ca: Option<PathBuf>,
    /// How many consumers can be attached at a time, 1 to 250 [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_CONSUMERS)))]
    pub consumers: Option<u8>,
    /// Frames kept beyond the newest, for consumers that read every frame (--every-frame) [default: 0]
    #[arg(long, value_name = "K")]
    pub history: Option<u8>,
    /// Put a BGR image into every slot beside the gray one: short for --planes gray,bgr
    #[arg(long)]
    pub color: bool,
    /// Planes of every frame, such as gray,bgr or nv12,gray/4. Formats: gray, gray16, bgr, rgb, nv12, i420, yuyv; /N divides
    /// width and height by N; meta is for metadata [default: gray]
    #[arg(long, value_name = "PLANES", value_parser = parse_planes, conflicts_with = "color")]
    pub planes: Option<PlaneList>,
    /// Show the BGR image and every slot in windows, as peek --show does; q ends the producer
    #[arg(long)]
    pub show: bool,
    /// Who may attach: mode bits of the segment and the named pipes [default: 0600]
    #[arg(long, value_name = "OCTAL", value_parser = parse_mode)]
    pub mode: Option<u32>,
    /// Group of the segment and the named pipes
    #[arg(long, value_name = "NAME", value_parser = parse_group)]
    pub group: Option<u32>,
    /// End after this many frames
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// End after this time, such as 10s; a single image is shown for so long
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// Show how far it is, how fast, and how long it still takes
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub progress: When,
    /// Wait for consumers that read every frame (--every-frame): publish a frame only when each of them has room for it, so
    /// that it misses none, however slow it is. For files, images, stdin and the pattern
    #[arg(long)]
    pub lockstep: bool,
    /// With --lockstep: leave out a consumer that neither takes nor releases a frame for this long [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = parse_duration, requires = "lockstep")]
    pub lockstep_limit: Option<Duration>,
    /// Publish the first frame when N consumers have attached
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_CONSUMERS)))]
    pub wait_consumers: Option<u8>,
    /// Publish the first frame when consumers with these names have attached, such as detector,recorder
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub wait_for: Vec<String>,
    /// With --wait-consumers or --wait-for: give up after this time [default: 1m]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub wait_timeout: Option<Duration>,
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
  framebus produce video.mp4 --lockstep --fps 0
  framebus produce 'images/*.png' --fps 10
  ffmpeg -loglevel error -i video.mp4 -f yuv4mpegpipe - | framebus produce -";

const PATTERN_SIZE: Geometry = Geometry {
    width: 640,
    height: 480,
};
const PATTERN_FPS: f64 = 30.0;
const PATTERN: &str = "pattern";
/// How long a consumer may take in lockstep.
const LOCKSTEP_LIMIT: Duration = Duration::from_secs(10);
/// How long the first frame waits for consumers.
const WAIT_TIMEOUT: Duration = Duration::from_secs(60);

impl ProduceArgs {
    /// What is captured. A path may have any characters.
    #[must_use]
    pub fn source(&self) -> &OsStr {
        self.source.as_deref().unwrap_or(OsStr::new(PATTERN))
    }

    /// What is captured, as a text to look at and to show.
    fn source_text(&self) -> Cow<'_, str> {
        self.source().to_string_lossy()
    }

    /// Which consumers the first frame waits for.
    fn awaited(&self) -> Option<Awaited> {
        let names = self.wait_for.clone();
        let waits = self.wait_consumers.is_some() || !names.is_empty();
        waits.then(|| Awaited {
            count: self.wait_consumers.unwrap_or(0).into(),
            names,
            within: self.wait_timeout.unwrap_or(WAIT_TIMEOUT),
        })
    }

    /// How often the BGR debugging image is renewed; `None` is with every frame.
    fn bgr_fps(&self, spec: &SourceSpec) -> Option<f64> {
        let usual = camera::is_native(self, spec).then_some(camera::BGR_FPS);
        self.bgr_fps.or(usual).filter(|_| !self.color)
    }

    /// What holds, for whoever captures.
    fn production(&self, spec: &SourceSpec) -> Production {
        let bus = self.bus.clone().unwrap_or_default();
        Production {
            fps: self.fps,
            // As it comes, and no waiting: what --speed max means.
            unpaced: self.speed == Some(Speed::Max),
            size: self.size,
            range: self.range.unwrap_or_default(),
            gray: self.gray.into(),
            start: self.start,
            end: self.end,
            looped: self.looped,
            open_timeout: self.open_timeout,
            read_timeout: self.read_timeout,
            consumers: self.consumers,
            history: self.history,
            planes: self.planes.clone().map(|planes| planes.0),
            color: self.color,
            color_by: self.color_by.clone(),
            bgr_fps: self.bgr_fps(spec),
            own_rate: camera::is_native(self, spec) && camera::is_camera(spec),
            mode: self.mode,
            group: self.group,
            show: self.show,
            count: self.count,
            duration: self.duration,
            lockstep: self
                .lockstep
                .then(|| self.lockstep_limit.unwrap_or(LOCKSTEP_LIMIT)),
            awaited: self.awaited(),
            progress: self.progress.into(),
            ..Production::new(bus, self.source().to_owned())
        }
    }
}

/// Captures in this process what needs no OpenCV, and hands the rest over to the headless worker.
///
/// # Errors
/// One sentence for a person.
pub fn main(args: &ProduceArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let merged = args.over(config)?;
    let spec = SourceSpec::of(merged.source())?;
    combinations::check(args, &merged, &spec, config)?;
    let production = merged.production(&spec);
    let hand_over = |what: &str| Err(Job::new(Task::Produce(production.clone())).hand_over(what));
    let worker = || WORKER.find("--show");
    if camera::is_native(&merged, &spec) {
        let stop = Stop::on_signals()?;
        return match camera::open(&merged, &spec, &stop)? {
            Opened::Source(source) => production.run(&stop, worker, |_| Ok(Some(source))),
            Opened::Stopped => Ok(stopped(&stop)),
            Opened::Elsewhere(why) => hand_over(&why),
        };
    }
    if spec.opener() == Opener::Worker {
        return hand_over(&merged.source_text());
    }
    let stop = Stop::on_signals()?;
    production.run(&stop, worker, |stop| open(&merged, &spec, stop))
}

/// What opening a source without the worker comes to.
enum Opened {
    Source(BoxedSource),
    /// Somebody asked to stop meanwhile.
    Stopped,
    /// The worker has to open it: what it is, for a message.
    Elsewhere(String),
}

/// Opens a source of the command's own; `None` when somebody asks to stop meanwhile.
fn open(
    args: &ProduceArgs,
    spec: &SourceSpec,
    stop: &Stop,
) -> Result<Option<BoxedSource>, SourceError> {
    let range = args.range.unwrap_or_default();
    match spec {
        SourceSpec::Pattern => {
            let fps = args.fps.unwrap_or(PATTERN_FPS);
            let size = args.size.unwrap_or(PATTERN_SIZE);
            let pattern = PatternSource::new(size, Some(fps).filter(|fps| *fps > 0.0));
            return Ok(Some(Box::new(pattern)));
        }
        SourceSpec::Recording(path) => {
            let speed = args.speed.unwrap_or_default();
            let replay = ReplaySource::open(path, speed, args.fps.is_some(), args.looped, stop)?;
            return Ok(replay.map(|source| {
                Box::new(source.with_range(range).part(args.start, args.end)) as BoxedSource
            }));
        }
        _ => {}
    }
    let name = "standard input";
    let input = standard_input()
        .map_err(|error| SourceError::Unusable(format!("{name} cannot be read: {error}")))?;
    if std::io::stdin().is_terminal() {
        return Err(SourceError::Unusable(format!(
            "{name} is a terminal: pipe Y4M or raw video into it"
        )));
    }
    match args.format.zip(args.size) {
        Some((format, size)) => {
            let fps = args.fps.filter(|fps| *fps > 0.0);
            let source = RawSource::new(input, name, format, size, fps, false)?;
            Ok(Some(Box::new(source.with_range(range))))
        }
        None => Ok(Y4mSource::open(input, name, false, stop)?
            .map(|source| Box::new(source.with_range(range)) as BoxedSource)),
    }
}
