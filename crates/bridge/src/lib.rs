//! The bridge: frames from one machine to many, on Zenoh.
//!
//! [`main`] does the job that the command has given. A sender is an ordinary consumer of a bus; a receiver makes a bus whose
//! consumers work as on the camera's machine. Receivers give credit, so that a link is full and nothing waits in it
//! (`docs/adr/0027-credit.md`).
//!
//! | module | what it does |
//! |---|---|
//! | `work` | a job of the command, done |
//! | `send`, `desk` | buses that are sent; one of them and who asks for its frames |
//! | `outlet`, `pool`, `about` | one receiver's credit and its thread; a frame's bytes; what a sender answers |
//! | `receive`, `intake`, `incoming`, `local` | far buses; one of them: asked for, looked at; what comes; its bus here |
//! | `credit`, `offset` | what a receiver asks for, and when; the far clock |
//! | `list`, `remote`, `route` | what is sent; snapshots for `top`; a router |
//! | `link`, `keys` | the session; names of hosts and buses in keys |
//! | [`wire`], [`pack`], [`unpack`] | headers, byte for byte; images to bytes, and back. No network |

#[cfg(feature = "engine")]
mod about;
#[cfg(feature = "engine")]
mod credit;
#[cfg(feature = "engine")]
mod desk;
#[cfg(feature = "engine")]
mod incoming;
#[cfg(feature = "engine")]
mod intake;
#[cfg(feature = "engine")]
mod keys;
#[cfg(feature = "engine")]
mod link;
#[cfg(feature = "engine")]
mod list;
#[cfg(feature = "engine")]
mod local;
#[cfg(feature = "engine")]
mod offset;
#[cfg(feature = "engine")]
mod outlet;
pub mod pack;
#[cfg(feature = "engine")]
mod pool;
#[cfg(feature = "engine")]
mod receive;
#[cfg(feature = "engine")]
mod remote;
#[cfg(feature = "engine")]
mod route;
#[cfg(feature = "engine")]
mod send;
pub mod unpack;
pub mod wire;
#[cfg(feature = "engine")]
mod work;

#[cfg(feature = "engine")]
pub use work::main;
