//! One camera, many programs.
pub mod cli;
pub mod clock;
pub mod layout;
pub mod observe;
pub mod sink;
pub mod source;
pub mod stop;
