//! `framebus consume`: take frames as one consumer of a bus.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use super::config::{Config, Trigger};
use super::units::{parse_duration, parse_fps};
use super::{EXIT_NO, EXIT_NO_BUS, choose_bus, deadline, parse_bus, stopped};
use crate::bus::{BusName, Consumer, ConsumerOptions, ConsumerStats, IndexChoice, Waited};
use crate::clock::monotonic_ns;
use crate::layout::TriggerKind;
use crate::sink::{self, Format, FrameView, Kind, Sink, SinkError, StreamInfo, Summary, Target};
use crate::source::Pacer;
use crate::stop::Stop;

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
    /// Print a line of statistics a second on stderr (the default)
    #[arg(long, group = "sink", help_heading = "What to do with frames (one of)")]
    pub stats: bool,
    /// Print a line of JSON a frame on stdout
    #[arg(long, group = "sink", help_heading = "What to do with frames (one of)")]
    pub json: bool,
    /// Write frames to a file, or to stdout (-); %06d in the name writes one file a frame
    #[arg(
        short,
        long,
        value_name = "FILE|-",
        group = "sink",
        help_heading = "What to do with frames (one of)"
    )]
    pub output: Option<PathBuf>,
    /// How frames are written [default: as the file's name says, else raw]
    #[arg(
        long,
        value_enum,
        requires = "output",
        help_heading = "What to do with frames (one of)"
    )]
    pub format: Option<Format>,
    /// Take every frame in order, as far as the bus keeps them (produce --history); gaps are reported
    #[arg(long)]
    pub every_frame: bool,
    /// Take at most this many frames a second
    #[arg(long, value_name = "FPS", value_parser = parse_fps)]
    pub max_fps: Option<f64>,
    /// Hold each frame for this long: a stand-in for processing
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
    /// Give up when the bus is not there, or no frame comes, for this long [default: never]
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
  framebus consume -i 1 -o 'frame-%06d.png' --max-fps 1 --follow";

fn parse_index(text: &str) -> Result<IndexChoice, String> {
    if text == "auto" {
        return Ok(IndexChoice::Any);
    }
    let index = text
        .parse()
        .map_err(|_| "give a number from 0 to 249, or auto".to_owned())?;
    if index >= crate::layout::MAX_CONSUMERS {
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

    fn kind(&self) -> Kind {
        if self.json {
            return Kind::Json(Target::Stdout);
        }
        match &self.output {
            Some(path) => {
                let format = self
                    .format
                    .or_else(|| Format::of_file(path))
                    .unwrap_or(Format::Raw);
                Kind::Frames(Target::from(path.clone()), format)
            }
            None => Kind::Stats,
        }
    }

    fn options(&self, resume_from: Option<u64>) -> ConsumerOptions {
        ConsumerOptions {
            index: self.index,
            trigger: self
                .trigger
                .map_or(TriggerKind::default(), TriggerKind::from),
            every_frame: self.every_frame,
            name: self.name.clone(),
            resume_from,
            ..ConsumerOptions::new(self.bus.clone().unwrap_or_default())
        }
    }
}

/// Takes frames until the stream, the count or the time ends.
///
/// # Errors
/// One sentence for a person.
pub fn main(args: &ConsumeArgs, config: &Config) -> anyhow::Result<ExitCode> {
    let args = &args.over(config)?;
    let stop = Stop::on_signals()?;
    let sink = sink::open(&args.kind(), &stop)?;
    let mut run = Run {
        args,
        sink,
        end_ns: deadline(args.duration),
        pacer: Pacer::new(args.max_fps),
        totals: Summary::default(),
        last_sequence: None,
        next_tick_ns: monotonic_ns() + SECOND,
        stop,
    };
    run.run()
}

const SECOND: u64 = 1_000_000_000;

/// Why a run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The count or the time is reached.
    Done,
    /// The producer ended.
    Ended,
    /// The producer died.
    Lost,
    /// No frame came in time.
    TimedOut,
    /// Somebody asked to stop.
    Stopped,
}

struct Run<'a> {
    args: &'a ConsumeArgs,
    sink: Box<dyn Sink + Send>,
    stop: Stop,
    end_ns: Option<u64>,
    pacer: Pacer,
    /// Of the attachments before this one.
    totals: Summary,
    last_sequence: Option<u64>,
    next_tick_ns: u64,
}

impl Run<'_> {
    fn run(&mut self) -> anyhow::Result<ExitCode> {
        let end = loop {
            let Some(mut consumer) = self.attach()? else {
                break End::Stopped;
            };
            let end = self.take(&mut consumer);
            let stats = consumer.stats();
            drop(consumer);
            self.totals.taken += stats.taken;
            self.totals.skipped += stats.skipped;
            self.last_sequence = Some(stats.last_sequence);
            match end {
                Ok(End::Ended | End::Lost) if self.args.follow => {
                    tracing::info!("the producer is gone: waiting for it to come back");
                }
                Ok(end) => break end,
                Err(error) => return self.fail(error),
            }
        };
        match self.sink.finish(&self.totals) {
            Ok(()) => {}
            Err(error) => return self.fail(error.into()),
        }
        let bus = self.args.bus.clone().unwrap_or_default();
        Ok(match end {
            End::Done | End::Ended => ExitCode::SUCCESS,
            End::Stopped => stopped(&self.stop),
            End::Lost => {
                tracing::error!(
                    "the producer of bus {bus} was lost (use --follow to wait for the next one)"
                );
                ExitCode::from(EXIT_NO_BUS)
            }
            End::TimedOut => {
                tracing::error!("no frame came on bus {bus} within the --timeout");
                ExitCode::from(EXIT_NO)
            }
        })
    }

    /// Ends after a sink's error; what was written before stays whole.
    fn fail(&mut self, error: anyhow::Error) -> anyhow::Result<ExitCode> {
        match error.downcast_ref() {
            // Nobody reads any more: a quiet end.
            Some(SinkError::Closed) => Ok(ExitCode::SUCCESS),
            Some(SinkError::Stopped) => Ok(stopped(&self.stop)),
            Some(_) => {
                let _ = self.sink.finish(&self.totals);
                Err(error)
            }
            None => Err(error),
        }
    }

    /// Attaches, waiting for the bus as long as it may take; `None` when somebody asked to stop meanwhile.
    fn attach(&mut self) -> anyhow::Result<Option<Consumer>> {
        let left = self
            .end_ns
            .map(|end_ns| Duration::from_nanos(end_ns.saturating_sub(monotonic_ns())));
        let timeout = [self.args.timeout, left].into_iter().flatten().min();
        let mut told = false;
        let attached = Consumer::attach(
            self.args.options(self.last_sequence),
            timeout,
            &self.stop,
            |why| {
                if !told {
                    told = true;
                    tracing::info!("waiting: {why}");
                }
            },
        );
        let consumer = match attached {
            Ok(consumer) => consumer,
            Err(crate::bus::AttachError::Stopped { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        tracing::debug!("attached as consumer {}", consumer.index());
        match self.begin(&consumer) {
            Ok(()) => Ok(Some(consumer)),
            Err(error) => Err(error.into()),
        }
    }

    fn begin(&mut self, consumer: &Consumer) -> Result<(), SinkError> {
        let stream = consumer.stream();
        self.sink.begin(&StreamInfo {
            bus: self.args.bus.clone().unwrap_or_default().to_string(),
            index: consumer.index(),
            geometry: stream.geometry,
            nominal_fps: stream
                .nominal_fps
                .into_iter()
                .chain(self.args.max_fps)
                .reduce(f64::min),
            generation: stream.generation,
            limited_range: stream.limited_range,
        })
    }

    /// Takes frames until something ends.
    fn take(&mut self, consumer: &mut Consumer) -> anyhow::Result<End> {
        let mut silent_ns = deadline(self.args.timeout);
        loop {
            let now = monotonic_ns();
            if self.is_done(consumer.stats(), now) {
                return Ok(End::Done);
            }
            if silent_ns.is_some_and(|silent_ns| now >= silent_ns) {
                return Ok(End::TimedOut);
            }
            if now >= self.next_tick_ns {
                self.sink.tick(now)?;
                self.next_tick_ns = (self.next_tick_ns + SECOND).max(now);
            }
            let until = [Some(self.next_tick_ns), silent_ns, self.end_ns]
                .into_iter()
                .flatten()
                .min()
                .unwrap_or(now);
            match consumer.wait(Some(Duration::from_nanos(until.saturating_sub(now))))? {
                Waited::Frame => {
                    let taken = self.take_one(consumer)?;
                    if !self.is_done(consumer.stats(), monotonic_ns())
                        && self.pacer.wait_before(self.end_ns, &self.stop)
                    {
                        return Ok(End::Stopped);
                    }
                    if taken {
                        // The rest that --max-fps asks for is not the producer's silence.
                        silent_ns = deadline(self.args.timeout);
                    }
                }
                Waited::Renewed => self.begin(consumer)?,
                Waited::TimedOut => {}
                Waited::Ended => return Ok(End::Ended),
                Waited::Lost => return Ok(End::Lost),
                Waited::Stopped => return Ok(End::Stopped),
            }
        }
    }

    fn is_done(&self, stats: ConsumerStats, now: u64) -> bool {
        let taken = self.totals.taken + stats.taken;
        self.args.count.is_some_and(|count| taken >= count)
            || self.end_ns.is_some_and(|end_ns| now >= end_ns)
    }

    /// Takes a frame; `false` when it was gone before it could be had.
    fn take_one(&mut self, consumer: &mut Consumer) -> Result<bool, SinkError> {
        let Some(frame) = consumer.acquire() else {
            return Ok(false);
        };
        let info = *frame.info();
        if self.args.every_frame && info.skipped > 0 {
            tracing::warn!(
                "{} frames before sequence {} are lost: the bus keeps too few (produce --history)",
                info.skipped,
                info.sequence
            );
        }
        self.sink.frame(&FrameView {
            sequence: info.sequence,
            slot: info.slot,
            capture_ns: info.capture_ns,
            publish_ns: info.publish_ns,
            wake_ns: info.wake_ns,
            wall_ns: info.wall_ns,
            source_frame: info.source_frame,
            skipped: info.skipped,
            geometry: frame.geometry(),
            gray: frame.gray(),
            bgr: frame.bgr(),
        })?;
        if let Some(work) = self.args.work {
            // The end and a request to stop cut it short; the loop sees it next.
            let until = [deadline(Some(work)), self.end_ns].into_iter().flatten();
            let _ = self.stop.sleep_until(until.min().unwrap_or(0));
        }
        drop(frame);
        self.sink.released(monotonic_ns());
        Ok(true)
    }
}
