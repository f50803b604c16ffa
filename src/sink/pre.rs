//! Recordings of an event, with what was before it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{FrameView, Kind, Sink, SinkError, StreamInfo, Summary, open};
use framebus::bus::{FrameInfo, PlaneView};
use framebus::layout::{Geometry, Plane, Planes};
use framebus::stop::Stop;

/// Keeps the last frames in memory, and starts to write with them when it is triggered.
///
/// Nothing is created before the trigger.
pub struct PreSink {
    kind: Kind,
    stop: Stop,
    pre_ns: u64,
    /// How long it goes on after the trigger; `None` until the end.
    post_ns: Option<u64>,
    trigger: Arc<AtomicBool>,
    stream: Option<StreamInfo>,
    ring: VecDeque<Kept>,
    writing: Option<Box<dyn Sink + Send>>,
    ends_ns: Option<u64>,
}

/// A frame of its own.
#[derive(Debug, Default)]
struct Kept {
    info: Option<(FrameInfo, Geometry)>,
    planes: Vec<(Plane, Vec<u8>)>,
    metadata: Vec<u8>,
}

impl PreSink {
    /// Keeps the frames of the last `pre`, until `trigger` is set; then writes what `kind` says, for `post`.
    #[must_use]
    pub fn new(
        kind: Kind,
        pre: Duration,
        post: Option<Duration>,
        trigger: Arc<AtomicBool>,
        stop: &Stop,
    ) -> PreSink {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        PreSink {
            kind,
            stop: stop.clone(),
            pre_ns: nanos(pre),
            post_ns: post.map(nanos),
            trigger,
            stream: None,
            ring: VecDeque::new(),
            writing: None,
            ends_ns: None,
        }
    }

    fn keep(&mut self, frame: &FrameView<'_>) {
        let oldest_ns = frame.info.capture_ns.saturating_sub(self.pre_ns);
        let mut kept = Kept::default();
        while self
            .ring
            .front()
            .and_then(|first| first.info)
            .is_some_and(|(info, _)| info.capture_ns < oldest_ns)
        {
            // Its memory is used again.
            kept = self.ring.pop_front().unwrap_or_default();
        }
        kept.fill(frame);
        self.ring.push_back(kept);
    }

    /// Creates the output and writes what was kept.
    fn start(&mut self, now_ns: u64) -> Result<(), SinkError> {
        let mut sink = open(&self.kind, &self.stop)?;
        if let Some(stream) = &self.stream {
            sink.begin(stream)?;
        }
        tracing::info!(
            "triggered: recording, {} frames from before the trigger first",
            self.ring.len()
        );
        let mut first = true;
        for kept in self.ring.drain(..) {
            if let Some(mut frame) = kept.view() {
                // What was missed before the first frame is not part of the recording.
                frame.info.skipped = if first { 0 } else { frame.info.skipped };
                first = false;
                sink.frame(&frame)?;
            }
        }
        self.ends_ns = self.post_ns.map(|post_ns| now_ns.saturating_add(post_ns));
        self.writing = Some(sink);
        Ok(())
    }
}

impl Sink for PreSink {
    fn begin(&mut self, stream: &StreamInfo) -> Result<(), SinkError> {
        let new_size = self
            .stream
            .as_ref()
            .is_some_and(|old| old.geometry != stream.geometry);
        if new_size && self.writing.is_none() {
            self.ring.clear();
        }
        self.stream = Some(stream.clone());
        self.writing
            .as_mut()
            .map_or(Ok(()), |sink| sink.begin(stream))
    }

    fn frame(&mut self, frame: &FrameView<'_>) -> Result<(), SinkError> {
        self.tick(frame.info.wake_ns)?;
        match &mut self.writing {
            Some(sink) => sink.frame(frame),
            None => {
                self.keep(frame);
                Ok(())
            }
        }
    }

    fn tick(&mut self, now_ns: u64) -> Result<(), SinkError> {
        if self.writing.is_none() && self.trigger.swap(false, Ordering::SeqCst) {
            self.start(now_ns)?;
        }
        if self.ends_ns.is_some_and(|ends_ns| now_ns >= ends_ns) {
            return Err(SinkError::Complete);
        }
        Ok(())
    }

    fn finish(&mut self, summary: &Summary) -> Result<(), SinkError> {
        match &mut self.writing {
            Some(sink) => sink.finish(summary),
            None => {
                tracing::info!("never triggered: nothing was written");
                Ok(())
            }
        }
    }
}

impl Kept {
    fn fill(&mut self, frame: &FrameView<'_>) {
        self.info = Some((frame.info, frame.geometry));
        let views = frame.planes.iter().flatten();
        self.planes
            .resize_with(views.clone().count(), Default::default);
        for ((plane, pixels), view) in self.planes.iter_mut().zip(views) {
            *plane = view.plane;
            pixels.clear();
            pixels.extend_from_slice(view.data);
        }
        self.metadata.clear();
        self.metadata.extend_from_slice(frame.metadata);
    }

    fn view(&self) -> Option<FrameView<'_>> {
        let (info, geometry) = self.info?;
        let mut planes = [const { None }; Planes::MAX];
        for (place, (plane, data)) in planes.iter_mut().zip(&self.planes) {
            *place = Some(PlaneView {
                plane: *plane,
                data,
            });
        }
        Some(FrameView {
            info,
            geometry,
            planes,
            metadata: &self.metadata,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::sidecar;
    use crate::sink::Plane;
    use crate::sink::Target;
    use crate::sink::testing::{Frame, stream};

    #[test]
    fn what_was_before_the_trigger_is_written_first() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("event.y4m");
        let stop = Stop::new().expect("eventfd");
        let trigger = Arc::new(AtomicBool::new(false));
        let kind = Kind::Recording(path.clone(), Plane::Gray);
        let second = Duration::from_secs(1);
        let mut sink = PreSink::new(kind, 2 * second, Some(second), Arc::clone(&trigger), &stop);
        sink.begin(&stream(4, 2)).expect("begin");
        let mut sent = 0;
        for sequence in 1..=9 {
            let mut frame = Frame::new(4, 2, sequence);
            frame.wake_ns = sequence * 1_000_000_000;
            let mut view = frame.view();
            view.info.capture_ns = frame.wake_ns;
            if sequence == 6 {
                trigger.store(true, Ordering::SeqCst);
            }
            assert_eq!(path.exists(), sequence > 6);
            match sink.frame(&view) {
                Ok(()) => sent = sequence,
                Err(SinkError::Complete) => break,
                Err(error) => panic!("{error}"),
            }
        }
        sink.finish(&Summary::default()).expect("finish");
        assert_eq!(sent, 6, "one second after the trigger at frame 6");
        let lines = std::fs::read_to_string(sidecar(&path)).expect("sidecar");
        let sequences: Vec<u64> = lines
            .lines()
            .map(|line| {
                let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
                value["sequence"].as_u64().expect("a number")
            })
            .collect();
        assert_eq!(sequences, [3, 4, 5, 6]);
    }

    #[test]
    fn without_a_trigger_nothing_is_created() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("event.raw");
        let stop = Stop::new().expect("eventfd");
        let kind = Kind::Frames(
            Target::File(path.clone()),
            crate::sink::Format::Raw,
            Plane::Gray,
        );
        let mut sink = PreSink::new(kind, Duration::from_secs(1), None, Arc::default(), &stop);
        sink.begin(&stream(4, 2)).expect("begin");
        sink.frame(&Frame::new(4, 2, 1).view()).expect("frame");
        sink.finish(&Summary::default()).expect("finish");
        assert!(!path.exists());
    }
}
