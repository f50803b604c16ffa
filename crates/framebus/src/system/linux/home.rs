//! Which process a handle belongs to.
//!
//! A forked child has a copy of every handle and no right to any of them: two would hold one lease. A page that the kernel
//! empties in a child tells them apart for one load, where a system call a frame would cost more than the frame.

use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous};

/// The process that a handle was made in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Home {
    /// Where the process that runs now has its pid, or 0 when it was forked and has made no handle of its own.
    current: &'static AtomicU32,
    pid: u32,
}

/// The word that a child finds empty; `None` where the kernel (before 4.14) cannot do that.
static CURRENT: OnceLock<Option<&'static AtomicU32>> = OnceLock::new();

impl Home {
    /// This process.
    pub(crate) fn here() -> Home {
        static EVERYWHERE: AtomicU32 = AtomicU32::new(0);
        let pid = std::process::id();
        match *CURRENT.get_or_init(emptied_by_fork) {
            Some(current) => {
                current.store(pid, Ordering::Relaxed);
                Home { current, pid }
            }
            None => Home {
                current: &EVERYWHERE,
                pid: 0,
            },
        }
    }

    /// Whether this process is the one the handle was made in.
    pub(crate) fn is_here(&self) -> bool {
        self.current.load(Ordering::Relaxed) == self.pid
    }

    /// The process that the handle belongs to.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }
}

/// Maps a page that a forked child finds empty.
fn emptied_by_fork() -> Option<&'static AtomicU32> {
    // The kernel rounds it up to a page.
    let len = size_of::<AtomicU32>();
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the kernel chooses the place, so nothing that exists is replaced.
    let page = unsafe { mmap_anonymous(null_mut(), len, protection, MapFlags::PRIVATE) }.ok()?;
    // SAFETY: the range is the page above, which holds nothing yet.
    unsafe { madvise(page, len, Advice::LinuxWipeOnFork) }.ok()?;
    // SAFETY: the page is never unmapped, and aligned; every bit pattern is a number.
    Some(unsafe { &*page.cast::<AtomicU32>() })
}
