//! What the command `framebus`, its headless worker and its bridge have in common. Other programs use the library, `framebus`.
//!
//! The command reads flags and configuration. What needs OpenCV or a window it hands over to the worker as a [`job::Job`], by
//! exec, so that pid and signals stay, and what needs Zenoh to the bridge; they do that job and end. All log, tell systemd and
//! end in the same way.
//!
//! | module | what it is |
//! |---|---|
//! | [`job`] | what the worker is told, and how it is found and started |
//! | [`production`], [`produce`] | what a producer is to do; a producer at work: its bus, its status, its windows' process |
//! | [`consume`] | a consumer at work, and the exit code of how it ended |
//! | [`bridging`], [`far_bus`] | what the bridge is to do, and what it tells `top`; buses of other machines by name |
//! | [`sink`] | what takes a consumer's frames |
//! | [`mod@log`], [`exit`] | lines on standard error; exit codes |
//! | [`progress`], [`stderr`] | how far it is, in a line that is rewritten; standard error with such a line at its end |
//! | [`mod@file`] | files that are read: their kind, and a bound |

pub mod backoff;
pub mod bridging;
pub mod consume;
pub mod exit;
pub mod far_bus;
pub mod file;
pub mod job;
pub mod log;
#[cfg_attr(windows, path = "system/windows/notify.rs")]
pub mod notify;
pub mod produce;
pub mod production;
pub mod progress;
pub mod sink;
mod status;
pub mod stderr;
mod system;
mod text;
#[cfg_attr(windows, path = "system/windows/viewer.rs")]
mod viewer;
