//! The protocol between producer, consumers and observers.
//!
//! # Orderings
//!
//! | tag | store | load | what happens before what |
//! |---|---|---|---|
//! | `ready` | `abi`, Release | `abi`, Acquire | the header is complete before anybody uses it |
//! | `publish` | `slot.sequence`, `latest`, Release | both, Acquire | pixels and slot header before whoever reads the frame |
//! | `claim` | `slot.sequence` = 0; lease = frame; each followed by a SeqCst fence | lease; `slot.sequence` | producer or consumer sees the other: never both in one slot |
//! | `release` | lease = none, Release | lease, Acquire | reads of a frame before the next write to its slot |
//! | `observe` | `slot.sequence` = 0 + SeqCst fence; = n, Release | Acquire, copy, Acquire fence, Relaxed | a copy between two equal sequences is whole |
//! | `lockstep` | lease = none; record entered; `waiting` = 1; each followed by a SeqCst fence | `waiting`; `latest`; leases and records | the producer finds room or the consumer wakes it; whoever attaches is waited for, or begins at a frame that is there |
//! | `state` | `state`, Release | `state`, Acquire | the last frame before "ended", the end of a segment before "retired", the reason before "stalled" |

mod alive;
mod attach;
mod attach_error;
mod claim;
mod claim_planes;
mod consumer;
#[cfg(unix)]
mod consumer_descriptor;
mod consumer_options;
mod create;
mod fill;
#[cfg(all(test, unix))]
mod fork_tests;
mod frame;
mod frames;
mod handle;
#[cfg(all(test, unix))]
mod handle_tests;
mod lock;
mod lockstep;
mod names;
#[cfg(test)]
mod needs_tests;
mod no_plane;
mod numbers;
mod observer;
mod options;
mod producer;
mod producer_words;
mod remains;
mod restore;
mod room;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod stage;
mod table2;

pub use alive::is_nameless;
pub use attach::IndexChoice;
pub use attach_error::AttachError;
pub(crate) use claim::ClaimedSlot;
pub use claim::{Claim, MetadataError};
pub use claim_planes::Unfilled;
pub use consumer::Consumer;
pub use consumer_options::{ConsumerOptions, ConsumerStats, Stream, Waited};
pub use fill::Filler;
pub use frame::{Frame, FrameHeld, FrameInfo, Held, OwnedFrame, PlaneView};
pub use frames::{Frames, FramesError};
pub use handle::HandleError;
pub(crate) use handle::check_home;
pub use lockstep::SlowConsumer;
pub(crate) use lockstep::{Goal, Room};
#[cfg(all(test, unix))]
pub(crate) use names::Names;
pub use no_plane::NoPlane;
pub(crate) use numbers::newest as newest_place;
pub use numbers::{MAX_SEQUENCE, Numbered, SequenceError};
pub use observer::{CopyError, FrameCopy, Observer};
pub use options::{CreateError, FrameOptions, ProducerOptions, ProducerStats};
pub use producer::Producer;
pub use remains::{Remains, SweepError, Swept, sweep, traces};

pub use crate::layout::{BusName, BusNameError};
pub use crate::source::FrameMeta;
pub use crate::system::{MAX_SOCKET_PATH, RuntimeDirError, pipe_path, pipes_dir, runtime_dir};
