//! framebus for C: opaque handles over the safe library, one plain structure a purpose, a result code from every function.
//!
//! What is proved here: no unwinding leaves an exported function (`guard`), a null pointer is a result and not a fault,
//! a handle is never used by two threads at once (each holds a mutex), and a pixel pointer is given out only under a
//! lease or a claim, which the handle keeps. What is left to the caller, as in every C library: not to use a handle after
//! closing it, nor pixels after releasing them, and to pass pointers to what they say they point to.
#![allow(unsafe_code, reason = "the border to C")]
#![allow(
    non_camel_case_types,
    reason = "the names of the header are the names of the code"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "the contract of every function is the one above, and the header's"
)]

mod consumer;
mod consumer_types;
mod guard;
mod observer;
mod pattern;
mod plain;
mod plane_types;
mod planes;
mod producer;
mod result;

pub use consumer::*;
pub use consumer_types::*;
pub use observer::*;
pub use pattern::*;
pub use plane_types::*;
pub use planes::*;
pub use producer::*;
pub use result::*;

use std::ffi::c_char;

/// Returns the version of the library, such as "0.1.0".
#[unsafe(no_mangle)]
pub extern "C" fn framebus_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Returns the version of the shared memory's layout: major << 16 | minor.
#[unsafe(no_mangle)]
pub extern "C" fn framebus_layout_version() -> u32 {
    u32::from(framebus::layout::ABI_MAJOR) << 16 | u32::from(framebus::layout::ABI_MINOR)
}

/// Returns the time that `capture_ns`, `publish_ns` and `wake_ns` are in: CLOCK_MONOTONIC, in nanoseconds.
#[unsafe(no_mangle)]
pub extern "C" fn framebus_monotonic_ns() -> u64 {
    framebus::clock::monotonic_ns()
}

/// Returns the time that `wall_ns` is in: nanoseconds since 1970-01-01 UTC.
#[unsafe(no_mangle)]
pub extern "C" fn framebus_wall_ns() -> u64 {
    framebus::clock::wall_ns()
}
