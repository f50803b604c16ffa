//! What takes a consumer's frames, and what it is told of them.

use std::io;

use framebus::bus::{FrameInfo, PlaneView};
use framebus::layout::{Format, Geometry, Planes};
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
    /// What images there are for every frame.
    pub planes: Planes,
}

/// One frame under a lease: its pixels do not change while a sink has it.
#[derive(Debug, Clone, Copy)]
pub struct FrameView<'a> {
    /// What is known of it.
    pub info: FrameInfo,
    /// Its size.
    pub geometry: Geometry,
    /// Its images, in the order of the bus's planes.
    pub planes: [Option<PlaneView<'a>>; Planes::MAX],
    /// What its producer knows of it.
    pub metadata: &'a [u8],
}

impl<'a> FrameView<'a> {
    /// What a consumer holds.
    #[must_use]
    pub fn of(frame: &'a framebus::Frame<'_>) -> FrameView<'a> {
        let mut planes = [const { None }; Planes::MAX];
        for (place, view) in planes.iter_mut().zip(frame.planes()) {
            *place = Some(view);
        }
        FrameView {
            info: *frame.info(),
            geometry: frame.geometry(),
            planes,
            metadata: frame.metadata(),
        }
    }

    /// The same frame with one of its images alone, in that one's size.
    #[must_use]
    pub fn only(&self, index: usize) -> FrameView<'a> {
        let view = self.planes.get(index).copied().flatten();
        let mut planes = [const { None }; Planes::MAX];
        planes[0] = view;
        let size = view.and_then(|view| view.plane.size());
        FrameView {
            geometry: size.unwrap_or(self.geometry),
            planes,
            ..*self
        }
    }

    /// The image of a format in the frame's size.
    #[must_use]
    pub fn full(&self, format: Format) -> Option<&'a [u8]> {
        let size = Some(self.geometry);
        let mut planes = self.planes.iter().flatten();
        let view = planes.find(|view| view.plane.format == format && view.plane.size() == size)?;
        Some(view.data)
    }

    /// The same, or why there is none.
    ///
    /// # Errors
    /// [`SinkError::Unsuitable`] names the planes that there are.
    pub fn wanted(&self, format: Format) -> Result<&'a [u8], SinkError> {
        self.full(format).ok_or_else(|| {
            let there = self.planes.iter().flatten();
            let there: Vec<String> = there.map(|view| view.plane.format.to_string()).collect();
            SinkError::Unsuitable(match format {
                Format::BGR8 => "the bus carries no colour; start its producer with `--color`, or write a gray format".to_owned(),
                _ => format!(
                    "the bus carries no plane {format}, it has {}; start its producer with `--planes {format}`, or write another format",
                    there.join(", ")
                ),
            })
        })
    }
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
    /// [`SinkError::Unsuitable`] when the bus has no such plane.
    pub fn of<'a>(self, frame: &FrameView<'a>) -> Result<Pixels<'a>, SinkError> {
        match self {
            Plane::Gray => frame.wanted(Format::GRAY8).map(Pixels::Gray),
            Plane::Bgr => frame.wanted(Format::BGR8).map(Pixels::Bgr),
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

    /// How much it has written, where it counts that.
    fn bytes(&self) -> u64 {
        0
    }
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
    /// This user may not: one sentence for a person.
    #[error("{0}")]
    Denied(String),
    /// The frames cannot be put into this output: one sentence for a person.
    #[error("{0}")]
    Unsuitable(String),
}
