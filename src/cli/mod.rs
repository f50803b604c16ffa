//! The command line: one file a verb, and what the verbs share.

pub mod config;
pub mod log;
pub mod units;
