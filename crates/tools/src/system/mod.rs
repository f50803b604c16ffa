//! What the programs need of the operating system beyond a bus, each behind a plain contract: `linux/` and `windows/` implement it.
//!
//! | what | contract |
//! |---|---|
//! | [`open_at_once`], [`is_null`], [`what_it_is`] | files that a person has named: opened without waiting, and what is none |
//! | [`takes_a_line`], [`columns`], [`has_the_terminal`], [`can_rewrite`] | standard error as a terminal or a pipe |
//! | [`replace`], [`call_it`], [`no_helper`], [`leave`], [`has_no_reader`] | other programs, and this one's end |
//! | [`where_it_is`] | a bus's memory, for a message |
//!
//! The windows' process (`viewer`) and systemd's protocol (`notify`) are Linux's as a whole: in their place Windows has
//! `windows/viewer.rs` and `windows/notify.rs`.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub(crate) use linux::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(crate) use windows::*;
