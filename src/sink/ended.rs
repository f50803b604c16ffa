//! How a child of a sink ended.

use std::process::ExitStatus;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sink) enum Ended {
    /// By itself.
    Itself(ExitStatus),
    /// It was killed, because the grace after a request to stop was over.
    Killed,
}
