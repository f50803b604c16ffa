//! From a source to a bus: wait, claim, fill, publish, renew.

use std::time::Duration;

use super::{FeedError, FeedOptions, Pacer};
use crate::bus::{Claim, ClaimedSlot, Filler, Goal, Producer, ProducerOptions, Room, SlowConsumer};
use crate::clock::{deadline_ns, monotonic_ns};
use crate::layout::Geometry;
use crate::source::{Arrival, Filled, FrameMeta, FrameSource, Progress, SourceInfo};
use crate::stop::Stop;

/// What a program has to say while [`feed`] runs. All but [`Feeder::options`] may stay as they are.
pub trait Feeder {
    /// Says what the bus is to be for frames such as these; asked again when they change, for what
    /// [`ProducerOptions::frames`] has.
    fn options(&mut self, source: &SourceInfo) -> ProducerOptions;

    /// The bus is there: consumers can attach.
    fn created(&mut self, _source: &SourceInfo, _producer: &Producer) {}

    /// The source has gone silent, and says why. Once, until it gives frames again.
    fn stalled(&mut self, _reason: &str) {}

    /// The source gives frames again.
    fn resumed(&mut self, _source: &SourceInfo) {}

    /// The bus was made anew: its frames had this size until now.
    fn renewed(&mut self, _old: Geometry, _producer: &Producer) {}

    /// Whether the consumers that have attached are all that the first frame waits for, by what they call themselves: asked
    /// whenever one comes or goes, where [`FeedOptions::consumers_within`] is set.
    fn enough(&mut self, _attached: &[String]) -> bool {
        true
    }

    /// The consumers that were waited for did not come in time: the loop ends.
    fn alone(&mut self) {}

    /// In lockstep, this consumer took too long: it is not waited for any more, until it attaches anew.
    fn left_out(&mut self, _consumer: &SlowConsumer) {}

    /// The first frame is asked for: nobody is waited for any more.
    fn begins(&mut self, _producer: &Producer) {}

    /// So many frames were published in all, and so far is the source, where it knows.
    fn advanced(&mut self, _frames: u64, _progress: Option<Progress>) {}

    /// The loop has gone round: after each frame, and at least once a second while there is none.
    fn turn(&mut self, _producer: &Producer) {}

    /// The last frame was published, and the bus is about to end.
    fn ending(&mut self) {}

    /// All went well to the end, and this many frames were published.
    fn ended(&mut self, _frames: u64, _producer: &Producer) {}
}

/// Publishes the frames of a source on a bus of their own until the source ends, the count or the time is reached, or
/// somebody asks to stop. Returns how many were published.
///
/// The bus is gone when this returns; the feeder is dropped after it.
///
/// # Errors
/// As [`Producer::create`] does; after that consumers are told that the producer has failed.
pub fn feed(
    source: impl FrameSource,
    mut feeder: impl Feeder,
    options: &FeedOptions,
    stop: &Stop,
) -> Result<u64, FeedError> {
    let info = source.info();
    let mut of_bus = feeder.options(&info);
    of_bus.lockstep = options.lockstep.is_some();
    of_bus.awaits = options.consumers_within.is_some();
    let producer = Producer::create(of_bus)?;
    feeder.created(&info, &producer);
    let mut pump = Pump {
        source,
        producer,
        filler: Filler::new(&info),
        feeder: &mut feeder,
        limit: options.lockstep,
        stop,
        stalled: false,
        lost: 0,
        shared_period_ns: options.shared_fps.map(|fps| (1e9 / fps) as u64),
        shared_due_ns: 0,
    };
    let result = pump.work(options);
    if result.is_err() {
        pump.producer.fail();
    }
    result
}

/// A producer at work.
struct Pump<'a, S, F> {
    source: S,
    producer: Producer,
    filler: Filler,
    feeder: &'a mut F,
    /// In lockstep, how long a consumer may take.
    limit: Option<Duration>,
    stop: &'a Stop,
    stalled: bool,
    /// What the source had lost when it was last asked.
    lost: u64,
    /// How long an image that all slots share may be as it is, and when it is due again.
    shared_period_ns: Option<u64>,
    shared_due_ns: u64,
}

/// How often a feeder has a turn while consumers are waited for.
const TURN_NS: u64 = 1_000_000_000;

impl<S: FrameSource, F: Feeder> Pump<'_, S, F> {
    fn work(&mut self, options: &FeedOptions) -> Result<u64, FeedError> {
        let stop = self.stop;
        if let Some(limit) = options.consumers_within {
            self.await_consumers(limit)?;
        }
        self.feeder.begins(&self.producer);
        let mut pacer = Pacer::new(options.fps);
        let end_ns = deadline_ns(options.duration);
        let mut frames = 0;
        while options.count.is_none_or(|count| frames < count)
            && end_ns.is_none_or(|end_ns| monotonic_ns() < end_ns)
        {
            if !self.wait_for_room(Goal::Slot, end_ns)? || pacer.wait_before(end_ns, stop) {
                break;
            }
            let arrival = self.source.wait(stop)?;
            let lost = self.source.lost();
            self.producer
                .count_source_dropped(lost.saturating_sub(self.lost));
            self.lost = lost;
            match arrival {
                Arrival::Frame(capture) => frames += u64::from(self.publish(capture)?),
                Arrival::Resized => self.renew()?,
                Arrival::Stalled(reason) => self.stall(&reason),
                Arrival::End | Arrival::Stopped => break,
            }
            self.feeder.advanced(frames, self.source.progress());
            self.feeder.turn(&self.producer);
            self.watch_names()?;
        }
        if !stop.is_set() {
            self.wait_for_room(Goal::AllTaken, None)?;
        }
        self.feeder.ending();
        self.producer.check()?;
        self.feeder.ended(frames, &self.producer);
        Ok(frames)
    }

    /// Writes a frame into a slot and publishes it; `false` when it was lost.
    fn publish(&mut self, capture: FrameMeta) -> Result<bool, FeedError> {
        if self.stalled {
            self.stalled = false;
            self.producer.set_stalled(false);
            self.feeder.resumed(&self.source.info());
        }
        let renew = self.shared_is_due(capture.capture_ns);
        self.filler.renew_shared(renew);
        let slot = match self.limit {
            None => self.producer.claim_or_starve()?,
            Some(_) => self.claim_slot_in_lockstep()?,
        };
        let Some(slot) = slot else {
            return Ok(false);
        };
        let mut claim = Claim::new(&mut self.producer, slot);
        let filled = match self.filler.fill(&mut self.source, &mut claim) {
            Ok(filled) => filled,
            Err(error) => {
                drop(claim);
                // What cannot be written into a segment that was cut short is not the source's fault.
                self.producer.check()?;
                return Err(error.into());
            }
        };
        if filled == Filled::Gray || !renew {
            claim.leave_bgr();
        }
        if filled == Filled::Unfinished {
            return Ok(false);
        }
        if filled == Filled::Damaged {
            drop(claim);
            // A frame of another size is not lost: the source keeps it until the bus has that size.
            if self.source.info().geometry == self.producer.options().geometry {
                self.producer.count_dropped();
            }
            return Ok(false);
        }
        claim.publish(capture);
        Ok(true)
    }

    /// The room that there was may be gone: somebody who is left out has leased the slot. `None` when somebody asks to stop.
    fn claim_slot_in_lockstep(&mut self) -> Result<Option<ClaimedSlot>, FeedError> {
        loop {
            let slot = self.producer.claim_slot()?;
            if slot.is_some() || !self.wait_for_room(Goal::Slot, None)? {
                return Ok(slot);
            }
        }
    }

    /// In lockstep, waits for the consumers; `false` when `end_ns` comes first, or somebody asks to stop.
    fn wait_for_room(&mut self, goal: Goal, end_ns: Option<u64>) -> Result<bool, FeedError> {
        let Some(limit) = self.limit else {
            return Ok(true);
        };
        loop {
            let turn_ns = monotonic_ns().saturating_add(TURN_NS);
            let until_ns = end_ns.map_or(turn_ns, |end_ns| end_ns.min(turn_ns));
            let producer = &mut self.producer;
            let room = producer.wait_for_room(goal, limit, until_ns, self.stop);
            match room.map_err(FeedError::Wait)? {
                Room::Ready => return Ok(true),
                Room::Stopped => return Ok(false),
                Room::LeftOut(consumer) => self.feeder.left_out(&consumer),
                Room::TimedOut => {
                    self.turn()?;
                    if end_ns.is_some_and(|end_ns| monotonic_ns() >= end_ns) {
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// Waits until the feeder has the consumers that it wants, or somebody asks to stop.
    fn await_consumers(&mut self, limit: Duration) -> Result<(), FeedError> {
        let end_ns = deadline_ns(Some(limit)).unwrap_or(u64::MAX);
        loop {
            let until_ns = monotonic_ns().saturating_add(TURN_NS).min(end_ns);
            let (producer, feeder) = (&self.producer, &mut *self.feeder);
            let enough = |names: &[String]| feeder.enough(names);
            let room = producer.wait_for_consumers(enough, until_ns, self.stop);
            match room.map_err(FeedError::Wait)? {
                Room::TimedOut if monotonic_ns() >= end_ns => {
                    let bus = self.producer.options().bus.clone();
                    self.feeder.alone();
                    return Err(FeedError::Alone { bus });
                }
                Room::TimedOut => self.turn()?,
                _ => return Ok(()),
            }
        }
    }

    /// What has to be done also while nothing is published.
    fn turn(&mut self) -> Result<(), FeedError> {
        self.producer.check()?;
        self.feeder.turn(&self.producer);
        self.watch_names()
    }

    /// Whether an image that all slots share is to be renewed with a frame.
    fn shared_is_due(&mut self, capture_ns: u64) -> bool {
        let Some(period_ns) = self.shared_period_ns else {
            return true;
        };
        let due = capture_ns >= self.shared_due_ns;
        if due {
            self.shared_due_ns = capture_ns.saturating_add(period_ns);
        }
        due
    }

    fn renew(&mut self) -> Result<(), FeedError> {
        let info = self.source.info();
        self.filler = Filler::new(&info);
        let options = self.feeder.options(&info);
        let old = self.producer.options().geometry;
        self.producer.renew(options.frames())?;
        self.feeder.renewed(old, &self.producer);
        Ok(())
    }

    fn stall(&mut self, reason: &str) {
        // It may become another one: what was unplugged is not there, then in use by somebody else.
        self.producer.set_stall_reason(reason);
        if !self.stalled {
            self.stalled = true;
            self.producer.set_stalled(true);
            self.feeder.stalled(reason);
        }
    }

    /// Also while the source gives no frames: the segment's name may be gone. Ends when the bus is another producer's now.
    fn watch_names(&mut self) -> Result<(), FeedError> {
        self.producer.keep_names();
        match self.producer.taken_by() {
            Some(pid) => Err(FeedError::TakenOver {
                bus: self.producer.options().bus.clone(),
                pid,
            }),
            None => Ok(()),
        }
    }
}
