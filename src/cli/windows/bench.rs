//! `framebus bench`: it measures beside what Linux has.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;

/// Measure the overhead of the bus
#[derive(Debug, Clone, Args)]
pub struct BenchArgs {
    /// Whatever Linux has.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub rest: Vec<OsString>,
}

/// Nobody has a part in it.
pub(super) fn play() -> Option<anyhow::Result<ExitCode>> {
    None
}

/// Says where it is.
///
/// # Errors
/// Always.
pub fn main(_args: &BenchArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!(
        "framebus bench is for Linux, as it compares the bus with eventfds: here 'framebus consume' says how late frames are"
    )
}
