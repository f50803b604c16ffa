//! What takes a consumer's frames, and what it is told of them.

use std::io;

use framebus::bus::FrameInfo;
use framebus::layout::Geometry;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The stream that frames belong to: from attaching until the size or the producer changes.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamInfo {
    /// The bus.
    pub bus: String,
    /// The consumer index.
    pub index: u8,
    /// The size of the frames.
    pub geometry: Geometry,
    /// Frames a second that the producer announces, where it knows.
    pub nominal_fps: Option<f64>,
    /// The generation of the segment.
    pub generation: u64,
    /// Since when sequences have been counted, ms since 1970-01-01 UTC; another one when they have begun at 1 again.
    pub epoch_ms: u64,
    /// Whether gray is limited-range luma (16–235).
    pub limited_range: bool,
}

/// One frame under a lease: its pixels do not change while a sink has it.
#[derive(Debug, Clone, Copy)]
pub struct FrameView<'a> {
    /// What is known of it.
    pub info: FrameInfo,
    /// Its size.
    pub geometry: Geometry,
    /// The gray image, packed rows.
    pub gray: &'a [u8],
    /// The BGR image, packed rows, on a bus with colour.
    pub bgr: Option<&'a [u8]>,
}

/// The pixels of an image, rows packed.
#[derive(Debug, Clone, Copy)]
pub enum Pixels<'a> {
    /// One byte a pixel.
    Gray(&'a [u8]),
    /// Blue, green, red.
    Bgr(&'a [u8]),
}

/// Which image of a frame is meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Plane {
    /// The gray one.
    #[default]
    Gray,
    /// The one in colour.
    Bgr,
}

impl Plane {
    /// Returns that image of a frame.
    ///
    /// # Errors
    /// [`SinkError::Unsuitable`] when the bus carries no colour.
    pub fn of<'a>(self, frame: &FrameView<'a>) -> Result<Pixels<'a>, SinkError> {
        match self {
            Plane::Gray => Ok(Pixels::Gray(frame.gray)),
            Plane::Bgr => frame.bgr.map(Pixels::Bgr).ok_or_else(|| {
                let reason = "the bus carries no colour; start its producer with `--color`, or write a gray format";
                SinkError::Unsuitable(reason.to_owned())
            }),
        }
    }
}

/// What a consumer did, at its end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Frames taken.
    pub taken: u64,
    /// Frames published and not taken.
    pub skipped: u64,
}

/// Something that takes frames, one at a time, in order.
pub trait Sink {
    /// Starts a stream; called once after attaching and again when the producer or the size changed.
    ///
    /// # Errors
    /// An error ends the consumer.
    fn begin(&mut self, stream: &StreamInfo) -> Result<(), SinkError>;

    /// Takes one frame.
    ///
    /// # Errors
    /// An error ends the consumer.
    fn frame(&mut self, frame: &FrameView<'_>) -> Result<(), SinkError>;

    /// Learns when the lease of the frame that `frame` took last was released (monotonic).
    fn released(&mut self, _now_ns: u64) {}

    /// Reports while no frame comes: called about once a second, also with frames.
    ///
    /// # Errors
    /// An error ends the consumer.
    fn tick(&mut self, _now_ns: u64) -> Result<(), SinkError> {
        Ok(())
    }

    /// Ends the stream and makes sure that everything is written.
    ///
    /// # Errors
    /// Reports what could not be written.
    fn finish(&mut self, summary: &Summary) -> Result<(), SinkError>;
}

/// Why a sink cannot go on.
#[derive(Debug, Error)]
pub enum SinkError {
    /// Nobody reads any more (EPIPE): a quiet end.
    #[error("the reader has closed the pipe")]
    Closed,
    /// Everything that was asked for is written: a quiet end.
    #[error("everything is written")]
    Complete,
    /// Somebody asked to stop while the reader was not reading.
    #[error("stopped while the reader was not reading")]
    Stopped,
    /// The output cannot be written.
    #[error("cannot write {target}: {source}")]
    Write {
        /// The file, or `standard output`.
        target: String,
        /// The cause.
        source: io::Error,
    },
    /// The frames cannot be put into this output: one sentence for a person.
    #[error("{0}")]
    Unsuitable(String),
}
