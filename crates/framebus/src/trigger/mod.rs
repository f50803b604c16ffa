//! Triggers: one named pipe a consumer index, which is claim, liveness and trigger in one.
//!
//! Connecting to pipe n claims consumer index n. A peer that says nothing gets one byte, value 1, for each frame, as in
//! the seed: a shell can wait on it. A peer that says hello gets an answer and, if it likes, an eventfd of its own. The
//! kernel's hang-up of the connection is the notice of death, in both directions.

mod client;
mod error;
mod keeper;
mod protocol;
mod server;
mod wait;

pub(crate) use client::{ConnectError, Connection, connect};
pub(crate) use error::ServerError;
pub(crate) use keeper::{NameKeeper, Rebind};
pub use server::HEARTBEAT_MS;
pub(crate) use server::TriggerServer;
pub(crate) use wait::Waiter;
