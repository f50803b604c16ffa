//! What is said of a stream that pauses, ends too early, or is damaged.

use super::{Input, Place};
use framebus::source::SourceError;

impl<R> Input<R> {
    /// Says that the frame that was announced is not complete.
    pub(in crate::source) fn unfinished(&self) -> String {
        let (name, frame, all) = (&self.name, self.frame, self.payload);
        let (read, seconds) = (all - self.left, self.patience.as_secs());
        format!(
            "{name} pauses in frame {frame}: {read} of {all} bytes came, no more for {seconds} s"
        )
    }

    pub(super) fn no_data(&self) -> String {
        let seconds = self.patience.as_secs();
        format!("no data on {} for {seconds} s", self.name)
    }

    pub(super) fn bad_header(&self) -> SourceError {
        let (name, frame) = (&self.name, self.frame);
        SourceError::Damaged(format!(
            "{name} is damaged: frame {frame} has no valid header"
        ))
    }

    pub(super) fn truncated(&self) -> SourceError {
        let (name, frame, all) = (&self.name, self.frame, self.payload);
        SourceError::Damaged(match self.place {
            Place::Header => format!("{name} ended in the header of frame {frame}"),
            Place::Payload | Place::Announced => {
                let read = all - self.left;
                format!("{name} ended in the middle of frame {frame}: {read} of {all} bytes")
            }
        })
    }
}
