//! One camera, many programs.
pub mod clock;
pub mod convert;
pub mod layout;
pub mod observe;
pub mod sink;
pub mod source;
pub mod stop;
