//! Where a consumer's frames go.
//!
//! [`open`] makes the sink that a [`Kind`] names; [`Output`] is the file or the pipe that most of them write to. After
//! an error a file ends with a whole frame, and a pipe that nobody reads does not keep a program from stopping.

mod change;
mod encode;
mod ended;
mod exec;
mod ffmpeg;
mod film;
mod images;
mod matroska;
mod ndjson;
mod open;
mod out;
#[cfg_attr(windows, path = "windows/pipe.rs")]
mod pipe;
mod pre;
#[cfg_attr(windows, path = "windows/process.rs")]
mod process;
mod recording;
mod report;
mod seed;
mod stats;
#[cfg(test)]
mod testing;
mod video;

pub use framebus_tools::sink::{FrameView, Pixels, Plane, Sink, SinkError, StreamInfo, Summary};

pub use change::{Change, ChangeSink};
pub use encode::{Encoding, encode, encode_jpeg};
pub use exec::{ExecSink, ExecStreamSink};
pub use ffmpeg::Container;
pub(crate) use ffmpeg::Ffmpeg;
pub use film::FilmSink;
pub(crate) use images::replace_file;
pub use images::{FileName, ImageSink};
pub use ndjson::NdjsonSink;
pub use open::{ExecMode, Format, Kind, Target, open};
pub use out::Output;
pub use pre::{Events, PreSink};
pub use recording::RecordingSink;
pub use seed::{Report, SeedSink};
pub use stats::StatsSink;
pub use video::VideoSink;
