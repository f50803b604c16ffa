//! Where frames come from that the command brings itself: pipes and recordings.

mod input;
mod late;
mod raw;
mod replay;
mod y4m;

pub use input::standard_input;
pub use raw::{RawFormat, RawSource};
pub use replay::{ReplaySource, Speed};
pub use y4m::Y4mSource;
