//! Room for the descriptors of a bus: counted before it is made, not found missing when the last consumer comes.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::system::kinds::TooFew;

/// A listener, a connection and an eventfd.
const PER_CONSUMER: u64 = 3;
/// The control thread's own, and what the source opens, now and later: files, a camera, a connection, a viewer's pipes.
const RESERVE: u64 = 48;

/// Makes room for as many consumers. The soft limit is raised as far as it must be and the hard one lets it: not further,
/// as the usual 1024 is what programs with `select` can use.
pub(crate) fn reserve(consumers: u8) -> Result<(), TooFew> {
    let needed = open_now() + RESERVE + PER_CONSUMER * u64::from(consumers);
    let limits = getrlimit(Resource::Nofile);
    if limits.current.is_none_or(|current| current >= needed) {
        return Ok(());
    }
    let wanted = limits.maximum.map_or(needed, |most| needed.min(most));
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(wanted),
            maximum: limits.maximum,
        },
    );
    let limit = if raised.is_ok() {
        wanted
    } else {
        limits.current.unwrap_or(wanted)
    };
    if limit < needed {
        return Err(TooFew { needed, limit });
    }
    Ok(())
}

/// Descriptors that are open; where nobody tells, those that every process has.
fn open_now() -> u64 {
    std::fs::read_dir("/proc/self/fd").map_or(3, |entries| entries.count() as u64)
}

/// The limit of this process, for a message.
pub(crate) fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Whether the system or this process has no descriptor left.
pub(crate) fn is_exhaustion(error: &std::io::Error) -> bool {
    matches!(
        rustix::io::Errno::from_io_error(error),
        Some(rustix::io::Errno::MFILE | rustix::io::Errno::NFILE)
    )
}
