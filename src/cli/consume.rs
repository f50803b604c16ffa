//! `framebus consume`: take frames as one consumer of a bus.

mod commands;
mod events;
mod seed;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use events::EventArgs;
use seed::SeedArgs;

use super::config::{Config, Trigger};
use super::progress::When;
use super::units::{parse_duration, parse_fps};
use super::{choose_bus, parse_bus};
use crate::sink::{ExecMode, Ffmpeg, Format, Kind, Plane, Target};
use crate::system::is_file;
use framebus::bus::{BusName, IndexChoice};
use framebus::layout::{Format as Image, PlaneSpec, TriggerKind};
use framebus::stop::Stop;
use framebus_tools::consume::Consumption;
use framebus_tools::job::{Job, Task};
use framebus_tools::log;
use framebus_tools::progress::ShowProgress;

/// Take frames as a consumer of a bus
#[derive(Debug, Clone, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ConsumeArgs {
    /// Consumer index, from 0, or `auto` for the first that is free
    #[arg(short, long, value_name = "N|auto", default_value = "auto", value_parser = parse_index)]
    pub index: IndexChoice,
    /// Name of the bus [default: FRAMEBUS_BUS, else cam0]
    #[arg(short, long, value_name = "NAME", value_parser = parse_bus)]
    pub bus: Option<BusName>,
    /// Print one line of statistics per second on stderr (the default); nothing with -q, JSON with --log-format json
    #[arg(long, group = "sink", help_heading = "What to do with frames (one of)")]
    pub stats: bool,
    /// Print one line of JSON per frame on stdout
    #[arg(long, group = "sink", help_heading = "What to do with frames (one of)")]
    pub json: bool,
    /// Write frames to a file, or to stdout (-); %06d in the name writes one file per frame, numbered by its sequence
    ///
    /// FILE.mp4, .mkv, .mov and .webm are written by ffmpeg, which is looked for in PATH: each frame has its capture time, from the
    /// first one on, and the file is finished on Ctrl-C and when the producer dies, too.
    ///
    /// With --every-frame or --pre, a file FILE.y4m gets FILE.y4m.ndjson beside it: a line of JSON per frame with its sequence and
    /// times, which `framebus produce FILE.y4m` replays. At the end, a line on stderr says how much was written.
    ///
    /// The numbers have gaps where frames were skipped. When sequences start again at 1 (--follow, after a clean restart of
    /// the producer), the numbers continue from the last one: a run never overwrites its own files. An image file without a
    /// number always holds the newest frame.
    #[arg(
        short,
        long,
        value_name = "FILE|-",
        group = "sink",
        help_heading = "What to do with frames (one of)"
    )]
    pub output: Option<PathBuf>,
    /// Format of the frames [default: from the file name, else raw]
    #[arg(
        long,
        value_enum,
        requires = "output",
        help_heading = "What to do with frames (one of)"
    )]
    pub format: Option<Format>,
    /// Run a shell command for each frame: the frame as PGM on its stdin, FRAMEBUS_SEQ and others in its environment
    #[arg(
        long,
        value_name = "COMMAND",
        group = "sink",
        help_heading = "What to do with frames (one of)"
    )]
    pub exec: Option<String>,
    /// How the command gets frames [default: frame]
    #[arg(
        long,
        value_enum,
        requires = "exec",
        help_heading = "What to do with frames (one of)"
    )]
    pub exec_mode: Option<ExecMode>,
    /// Show frames in a window; q ends it
    #[arg(long, group = "sink", help_heading = "What to do with frames (one of)")]
    pub show: bool,
    /// With --output, --exec or --show: the BGR image of each frame instead of the gray one (needs produce --color)
    #[arg(long, help_heading = "What to do with frames (one of)")]
    pub color: bool,
    /// With --output, --exec or --show: this image of each frame, such as gray/4 or nv12, from a bus that has it (produce
    /// --planes)
    #[arg(
        long,
        value_name = "PLANE",
        conflicts_with = "color",
        help_heading = "What to do with frames (one of)"
    )]
    pub plane: Option<PlaneSpec>,
    /// What is shared with the sample's own programs.
    #[command(flatten)]
    pub seed: SeedArgs,
    /// What is recorded around events.
    #[command(flatten)]
    pub events: EventArgs,
    /// Take every frame in order, as far as the bus keeps them (produce --history); gaps are reported
    #[arg(long)]
    pub every_frame: bool,
    /// Take at most this many frames a second
    #[arg(long, value_name = "FPS", value_parser = parse_fps)]
    pub max_fps: Option<f64>,
    /// Hold each frame for this long, in place of real processing
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub work: Option<Duration>,
    /// How to wait for a frame [default: eventfd]
    #[arg(long, value_enum)]
    pub trigger: Option<Trigger>,
    /// What `framebus top` calls this consumer
    #[arg(long, default_value = "consume")]
    pub name: String,
    /// End after this many frames
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
    /// End after this time, such as 10s
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub duration: Option<Duration>,
    /// Show how far it is, how fast, and how long it still takes. By itself only with --count, --duration or --output, and
    /// where nothing else is written to the terminal
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub progress: When,
    /// Give up when there is no bus, or no new frame, for this long [default: never]
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub timeout: Option<Duration>,
    /// When the producer ends or dies, wait for it to come back, as tail -F does
    #[arg(long)]
    pub follow: bool,
}

const AFTER_HELP: &str = "\
Examples:
  framebus consume -i 2
  framebus consume -i auto --json | head -n 3
  framebus consume -i 0 -o - --format y4m --count 100 | ffmpeg -loglevel error -i - -y out.mp4
  framebus consume -i 1 -o 'frame-%06d.png' --max-fps 1 --follow
  framebus consume --exec 'echo \"frame $FRAMEBUS_SEQ: $(wc -c) bytes\"' --count 3
  framebus consume --every-frame -o run.y4m --duration 10s
  framebus consume -o clip.mp4 --duration 10s
  framebus consume --pre 5s --post 10s -o event.y4m   # `record` and Enter, or kill -USR1, starts it
  framebus consume --pre 5s --post 10s --repeat --on-change 2% -o 'event-%03d.y4m'
  framebus consume --on-change 2% -o 'new-%06d.jpg' --max-fps 5
  framebus consume --seed 2 --duration 10s            # for two programs of the published sample";

/// Whether a name asks for a format that others write: raw pixels are not what is expected there.
fn is_video_of_others(path: &Path) -> bool {
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or("");
    let others = [
        "avi", "ts", "m2ts", "mpg", "mpeg", "flv", "wmv", "ogv", "gif", "bmp", "tif", "tiff",
        "webp",
    ];
    others.iter().any(|other| other.eq_ignore_ascii_case(end))
}

fn parse_index(text: &str) -> Result<IndexChoice, String> {
    if text == "auto" {
        return Ok(IndexChoice::Any);
    }
    let index = text
        .parse()
        .map_err(|_| "give a number from 0 to 249, or auto".to_owned())?;
    if index >= framebus::layout::MAX_CONSUMERS {
        return Err("give a number from 0 to 249, or auto".to_owned());
    }
    Ok(IndexChoice::Index(index))
}

impl ConsumeArgs {
    /// Takes from the configuration what no flag has set.
    fn over(&self, config: &Config) -> anyhow::Result<ConsumeArgs> {
        Ok(ConsumeArgs {
            bus: Some(choose_bus(self.bus.as_ref(), config)?),
            trigger: self.trigger.or(config.consume.trigger),
            timeout: self.timeout.or(config.consume.timeout),
            ..self.clone()
        })
    }

    /// Refuses flags that would mean nothing.
    fn check(&self) -> anyhow::Result<()> {
        if self.color && self.output.is_none() && self.exec.is_none() && !self.show {
            anyhow::bail!(
                "--color is for images and video: use it with --output, --exec or --show"
            );
        }
        if let Some(spec) = &self.plane {
            self.check_plane(spec)?;
        }
        // clap requires nothing that another flag of the group keeps out.
        if self.output.is_none() && self.format.is_some() {
            anyhow::bail!("--format says how --output is written: use it with that");
        }
        self.events.check(self)?;
        if self.exec_mode.is_some() && self.exec.is_none() {
            anyhow::bail!("--exec-mode says how a command gets frames: use it with --exec");
        }
        match &self.output {
            Some(path) if self.format.is_none() && is_video_of_others(path) => anyhow::bail!(
                "framebus writes no {0}: give a --format, or let ffmpeg write it: framebus consume -o - --format y4m | ffmpeg -i - {0}",
                path.display()
            ),
            // Now, and not when the event comes.
            Some(path) if self.events.pre.is_some() && self.is_film() => {
                Ffmpeg::find(path)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Refuses what cannot be written of a plane.
    fn check_plane(&self, spec: &PlaneSpec) -> anyhow::Result<()> {
        if self.output.is_none() && self.exec.is_none() && !self.show {
            anyhow::bail!(
                "--plane is for images and video: use it with --output, --exec or --show"
            );
        }
        let is_image = [Image::GRAY8, Image::BGR8].contains(&spec.format);
        let raw = self
            .file_format()
            .is_none_or(|format| format.image() == Some(spec.format));
        if !is_image && (!raw || self.output.is_none()) {
            anyhow::bail!(
                "--plane {spec} is written as it is: give --output alone, or take gray or bgr for images and video"
            );
        }
        Ok(())
    }

    /// The format of the output, where a flag or its name says one.
    fn file_format(&self) -> Option<Format> {
        let path = self.output.as_ref()?;
        self.format.or_else(|| Format::of_file(path))
    }

    fn is_film(&self) -> bool {
        self.file_format().and_then(Format::container).is_some()
    }

    /// Whether frames are taken in order: a recording around an event has no use for the newest alone.
    fn in_order(&self) -> bool {
        self.every_frame || self.events.pre.is_some()
    }

    fn plane(&self) -> Plane {
        match &self.plane {
            Some(spec) if spec.format == Image::BGR8 => Plane::Bgr,
            _ if self.color => Plane::Bgr,
            _ => Plane::Gray,
        }
    }

    fn kind(&self) -> Kind {
        let plane = self.plane();
        if let Some(options) = self.seed.options() {
            return Kind::Seed(options, self.json);
        }
        if self.json {
            return Kind::Json(Target::Stdout);
        }
        if let Some(command) = &self.exec {
            return Kind::Exec(command.clone(), self.exec_mode.unwrap_or_default(), plane);
        }
        let Some(path) = &self.output else {
            return match log::has_plain_lines() {
                true => Kind::Stats,
                false => Kind::LoggedStats,
            };
        };
        let of_plane = self.plane.and_then(|spec| Format::of_image(spec.format));
        let format = self.file_format().or(of_plane).unwrap_or(Format::Raw);
        let target = Target::from(path.clone());
        // A device or a pipe has no place beside it for the times.
        let is_file = path.metadata().map_or(true, |metadata| metadata.is_file());
        match target {
            Target::File(path) if self.in_order() && format == Format::Y4m && is_file => {
                Kind::Recording(path, plane)
            }
            target => Kind::Frames(target, format, plane),
        }
    }

    /// Whether progress is shown: not by itself where it has nothing to say, or would stand between what others write.
    fn progress(&self) -> ShowProgress {
        let has_an_end = self.count.is_some() || self.duration.is_some();
        let to_stdout = self.json || self.output.as_deref() == Some(Path::new("-"));
        // A pipe has a reader, which may have the same terminal.
        let shares = self.exec.is_some() || to_stdout && !is_file(std::io::stdout());
        match self.progress {
            When::Auto if shares || !(has_an_end || self.output.is_some()) => ShowProgress::Never,
            when => when.into(),
        }
    }

    /// What holds, for whoever takes frames.
    fn consumption(&self) -> Consumption {
        Consumption {
            bus: self.bus.clone().unwrap_or_default(),
            index: self.index,
            trigger: self
                .trigger
                .map_or(TriggerKind::default(), TriggerKind::from),
            in_order: self.in_order(),
            name: self.name.clone(),
            plane: self.plane(),
            only: self.plane,
            max_fps: self.max_fps,
            work: self.work,
            // A filter counts what it lets through.
            count: self.count.filter(|_| !self.events.is_filter()),
            duration: self.duration,
            timeout: self.timeout,
            follow: self.follow,
            progress: self.progress(),
        }
    }
}

/// Takes frames until the stream, the count or the time ends.
///
/// # Errors
/// One sentence for a person.
pub fn main(args: &ConsumeArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let args = &args.over(config)?;
    args.check()?;
    let consumption = args.consumption();
    if args.show {
        return Err(Job::new(Task::Show(consumption)).hand_over("--show"));
    }
    let stop = Stop::on_signals()?;
    let kind = args.kind();
    let mut sink = args.events.open(kind, args.count, &stop)?;
    consumption.run(sink.as_mut(), &stop)
}
