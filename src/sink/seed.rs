//! Frames for unmodified programs of the published sample, and how they keep up.

use framebus_tools::stderr::Awaited;

use super::{FrameView, NdjsonSink, Sink, SinkError, StatsSink, StreamInfo, Summary};
use framebus::layout::{Format, Geometry};
use framebus::seed::{Counts, Seed, SeedError, SeedOptions};

/// Copies each frame into what the sample's programs map, and triggers them. What they are to find is there from the first stream
/// on, and gone at the end.
#[derive(Debug)]
pub struct SeedSink {
    options: SeedOptions,
    report: Report,
    shared: Option<(Geometry, Seed)>,
}

/// Where the numbers go.
#[derive(Debug)]
pub enum Report {
    /// A line a second.
    Stats(StatsSink<Awaited>),
    /// A line of JSON a frame.
    Json(NdjsonSink),
}

impl Report {
    fn sink(&mut self) -> &mut dyn Sink {
        match self {
            Report::Stats(sink) => sink,
            Report::Json(sink) => sink,
        }
    }

    fn tell(&mut self, counts: Counts) {
        match self {
            Report::Stats(sink) => sink.also(counts),
            Report::Json(sink) => sink.also(counts),
        }
    }
}

impl SeedSink {
    /// Shares frames as `options` says.
    #[must_use]
    pub fn new(options: SeedOptions, report: Report) -> SeedSink {
        SeedSink {
            options,
            report,
            shared: None,
        }
    }
}

impl Sink for SeedSink {
    fn begin(&mut self, stream: &StreamInfo) -> Result<(), SinkError> {
        let geometry = stream.geometry;
        match &self.shared {
            Some((begun, _)) if *begun != geometry => {
                return Err(SinkError::Unsuitable(format!(
                    "the frames of bus {} are now {geometry}, but programs have {} open for {begun}; start this again, and them",
                    stream.bus,
                    Seed::name(&self.options)
                )));
            }
            Some(_) => {}
            None => {
                let seed = Seed::create(&self.options, geometry).map_err(refused)?;
                self.shared = Some((geometry, seed));
            }
        }
        self.report.sink().begin(stream)
    }

    fn frame(&mut self, frame: &FrameView<'_>) -> Result<(), SinkError> {
        if let Some((_, seed)) = &mut self.shared {
            let (gray, bgr) = (frame.wanted(Format::GRAY8)?, frame.full(Format::BGR8));
            let put = seed.put(gray, bgr, frame.info.wake_ns);
            put.map_err(refused)?;
            self.report.tell(seed.counts());
        }
        self.report.sink().frame(frame)
    }

    fn released(&mut self, now_ns: u64) {
        self.report.sink().released(now_ns);
    }

    fn tick(&mut self, now_ns: u64) -> Result<(), SinkError> {
        if let Some((_, seed)) = &mut self.shared {
            seed.look().map_err(refused)?;
            self.report.tell(seed.counts());
        }
        self.report.sink().tick(now_ns)
    }

    fn finish(&mut self, summary: &Summary) -> Result<(), SinkError> {
        let counts = self.shared.take().map(|(_, seed)| seed.counts());
        if let (Report::Json(_), Some(counts)) = (&self.report, counts) {
            tracing::info!("seed: {counts}");
        }
        self.report.sink().finish(summary)
    }
}

fn refused(error: SeedError) -> SinkError {
    match error.is_permission() {
        true => SinkError::Denied(error.to_string()),
        false => SinkError::Unsuitable(error.to_string()),
    }
}
