//! Windows: file mappings, named pipes with a completion port, events, locked files, access lists.
//!
//! A mapping dies with its last handle, and its name cannot be taken from whoever has it open. So each segment has a name that
//! is never used again, and a small file says which one a bus has: `%LOCALAPPDATA%\framebus\<bus>.bus`, or under
//! `%ProgramData%` for a bus that others may use.

mod access;
mod bell;
mod clock;
mod door;
mod doorman;
mod home;
mod line;
mod lock_file;
mod mapping;
mod memory;
mod names;
mod object;
mod overlapped;
mod port;
mod process;
#[cfg(feature = "seed")]
mod seed;
mod signals;
#[cfg(test)]
mod tests;
mod waiting;
mod waker;

pub(crate) use bell::Bell;
pub(crate) use clock::{monotonic_ns, wall_ns};
pub(crate) use door::Door;
pub(crate) use doorman::Doorman;
pub(crate) use home::Home;
pub(crate) use line::Line;
pub(crate) use lock_file::LockFile;
pub(crate) use mapping::Mapping;
pub(crate) use memory::Memory;
pub use memory::shm_usage;
pub(crate) use names::{PipesDir, Place, traces};
pub use names::{pipe_path, pipes_dir, runtime_dir};
pub(crate) use object::{
    ObjectId, ShmObject, is_foreign, is_lost, list_objects, object_bytes, object_owner,
    unlink_object,
};
pub(crate) use process::{
    clock_ahead_ns, consumed, is_alive, is_called, is_exhaustion, limit, load, own_start_ticks,
    own_uid, reserve, start_ticks,
};
#[cfg(feature = "seed")]
pub(crate) use seed::{SeedGuard, SeedMemory, SeedMutex, SeedPipe};
pub(crate) use signals::on_signals;
pub(crate) use waiting::Waiting;
pub(crate) use waker::Waker;

/// Where shared memory is, for messages.
pub(crate) const MEMORY: &str = "this machine's memory";
/// How there is more of it.
pub(crate) const MORE_MEMORY: &str = "let Windows have a larger paging file";

/// Where views of shared memory can begin: on multiples of this.
pub(crate) fn granularity() -> u64 {
    65_536
}

/// A text as Windows takes it, with a zero behind it.
fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}
