//! What a bus needs of the operating system, each behind a plain contract: the only code that differs between systems.
//!
//! | what | contract |
//! |---|---|
//! | [`monotonic_ns`], [`wall_ns`] | one clock for all processes of the machine; one for people |
//! | [`ShmObject`], [`Mapping`], [`Memory`] | shared memory with a name: made and reserved as a whole, mapped read-only or for writing one record, known again ([`ObjectId`]) when its name means another |
//! | [`Home`] | whether a handle is still in the process that made it |
//! | [`Bell`], [`Waker`], [`on_signals`] | a flag that threads wait for; one that goes over a connection, and is never full; requests of the system to end |
//! | [`Door`], [`Line`], [`Doorman`] | a named pipe and its connections: who connects has the index, whose end the other side is told, and a byte is written without waiting |
//! | [`Waiting`] | a consumer's wait for a trigger, its producer's end and a request to stop, in one system call |
//! | [`LockFile`] | a lock with a name, that is free when its holder is gone, however it ended; with a note in it |
//! | [`PipesDir`], [`Place`], [`runtime_dir`], [`traces`] | the names by which others find a bus |
//! | `SeedMemory`, `SeedMutex`, `SeedPipe` | what the sample's own programs attach to: memory that they write to as well, a mutex that is taken within a time, pipes that are never waited for; their names go with whoever made them, and what a dead process left is taken over |
//! | [`start_ticks`], [`own_uid`], [`consumed`], [`load`] | processes, and users |
//!
//! Everything is a plain type or function of the system that the program is built for: nothing is dispatched at run time.
#![allow(unsafe_code)]

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::*;

#[cfg(feature = "seed")]
mod bytes;
mod kinds;
mod runtime_error;
#[cfg(feature = "seed")]
mod seed_error;
#[cfg(feature = "seed")]
pub(crate) use bytes::Bytes;
pub use kinds::*;
pub use runtime_error::{MAX_SOCKET_PATH, RuntimeDirError};
#[cfg(feature = "seed")]
pub use seed_error::SeedError;
