//! Why the sample's programs cannot have a mapping, a mutex and pipes.

use std::io;

use thiserror::Error;

/// Why frames cannot be shared with the sample's programs.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SeedError {
    /// Somebody else shares frames under these names.
    #[error(
        "{name} is in use: another program shares frames under this name; give this one a --seed-prefix"
    )]
    InUse {
        /// What has the name.
        name: String,
    },
    /// It belongs to another user.
    #[error("{name} belongs to another user; remove it, or give a --seed-prefix")]
    Foreign {
        /// What has the name.
        name: String,
    },
    /// Something else has the name.
    #[error("{name} is not {expected}; remove it, or give a --seed-prefix")]
    NotThat {
        /// What has the name.
        name: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Programs have an older one open that is too small.
    #[error(
        "{name} is still open in a program, for frames of another size; end that program, then start again"
    )]
    TooSmall {
        /// What has the name.
        name: String,
    },
    /// There is no room for it.
    #[error("{name} needs {needed} bytes, {free} are free: {more}")]
    Full {
        /// What would have the name.
        name: String,
        /// Bytes that it needs.
        needed: u64,
        /// Bytes that are free.
        free: u64,
        /// How there is more.
        more: &'static str,
    },
    /// Somebody has cut it short.
    #[error("{name} was cut short by another program")]
    Cut {
        /// What has the name.
        name: String,
    },
    /// The system says no.
    #[error("{name}: {source}")]
    System {
        /// What has, or would have, the name.
        name: String,
        /// The cause.
        source: io::Error,
    },
}

impl SeedError {
    /// Whether it is something that this user may not do.
    #[must_use]
    pub fn is_permission(&self) -> bool {
        match self {
            SeedError::Foreign { .. } => true,
            SeedError::System { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
            _ => false,
        }
    }

    pub(super) fn system(name: impl ToString, source: impl Into<io::Error>) -> SeedError {
        SeedError::System {
            name: name.to_string(),
            source: source.into(),
        }
    }
}
