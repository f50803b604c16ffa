//! Decodes video files and streams with FFmpeg, in a process of its own.
//!
//! What strangers send is read here and nowhere else: a file or a server that crashes FFmpeg ends this process, and the
//! producer says so and starts it again. It holds no part of the bus.
//!
//! | module | what it does |
//! |---|---|
//! | `wire` | what worker and decoder say to each other |
//! | `input` | opens a source, finds its video |
//! | `run` | packets in, frames out |
//! | `jpeg` | finds pictures that were broken off |
//! | `pixels` | gray and BGR of a frame |
//! | `memory` | what the worker reads them from |
//! | `turn` | makes it stand upright |

mod input;
mod jpeg;
mod memory;
mod pixels;
mod run;
mod turn;
pub mod wire;

pub use run::run;
