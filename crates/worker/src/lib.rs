//! The headless worker: everything that links OpenCV.
//!
//! [`main`] does the job that the command has given. [`open`] turns what a person wrote
//! ([`framebus::source::SourceSpec`]) into a [`framebus::source::FrameSource`]: a camera, a video file, an
//! image sequence, a URL or a GStreamer pipeline. Frames go from OpenCV straight into the memory that the producer offers.
//!
//! | module | what it does |
//! |---|---|
//! | `work` | a job of the command, done |
//! | `check` | finds out why a source cannot be opened, in one sentence |
//! | `decoded` | files and streams: FFmpeg, in a process of its own |
//! | `connect` | opens a camera or a pipeline once, and reads the frame that proves it works |
//! | `source` | the frame source: two phases, loops, stalls, reconnects |
//! | `images` | image files and sequences of them |
//! | `call` | waits for what may never return |
//! | `mat`, `convert` | OpenCV images over memory that is not OpenCV's; colour and depth |
//! | `show`, `watch` | windows; frames of a consumer and a whole bus in them |
//! | `last_words` | what is said when the window system ends the process |
//! | `quiet` | keeps the libraries' own noise off the terminal |

mod call;
mod check;
mod connect;
mod convert;
mod decoded;
mod images;
mod last_words;
mod mat;
mod options;
mod quiet;
mod show;
mod source;
mod watch;
mod work;

pub use convert::to_gray;
pub use decoded::DecodedSource;
pub use images::ImageSource;
pub use options::OpenOptions;
pub use quiet::quiet;
pub use source::{CaptureSource, open};
pub use work::main;
