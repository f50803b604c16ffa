//! The framebus command. What it is made of, for its tests and its fuzz targets; other programs use the library, `framebus`.
//! What its headless worker has in common with it is in `framebus_tools`.
//!
//! | module | what it is |
//! |---|---|
//! | [`cli`] | the command line, a file a verb |
//! | [`tui`] | the terminal view behind `framebus top` |
//! | [`sink`], [`source`] | where frames go to, and come from |
//! | `system` | what it needs of the operating system |
//! | `http` | a small server that strangers may reach, for `framebus metrics` and `serve` |
//! | `serve` | the page, the streams and the JSON behind `framebus serve` |
//! | `measure` | what `framebus bench` and `bin/bench` measure with |

pub mod cli;
mod http;
#[cfg(target_os = "linux")]
#[doc(hidden)]
pub mod measure;
pub mod recording;
mod serve;
pub mod sink;
pub mod source;
mod system;
pub mod tui;
