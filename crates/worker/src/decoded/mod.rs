//! Files and streams, decoded by FFmpeg in a process of its own.
//!
//! FFmpeg reads what strangers send, and has crashed on it. A decoder that crashes is a stall and one sentence; another one
//! is started, and the bus with its consumers stays.

mod child;
mod frames;
mod patience;
mod start;
mod timing;
mod units;
mod words;

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::time::Duration;

use framebus::clock::monotonic_ns;
use framebus::layout::Geometry;
use framebus::source::{Arrival, FrameMeta, SourceError, SourceSpec};
use framebus::stop::{Stop, Waited};
use framebus_decoder::wire::{Picture, Report};

use crate::check;
use crate::options::OpenOptions;
use child::Decoder;
use framebus_tools::backoff::Backoff;
use patience::Patience;
use start::opening;
use timing::Timing;
use units::after;

/// How often a file may crash the decoder without a frame in between.
const CRASHES: u32 = 3;
/// How much of a file is left out after a second crash at one place, and more after a third.
const STEP_NS: i64 = 500_000_000;
/// How long a signal may take to arrive that has ended the decoder, too.
const SIGNALS: Duration = Duration::from_millis(50);

/// A file or a stream.
///
/// - A file plays at the times of its frames, unless the producer paces it ([`OpenOptions::timed`]).
/// - A frame that is damaged is announced and not filled, so that the producer counts it.
/// - A stream that is silent or gone is [`Arrival::Stalled`]: each further `wait` sleeps (250 ms, doubling up to 5 s) and
///   opens it again. How long it may be silent follows the rate that it had.
pub struct DecodedSource {
    spec: SourceSpec,
    options: OpenOptions,
    /// A file whose name is not UTF-8: FFmpeg's binding knows no such names, and is given its descriptor.
    unnamed: Option<File>,
    decoder: Option<Decoder>,
    geometry: Geometry,
    fps: Option<f64>,
    finite: bool,
    /// The part of a file that is played, in times of its frames.
    played_ns: Option<(i64, i64)>,
    /// Damaged pictures in front of the first whole one: they are counted once there is a bus.
    early: VecDeque<Picture>,
    /// A picture whose size has been announced, or that opened the source: the next `wait` announces it.
    held: Option<Picture>,
    announced: Option<Picture>,
    resized: bool,
    timing: Timing,
    patience: Patience,
    backoff: Backoff,
    opened: bool,
    /// Whether this connection has sent a frame.
    flows: bool,
    crashes: u32,
    last_time_ns: Option<i64>,
    /// What a decoder that is started now counts from.
    next_number: u64,
    frames: u64,
    /// When BGR was last asked for.
    bgr_ns: u64,
}

/// What the decoder had to say, or why nothing came.
enum Heard {
    Report(Report),
    Nothing,
    Gone,
    Stopped,
}

impl DecodedSource {
    /// Opens a file or a stream and waits for its first frame; `None` when somebody asks to stop meanwhile.
    ///
    /// # Errors
    /// One sentence that says what failed, on which source, why, and what to do.
    pub fn open(
        spec: &SourceSpec,
        options: &OpenOptions,
        stop: &Stop,
    ) -> Result<Option<DecodedSource>, SourceError> {
        let mut unnamed = None;
        if let SourceSpec::File(path) = spec {
            check::file(path)?;
            if path.to_str().is_none() {
                let opened = File::open(path).map_err(|error| check::cannot_read(path, &error))?;
                unnamed = Some(opened);
            }
        }
        let mut source = DecodedSource {
            spec: spec.clone(),
            options: options.clone(),
            unnamed,
            decoder: None,
            // Until the first picture says better.
            geometry: Geometry {
                width: 1,
                height: 1,
            },
            fps: None,
            finite: !matches!(spec, SourceSpec::Url(_)),
            played_ns: None,
            early: VecDeque::new(),
            held: None,
            announced: None,
            resized: false,
            timing: Timing::default(),
            patience: Patience::new(opening(options), options.read_timeout),
            backoff: Backoff::new(),
            opened: false,
            flows: false,
            crashes: 0,
            last_time_ns: None,
            next_number: 0,
            frames: 0,
            bgr_ns: 0,
        };
        source.start()?;
        let first = source.first(stop)?;
        Ok(first.then_some(source))
    }

    /// Waits for the first whole picture: it has the size. `false` when somebody asks to stop.
    fn first(&mut self, stop: &Stop) -> Result<bool, SourceError> {
        let end_ns = after(opening(&self.options));
        loop {
            let left = Duration::from_nanos(end_ns.saturating_sub(monotonic_ns()));
            match self.hear(stop, left)? {
                Heard::Stopped => return Ok(false),
                Heard::Nothing => {
                    return Err(words::silent(&self.spec, &self.options, self.opened));
                }
                Heard::Gone => {
                    if let Some(crash) = self.crashed(stop)? {
                        self.start()?;
                        tracing::warn!("{crash}");
                    } else {
                        return Ok(false);
                    }
                }
                Heard::Report(Report::Picture(picture)) if picture.damaged => {
                    self.early.push_back(picture);
                }
                Heard::Report(Report::Picture(picture)) => {
                    self.geometry = self.size(&picture)?;
                    self.held = Some(picture);
                    return Ok(true);
                }
                Heard::Report(opened @ Report::Opened { .. }) => self.is_open(&opened),
                Heard::Report(Report::Again) => {}
                Heard::Report(Report::End) => {
                    return Err(words::no_frame(&self.spec, &self.options));
                }
                Heard::Report(Report::Failed { why, text }) => {
                    return Err(words::failed(&self.spec, &self.options, why, &text));
                }
            }
        }
    }

    fn hear(&self, stop: &Stop, patience: Duration) -> Result<Heard, SourceError> {
        let Some(decoder) = &self.decoder else {
            return Ok(Heard::Gone);
        };
        match stop.wait_readable(decoder.as_fd(), Some(patience)) {
            Ok(Waited::Ready) => Ok(decoder.hear().map_or(Heard::Gone, Heard::Report)),
            Ok(Waited::TimedOut) => Ok(Heard::Nothing),
            Ok(Waited::Stopped) => Ok(Heard::Stopped),
            Err(error) => Err(SourceError::Unusable(format!(
                "{} cannot be waited for: {error}",
                self.spec
            ))),
        }
    }

    /// Says that the decoder has crashed; `None` when it went because everybody is asked to stop.
    fn crashed(&mut self, stop: &Stop) -> Result<Option<String>, SourceError> {
        let how = self.decoder.take().map(Decoder::how_it_ended);
        if stop.sleep(SIGNALS) {
            return Ok(None);
        }
        self.crashes += 1;
        let how = how.unwrap_or_default();
        if self.finite && self.crashes > CRASHES {
            return Err(SourceError::Damaged(format!(
                "{} cannot be decoded: FFmpeg has crashed on it {CRASHES} times without a frame ({how}); look at it with \
                 `ffprobe`",
                self.spec
            )));
        }
        Ok(Some(format!(
            "the decoder of {} has crashed ({how}) and is started again",
            self.spec
        )))
    }

    fn size(&self, picture: &Picture) -> Result<Geometry, SourceError> {
        Geometry::new(picture.width, picture.height).ok_or_else(|| {
            SourceError::Unusable(format!(
                "{} has frames larger than a bus can carry (32768 a side)",
                self.spec
            ))
        })
    }

    /// Loses the source for now.
    fn lose(&mut self, why: String) -> Arrival {
        self.decoder = None;
        Arrival::Stalled(why)
    }

    fn next(&mut self, stop: &Stop) -> Result<Arrival, SourceError> {
        if std::mem::take(&mut self.resized) {
            return Ok(Arrival::Resized);
        }
        if let Some(picture) = self.early.pop_front().or_else(|| self.held.take()) {
            return self.announce(picture, stop);
        }
        if self.decoder.is_none() {
            if stop.sleep(self.backoff.delay()) {
                return Ok(Arrival::Stopped);
            }
            self.start()?;
        }
        loop {
            match self.hear(stop, self.patience.limit())? {
                Heard::Stopped => return Ok(Arrival::Stopped),
                // A disk may be slow, and a file does not go away.
                Heard::Nothing if self.finite => {
                    return Ok(Arrival::Stalled(format!("{} cannot be read on", self.spec)));
                }
                Heard::Nothing => {
                    self.patience.lost();
                    return Ok(self.lose(format!("{} sends no frames any more", self.spec)));
                }
                Heard::Gone => {
                    return Ok(match self.crashed(stop)? {
                        Some(why) => self.lose(why),
                        None => Arrival::Stopped,
                    });
                }
                Heard::Report(Report::Picture(picture)) => return self.arrived(picture, stop),
                Heard::Report(opened @ Report::Opened { .. }) => self.is_open(&opened),
                Heard::Report(Report::Again) => self.timing.start_again(),
                Heard::Report(Report::End) if self.finite => return Ok(Arrival::End),
                Heard::Report(Report::End) => {
                    let why = format!("{} has ended or closed the connection", self.spec);
                    return Ok(self.lose(why));
                }
                Heard::Report(Report::Failed { why, text }) => {
                    // One that has sent frames is not asked why it stops: that would be one visitor more.
                    if self.flows && !self.finite {
                        let why = format!("{} has closed the connection ({text})", self.spec);
                        return Ok(self.lose(why));
                    }
                    let error = words::failed(&self.spec, &self.options, why, &text);
                    if self.finite {
                        return Err(error);
                    }
                    return Ok(self.lose(error.to_string()));
                }
            }
        }
    }

    fn arrived(&mut self, picture: Picture, stop: &Stop) -> Result<Arrival, SourceError> {
        if !picture.damaged {
            self.patience.frame(picture.capture_ns);
            self.backoff.reset();
            self.crashes = 0;
            let geometry = self.size(&picture)?;
            if geometry != self.geometry {
                self.geometry = geometry;
                self.held = Some(picture);
                return Ok(Arrival::Resized);
            }
        }
        self.announce(picture, stop)
    }

    fn announce(&mut self, picture: Picture, stop: &Stop) -> Result<Arrival, SourceError> {
        self.flows = true;
        self.last_time_ns = picture.time_ns.or(self.last_time_ns);
        let mut capture = FrameMeta {
            capture_ns: picture.capture_ns,
            wall_ns: picture.wall_ns,
            // A stream is counted on when it comes back.
            source_frame: if self.finite {
                picture.number
            } else {
                self.frames
            },
        };
        self.frames += 1;
        self.next_number = picture.number + 1;
        self.announced = Some(picture);
        if self.finite {
            let due = self.options.timed.then_some(picture.time_ns).flatten();
            match self.timing.wait(due, self.fps, stop) {
                Some((capture_ns, wall_ns)) => {
                    capture.capture_ns = capture_ns;
                    capture.wall_ns = wall_ns;
                }
                None => return Ok(Arrival::Stopped),
            }
        }
        Ok(Arrival::Frame(capture))
    }
}

impl fmt::Debug for DecodedSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecodedSource")
            .field("spec", &self.spec)
            .field("geometry", &self.geometry)
            .finish_non_exhaustive()
    }
}
