//! One stream behind another: a writer that is started again, and one that was cut off within a frame.

use super::{HEADER_READ, Input, Place};

impl<R> Input<R> {
    /// Whether bytes that were read at once are the beginning of a stream: its writer was started again, and the one before
    /// it ended within a frame. Pixels look like this once in 2^80 times.
    pub(super) fn begins_stream(&self, bytes: &[u8]) -> bool {
        !self.magic.is_empty() && bytes.starts_with(self.magic)
    }

    /// Gives up a frame of which no more comes, and keeps the beginning of the next stream.
    pub(super) fn cut_off(&mut self, stream: &[u8]) {
        let (name, frame) = (&self.name, self.frame);
        let (read, all) = (self.payload - self.left, self.payload);
        tracing::warn!(
            "{name} was cut off in frame {frame}, after {read} of {all} bytes; another stream begins"
        );
        if self.buffer.len() < stream.len() + HEADER_READ {
            self.buffer = vec![0; stream.len() + HEADER_READ].into_boxed_slice();
        }
        self.buffer[..stream.len()].copy_from_slice(stream);
        (self.start, self.end) = (0, stream.len());
        self.place = Place::Header;
        self.left = 0;
        self.frame += 1;
    }

    /// Passes over bytes that are buffered.
    pub(in crate::source) fn consume(&mut self, len: usize) {
        self.start += len;
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Gives up what is no frame, up to the next stream.
    pub(super) fn lose(&mut self) {
        self.lost = true;
        // It may begin as a stream does, and is none all the same.
        self.consume(1);
    }

    /// Looks in the buffer for the beginning of a stream; drops what comes before it.
    pub(super) fn find_stream(&mut self) -> bool {
        let mut windows = self.buffered().windows(self.magic.len());
        let found = windows.position(|window| window == self.magic);
        let kept = self.magic.len() - 1;
        let behind = self.buffered().len().saturating_sub(kept);
        self.consume(found.unwrap_or(behind));
        if found.is_some() {
            (self.lost, self.found) = (false, true);
        }
        found.is_some()
    }

    /// Says so where a stream begins in front of which nothing made sense.
    pub(super) fn tell_that_it_was_lost(&mut self) {
        if std::mem::take(&mut self.found) {
            let (name, frame) = (&self.name, self.frame);
            tracing::warn!("{name} was damaged in front of frame {frame}; another stream begins");
        }
    }
}
