//! Where frames come from.

pub mod pattern;
mod progress;
mod range;
mod spec;

pub use pattern::PatternSource;
pub use progress::Progress;
pub use range::Range;
pub use spec::{NumberedName, Opener, SourceSpec};

use thiserror::Error;

use crate::layout::{Geometry, PlaneSpec};
use crate::stop::Stop;

/// What a source says of itself once it is open.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceInfo {
    /// The size of its frames.
    pub geometry: Geometry,
    /// Its own frame rate in frames a second, where it knows one.
    pub fps: Option<f64>,
    /// Whether it fills [`FrameTarget::bgr`].
    pub bgr: bool,
    /// Whether frames come at their own time (camera, stream, pipe); if not, the producer paces them.
    pub live: bool,
    /// A format beside gray and BGR that its frames have by themselves: where a bus has a plane of it, the source writes it
    /// to [`FrameTarget::native`] as it came.
    pub native: Option<PlaneSpec>,
    /// What a person calls it, such as `/dev/video0` or `pattern 640x480`.
    pub description: String,
}

/// What is known of a frame that has arrived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FrameMeta {
    /// When it was captured: [`crate::clock::monotonic_ns`].
    pub capture_ns: u64,
    /// The same moment as wall-clock time: [`crate::clock::wall_ns`].
    pub wall_ns: u64,
    /// Its number in the source, from 0; starts again when a file loops.
    pub source_frame: u64,
}

/// What [`FrameSource::wait`] saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    /// A frame is there: [`FrameSource::fill`] writes it.
    Frame(FrameMeta),
    /// A frame of another size is there: [`FrameSource::info`] has the new size, and the next `wait` returns the frame.
    Resized,
    /// No frame came for some time, or the device is gone. The source goes on trying, with back-off, in the next `wait`.
    Stalled(String),
    /// There are no more frames.
    End,
    /// Somebody asked to stop.
    Stopped,
}

/// Whether a frame could be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// Every pixel of the target was written.
    Frame,
    /// The gray image was written and the BGR image left as it is: a debugging image need not be of every frame.
    Gray,
    /// The frame is damaged; nothing is to be published.
    Damaged,
    /// The rest of the frame has not come yet; nothing is to be published, and nothing is lost. The source keeps what it
    /// has, and a later `wait` announces the frame once more.
    Unfinished,
}

/// Where a source writes its pixels: packed rows, no padding. It writes every image that is there and that it has.
#[derive(Debug, Default)]
pub struct FrameTarget<'a> {
    /// The size of the frame.
    pub geometry: Geometry,
    /// The gray image, `width * height` bytes, full range, where one is wanted.
    pub gray: Option<&'a mut [u8]>,
    /// The BGR image, `3 * width * height` bytes, where one is wanted; a source with [`SourceInfo::bgr`] fills it.
    pub bgr: Option<&'a mut [u8]>,
    /// The image in the format of [`SourceInfo::native`], where one is wanted.
    pub native: Option<&'a mut [u8]>,
}

impl<'a> FrameTarget<'a> {
    /// A target for gray frames, and for BGR where that is given.
    #[must_use]
    pub fn new(
        geometry: Geometry,
        gray: &'a mut [u8],
        bgr: Option<&'a mut [u8]>,
    ) -> FrameTarget<'a> {
        FrameTarget {
            geometry,
            gray: Some(gray),
            bgr,
            native: None,
        }
    }

    /// Checks that this is a target for frames of this size, so that a source can write without looking again.
    ///
    /// # Errors
    /// [`SourceError::Unusable`] when the size is another one, or when an image is longer or shorter than its size says.
    pub fn expect(&self, geometry: Geometry) -> Result<(), SourceError> {
        if self.geometry != geometry {
            return Err(SourceError::Unusable(format!(
                "the source has frames of {geometry}, the target is {}",
                self.geometry
            )));
        }
        let wrong = |image: &Option<&mut [u8]>, len: usize| {
            image.as_ref().is_some_and(|image| image.len() != len)
        };
        if wrong(&self.gray, geometry.gray_len()) || wrong(&self.bgr, geometry.bgr_len()) {
            return Err(SourceError::Unusable(format!(
                "the target's images are not of {geometry}, as it says they are"
            )));
        }
        Ok(())
    }
}

/// Frames from somewhere: a test pattern, a pipe, a file, a camera.
///
/// `wait` blocks until a frame has arrived and takes its time stamp; only then does the producer claim a slot and have
/// `fill` write it there. So a slot is never kept waiting for a camera.
pub trait FrameSource {
    /// Describes the frames that `fill` will write next.
    fn info(&self) -> SourceInfo;

    /// Waits for the next frame; returns early when `stop` is set.
    ///
    /// # Errors
    /// An error is final: the source cannot go on.
    fn wait(&mut self, stop: &Stop) -> Result<Arrival, SourceError>;

    /// Writes the frame that `wait` announced. Called at most once for each [`Arrival::Frame`]; a frame for which it is
    /// not called is passed over.
    ///
    /// # Errors
    /// An error is final: the source cannot go on.
    fn fill(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError>;

    /// How many frames the source has lost by itself so far, before anybody could have them: gaps in a driver's numbers.
    /// Damaged frames are none of them; `fill` says so of each.
    fn lost(&self) -> u64 {
        0
    }

    /// Appends what else is known of the frame that was filled last, such as JSON: asked where the bus has a plane for it.
    fn metadata(&mut self, _bytes: &mut Vec<u8>) {}

    /// How far it is, with the frame that was announced last; `None` for what has no end that is known.
    fn progress(&self) -> Option<Progress> {
        None
    }
}

impl<S: FrameSource + ?Sized> FrameSource for Box<S> {
    fn info(&self) -> SourceInfo {
        (**self).info()
    }

    fn wait(&mut self, stop: &Stop) -> Result<Arrival, SourceError> {
        (**self).wait(stop)
    }

    fn fill(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        (**self).fill(target)
    }

    fn lost(&self) -> u64 {
        (**self).lost()
    }

    fn metadata(&mut self, bytes: &mut Vec<u8>) {
        (**self).metadata(bytes);
    }

    fn progress(&self) -> Option<Progress> {
        (**self).progress()
    }
}

/// Why a source cannot be opened or cannot go on. The text is one sentence for a person: what, which device or file, why.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The source is not there, or is not what it should be.
    #[error("{0}")]
    Unusable(String),
    /// The source may not be opened by this user.
    #[error("{0}")]
    Permission(String),
    /// The source has ended in the middle of a frame, or its data are damaged.
    #[error("{0}")]
    Damaged(String),
}
