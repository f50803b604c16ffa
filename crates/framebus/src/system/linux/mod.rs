//! Linux: POSIX shared memory, Unix sockets, eventfd, epoll, flock and /proc.

mod bell;
mod clock;
mod descriptors;
mod directory;
mod door;
mod doorman;
mod fault;
#[cfg(test)]
mod fault_tests;
mod home;
mod line;
mod lock_file;
mod mapping;
mod memory;
mod object;
mod place;
mod process;
mod runtime;
#[cfg(feature = "seed")]
mod seed;
mod signals;
mod usage;
mod waiting;

pub(crate) use bell::{Bell, Waker};
pub(crate) use clock::{monotonic_ns, wall_ns};
pub(crate) use descriptors::{is_exhaustion, limit, reserve};
pub(crate) use door::Door;
pub(crate) use doorman::Doorman;
pub(crate) use home::Home;
pub(crate) use line::Line;
pub(crate) use lock_file::LockFile;
pub(crate) use mapping::Mapping;
pub(crate) use memory::Memory;
pub use object::shm_usage;
pub(crate) use object::{
    ObjectId, ShmObject, is_foreign, list_objects, object_bytes, object_owner, unlink_object,
};
pub(crate) use place::{Place, traces};
pub(crate) use process::{
    clock_ahead_ns, is_alive, is_called, own_start_ticks, own_uid, start_ticks,
};
pub(crate) use runtime::PipesDir;
pub use runtime::{pipe_path, pipes_dir, runtime_dir};
#[cfg(feature = "seed")]
pub(crate) use seed::{SeedGuard, SeedMemory, SeedMutex, SeedPipe};
pub(crate) use signals::on_signals;
pub(crate) use usage::{consumed, load};
pub(crate) use waiting::Waiting;

/// Where shared memory is, for messages.
pub(crate) const MEMORY: &str = "/dev/shm";
/// How there is more of it.
pub(crate) const MORE_MEMORY: &str =
    "enlarge /dev/shm (mount -o remount,size=..., docker run --shm-size ...)";

/// Where views of shared memory can begin: on multiples of this.
pub(crate) fn granularity() -> u64 {
    rustix::param::page_size() as u64
}

/// Whether a segment of a bus is gone without a word: here it stays when its producer dies.
pub(crate) fn is_lost(_bus: &crate::layout::BusName) -> bool {
    false
}
