//! What a recording is made of: a Y4M file, and beside it a line of JSON a frame with its sequence and times.

use std::path::{Path, PathBuf};

/// Returns the name of a recording's sidecar: `run.y4m.ndjson` for `run.y4m`.
#[must_use]
pub fn sidecar(recording: &Path) -> PathBuf {
    let mut name = recording.as_os_str().to_owned();
    name.push(".ndjson");
    name.into()
}
