//! What the tests of the sinks share.

use std::io::{PipeReader, Read};

use super::{FrameView, Output, StreamInfo};
use framebus::bus::{FrameInfo, PlaneView};
use framebus::layout::{Format, Geometry, Plane, Planes};
use framebus::stop::Stop;

/// A frame that owns its pixels.
pub(super) struct Frame {
    pub(super) geometry: Geometry,
    pub(super) sequence: u64,
    pub(super) publish_ns: u64,
    pub(super) wake_ns: u64,
    pub(super) gray: Vec<u8>,
    pub(super) bgr: Option<Vec<u8>>,
    /// Images of other formats.
    pub(super) others: Vec<(Format, Vec<u8>)>,
}

impl Frame {
    /// Makes a frame whose pixels count up from its sequence.
    pub(super) fn new(width: u32, height: u32, sequence: u64) -> Frame {
        let geometry = Geometry::new(width, height).expect("a size");
        let first = u8::try_from(sequence % 256).expect("a byte");
        let gray = (0..geometry.gray_len())
            .map(|i| first.wrapping_add(u8::try_from(i % 256).expect("a byte")))
            .collect();
        Frame {
            geometry,
            sequence,
            publish_ns: 5_000_000,
            wake_ns: 5_040_000,
            gray,
            bgr: None,
            others: Vec::new(),
        }
    }

    /// Lends it to a sink.
    pub(super) fn view(&self) -> FrameView<'_> {
        let mut planes = [const { None }; Planes::MAX];
        let images = [
            (Format::GRAY8, Some(&self.gray)),
            (Format::BGR8, self.bgr.as_ref()),
        ];
        let images = images
            .into_iter()
            .filter_map(|(format, image)| Some((format, image?)))
            .chain(self.others.iter().map(|(format, image)| (*format, image)));
        for (place, (format, data)) in planes.iter_mut().zip(images) {
            *place = Some(PlaneView {
                plane: Plane::of(format, self.geometry).expect("a plane"),
                data,
            });
        }
        FrameView {
            info: FrameInfo {
                sequence: self.sequence,
                slot: 3,
                capture_ns: 4_000_000,
                publish_ns: self.publish_ns,
                wake_ns: self.wake_ns,
                wall_ns: 1_700_000_000_000_000_000,
                source_frame: self.sequence - 1,
                skipped: if self.sequence == 14 { 2 } else { 0 },
                missing: 0,
                origin: 0,
                metadata_len: 0,
            },
            geometry: self.geometry,
            planes,
            metadata: &[],
        }
    }
}

/// Describes a stream of that size on `cam0`, consumer 2.
pub(super) fn stream(width: u32, height: u32) -> StreamInfo {
    StreamInfo {
        bus: "cam0".to_owned(),
        index: 2,
        geometry: Geometry::new(width, height).expect("a size"),
        nominal_fps: Some(30.0),
        generation: 1,
        epoch_ms: 1_700_000_000_000,
        planes: Planes::default(),
    }
}

/// Makes an output into a pipe, the end that reads it, and the request that stops it.
pub(super) fn piped() -> (Output, PipeReader, Stop) {
    let stop = Stop::new().expect("eventfd");
    let (reader, writer) = std::io::pipe().expect("pipe");
    let output = Output::from_fd(writer.into(), "the pipe", &stop).expect("output");
    (output, reader, stop)
}

/// Reads what is left in a pipe that has no writer any more.
pub(super) fn read_all(mut reader: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).expect("read");
    bytes
}
