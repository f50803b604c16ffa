//! `framebus produce`: capture, publish, trigger.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::config::Config;
use super::status::Status;
use super::units::{
    parse_duration, parse_fps_or_unpaced, parse_group, parse_mode, parse_size, show_bytes,
};
use super::{choose_bus, deadline, parse_bus, stopped, worker};
use crate::bus::{BusName, FrameMeta, Producer, ProducerOptions};
use crate::clock::monotonic_ns;
use crate::layout::{Geometry, MAX_CONSUMERS};
use crate::source::{
    Arrival, Capture, Filled, FrameSource, Pacer, PatternSource, RawFormat, RawSource, SourceError,
    SourceInfo, Y4mSource, standard_input,
};
use crate::stop::Stop;

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
    /// URL, a GStreamer pipeline (gst:...), `pattern` (a moving test picture), or `-` (Y4M or raw video on stdin)
    #[arg(default_value = "pattern", allow_hyphen_values = true)]
    pub source: String,
    /// Name of the bus [default: FRAMEBUS_BUS, else cam0]
    #[arg(short, long, value_name = "NAME", value_parser = parse_bus)]
    pub bus: Option<BusName>,
    /// Frames a second: pace of files and the pattern, asked of a camera; 0 = as fast as possible
    #[arg(long, value_name = "FPS", value_parser = parse_fps_or_unpaced)]
    pub fps: Option<f64>,
    /// Size of the pattern or of raw frames, or to ask a camera for [pattern: 640x480]
    #[arg(long, value_name = "WxH", value_parser = parse_size)]
    pub size: Option<Geometry>,
    /// Pixel format of raw frames on stdin; without it they are Y4M
    #[arg(long, value_enum)]
    pub format: Option<RawPixels>,
    /// Start a file again when it ends
    #[arg(long = "loop")]
    pub looped: bool,
    /// How many consumers can be attached at a time, 1 to 250 [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=i64::from(MAX_CONSUMERS)))]
    pub consumers: Option<u8>,
    /// Frames kept beyond the newest, for consumers that read every frame (--every-frame) [default: 0]
    #[arg(long, value_name = "K")]
    pub history: Option<u8>,
    /// Put a BGR image into every slot beside the gray one
    #[arg(long)]
    pub color: bool,
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
}

const AFTER_HELP: &str = "\
Examples:
  framebus produce pattern --size 1280x720 --fps 30
  framebus produce /dev/video0 --size 1920x1080 --consumers 8
  framebus produce video.mp4 --loop
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
/// The pace of a file that does not say its own.
const UNKNOWN_FPS: f64 = 25.0;

impl ProduceArgs {
    /// Takes from the configuration what no flag has set.
    fn over(&self, config: &Config) -> anyhow::Result<ProduceArgs> {
        let named = config.produce.group.as_deref();
        let group = named
            .map(|name| {
                parse_group(name).map_err(|why| anyhow::anyhow!("produce.group: {name:?} {why}"))
            })
            .transpose()?;
        Ok(ProduceArgs {
            bus: Some(choose_bus(self.bus.as_ref(), config)?),
            fps: self.fps.or(config.produce.fps),
            size: self
                .size
                .or(config.produce.size.filter(|_| self.takes_size())),
            consumers: self.consumers.or(config.produce.consumers),
            history: self.history.or(config.produce.history),
            mode: self.mode.or(config.produce.mode),
            group: self.group.or(group),
            ..self.clone()
        })
    }

    /// Whether a size means anything for the source.
    fn takes_size(&self) -> bool {
        self.source != "-" || self.format.is_some()
    }

    /// Whether the source needs OpenCV, and so the headless worker.
    fn needs_worker(&self) -> bool {
        !matches!(self.source.as_str(), "pattern" | "-")
    }

    /// Refuses flags that mean nothing for the source.
    fn check(&self) -> anyhow::Result<()> {
        let stdin = self.source == "-";
        if self.format.is_some() && !stdin {
            anyhow::bail!("--format is for raw frames on stdin: use it with the source '-'");
        }
        if self.format.is_some() && self.size.is_none() {
            anyhow::bail!(
                "raw frames on stdin have no size of their own: give one with --size WxH"
            );
        }
        if stdin && self.format.is_none() && self.size.is_some() {
            anyhow::bail!(
                "Y4M on stdin has a size of its own: for raw frames give --format gray, bgr or yuyv with --size"
            );
        }
        if self.looped && (stdin || self.source == "pattern") {
            anyhow::bail!(
                "--loop is for files: {} cannot start again",
                if stdin {
                    "stdin"
                } else {
                    "the pattern never ends and"
                }
            );
        }
        Ok(())
    }

    /// The pace at which frames are asked for; `None` = as they come, or as fast as possible.
    fn pace(&self, info: &SourceInfo) -> Option<f64> {
        match self.fps {
            Some(0.0) => None,
            // A camera is asked for its rate; a pipe can be made to wait.
            Some(fps) if !info.live || self.source == "-" => Some(fps),
            None if !info.live => Some(info.fps.unwrap_or(UNKNOWN_FPS)),
            _ => None,
        }
    }

    fn options(&self, info: &SourceInfo) -> ProducerOptions {
        let defaults = ProducerOptions::new(self.bus.clone().unwrap_or_default(), info.geometry);
        ProducerOptions {
            consumers: self.consumers.unwrap_or(defaults.consumers),
            history: self.history.unwrap_or(defaults.history),
            bgr_image: info.bgr && !self.color,
            color: info.bgr && self.color,
            limited_range: info.limited_range,
            nominal_fps: self.fps.filter(|fps| *fps > 0.0).or(info.fps),
            mode: self.mode.unwrap_or(defaults.mode),
            gid: self.group,
            source: info.description.clone(),
            ..defaults
        }
    }
}

/// Captures in this process what needs no OpenCV, and hands the rest over to the headless worker.
///
/// # Errors
/// One sentence for a person.
pub fn main(args: &ProduceArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let merged = args.over(config)?;
    merged.check()?;
    if merged.needs_worker() {
        return Err(worker::hand_over(&args.source));
    }
    capture(&merged, open)
}

/// Captures with the source that `open` opens.
///
/// # Errors
/// One sentence for a person.
pub fn main_with(
    args: &ProduceArgs,
    config: &Config,
    open: impl OpenSource,
) -> anyhow::Result<ExitCode> {
    let merged = args.over(config)?;
    merged.check()?;
    capture(&merged, open)
}

fn capture(args: &ProduceArgs, open: impl OpenSource) -> anyhow::Result<ExitCode> {
    let stop = Stop::on_signals()?;
    match open(args, &stop)? {
        Some(source) => Run::start(args, source, stop)?.run(),
        None => Ok(stopped(&stop)),
    }
}

/// Opens a source of the library's own.
fn open(args: &ProduceArgs, stop: &Stop) -> Result<Option<BoxedSource>, SourceError> {
    if args.source == "pattern" {
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
            Ok(Some(Box::new(RawSource::new(
                input,
                name,
                format.into(),
                size,
                fps,
                false,
            )?)))
        }
        None => Ok(Y4mSource::open(input, name, false, stop)?
            .map(|source| Box::new(source) as BoxedSource)),
    }
}

/// A producer at work.
struct Run<'a> {
    args: &'a ProduceArgs,
    source: BoxedSource,
    stop: Stop,
    producer: Producer,
    pacer: Pacer,
    status: Status,
    stalled: bool,
}

impl<'a> Run<'a> {
    fn start(args: &'a ProduceArgs, source: BoxedSource, stop: Stop) -> anyhow::Result<Run<'a>> {
        let info = source.info();
        if args.color && !info.bgr {
            anyhow::bail!(
                "{} has no colour: --color needs a source that gives BGR",
                info.description
            );
        }
        let producer = Producer::create(args.options(&info))?;
        announce(&producer);
        let pacer = Pacer::new(args.pace(&info));
        let status = Status::new(producer.stats().sequence);
        Ok(Run {
            args,
            source,
            stop,
            producer,
            pacer,
            status,
            stalled: false,
        })
    }

    fn run(mut self) -> anyhow::Result<ExitCode> {
        let end_ns = deadline(self.args.duration);
        let mut frames = 0;
        while self.args.count.is_none_or(|count| frames < count)
            && end_ns.is_none_or(|end_ns| monotonic_ns() < end_ns)
        {
            if self.pacer.wait_before(end_ns, &self.stop) {
                break;
            }
            match self.source.wait(&self.stop)? {
                Arrival::Frame(capture) => frames += u64::from(self.publish(capture)?),
                Arrival::Resized => self.renew()?,
                Arrival::Stalled(reason) => self.stall(&reason),
                Arrival::End | Arrival::Stopped => break,
            }
            self.status.update(&self.producer);
        }
        self.status.clear();
        let stats = self.producer.stats();
        tracing::info!(
            "bus {} ended: {frames} frames published, {} dropped, {} starved",
            self.producer.options().bus,
            stats.dropped,
            stats.starved
        );
        Ok(stopped(&self.stop))
    }

    /// Writes a frame into a slot and publishes it; `false` when it was lost.
    fn publish(&mut self, capture: Capture) -> anyhow::Result<bool> {
        if self.stalled {
            self.stalled = false;
            self.producer.set_stalled(false);
            self.status.clear();
            tracing::info!("{} gives frames again", self.source.info().description);
        }
        let Some(mut claim) = self.producer.claim() else {
            return Ok(false);
        };
        let filled = self.source.fill(&mut claim.target())?;
        if filled == Filled::Damaged {
            drop(claim);
            // A frame of another size is not lost: the source keeps it until the bus has that size.
            if self.source.info().geometry == self.producer.options().geometry {
                self.producer.count_dropped();
            }
            return Ok(false);
        }
        claim.publish(FrameMeta {
            capture_ns: capture.capture_ns,
            wall_ns: capture.wall_ns,
            source_frame: capture.source_frame,
        });
        Ok(true)
    }

    fn renew(&mut self) -> anyhow::Result<()> {
        let info = self.source.info();
        let old = self.producer.options().geometry;
        self.producer.renew(self.args.options(&info))?;
        self.status.clear();
        tracing::info!(
            "frames are {} now, not {old}: generation {}",
            info.geometry,
            self.producer.generation()
        );
        Ok(())
    }

    fn stall(&mut self, reason: &str) {
        if !self.stalled {
            self.stalled = true;
            self.producer.set_stalled(true);
            self.status.clear();
            tracing::warn!("{reason}");
        }
    }
}

/// The one line at start.
fn announce(producer: &Producer) {
    let options = producer.options();
    let fps = options
        .nominal_fps
        .map_or(String::new(), |fps| format!(" at {fps} fps"));
    let layout = producer.layout();
    let color = match (options.color, options.bgr_image) {
        (true, _) => " gray+bgr",
        (_, true) => " gray, bgr image",
        _ => " gray",
    };
    // Most sources name their size themselves.
    let size = options.geometry.to_string();
    let size = if options.source.contains(&size) {
        String::new()
    } else {
        format!(" {size}")
    };
    tracing::info!(
        "bus {}: {}{size}{color}{fps}, {} slots for {} consumers, {} in /dev/shm/framebus.{}, pipes in {}",
        options.bus,
        options.source,
        layout.slots,
        layout.consumers,
        show_bytes(producer.segment_len()),
        options.bus,
        producer.pipes_dir().display()
    );
}
