//! The producer: one a bus, never waiting for anybody.

use std::sync::Arc;

use super::HandleError;
use super::create::{announce, make_room, make_segment, replace_stale, take_lock};
use super::handle::check_home;
use super::lockstep::Lockstep;
use super::names::Names;
use super::numbers::{self, SequenceError};
use super::options::{CreateError, FrameOptions, ProducerOptions, ProducerStats};
pub(super) use super::producer_words::ProducerWords;
use crate::layout::{ClaimState, Layout, SegmentState, write_text};
use crate::lease::{Claimed, SlotBook};
use crate::redact::without_secrets;
use crate::shm::{AtHome, OwnedSegment, Pixels};
use crate::sync::Ordering::{Relaxed, Release};
use crate::sync::bump;
use crate::system::PipesDir;
use crate::trigger::TriggerServer;

/// A bus with its producer, which is this process.
///
/// Guarantees: nothing here waits for a consumer; a consumer that is killed, stopped or lies costs at most its own
/// frames. Dropped, it ends the stream (consumers see the end, not a loss) and leaves no name behind.
#[derive(Debug)]
pub struct Producer {
    pub(super) options: ProducerOptions,
    pub(super) generation: u64,
    pub(super) sequence: u64,
    /// Since when sequences have been counted.
    pub(super) epoch_ms: u64,
    /// Numbers up to it that no frame of this generation has.
    pub(super) missing: u64,
    pub(super) book: SlotBook,
    /// Whom it waits for, where it does.
    pub(super) lockstep: Option<Lockstep>,
    /// A slot that [`super::Claim::keep`] has left claimed.
    pub(super) kept: Option<Claimed>,
    /// What the debugging BGR image is to be numbered with a frame that leaves it as it is; `None` = with that frame.
    pub(super) bgr_stays: Option<u64>,
    /// Its number before the claim.
    pub(super) bgr_before: u64,
    /// Bytes of metadata of the frame that is being written.
    pub(super) meta_len: u32,
    /// Whether it ends by an error.
    failed: bool,
    pub(super) pixels: Pixels,
    pub(super) held: AtHome<Held>,
    /// Whether [`super::Claim::keep`] has been used: then addresses of slots are with somebody.
    pub(super) lent: bool,
    /// Replaced segments that such addresses may point into.
    pub(super) lent_segments: Vec<Arc<OwnedSegment>>,
    /// When a segment that could not be made again is tried again.
    pub(super) restore_after_ns: u64,
}

/// What a producer holds of the machine.
#[derive(Debug)]
pub(super) struct Held {
    // Dropped in this order: hang up, remove the segment, remove the pipes, free the lock.
    pub(super) server: TriggerServer,
    pub(super) segment: Arc<OwnedSegment>,
    pub(super) names: Arc<Names>,
}

impl Producer {
    /// Makes a bus, replacing what a dead producer left under its name.
    ///
    /// # Errors
    /// Fails when the bus has a producer, is another user's, or does not fit into shared memory.
    pub fn create(options: ProducerOptions) -> Result<Producer, CreateError> {
        let bus = options.bus.clone();
        make_room(&options)?;
        let lock = take_lock(&options)?;
        let count = replace_stale(&bus, &lock)?;
        let pipes = PipesDir::create(&bus, options.permissions())?;
        let pipes_path = pipes.path().display().to_string();
        let (segment, pixels) = make_segment(&options, count, &pipes_path)?;
        let names = Names::new(&options, lock, pipes);
        let server = TriggerServer::start(names.clone(), Arc::clone(&segment), options.listens())?;
        announce(&segment);
        let book = SlotBook::new(segment.regions().layout().slots);
        let lockstep = options.lockstep.then(|| Lockstep::new(options.consumers));
        Ok(Producer {
            lockstep,
            options,
            generation: count.generation,
            sequence: count.sequence,
            epoch_ms: count.epoch_ms,
            missing: 0,
            book,
            kept: None,
            bgr_stays: None,
            bgr_before: 0,
            meta_len: 0,
            failed: false,
            pixels,
            held: AtHome::new(Held {
                server,
                segment,
                names,
            }),
            lent: false,
            lent_segments: Vec::new(),
            restore_after_ns: 0,
        })
    }

    /// Goes on with frames of another size (or other properties): the segment is retired and a new generation takes its
    /// name. Consumers stay attached and follow; sequences go on. What the bus is stays: its name, how many consumers it has,
    /// and who may use it.
    ///
    /// # Errors
    /// Fails as [`Producer::create`] does; the bus is then lost, as after [`Producer::fail`].
    pub fn renew(&mut self, frames: FrameOptions) -> Result<(), CreateError> {
        self.check()?;
        let options = self.options.with_frames(frames);
        let names = Arc::clone(&self.held.names);
        let lock = names.lock();
        let pipes_path = names.pipes_dir().display().to_string();
        let header = self.held.segment.regions().header();
        // SYNC(state): whoever sees "retired" finds the old frames complete, and looks for the new segment.
        header.state.store(SegmentState::Retired as u32, Release);
        self.generation += 1;
        lock.remember(self.count());
        self.held.segment.unlink();
        let made = make_segment(&options, self.count(), &pipes_path);
        let (segment, pixels) = made.inspect_err(|_| self.failed = true)?;
        names.segment_is_back();
        self.options = options;
        self.go_on_with(segment, pixels);
        Ok(())
    }

    /// A forked child has a copy of all this, and no say in the bus.
    pub(super) fn is_here(&self) -> bool {
        self.held.home().is_here()
    }

    /// Whether it can still be used.
    ///
    /// # Errors
    /// Fails when its segment was cut short, or the process was forked from the one that made the bus.
    pub fn check(&self) -> Result<(), HandleError> {
        check_home(self.held.home(), "producer", &self.options.bus)?;
        if self.held.segment.is_cut() {
            return Err(HandleError::CutShort {
                bus: self.options.bus.clone(),
            });
        }
        Ok(())
    }

    /// Says that it ends by an error: what its consumers see is a producer that was lost, not a stream that came to its end.
    pub fn fail(&mut self) {
        self.failed = true;
    }

    /// Checks that the next frame can have this sequence.
    ///
    /// # Errors
    /// Fails as [`super::Claim::publish_as`] does.
    pub const fn check_sequence(&self, sequence: u64) -> Result<(), SequenceError> {
        numbers::check(sequence, self.sequence)
    }

    /// Counts a frame that came and could not be published.
    pub fn count_dropped(&mut self) {
        if !self.is_here() {
            return;
        }
        bump(&self.held.segment.regions().header().dropped, 1);
    }

    /// Counts frames that the source lost by itself, before anybody had them.
    pub fn count_source_dropped(&mut self, frames: u64) {
        if self.is_here() && frames > 0 {
            bump(&self.held.segment.regions().header().source_dropped, frames);
        }
    }

    /// Says what is captured, as a person calls it, while it goes on: what has changed about it, such as how late frames of a
    /// bridge come. The source of [`ProducerOptions`] is another generation's first word.
    pub fn set_source(&mut self, source: &str) {
        if self.is_here() {
            let header = self.held.segment.regions().header();
            write_text(&header.source, &without_secrets(source));
        }
    }

    /// Says why the source gives no frames, before [`Producer::set_stalled`] says that it gives none. While it gives none, the
    /// reason may become another one; who reads it in that moment may have parts of both.
    pub fn set_stall_reason(&mut self, reason: &str) {
        if self.is_here() {
            let header = self.held.segment.regions().header();
            // Anybody who may look at the bus reads it.
            write_text(&header.stall_reason, &without_secrets(reason));
        }
    }

    /// Says whether the source gives frames; consumers and observers see it.
    pub fn set_stalled(&mut self, stalled: bool) {
        if !self.is_here() {
            return;
        }
        let state = if stalled {
            SegmentState::Stalled
        } else {
            SegmentState::Running
        };
        // SYNC(state): whoever sees "stalled" finds the reason that was set.
        self.held
            .segment
            .regions()
            .header()
            .state
            .store(state as u32, Release);
    }

    /// What has been done so far.
    #[must_use]
    pub fn stats(&self) -> ProducerStats {
        let header = self.held.segment.regions().header();
        ProducerStats {
            sequence: self.sequence,
            published: header.published.load(Relaxed),
            dropped: header.dropped.load(Relaxed),
            starved: header.starved.load(Relaxed),
            source_dropped: header.source_dropped.load(Relaxed),
        }
    }

    /// What the bus is.
    #[must_use]
    pub fn options(&self) -> &ProducerOptions {
        &self.options
    }

    /// Where the regions of the segment are.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        self.held.segment.regions().layout()
    }

    /// How many consumers are connected. Read from the claim records: the control thread's lock is not waited for.
    #[must_use]
    pub fn connected(&self) -> usize {
        let regions = self.held.segment.regions();
        (0..regions.layout().consumers)
            .map(|index| ClaimState::from_word(regions.claim(index).state.load(Relaxed)))
            .filter(|state| *state == ClaimState::Connected)
            .count()
    }

    /// The generation of the segment.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Bytes of the segment.
    #[must_use]
    pub fn segment_len(&self) -> u64 {
        self.layout().segment_len
    }

    /// The directory of the named pipes.
    #[must_use]
    pub fn pipes_dir(&self) -> std::path::PathBuf {
        self.held.names.pipes_dir()
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // Where it has failed, its consumers take their hang-up for what it is: their producer was lost.
        if self.failed || !self.is_here() {
            return;
        }
        // SYNC(state): whoever sees "ended" finds the last frame published.
        self.held
            .segment
            .regions()
            .header()
            .state
            .store(SegmentState::Ended as u32, Release);
    }
}
