//! A consumer at work: attach, wait, take, release, and what comes after the producer.

use std::process::ExitCode;
use std::time::Duration;

use super::super::{EXIT_NO, EXIT_NO_BUS, deadline, stopped};
use super::ConsumeArgs;
use crate::sink::{FrameView, Sink, SinkError, StreamInfo, Summary};
use crate::source::Pacer;
use framebus::bus::{Consumer, ConsumerStats, Waited};
use framebus::clock::monotonic_ns;
use framebus::stop::Stop;

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
    /// Somebody has cut the segment short, which has been said.
    Cut,
    /// No frame came in time.
    TimedOut,
    /// Somebody asked to stop.
    Stopped,
}

/// A consumer at work.
pub(super) struct Run<'a> {
    args: &'a ConsumeArgs,
    sink: Box<dyn Sink + Send>,
    stop: Stop,
    end_ns: Option<u64>,
    pacer: Pacer,
    /// Of the attachments before this one.
    totals: Summary,
    /// Its epoch and sequence.
    last: Option<(u64, u64)>,
    next_tick_ns: u64,
}

impl<'a> Run<'a> {
    pub(super) fn new(args: &'a ConsumeArgs, sink: Box<dyn Sink + Send>, stop: Stop) -> Run<'a> {
        Run {
            args,
            sink,
            end_ns: deadline(args.duration),
            pacer: Pacer::new(args.max_fps),
            totals: Summary::default(),
            last: None,
            next_tick_ns: monotonic_ns() + SECOND,
            stop,
        }
    }

    pub(super) fn run(mut self) -> anyhow::Result<ExitCode> {
        let end = loop {
            let Some(mut consumer) = self.attach()? else {
                break End::Stopped;
            };
            let end = self.take(&mut consumer);
            let (stats, epoch_ms) = (consumer.stats(), consumer.stream().epoch_ms);
            drop(consumer);
            self.totals.taken += stats.taken;
            self.totals.skipped += stats.skipped;
            self.last = Some((epoch_ms, stats.last_sequence));
            match end {
                Ok(End::Ended | End::Lost | End::Cut) if self.args.follow => {
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
            End::Cut => ExitCode::from(EXIT_NO_BUS),
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
            Some(SinkError::Complete) => {
                self.sink.finish(&self.totals)?;
                Ok(ExitCode::SUCCESS)
            }
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
        let attached = Consumer::attach(self.args.options(self.last), timeout, &self.stop, |why| {
            if !told {
                told = true;
                tracing::info!("waiting: {why}");
            }
        });
        let consumer = match attached {
            Ok(consumer) => consumer,
            Err(framebus::bus::AttachError::Stopped { .. }) => return Ok(None),
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
            epoch_ms: stream.epoch_ms,
            planes: stream.planes,
        })
    }

    /// Takes frames until something ends. A segment that was cut short comes before all else: it makes writing fail, and
    /// the frames that were taken last may be no frames.
    fn take(&mut self, consumer: &mut Consumer) -> anyhow::Result<End> {
        let end = self.take_frames(consumer);
        match consumer.check() {
            Ok(()) => end,
            Err(cut) => {
                tracing::error!("{cut}");
                Ok(End::Cut)
            }
        }
    }

    fn take_frames(&mut self, consumer: &mut Consumer) -> anyhow::Result<End> {
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
                    // Before the frame is taken: it is then the newest, and the first one begins the grid.
                    if self.pacer.wait_before(self.end_ns, &self.stop) {
                        return Ok(self.after_rest());
                    }
                    self.take_one(consumer)?;
                    // The rest that --max-fps asks for is not the producer's silence.
                    silent_ns = deadline(self.args.timeout);
                }
                Waited::Renewed => self.begin(consumer)?,
                Waited::TimedOut => {}
                Waited::Ended => return Ok(End::Ended),
                Waited::Lost => return Ok(End::Lost),
                Waited::Stopped => return Ok(End::Stopped),
            }
        }
    }

    /// Why a rest ended early: somebody asked to stop, or the time is over.
    fn after_rest(&self) -> End {
        match self.stop.is_set() {
            true => End::Stopped,
            false => End::Done,
        }
    }

    fn is_done(&self, stats: ConsumerStats, now: u64) -> bool {
        let taken = self.totals.taken + stats.taken;
        self.args.count.is_some_and(|count| taken >= count)
            || self.end_ns.is_some_and(|end_ns| now >= end_ns)
    }

    /// Takes a frame, unless it was gone before it could be had.
    fn take_one(&mut self, consumer: &mut Consumer) -> Result<(), SinkError> {
        let Some(frame) = consumer.acquire() else {
            return Ok(());
        };
        let info = *frame.info();
        if self.args.in_order() && info.skipped > 0 {
            tracing::warn!(
                "{} frames before sequence {} are lost: the bus keeps too few (produce --history)",
                info.skipped,
                info.sequence
            );
        }
        self.sink.frame(&FrameView::of(&frame))?;
        if let Some(work) = self.args.work {
            // The end and a request to stop cut it short; the loop sees it next.
            let until = [deadline(Some(work)), self.end_ns].into_iter().flatten();
            let _ = self.stop.sleep_until(until.min().unwrap_or(0));
        }
        drop(frame);
        self.sink.released(monotonic_ns());
        Ok(())
    }
}
