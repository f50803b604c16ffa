//! Frames as lines of JSON.

use serde::Serialize;

use super::{FrameView, Output, Sink, SinkError, StreamInfo, Summary};
use framebus::seed::Counts;

/// Writes one JSON object a frame and a line each, at once.
#[derive(Debug)]
pub struct NdjsonSink {
    output: Output,
    bus: String,
    index: u8,
    generation: u64,
    epoch_ms: u64,
    seed: Option<Counts>,
    /// The line, kept for its capacity.
    line: Vec<u8>,
}

/// The keys of a line: keys are added, never renamed.
#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    bus: &'a str,
    /// The consumer index.
    index: u8,
    sequence: u64,
    slot: u8,
    capture_ns: u64,
    publish_ns: u64,
    wake_ns: u64,
    wall_ns: u64,
    source_frame: u64,
    skipped: u64,
    missing: u64,
    origin: u64,
    /// From the publish to the moment when this consumer had the frame.
    wait_us: u64,
    width: u32,
    height: u32,
    generation: u64,
    /// Sequences only grow while this is the same.
    epoch_ms: u64,
    /// What its producer knows of the frame, where it is JSON: a text otherwise, with U+FFFD for what is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<serde_json::Value>,
    /// What has become of the copies for the sample's programs, up to this frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<Counts>,
}

fn metadata(bytes: &[u8]) -> Option<serde_json::Value> {
    if bytes.is_empty() {
        return None;
    }
    let json = serde_json::from_slice(bytes);
    Some(json.unwrap_or_else(|_| String::from_utf8_lossy(bytes).into()))
}

impl NdjsonSink {
    /// Writes the lines to `output`.
    #[must_use]
    pub fn new(output: Output) -> NdjsonSink {
        NdjsonSink {
            output,
            bus: String::new(),
            index: 0,
            generation: 0,
            epoch_ms: 0,
            seed: None,
            line: Vec::with_capacity(512),
        }
    }

    /// Says this, too, from the next line on.
    pub(super) fn also(&mut self, seed: Counts) {
        self.seed = Some(seed);
    }
}

impl Sink for NdjsonSink {
    fn begin(&mut self, stream: &StreamInfo) -> Result<(), SinkError> {
        self.bus.clone_from(&stream.bus);
        self.index = stream.index;
        self.generation = stream.generation;
        self.epoch_ms = stream.epoch_ms;
        Ok(())
    }

    fn frame(&mut self, frame: &FrameView<'_>) -> Result<(), SinkError> {
        let line = Line {
            schema: 1,
            bus: &self.bus,
            index: self.index,
            sequence: frame.info.sequence,
            slot: frame.info.slot,
            capture_ns: frame.info.capture_ns,
            publish_ns: frame.info.publish_ns,
            wake_ns: frame.info.wake_ns,
            wall_ns: frame.info.wall_ns,
            source_frame: frame.info.source_frame,
            skipped: frame.info.skipped,
            missing: frame.info.missing,
            origin: frame.info.origin,
            wait_us: frame.info.wake_ns.saturating_sub(frame.info.publish_ns) / 1000,
            width: frame.geometry.width,
            height: frame.geometry.height,
            generation: self.generation,
            epoch_ms: self.epoch_ms,
            metadata: metadata(frame.metadata),
            seed: self.seed,
        };
        self.line.clear();
        serde_json::to_writer(&mut self.line, &line).map_err(|error| SinkError::Write {
            target: self.output.target().to_owned(),
            source: error.into(),
        })?;
        self.line.push(b'\n');
        self.output.write_frame(&[&self.line])
    }

    fn tick(&mut self, _now_ns: u64) -> Result<(), SinkError> {
        self.output.check_reader()
    }

    fn finish(&mut self, _summary: &Summary) -> Result<(), SinkError> {
        self.output.finish()
    }

    fn bytes(&self) -> u64 {
        self.output.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::testing::{Frame, piped, read_all, stream};

    #[test]
    fn a_frame_is_one_line_of_json() {
        let (output, reader, _stop) = piped();
        let mut sink = NdjsonSink::new(output);
        sink.begin(&stream(4, 2)).expect("begin");
        for sequence in [7, 9] {
            sink.frame(&Frame::new(4, 2, sequence).view())
                .expect("frame");
        }
        sink.finish(&Summary::default()).expect("finish");
        drop(sink);
        let text = String::from_utf8(read_all(reader)).expect("text");
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        insta::assert_snapshot!(lines[0], @r#"{"schema":1,"bus":"cam0","index":2,"sequence":7,"slot":3,"capture_ns":4000000,"publish_ns":5000000,"wake_ns":5040000,"wall_ns":1700000000000000000,"source_frame":6,"skipped":0,"missing":0,"origin":0,"wait_us":40,"width":4,"height":2,"generation":1,"epoch_ms":1700000000000}"#);
        let second: serde_json::Value = serde_json::from_str(lines[1]).expect("JSON");
        assert_eq!(second["sequence"], 9);
    }
}
