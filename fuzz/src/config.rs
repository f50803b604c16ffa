//! A configuration file.

use std::sync::LazyLock;

use framebus_cli::cli::config::{Config, explain};
use tempfile::TempDir;

use crate::put;

static DIRECTORY: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a directory"));

/// The input is the file.
pub(crate) fn run(data: &[u8]) {
    let path = DIRECTORY.path().join("framebus.toml");
    put(&path, data);
    match Config::load(Some(&path)) {
        Ok(config) => {
            let _ = config.of_bus("cam0");
            let _ = config.top.findings.thresholds();
            explain(Some(&path)).expect("what can be loaded can be explained");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
