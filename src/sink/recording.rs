//! Recordings: Y4M with a sidecar that says when each frame was.

use std::path::Path;

use super::{
    FrameView, NdjsonSink, Output, Plane, Sink, SinkError, StreamInfo, Summary, VideoSink,
};
use crate::recording::sidecar;
use framebus::stop::Stop;

/// Writes a recording: a Y4M file, and beside it a line of JSON a frame with its sequence and times.
///
/// The line is written after the frame, so that a line always has its frame.
#[derive(Debug)]
pub struct RecordingSink {
    video: VideoSink,
    times: NdjsonSink,
}

impl RecordingSink {
    /// Creates both files.
    ///
    /// # Errors
    /// Fails when one of them cannot be created.
    pub fn create(path: &Path, plane: Plane, stop: &Stop) -> Result<RecordingSink, SinkError> {
        Ok(RecordingSink {
            video: VideoSink::y4m(Output::file(path, stop)?, plane)?,
            times: NdjsonSink::new(Output::file(&sidecar(path), stop)?),
        })
    }
}

impl Sink for RecordingSink {
    fn begin(&mut self, stream: &StreamInfo) -> Result<(), SinkError> {
        self.video.begin(stream)?;
        self.times.begin(stream)
    }

    fn frame(&mut self, frame: &FrameView<'_>) -> Result<(), SinkError> {
        self.video.frame(frame)?;
        self.times.frame(frame)
    }

    fn finish(&mut self, summary: &Summary) -> Result<(), SinkError> {
        self.video.finish(summary)?;
        self.times.finish(summary)
    }

    fn bytes(&self) -> u64 {
        self.video.bytes() + self.times.bytes()
    }
}
