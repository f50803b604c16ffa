//! One camera, many programs.
pub mod bus;
pub mod cli;
pub mod clock;
pub mod convert;
pub mod layout;
pub mod observe;
mod shm;
pub mod sink;
pub mod source;
pub mod stop;
mod sync;
mod trigger;
pub mod units;
