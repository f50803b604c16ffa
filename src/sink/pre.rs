//! Recordings of an event, with what was before it.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use super::{Change, FileName, FrameView, Kind, Sink, SinkError, StreamInfo, Summary, open};
use framebus::bus::{FrameInfo, PlaneView};
use framebus::layout::{Geometry, Plane, Planes};
use framebus::stop::Stop;

/// Which recordings are made around events.
#[derive(Debug)]
pub struct Events {
    /// How much of the time before an event is kept.
    pub pre: Duration,
    /// How long a recording goes on after the last trigger; `None` until the end.
    pub post: Option<Duration>,
    /// Whether more than one is made.
    pub repeat: bool,
    /// The change of the picture that triggers too.
    pub change: Option<Change>,
}

/// Keeps the last frames in memory, and starts to write with them when it is triggered.
///
/// Nothing is created before the trigger. A trigger during a recording makes it longer. A file name with a number is a file an
/// event, the first one that is not there yet: an event is never written over another one.
pub struct PreSink {
    kind: Kind,
    /// The place of the number in the name of a video.
    numbered: Option<FileName>,
    next: u64,
    stop: Stop,
    pre_ns: u64,
    post_ns: Option<u64>,
    repeat: bool,
    change: Option<Change>,
    trigger: Arc<AtomicBool>,
    stream: Option<StreamInfo>,
    ring: VecDeque<Kept>,
    writing: Option<Box<dyn Sink + Send>>,
    /// Recordings of which the rest is written: that may take a moment, in which the next event may come.
    ending: Vec<JoinHandle<Result<(), SinkError>>>,
    ends_ns: Option<u64>,
    events: u64,
}

/// A frame of its own.
#[derive(Debug, Default)]
struct Kept {
    info: Option<(FrameInfo, Geometry)>,
    planes: Vec<(Plane, Vec<u8>)>,
    metadata: Vec<u8>,
}

impl PreSink {
    /// Keeps the frames of some time until `trigger` is set, or the picture changes; then writes what `kind` says.
    ///
    /// # Errors
    /// Refuses a name with two numbers, and to repeat without one.
    pub fn new(
        kind: Kind,
        events: Events,
        trigger: Arc<AtomicBool>,
        stop: &Stop,
    ) -> Result<PreSink, SinkError> {
        let nanos = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let name = kind.file().map(FileName::parse).transpose()?.flatten();
        if events.repeat && name.is_none() {
            return Err(SinkError::Unsuitable(
                "--repeat writes a file for each event: give a name with a number, such as event-%03d.y4m".to_owned(),
            ));
        }
        Ok(PreSink {
            // The number in the name of an image is the frame's.
            numbered: name.filter(|_| !kind.is_images()),
            kind,
            next: 1,
            stop: stop.clone(),
            pre_ns: nanos(events.pre),
            post_ns: events.post.map(nanos),
            repeat: events.repeat,
            change: events.change,
            trigger,
            stream: None,
            ring: VecDeque::new(),
            writing: None,
            ending: Vec::new(),
            ends_ns: None,
            events: 0,
        })
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

    /// What the next event is written to.
    fn next_kind(&mut self) -> Kind {
        let Some(name) = &self.numbered else {
            return self.kind.clone();
        };
        while name.path(self.next).symlink_metadata().is_ok() {
            self.next += 1;
        }
        self.next += 1;
        self.kind.clone().into_file(name.path(self.next - 1))
    }

    /// Creates the output and writes what was kept.
    fn start(&mut self, now_ns: u64) -> Result<(), SinkError> {
        let kind = self.next_kind();
        let mut sink = open(&kind, &self.stop)?;
        if let Some(stream) = &self.stream {
            sink.begin(stream)?;
        }
        let target = kind.file().map(|path| format!(" {}", path.display()));
        tracing::info!(
            "triggered: recording{}, {} frames from before the trigger first",
            target.unwrap_or_default(),
            self.ring.len()
        );
        self.events += 1;
        let mut first = true;
        for kept in self.ring.drain(..) {
            if let Some(mut frame) = kept.view() {
                // What was missed before the first frame is not part of the recording.
                frame.info.skipped = if first { 0 } else { frame.info.skipped };
                first = false;
                sink.frame(&frame)?;
            }
        }
        self.writing = Some(sink);
        self.extend(now_ns);
        Ok(())
    }

    /// A trigger's time after it begins now.
    fn extend(&mut self, now_ns: u64) {
        self.ends_ns = self.post_ns.map(|post_ns| now_ns.saturating_add(post_ns));
    }

    /// The time after an event is over.
    fn end(&mut self) -> Result<(), SinkError> {
        if !self.repeat {
            return Err(SinkError::Complete);
        }
        self.ends_ns = None;
        if let Some(mut sink) = self.writing.take() {
            self.ending
                .push(spawn(move || sink.finish(&Summary::default())));
        }
        Ok(())
    }

    /// Learns how recordings have ended: of those whose rest is written, or of all.
    fn ended(&mut self, all: bool) -> Result<(), SinkError> {
        let (over, going_on) = mem::take(&mut self.ending)
            .into_iter()
            .partition(|thread| all || thread.is_finished());
        self.ending = going_on;
        let over: Vec<JoinHandle<_>> = over;
        // All of them are waited for, also when one has failed. A panic has said so itself.
        let results: Vec<_> = over.into_iter().map(JoinHandle::join).collect();
        results.into_iter().flatten().collect()
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
        if let Some(change) = &mut self.change
            && change.look(frame)? == Some(true)
        {
            self.trigger.store(true, Ordering::SeqCst);
        }
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
        // First: a trigger after the time is over is another event.
        if self.ends_ns.is_some_and(|ends_ns| now_ns >= ends_ns) {
            self.end()?;
        }
        self.ended(false)?;
        if !self.trigger.swap(false, Ordering::SeqCst) {
            return Ok(());
        }
        match &self.writing {
            None => self.start(now_ns),
            Some(_) => {
                self.extend(now_ns);
                Ok(())
            }
        }
    }

    fn finish(&mut self, summary: &Summary) -> Result<(), SinkError> {
        let before = self.ended(true);
        // The one that is being written is finished, whatever became of those before it.
        let last = match &mut self.writing {
            Some(sink) => sink.finish(summary),
            None if self.events == 0 => {
                tracing::info!("never triggered: nothing was written");
                Ok(())
            }
            None => Ok(()),
        };
        before.and(last)
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
#[path = "pre_tests.rs"]
mod tests;
