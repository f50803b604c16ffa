//! What a consumer wants, and what it is told.

use super::BusName;
use super::attach::IndexChoice;
use crate::layout::{ColorRange, Format, Geometry, Plane, PlaneSpec, Planes, TriggerKind};

/// What a consumer wants: [`ConsumerOptions::new`], what is to be otherwise, then [`ConsumerOptions::attach`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ConsumerOptions {
    /// The bus.
    pub bus: BusName,
    /// The index.
    pub index: IndexChoice,
    /// How to wait.
    pub trigger: TriggerKind,
    /// Take every frame in order, as far as the slots reach back, instead of the newest.
    pub every_frame: bool,
    /// The planes without which it is of no use.
    pub needs: Vec<PlaneSpec>,
    /// What observers call it; at most 32 bytes are kept.
    pub name: String,
    /// What it is written in: `rs`, `c`, `cpp`, `py`, `cs`.
    pub language: String,
    /// Go on from this sequence, of an earlier attachment: what was published since counts as skipped.
    pub resume_from: Option<u64>,
    /// Do so only while sequences are counted since then ([`Stream::epoch_ms`]): after a clean end of the producer the same
    /// numbers are other frames.
    pub resume_epoch_ms: Option<u64>,
}

impl ConsumerOptions {
    /// The first free index of a bus, newest frames, woken by an eventfd.
    #[must_use]
    pub fn new(bus: BusName) -> ConsumerOptions {
        ConsumerOptions {
            bus,
            index: IndexChoice::Any,
            trigger: TriggerKind::default(),
            every_frame: false,
            needs: Vec::new(),
            name: String::new(),
            language: "rs".to_owned(),
            resume_from: None,
            resume_epoch_ms: None,
        }
    }

    /// Takes this index instead of the first that is free.
    #[must_use]
    pub fn index(mut self, index: impl Into<IndexChoice>) -> ConsumerOptions {
        self.index = index.into();
        self
    }

    /// Waits in another way.
    #[must_use]
    pub fn trigger(mut self, trigger: TriggerKind) -> ConsumerOptions {
        self.trigger = trigger;
        self
    }

    /// Takes every frame in order, as far as the slots reach back, instead of the newest.
    #[must_use]
    pub fn every_frame(mut self, every_frame: bool) -> ConsumerOptions {
        self.every_frame = every_frame;
        self
    }

    /// The planes without which it is of no use: formats (in the frames' own size), or what [`PlaneSpec::list`] reads. A bus
    /// that has them not, also one that goes on without them, is an error that says what it has.
    #[must_use]
    pub fn needs(
        mut self,
        needs: impl IntoIterator<Item = impl Into<PlaneSpec>>,
    ) -> ConsumerOptions {
        self.needs = needs.into_iter().map(Into::into).collect();
        self
    }

    /// What observers call it; at most 32 bytes are kept.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> ConsumerOptions {
        self.name = name.into();
        self
    }

    /// What it is written in: `rs`, `c`, `cpp`, `py`, `cs`.
    #[must_use]
    pub fn language(mut self, language: impl Into<String>) -> ConsumerOptions {
        self.language = language.into();
        self
    }

    /// Goes on from a sequence of an earlier attachment, as long as sequences are counted since then, where that is given.
    #[must_use]
    pub fn resume_from(
        mut self,
        sequence: impl Into<Option<u64>>,
        epoch_ms: impl Into<Option<u64>>,
    ) -> ConsumerOptions {
        self.resume_from = sequence.into();
        self.resume_epoch_ms = epoch_ms.into();
        self
    }
}

/// How a wait for a frame ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// There is a frame to acquire.
    Frame,
    /// The segment was replaced (another size, or other properties) and the consumer has followed: look at
    /// [`super::Consumer::stream`] again, then wait again.
    Renewed,
    /// The time is over.
    TimedOut,
    /// The producer ended; every frame has been taken or skipped.
    Ended,
    /// The producer died.
    Lost,
    /// Somebody asked to stop.
    Stopped,
}

/// What a consumer has done since it attached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerStats {
    /// Sequence that was the newest when it attached: `attach_sequence + taken + skipped + missing == last_sequence`.
    pub attach_sequence: u64,
    /// Frames taken.
    pub taken: u64,
    /// Frames that went by.
    pub skipped: u64,
    /// Numbers that no frame has; always 0 unless a publisher gives the numbers ([`super::Numbered`]).
    pub missing: u64,
    /// The newest frame it took; `attach_sequence` before the first.
    pub last_sequence: u64,
}

/// What the frames of a bus are.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Stream {
    /// Their size.
    pub geometry: Geometry,
    /// Frames a second that the source announces.
    pub nominal_fps: Option<f64>,
    /// Generation of the segment.
    pub generation: u64,
    /// Since when sequences are counted, ms since 1970 UTC: another one when they have begun at 1 again. 0 = not known.
    pub epoch_ms: u64,
    /// What images there are for every frame.
    pub planes: Planes,
}

impl Stream {
    /// Whether every frame has a BGR image in its own size.
    #[must_use]
    pub fn has_color(&self) -> bool {
        self.full(Format::BGR8).is_some()
    }

    /// Whether gray is luma from 16 to 235.
    #[must_use]
    pub fn has_limited_gray(&self) -> bool {
        self.full(Format::GRAY8)
            .is_some_and(|gray| gray.range == ColorRange::Limited)
    }

    /// The plane of a format that is in every slot in the frames' own size.
    #[must_use]
    pub fn full(&self, format: Format) -> Option<&Plane> {
        self.planes.full(format, self.geometry)
    }
}
