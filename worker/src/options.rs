//! What a person asks of a source.

use std::time::Duration;

use framebus::layout::Geometry;

/// How to open a source. The defaults suit a camera or a stream in the local network.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenOptions {
    /// The size to ask a camera for; it may choose another one. Other sources have the size they have.
    pub size: Option<Geometry>,
    /// The frames a second to ask a camera for; it may choose another rate.
    pub fps: Option<f64>,
    /// Whether a source that ends starts again.
    pub looped: bool,
    /// How long a URL may take to open. Default: 3 s.
    pub open_timeout: Duration,
    /// How long a URL may be silent before it counts as stalled. Default: 1.5 s.
    pub read_timeout: Duration,
    /// How many threads OpenCV may use. Default: 1, because a second one costs more than it brings.
    pub threads: u16,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions {
            size: None,
            fps: None,
            looped: false,
            open_timeout: Duration::from_secs(3),
            read_timeout: Duration::from_millis(1500),
            threads: 1,
        }
    }
}
