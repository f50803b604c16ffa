//! Where frames come from that the command brings itself: cameras, pipes and recordings.

mod fourcc;
mod input;
pub mod jpeg;
mod late;
pub mod mjpeg;
mod packed;
mod raw;
mod replay;
#[cfg(target_os = "linux")]
pub mod v4l2;
mod wide;
mod y4m;

pub use fourcc::FourCc;
pub use framebus_tools::backoff::Backoff;
pub use raw::{RawFormat, RawSource};
pub use replay::{ReplaySource, Speed};
pub use y4m::Y4mSource;

pub use crate::system::{StandardInput, Stream, standard_input};
