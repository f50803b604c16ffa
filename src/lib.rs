//! One camera, many programs.
pub mod clock;
pub mod layout;
pub mod observe;
pub mod sink;
pub mod source;
pub mod stop;
pub mod tui;
