//! From a bus to whoever takes its frames: attach, wait, take, release, and what comes after the producer.

use std::time::Duration;

use super::{Pacer, TakeEnd, TakeError, TakeOptions};
use crate::bus::{
    AttachError, Consumer, ConsumerOptions, ConsumerStats, Frame, HandleError, Waited,
};
use crate::clock::{deadline_ns, monotonic_ns};
use crate::stop::Stop;

const SECOND: u64 = 1_000_000_000;

/// What a program does with the frames that [`take`] takes.
pub trait Taker {
    /// Why it cannot go on.
    type Error: std::error::Error + 'static;

    /// The bus is not there yet, and why; told once an attachment.
    fn waiting(&mut self, _why: &AttachError) {}

    /// It has attached: [`Consumer::stream`] says what frames will be.
    ///
    /// # Errors
    /// An error ends the loop.
    fn attached(&mut self, consumer: &Consumer) -> Result<(), Self::Error>;

    /// The stream has changed, such as its size; unless it says otherwise, as attaching does.
    ///
    /// # Errors
    /// An error ends the loop.
    fn renewed(&mut self, consumer: &Consumer) -> Result<(), Self::Error> {
        self.attached(consumer)
    }

    /// Takes one frame, whose pixels do not change meanwhile.
    ///
    /// # Errors
    /// An error ends the loop.
    fn frame(&mut self, frame: &Frame<'_>) -> Result<(), Self::Error>;

    /// The lease of that frame was released, at this time (monotonic).
    fn released(&mut self, _now_ns: u64) {}

    /// About once a second, with frames and without.
    ///
    /// # Errors
    /// An error ends the loop.
    fn tick(&mut self, _now_ns: u64) -> Result<(), Self::Error> {
        Ok(())
    }

    /// The segment was cut short: the frames that were taken last may be no frames.
    fn cut(&mut self, _why: &HandleError) {}

    /// It has detached, having done this since it attached.
    fn detached(&mut self, _stats: ConsumerStats) {}

    /// The producer is gone, and is waited for ([`TakeOptions::follow`]).
    fn following(&mut self) {}
}

/// Takes the frames of a bus until the count or the time is reached, the producer is gone, no frame comes in time, or
/// somebody asks to stop.
///
/// # Errors
/// The first error of the taker; that the bus cannot be attached to; that the system does not let it wait.
pub fn take<T: Taker>(
    consumer: &ConsumerOptions,
    taker: &mut T,
    options: &TakeOptions,
    stop: &Stop,
) -> Result<TakeEnd, TakeError<T::Error>> {
    let pump = Pump {
        consumer,
        taker,
        options,
        stop,
        end_ns: deadline_ns(options.duration),
        pacer: Pacer::new(options.max_fps),
        taken: 0,
        last: None,
        next_tick_ns: monotonic_ns() + SECOND,
    };
    pump.run()
}

/// A consumer at work.
struct Pump<'a, T> {
    consumer: &'a ConsumerOptions,
    taker: &'a mut T,
    options: &'a TakeOptions,
    stop: &'a Stop,
    end_ns: Option<u64>,
    pacer: Pacer,
    /// By the attachments before this one.
    taken: u64,
    /// The epoch and the sequence that the one before came to.
    last: Option<(u64, u64)>,
    next_tick_ns: u64,
}

impl<T: Taker> Pump<'_, T> {
    fn run(mut self) -> Result<TakeEnd, TakeError<T::Error>> {
        loop {
            let Some(mut consumer) = self.attach()? else {
                return Ok(TakeEnd::Stopped);
            };
            let end = self.take(&mut consumer);
            let (stats, epoch_ms) = (consumer.stats(), consumer.stream().epoch_ms);
            drop(consumer);
            self.taken += stats.taken;
            self.last = Some((epoch_ms, stats.last_sequence));
            self.taker.detached(stats);
            match end? {
                TakeEnd::Ended | TakeEnd::Lost | TakeEnd::Cut if self.options.follow => {
                    self.taker.following();
                }
                end => return Ok(end),
            }
        }
    }

    /// Attaches, waiting for the bus as long as it may take; `None` when somebody asked to stop meanwhile.
    fn attach(&mut self) -> Result<Option<Consumer>, TakeError<T::Error>> {
        let left = self
            .end_ns
            .map(|end_ns| Duration::from_nanos(end_ns.saturating_sub(monotonic_ns())));
        let timeout = [self.options.timeout, left].into_iter().flatten().min();
        let mut options = self.consumer.clone();
        if let Some((epoch_ms, sequence)) = self.last {
            options = options.resume_from(sequence, epoch_ms);
        }
        let mut told = false;
        let attached = Consumer::attach(options, timeout, self.stop, |why| {
            if !told {
                told = true;
                self.taker.waiting(why);
            }
        });
        match attached {
            Ok(consumer) => match self.taker.attached(&consumer) {
                Ok(()) => Ok(Some(consumer)),
                Err(error) => Err(TakeError::Taker(error)),
            },
            Err(AttachError::Stopped { .. }) => Ok(None),
            Err(error) => Err(TakeError::Attach(error)),
        }
    }

    /// Takes frames until something ends. A segment that was cut short comes before all else: it makes the taker fail, and
    /// the frames that were taken last may be no frames.
    fn take(&mut self, consumer: &mut Consumer) -> Result<TakeEnd, TakeError<T::Error>> {
        let end = self.take_frames(consumer);
        match consumer.check() {
            Ok(()) => end,
            Err(why) => {
                self.taker.cut(&why);
                Ok(TakeEnd::Cut)
            }
        }
    }

    fn take_frames(&mut self, consumer: &mut Consumer) -> Result<TakeEnd, TakeError<T::Error>> {
        let mut silent_ns = deadline_ns(self.options.timeout);
        loop {
            let now = monotonic_ns();
            if self.is_done(consumer.stats(), now) {
                return Ok(TakeEnd::Done);
            }
            if silent_ns.is_some_and(|silent_ns| now >= silent_ns) {
                return Ok(TakeEnd::TimedOut);
            }
            if now >= self.next_tick_ns {
                self.taker.tick(now).map_err(TakeError::Taker)?;
                self.next_tick_ns = (self.next_tick_ns + SECOND).max(now);
            }
            let until = [Some(self.next_tick_ns), silent_ns, self.end_ns]
                .into_iter()
                .flatten()
                .min()
                .unwrap_or(now);
            let left = Duration::from_nanos(until.saturating_sub(now));
            match consumer.wait(Some(left)).map_err(TakeError::Wait)? {
                Waited::Frame => {
                    // Before the frame is taken: it is then the newest, and the first one begins the grid.
                    if self.pacer.wait_before(self.end_ns, self.stop) {
                        return Ok(self.after_rest());
                    }
                    self.take_one(consumer).map_err(TakeError::Taker)?;
                    // The rest that a pace asks for is not the producer's silence.
                    silent_ns = deadline_ns(self.options.timeout);
                }
                Waited::Renewed => self.taker.renewed(consumer).map_err(TakeError::Taker)?,
                Waited::TimedOut => {}
                Waited::Ended => return Ok(TakeEnd::Ended),
                Waited::Lost => return Ok(TakeEnd::Lost),
                Waited::Stopped => return Ok(TakeEnd::Stopped),
            }
        }
    }

    /// Why a rest ended early: somebody asked to stop, or the time is over.
    fn after_rest(&self) -> TakeEnd {
        match self.stop.is_set() {
            true => TakeEnd::Stopped,
            false => TakeEnd::Done,
        }
    }

    fn is_done(&self, stats: ConsumerStats, now: u64) -> bool {
        let taken = self.taken + stats.taken;
        self.options.count.is_some_and(|count| taken >= count)
            || self.end_ns.is_some_and(|end_ns| now >= end_ns)
    }

    /// Takes a frame, unless it was gone before it could be had.
    fn take_one(&mut self, consumer: &mut Consumer) -> Result<(), T::Error> {
        let Some(frame) = consumer.acquire() else {
            return Ok(());
        };
        self.taker.frame(&frame)?;
        if self.options.hold.is_some() {
            // The end and a request to stop cut it short; the loop sees it next.
            let until = [deadline_ns(self.options.hold), self.end_ns];
            let _ = self
                .stop
                .sleep_until(until.into_iter().flatten().min().unwrap_or(0));
        }
        drop(frame);
        self.taker.released(monotonic_ns());
        Ok(())
    }
}
