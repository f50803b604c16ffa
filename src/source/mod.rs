//! Where frames come from that the command brings itself: pipes, recordings, and the pace of what has none.

mod input;
mod late;
mod pacer;
mod raw;
mod replay;
mod y4m;

pub use input::standard_input;
pub use pacer::Pacer;
pub use raw::{RawFormat, RawSource};
pub use replay::{ReplaySource, Speed};
pub use y4m::Y4mSource;
