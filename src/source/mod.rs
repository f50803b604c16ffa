//! Where frames come from that the command brings itself: cameras, pipes, recordings, and the pace of what has none.

mod backoff;
mod input;
pub mod jpeg;
mod late;
pub mod mjpeg;
mod pacer;
mod raw;
mod replay;
pub mod v4l2;
mod y4m;

pub use backoff::Backoff;
pub use input::standard_input;
pub use pacer::Pacer;
pub use raw::{RawFormat, RawSource};
pub use replay::{ReplaySource, Speed};
pub use y4m::Y4mSource;
