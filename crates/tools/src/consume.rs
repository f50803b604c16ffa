//! A consumer at work: what it is to do, where its frames go, and the exit code of how it ended.

use std::process::ExitCode;
use std::time::Duration;

use framebus::bus::{
    AttachError, BusName, Consumer, ConsumerOptions, ConsumerStats, Frame, HandleError, IndexChoice,
};
use framebus::clock::monotonic_ns;
use framebus::layout::{PlaneSpec, TriggerKind};
use framebus::pump::{self, TakeEnd, TakeError, TakeOptions, Taker};
use framebus::source::Progress;
use framebus::stop::Stop;
use framebus::units::show_bytes;
use serde::{Deserialize, Serialize};

use crate::exit::{EXIT_NO, EXIT_NO_BUS, stopped};
use crate::progress::{Meter, ShowProgress};
use crate::sink::{FrameView, Plane, Sink, SinkError, StreamInfo, Summary};
use crate::text;

const SECOND: u64 = 1_000_000_000;

/// Which frames are taken, and for how long.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Consumption {
    /// The bus.
    #[serde(with = "text")]
    pub bus: BusName,
    /// The consumer index.
    pub index: IndexChoice,
    /// How a frame is waited for.
    pub trigger: TriggerKind,
    /// Whether frames are taken in order, as far as the bus keeps them.
    pub in_order: bool,
    /// What observers call it.
    pub name: String,
    /// Which image of each frame.
    pub plane: Plane,
    /// The one plane that is looked at, where it is not that in the frame's size.
    pub only: Option<PlaneSpec>,
    /// At most this many frames a second.
    pub max_fps: Option<f64>,
    /// How long each frame is held: a stand-in for processing.
    pub work: Option<Duration>,
    /// The end, after this many frames.
    pub count: Option<u64>,
    /// The end, after this time.
    pub duration: Option<Duration>,
    /// The end, when the bus is not there, or no frame comes, for this long.
    pub timeout: Option<Duration>,
    /// Whether a producer that is gone is waited for.
    pub follow: bool,
    /// Whether people see how far it is.
    pub progress: ShowProgress,
}

impl Consumption {
    /// Takes frames into a sink until something ends.
    ///
    /// # Errors
    /// One sentence for a person.
    pub fn run(&self, sink: &mut dyn Sink, stop: &Stop) -> anyhow::Result<ExitCode> {
        let mut taker = IntoSink {
            consumption: self,
            sink,
            begun: false,
            only: None,
            totals: Summary::default(),
            lost: Lost::default(),
            far: Far::new(self),
        };
        let options = TakeOptions::default()
            .count(self.count)
            .duration(self.duration)
            .timeout(self.timeout)
            .max_fps(self.max_fps)
            .hold(self.work)
            .follow(self.follow);
        let end = pump::take(&self.options(), &mut taker, &options, stop);
        taker.far.over();
        match end {
            Ok(end) => match taker.sink.finish(&taker.totals) {
                Ok(()) => Ok(self.code(end, stop)),
                Err(error) => taker.fail(error, stop),
            },
            Err(TakeError::Taker(error)) if taker.begun => taker.fail(error, stop),
            Err(error) => Err(error.into()),
        }
    }

    fn options(&self) -> ConsumerOptions {
        ConsumerOptions::new(self.bus.clone())
            .index(self.index)
            .trigger(self.trigger)
            .every_frame(self.in_order)
            .needs(self.only)
            .name(self.name.clone())
    }

    fn code(&self, end: TakeEnd, stop: &Stop) -> ExitCode {
        let bus = &self.bus;
        match end {
            TakeEnd::Stopped => stopped(stop),
            TakeEnd::Lost => {
                tracing::error!(
                    "the producer of bus {bus} was lost (use --follow to wait for the next one)"
                );
                ExitCode::from(EXIT_NO_BUS)
            }
            TakeEnd::Cut => ExitCode::from(EXIT_NO_BUS),
            TakeEnd::TimedOut => {
                tracing::error!("no frame came on bus {bus} within the --timeout");
                ExitCode::from(EXIT_NO)
            }
            _ => ExitCode::SUCCESS,
        }
    }
}

/// Gives a sink what is taken.
struct IntoSink<'a> {
    consumption: &'a Consumption,
    sink: &'a mut dyn Sink,
    /// Whether the sink knows of the stream that it is attached to.
    begun: bool,
    /// The number of the plane that is looked at.
    only: Option<usize>,
    totals: Summary,
    lost: Lost,
    far: Far,
}

/// How far a consumer is.
struct Far {
    /// Until it is over.
    meter: Option<Meter>,
    count: Option<u64>,
    duration: Option<Duration>,
    began_ns: u64,
    taken: u64,
    skipped: u64,
}

impl Far {
    fn new(consumption: &Consumption) -> Far {
        let mut meter = Meter::new(consumption.progress, None);
        meter.begin(0);
        Far {
            meter: Some(meter),
            count: consumption.count,
            duration: consumption.duration,
            began_ns: monotonic_ns(),
            taken: 0,
            skipped: 0,
        }
    }

    /// Shows it when it is time to; `bytes` were written.
    fn update(&mut self, bytes: u64) {
        let Some(meter) = &mut self.meter else {
            return;
        };
        if !meter.is_due() {
            return;
        }
        let frames = self.count.map(|of| Progress::Frames { at: self.taken, of });
        let time = self.duration.map(|of| {
            let at = Duration::from_nanos(monotonic_ns().saturating_sub(self.began_ns));
            Progress::Time { at: at.min(of), of }
        });
        let goals: Vec<Progress> = [frames, time].into_iter().flatten().collect();
        let mut more = vec![format!("{} frames", self.taken)];
        if bytes > 0 {
            more.push(show_bytes(bytes));
        }
        more.push(format!("{} skipped", self.skipped));
        meter.show(self.taken, &goals, &more);
    }

    /// What is still to be said is said without it.
    fn over(&mut self) {
        self.meter = None;
    }
}

/// Frames that the bus no longer had, said at most once a second.
#[derive(Default)]
struct Lost {
    frames: u64,
    gaps: u64,
    before: u64,
    in_all: u64,
    said_ns: u64,
}

impl Lost {
    fn add(&mut self, frames: u64, before: u64, now_ns: u64) {
        self.frames += frames;
        self.in_all += frames;
        self.gaps += 1;
        self.before = before;
        self.say(now_ns);
    }

    /// Says what was lost since the last time, unless that was just now.
    fn say(&mut self, now_ns: u64) {
        if now_ns.saturating_sub(self.said_ns) >= SECOND {
            self.said_ns = now_ns;
            self.say_now();
        }
    }

    fn say_now(&mut self) {
        let Lost {
            frames,
            before,
            in_all,
            ..
        } = self;
        let gaps = match self.gaps {
            0 => return,
            1 => String::new(),
            gaps => format!(" in {gaps} gaps"),
        };
        tracing::warn!(
            "{frames} frames before sequence {before} are lost{gaps} ({in_all} in all): the bus keeps too few (produce --history)"
        );
        (self.frames, self.gaps) = (0, 0);
    }
}

/// Attaching has looked for it; a producer may come back without it at any time.
fn missing(spec: &PlaneSpec) -> SinkError {
    SinkError::Unsuitable(format!("the bus goes on without plane {spec}"))
}

impl IntoSink<'_> {
    /// Ends after a sink's error; what was written before stays whole.
    fn fail(&mut self, error: SinkError, stop: &Stop) -> anyhow::Result<ExitCode> {
        match error {
            // Nobody reads any more: a quiet end.
            SinkError::Closed => Ok(ExitCode::SUCCESS),
            SinkError::Stopped => Ok(stopped(stop)),
            SinkError::Complete => {
                self.sink.finish(&self.totals)?;
                Ok(ExitCode::SUCCESS)
            }
            error => {
                let _ = self.sink.finish(&self.totals);
                Err(error.into())
            }
        }
    }

    fn begin(&mut self, consumer: &Consumer) -> Result<(), SinkError> {
        let stream = consumer.stream();
        let (geometry, planes) = match &self.consumption.only {
            Some(spec) => {
                let found = stream.planes.find(spec, stream.geometry);
                let (index, plane) = found.ok_or_else(|| missing(spec))?;
                self.only = Some(index);
                let size = plane.size().unwrap_or(stream.geometry);
                (size, stream.planes.only(index))
            }
            None => (stream.geometry, stream.planes),
        };
        self.sink.begin(&StreamInfo {
            bus: self.consumption.bus.to_string(),
            index: consumer.index(),
            geometry,
            nominal_fps: stream
                .nominal_fps
                .into_iter()
                .chain(self.consumption.max_fps)
                .reduce(f64::min),
            generation: stream.generation,
            epoch_ms: stream.epoch_ms,
            planes,
        })
    }
}

impl Taker for IntoSink<'_> {
    type Error = SinkError;

    fn waiting(&mut self, why: &AttachError) {
        tracing::info!("waiting: {why}");
    }

    fn attached(&mut self, consumer: &Consumer) -> Result<(), SinkError> {
        tracing::debug!("attached as consumer {}", consumer.index());
        self.begun = false;
        self.begin(consumer)?;
        self.begun = true;
        Ok(())
    }

    fn renewed(&mut self, consumer: &Consumer) -> Result<(), SinkError> {
        self.begin(consumer)
    }

    fn frame(&mut self, frame: &Frame<'_>) -> Result<(), SinkError> {
        let info = *frame.info();
        if self.consumption.in_order && info.skipped > 0 {
            self.lost.add(info.skipped, info.sequence, info.wake_ns);
        }
        self.far.taken += 1;
        self.far.skipped += info.skipped;
        let view = FrameView::of(frame);
        match self.only {
            Some(index) => self.sink.frame(&view.only(index)),
            None => self.sink.frame(&view),
        }
    }

    fn released(&mut self, now_ns: u64) {
        self.sink.released(now_ns);
        self.far.update(self.sink.bytes());
    }

    fn tick(&mut self, now_ns: u64) -> Result<(), SinkError> {
        self.lost.say(now_ns);
        self.far.update(self.sink.bytes());
        self.sink.tick(now_ns)
    }

    fn cut(&mut self, why: &HandleError) {
        tracing::error!("{why}");
    }

    fn detached(&mut self, stats: ConsumerStats) {
        self.lost.say_now();
        self.totals.taken += stats.taken;
        self.totals.skipped += stats.skipped;
    }

    fn following(&mut self) {
        tracing::info!("the producer is gone: waiting for it to come back");
    }
}
