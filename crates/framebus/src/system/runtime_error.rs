//! Why there is no place for the named pipes.

use std::io;

use thiserror::Error;

/// The longest path of a socket, without its closing zero byte (`sun_path`).
pub const MAX_SOCKET_PATH: usize = 107;

/// Why there is no directory for the named pipes.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RuntimeDirError {
    /// A socket's path would be too long.
    #[error(
        "the runtime directory {path} is too long for a socket ({len} bytes, at most {MAX_SOCKET_PATH}): set FRAMEBUS_RUNTIME_DIR to a shorter one"
    )]
    TooLong {
        /// The directory.
        path: String,
        /// Bytes of the longest socket path.
        len: usize,
    },
    /// It belongs to somebody else.
    #[error(
        "the runtime directory {path} belongs to user {uid}: remove it, or set FRAMEBUS_RUNTIME_DIR"
    )]
    Foreign {
        /// The directory.
        path: String,
        /// Its owner.
        uid: u32,
    },
    /// It is a link, and whoever made it can turn it.
    #[error(
        "{path} in the runtime directory is a symbolic link: remove it, or set FRAMEBUS_RUNTIME_DIR"
    )]
    Link {
        /// The link.
        path: String,
    },
    /// Everybody may put another directory in the place of a bus's.
    #[error(
        "others may replace what is in the runtime directory {path}: run chmod +t on it, or set FRAMEBUS_RUNTIME_DIR"
    )]
    Open {
        /// The directory.
        path: String,
    },
    /// It cannot be made or used.
    #[error("the runtime directory {path} cannot be used: {source}")]
    System {
        /// The directory.
        path: String,
        /// The cause.
        source: io::Error,
    },
}

impl RuntimeDirError {
    /// Whether the directory is there and this user may not use it.
    #[must_use]
    pub fn is_permission(&self) -> bool {
        match self {
            Self::Foreign { .. } | Self::Link { .. } | Self::Open { .. } => true,
            Self::System { source, .. } => source.kind() == io::ErrorKind::PermissionDenied,
            Self::TooLong { .. } => false,
        }
    }
}
