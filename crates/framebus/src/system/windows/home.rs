//! Which process a handle belongs to: there is no fork here, so always this one.

/// The process that a handle was made in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Home {
    pid: u32,
}

impl Home {
    /// This process.
    pub(crate) fn here() -> Home {
        Home {
            pid: std::process::id(),
        }
    }

    /// Whether this process is the one the handle was made in.
    pub(crate) fn is_here(&self) -> bool {
        true
    }

    /// The process that the handle belongs to.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }
}
