//! `framebus cameras`: cameras are ffmpeg's here.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Args;

/// List the cameras of this machine
#[derive(Debug, Clone, Args)]
pub struct CamerasArgs {
    /// Whatever Linux has.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub rest: Vec<OsString>,
}

/// Says what lists them.
///
/// # Errors
/// Always.
pub fn main(_args: &CamerasArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!(
        "framebus cameras is for Linux: here 'ffmpeg -list_devices true -f dshow -i dummy' lists cameras, and 'ffmpeg -f dshow … | framebus produce -' takes one"
    )
}
