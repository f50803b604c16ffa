//! What a person asks of a source.

use std::time::Duration;

use framebus::layout::Geometry;
use framebus::source::Range;
use framebus_decoder::wire::Gray;

/// How to open a source. The defaults suit a camera or a stream in the local network.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenOptions {
    /// The size to ask a camera for; it may choose another one. Other sources have the size they have.
    pub size: Option<Geometry>,
    /// The frames a second to ask a camera for; it may choose another rate.
    pub fps: Option<f64>,
    /// Whether a source that ends starts again.
    pub looped: bool,
    /// Whether a file plays at the times of its frames; if not, the producer paces it.
    pub timed: bool,
    /// Whether every frame needs BGR beside gray.
    pub color: bool,
    /// Where a file starts, from its beginning.
    pub start: Option<Duration>,
    /// Where it ends.
    pub end: Option<Duration>,
    /// What luma means.
    pub range: Range,
    /// What gray is made of in files and streams.
    pub gray: Gray,
    /// How long a source may take until its first frame. Default: 10 s; 3 s for
    /// a camera or a pipeline.
    pub open_timeout: Option<Duration>,
    /// How long a source may be silent before it counts as stalled. Default: it follows the rate that is seen, and a
    /// pipeline or a camera has 1.5 s.
    pub read_timeout: Option<Duration>,
    /// How many threads OpenCV may use. Default: 1, because a second one costs more than it brings.
    pub threads: u16,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions {
            size: None,
            fps: None,
            looped: false,
            timed: false,
            color: false,
            start: None,
            end: None,
            range: Range::Auto,
            gray: Gray::Luma,
            open_timeout: None,
            read_timeout: None,
            threads: 1,
        }
    }
}

impl OpenOptions {
    /// How long a camera or a pipeline may take until its first frame.
    pub(crate) fn opening(&self) -> Duration {
        self.open_timeout.unwrap_or(Duration::from_secs(3))
    }

    /// How long a camera or a pipeline may be silent.
    pub(crate) fn silence(&self) -> Duration {
        self.read_timeout.unwrap_or(Duration::from_millis(1500))
    }
}
