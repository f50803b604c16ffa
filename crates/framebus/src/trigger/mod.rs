//! Triggers: one named pipe a consumer index, which is claim, liveness and trigger in one.
//!
//! Connecting to pipe n claims consumer index n. A peer that says nothing gets one byte, value 1, for each frame, as in
//! the seed: a shell can wait on it. A peer that says hello gets an answer and, if it likes, an eventfd of its own. The
//! kernel's hang-up of the connection is the notice of death, in both directions.

use std::path::{Path, PathBuf};

mod client;
mod descriptors;
mod error;
mod keeper;
mod protocol;
mod server;
mod wait;

pub(crate) use client::{ConnectError, Connection, connect};
pub(crate) use descriptors::{is_exhaustion, limit, reserve};
pub(crate) use error::ServerError;
pub(crate) use keeper::{NameKeeper, Rebind};
pub use server::HEARTBEAT_MS;
pub(crate) use server::TriggerServer;
pub(crate) use wait::{Waiter, Wake};

/// The named pipe of a consumer index.
#[must_use]
pub fn pipe_path(pipes_dir: &Path, index: u8) -> PathBuf {
    pipes_dir.join(format!("pipe{index}"))
}
