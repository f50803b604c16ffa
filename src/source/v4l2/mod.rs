//! Cameras, by Linux's own interface for them (V4L2), without OpenCV.
//!
//! | module | what it does |
//! |---|---|
//! | `abi`, `kernel` | the kernel's structures and requests; `kernel` is the only unsafe code |
//! | `camera` | a camera as a source: opened, read, lost and found again |
//! | `device`, `connector` | what a camera is, can, and is set to; what comes in |
//! | `settings` | its controls |
//! | `choose` | which of its formats is the best for gray |
//! | `stream` | a camera that captures |
//! | `formats`, `pixels` | its formats, as gray and BGR |
//! | `numbers` | sequence numbers, and what is missing between them |
//! | `names`, `find`, `people` | which cameras there are, whose they are and who uses them |
//! | `words` | what is said when one cannot be used |
//! | `list` | all of that for somebody to read |

mod abi;
mod camera;
mod choose;
mod connector;
mod device;
mod find;
mod formats;
mod kernel;
mod list;
mod names;
mod numbers;
mod people;
mod pixels;
mod settings;
mod stream;
mod words;

use std::time::Duration;

use framebus::layout::Geometry;
use framebus::source::Range;

pub use abi::FourCc;
pub use camera::V4l2Source;
pub use list::{Camera, CameraFormat, CameraSize, captures_nothing, list};
pub use names::{devices, stable_names};
pub use people::{group_name, users};
pub use settings::{ControlInfo, Settings};

/// What is asked of a camera; it may give something else, which [`V4l2Source::notes`] says.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    /// The size of its frames; the one that it has, without.
    pub size: Option<Geometry>,
    /// Frames a second.
    pub fps: Option<f64>,
    /// The pixel format; the one that costs least, without.
    pub fourcc: Option<FourCc>,
    /// What its luma means.
    pub range: Range,
    /// Values of its controls.
    pub settings: Settings,
    /// How long it may be silent.
    pub read_timeout: Option<Duration>,
}

/// What opening a camera comes to.
#[derive(Debug)]
pub enum Opened {
    /// A camera that captures.
    Source(Box<V4l2Source>),
    /// None of its formats is known here; their names.
    Unknown(String),
}
