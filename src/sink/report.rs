//! What was written, said once at its end.

use super::{FrameView, Sink, SinkError, StreamInfo, Summary};
use framebus::units::show_bytes;

/// Writes to another sink, and says at the end how much it was.
pub(super) struct ReportSink {
    target: String,
    inner: Box<dyn Sink + Send>,
    frames: u64,
    skipped: u64,
    first_ns: u64,
    last_ns: u64,
}

impl ReportSink {
    /// Calls what `inner` writes `target`.
    pub(super) fn new(target: String, inner: Box<dyn Sink + Send>) -> ReportSink {
        ReportSink {
            target,
            inner,
            frames: 0,
            skipped: 0,
            first_ns: 0,
            last_ns: 0,
        }
    }

    fn report(&self) {
        let (frames, skipped, bytes) = (self.frames, self.skipped, self.inner.bytes());
        let seconds = self.last_ns.saturating_sub(self.first_ns) as f64 / 1e9;
        let text = format!(
            "wrote {}: {frames} {}, {skipped} skipped, {}, {seconds:.1} s",
            self.target,
            if frames == 1 { "frame" } else { "frames" },
            show_bytes(bytes),
        );
        // In text, numbers twice would be a nuisance.
        match framebus_tools::log::has_plain_lines() {
            true => tracing::info!("{text}"),
            false => tracing::info!(frames, skipped, bytes, seconds, "{text}"),
        }
    }
}

impl Sink for ReportSink {
    fn begin(&mut self, stream: &StreamInfo) -> Result<(), SinkError> {
        self.inner.begin(stream)
    }

    fn frame(&mut self, frame: &FrameView<'_>) -> Result<(), SinkError> {
        self.inner.frame(frame)?;
        if self.frames == 0 {
            self.first_ns = frame.info.capture_ns;
        }
        self.frames += 1;
        self.skipped += frame.info.skipped;
        self.last_ns = frame.info.capture_ns;
        Ok(())
    }

    fn released(&mut self, now_ns: u64) {
        self.inner.released(now_ns);
    }

    fn tick(&mut self, now_ns: u64) -> Result<(), SinkError> {
        self.inner.tick(now_ns)
    }

    fn finish(&mut self, summary: &Summary) -> Result<(), SinkError> {
        self.inner.finish(summary)?;
        // A file without a frame is removed again, and an error says itself why.
        if self.frames > 0 {
            self.report();
        }
        Ok(())
    }

    fn bytes(&self) -> u64 {
        self.inner.bytes()
    }
}
