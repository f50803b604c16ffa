//! What a producer says of itself while it runs: a line that changes on a terminal, a line a minute elsewhere.

use std::time::Duration;

use framebus::bus::Producer;
use framebus::clock::monotonic_ns;
use framebus::source::Progress;

use crate::progress::{Meter, ShowProgress};

/// How often the log gets a line.
const LOGGED_NS: u64 = 60_000_000_000;

/// The producer's status.
#[derive(Debug)]
pub(crate) struct Status {
    meter: Meter,
    count: Option<u64>,
    duration: Option<Duration>,
    /// When frames were asked for first.
    began_ns: u64,
    frames: u64,
    source: Option<Progress>,
}

impl Status {
    /// The status of a producer that goes on for so many frames, or for so long.
    pub(crate) fn new(
        show: ShowProgress,
        count: Option<u64>,
        duration: Option<Duration>,
        sequence: u64,
    ) -> Status {
        let mut status = Status {
            meter: Meter::new(show, Some(LOGGED_NS)),
            count,
            duration,
            began_ns: 0,
            frames: 0,
            source: None,
        };
        status.begin(sequence);
        status
    }

    /// Frames are asked for from now on.
    pub(crate) fn begin(&mut self, sequence: u64) {
        self.began_ns = monotonic_ns();
        self.meter.begin(sequence);
    }

    /// So many frames were published, and so far is the source.
    pub(crate) fn advanced(&mut self, frames: u64, source: Option<Progress>) {
        (self.frames, self.source) = (frames, source);
    }

    /// Shows the status when it is time to.
    pub(crate) fn update(&mut self, producer: &Producer) {
        if !self.meter.is_due() {
            return;
        }
        let stats = producer.stats();
        let frames = self.count.map(|of| Progress::Frames {
            at: self.frames,
            of,
        });
        let time = self.duration.map(|of| {
            let at = Duration::from_nanos(monotonic_ns().saturating_sub(self.began_ns));
            Progress::Time { at: at.min(of), of }
        });
        let goals: Vec<Progress> = [frames, time, self.source].into_iter().flatten().collect();
        let more = [
            format!("seq {}", stats.sequence),
            format!("dropped {}", stats.dropped),
            format!("starved {}", stats.starved),
            format!("consumers {}", producer.connected()),
        ];
        self.meter.show(stats.sequence, &goals, &more);
    }
}
