//! Starting a decoder, and what it says first.

use std::os::fd::AsRawFd;
use std::path::Path;
use std::time::Duration;

use framebus::clock::monotonic_ns;
use framebus::source::{SourceError, SourceSpec};
use framebus_decoder::wire::{Open, Report};

use super::child::Decoder;
use super::units::{millis, nanos};
use super::{DecodedSource, STEP_NS};
use crate::options::OpenOptions;

impl DecodedSource {
    pub(super) fn start(&mut self) -> Result<(), SourceError> {
        self.decoder = None;
        self.early.clear();
        self.held = None;
        self.announced = None;
        self.flows = false;
        self.patience.connect();
        // However far it leaps, and however long that took: nobody waits for what is left out.
        self.timing.start_again();
        let (name, url) = match &self.spec {
            SourceSpec::Url(url) => (url.clone(), true),
            SourceSpec::File(path) => (self.name_of(path), false),
            other => {
                let neither = format!("{other} is neither a video file nor a URL");
                return Err(SourceError::Unusable(neither));
            }
        };
        let open = Open {
            name,
            url,
            looped: self.options.looped,
            after_ns: self
                .last_time_ns
                .filter(|_| self.finite && self.crashes > 0)
                .map(|last| last.saturating_add(STEP_NS * i64::from(self.crashes - 1))),
            leap: self.crashes > 1,
            start_ns: self.options.start.map(nanos),
            end_ns: self.options.end.map(nanos),
            number: self.next_number,
            range: self.options.range.name().to_owned(),
            gray: self.options.gray,
            // This process notices first, unless it is stuck.
            timeout_ms: millis((opening(&self.options) + self.patience.limit()).saturating_mul(2)),
            poll_ms: millis(Duration::from_secs_f64(
                1.0 / self.options.fps.unwrap_or(1.0),
            )),
        };
        self.decoder = Some(Decoder::start(open, true)?);
        self.bgr_ns = monotonic_ns();
        Ok(())
    }

    /// What FFmpeg is told of a file. It reads a path with a colon in it as a URL, and one with a leading dash would be an
    /// option.
    fn name_of(&self, path: &Path) -> String {
        let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        match &self.unnamed {
            Some(file) => format!("file:/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()),
            None => format!("file:{}", full.display()),
        }
    }

    pub(super) fn is_open(&mut self, opened: &Report) {
        self.opened = true;
        if let Report::Opened {
            fps,
            finite,
            played_ns,
            ..
        } = *opened
        {
            self.fps = fps.filter(|fps| fps.is_finite() && *fps > 0.0);
            self.finite = finite;
            self.played_ns = played_ns.filter(|_| finite);
        }
    }
}

/// How long a file or a stream may take until its first frame: a camera may send one in five seconds.
pub(super) fn opening(options: &OpenOptions) -> Duration {
    options.open_timeout.unwrap_or(Duration::from_secs(10))
}
