//! Frames as the producer takes them.

use std::time::Duration;

use framebus::clock::monotonic_ns;
use framebus::source::{
    Arrival, Filled, FrameSource, FrameTarget, Progress, SourceError, SourceInfo,
};
use framebus::stop::Stop;
use framebus_decoder::wire::Picture;

use super::DecodedSource;

/// A debugging image that is kept beside the gray frames is new this often.
const BGR_PERIOD_NS: u64 = 500_000_000;

impl DecodedSource {
    /// Gives a buffer back that nobody will read any more.
    fn give_back(&mut self, picture: &Picture) {
        if picture.damaged {
            return;
        }
        let now = monotonic_ns();
        let bgr = self.options.color || now.saturating_sub(self.bgr_ns) >= BGR_PERIOD_NS;
        if bgr {
            self.bgr_ns = now;
        }
        if let Some(decoder) = &self.decoder {
            decoder.free(picture.buffer, bgr);
        }
    }
}

impl FrameSource for DecodedSource {
    fn info(&self) -> SourceInfo {
        SourceInfo {
            geometry: self.geometry,
            fps: self.fps,
            bgr: true,
            live: !self.finite || self.options.timed,
            native: None,
            description: self.spec.to_string(),
        }
    }

    fn wait(&mut self, stop: &Stop) -> Result<Arrival, SourceError> {
        if let Some(passed_over) = self.announced.take() {
            self.give_back(&passed_over);
        }
        if stop.is_set() {
            return Ok(Arrival::Stopped);
        }
        self.next(stop)
    }

    fn fill(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        let Some(picture) = self.announced.take() else {
            return Ok(Filled::Damaged);
        };
        target.expect(self.geometry)?;
        let filled = match &self.decoder {
            Some(decoder) if !picture.damaged => {
                let bgr = target.bgr.as_deref_mut().filter(|_| picture.bgr);
                let filled = if bgr.is_some() {
                    Filled::Frame
                } else {
                    Filled::Gray
                };
                match decoder.copy(&picture, self.geometry, target.gray.as_deref_mut(), bgr) {
                    Ok(()) => filled,
                    Err(_) => Filled::Damaged,
                }
            }
            _ => Filled::Damaged,
        };
        self.give_back(&picture);
        Ok(filled)
    }

    fn progress(&self) -> Option<Progress> {
        let (start_ns, end_ns) = self.played_ns?;
        let after = |ns: i64| u64::try_from(ns.saturating_sub(start_ns)).unwrap_or(0);
        let of = after(end_ns);
        let at = after(self.last_time_ns.unwrap_or(start_ns)).min(of);
        Some(Progress::Time {
            at: Duration::from_nanos(at),
            of: Duration::from_nanos(of),
        })
    }
}
