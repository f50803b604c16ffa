//! Frames in a `for` loop.

use std::io;
use std::time::Duration;

use thiserror::Error;

use super::attach_error::AttachError;
use super::consumer::Consumer;
use super::consumer_options::{ConsumerOptions, Waited};
use super::frame::{FrameHeld, OwnedFrame};
use super::{BusName, HandleError};
use crate::stop::Stop;

/// Why there is no next frame.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FramesError {
    /// The producer died; attach again to wait for the next one.
    #[error("the producer of bus {bus} was lost: attach again to wait for the next one")]
    Lost {
        /// The bus.
        bus: BusName,
    },
    /// The frame before was kept.
    #[error(transparent)]
    Held(#[from] FrameHeld),
    /// The handle is of no use any more.
    #[error(transparent)]
    Handle(#[from] HandleError),
    /// The system failed.
    #[error("cannot wait for frames of bus {bus}: {source}")]
    System {
        /// The bus.
        bus: BusName,
        /// What it said.
        source: io::Error,
    },
}

/// The frames of a [`Consumer`], each as it comes: see [`Consumer::frames`].
#[derive(Debug)]
pub struct Frames<'a> {
    consumer: &'a mut Consumer,
    over: bool,
}

impl Consumer {
    /// The frames, each when it is there. It ends when the producer ends, and when somebody asks to stop; an error is the
    /// last item. A bus that is made anew (another size) is followed: look at each frame's geometry.
    ///
    /// Let a frame go before the next one: a consumer has one lease, and a frame that is kept is an error. That is also why
    /// the items are [`OwnedFrame`]s: an iterator cannot lend what it gives out.
    pub fn frames(&mut self) -> Frames<'_> {
        Frames {
            consumer: self,
            over: false,
        }
    }
}

impl<'a> IntoIterator for &'a mut Consumer {
    type Item = Result<OwnedFrame, FramesError>;
    type IntoIter = Frames<'a>;

    fn into_iter(self) -> Frames<'a> {
        self.frames()
    }
}

impl Frames<'_> {
    fn take_next(&mut self) -> Result<Option<OwnedFrame>, FramesError> {
        loop {
            if self.consumer.holds_frame() {
                // One that is kept would be waited beside for ever.
                self.consumer.acquire_owned()?;
            }
            let waited = self.consumer.wait(None).map_err(|source| {
                HandleError::of(&source).cloned().map_or_else(
                    || FramesError::System {
                        bus: self.consumer.bus().clone(),
                        source,
                    },
                    FramesError::Handle,
                )
            })?;
            match waited {
                Waited::Frame => {
                    if let Some(frame) = self.consumer.acquire_owned()? {
                        return Ok(Some(frame));
                    }
                }
                Waited::Renewed | Waited::TimedOut => {}
                Waited::Ended | Waited::Stopped => return Ok(None),
                Waited::Lost => {
                    return Err(FramesError::Lost {
                        bus: self.consumer.bus().clone(),
                    });
                }
            }
        }
    }
}

impl Iterator for Frames<'_> {
    type Item = Result<OwnedFrame, FramesError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.take_next().transpose();
        self.over = !matches!(next, Some(Ok(_)));
        next
    }
}

impl std::iter::FusedIterator for Frames<'_> {}

impl ConsumerOptions {
    /// Attaches, waiting for the bus for as long as it takes. [`Consumer::attach`] also takes a time limit and a request to
    /// stop, and tells what it waits for.
    ///
    /// # Errors
    /// Fails when the index is taken or out of range, and when the segment cannot be read.
    pub fn attach(self) -> Result<Consumer, AttachError> {
        self.attach_for(None)
    }

    /// Attaches, waiting for the bus for at most `timeout`.
    ///
    /// # Errors
    /// Fails as [`ConsumerOptions::attach`] does, and when the time is over.
    pub fn attach_within(self, timeout: Duration) -> Result<Consumer, AttachError> {
        self.attach_for(Some(timeout))
    }

    fn attach_for(self, timeout: Option<Duration>) -> Result<Consumer, AttachError> {
        let stop = Stop::new().map_err(|source| AttachError::System {
            bus: self.bus.clone(),
            source,
        })?;
        Consumer::attach(self, timeout, &stop, |_| {})
    }
}
