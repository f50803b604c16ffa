//! Why there are no named pipes.

use std::io;
use std::path::Path;

use thiserror::Error;

/// Why a named pipe cannot be listened to.
#[derive(Debug, Error)]
#[error("the named pipe {path} cannot be made: {source}")]
pub struct ServerError {
    path: String,
    source: io::Error,
}

impl ServerError {
    pub(super) fn new(path: &Path, source: impl Into<io::Error>) -> ServerError {
        ServerError {
            path: path.display().to_string(),
            source: source.into(),
        }
    }

    /// Whether this user may not make it.
    #[must_use]
    pub fn is_permission(&self) -> bool {
        self.source.kind() == io::ErrorKind::PermissionDenied
    }
}
