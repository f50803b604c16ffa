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
//! | `state` | `state`, Release | `state`, Acquire | the last frame before "ended", the end of a segment before "retired" |

mod attach;
mod consumer;
mod create;
mod frame;
#[cfg(test)]
mod handle_tests;
mod lease;
#[cfg(test)]
mod lease_model;
#[cfg(test)]
mod lease_reference;
mod lock;
mod name;
mod observer;
mod options;
mod process;
mod producer;
mod remains;
mod runtime;
#[cfg(test)]
pub(crate) mod stage;

pub use attach::{AttachError, IndexChoice};
pub use consumer::{Consumer, ConsumerOptions, ConsumerStats, Stream, Waited};
pub use frame::{Frame, FrameHeld, FrameInfo, OwnedFrame};
pub(crate) use lease::Ticket;
pub use name::{BusName, BusNameError};
pub use observer::{CopyError, FrameCopy, Observer};
pub use options::{CreateError, FrameMeta, ProducerOptions, ProducerStats};
pub(crate) use process::start_ticks;
pub use producer::{Claim, Producer};
pub use remains::{Remains, SweepError, Swept, sweep, traces};
pub use runtime::{MAX_SOCKET_PATH, RuntimeDirError, pipe_path, pipes_dir, runtime_dir};
