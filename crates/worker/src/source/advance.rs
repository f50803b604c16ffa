//! From one frame to the next: ends, stalls and new beginnings.

use std::io;
use std::mem;

use framebus::clock::{monotonic_ns, wall_ns};
use framebus::source::{Arrival, FrameMeta, SourceError, SourceSpec};
use framebus::stop::Stop;
use opencv::videoio::{VideoCapture, VideoCaptureTrait};

use super::{Announced, CaptureSource};
use crate::call::{Call, Returned};
use crate::connect::{MISSES_OF_LIVE, connect, connect_unbounded, is_over};

/// What a grab on a thread of its own brings back: the capture, and when it got its frame.
pub(super) type Grab = (VideoCapture, Option<Moment>);

/// When a frame was grabbed.
pub(super) struct Moment {
    capture_ns: u64,
    wall_ns: u64,
}

/// Grabs once; takes the time right after.
fn grab(video: &mut VideoCapture) -> Option<Moment> {
    let grabbed = video.grab().unwrap_or(false);
    let moment = Moment {
        capture_ns: monotonic_ns(),
        wall_ns: wall_ns(),
    };
    grabbed.then_some(moment)
}

impl CaptureSource {
    /// Waits for the next frame, whatever the source is.
    pub(super) fn next(&mut self, stop: &Stop) -> Result<Arrival, SourceError> {
        if let Some(arrival) = self.announce_held() {
            return Ok(arrival);
        }
        if let Some(grabbing) = self.grabbing.take() {
            return self.next_of_pipeline(grabbing, stop);
        }
        let Some(video) = self.capture.take() else {
            return self.reconnect(stop);
        };
        if matches!(self.spec, SourceSpec::Gst(_)) {
            let mut video = video;
            let grabbing = Call::start(move || {
                let moment = grab(&mut video);
                (video, moment)
            });
            return self.next_of_pipeline(grabbing.map_err(|error| self.no_thread(&error))?, stop);
        }
        self.capture = Some(video);
        self.next_of_camera(stop)
    }

    /// Announces what is held: a new size first, then the frame.
    fn announce_held(&mut self) -> Option<Arrival> {
        if mem::take(&mut self.resized) {
            return Some(Arrival::Resized);
        }
        let held = self.held.take()?;
        let capture = held.capture;
        self.announced = Some(Announced::Held(held));
        Some(Arrival::Frame(capture))
    }

    fn announce(&mut self, moment: &Moment) -> Arrival {
        let capture = FrameMeta {
            capture_ns: moment.capture_ns,
            wall_ns: moment.wall_ns,
            source_frame: self.count_frame(),
        };
        self.announced = Some(Announced::Grabbed(capture));
        Arrival::Frame(capture)
    }

    fn grab(&mut self) -> Option<Arrival> {
        let moment = grab(self.capture.as_mut()?)?;
        Some(self.announce(&moment))
    }

    fn next_of_pipeline(
        &mut self,
        grabbing: Call<Grab>,
        stop: &Stop,
    ) -> Result<Arrival, SourceError> {
        match grabbing
            .wait(stop, self.options.silence())
            .map_err(|error| self.no_thread(&error))?
        {
            Returned::Value((video, moment)) => {
                self.capture = Some(video);
                match moment {
                    Some(moment) => Ok(self.announce(&moment)),
                    None if self.spec.can_end() => self.end_or_start_again(stop),
                    None => Ok(self.lose("has ended")),
                }
            }
            Returned::NotYet(grabbing) => {
                self.grabbing = Some(grabbing);
                Ok(Arrival::Stalled(format!("{} sends no frames", self.spec)))
            }
            Returned::Stopped(grabbing) => {
                self.grabbing = Some(grabbing);
                Ok(Arrival::Stopped)
            }
        }
    }

    fn next_of_camera(&mut self, stop: &Stop) -> Result<Arrival, SourceError> {
        let started = monotonic_ns();
        for _ in 0..MISSES_OF_LIVE {
            if let Some(arrival) = self.grab() {
                return Ok(arrival);
            }
            if stop.is_set() {
                return Ok(Arrival::Stopped);
            }
            if is_over(started, self.options.silence()) {
                return Ok(self.lose("sends no frames any more"));
            }
        }
        Ok(self.lose("does not answer any more; it may be unplugged"))
    }

    fn lose(&mut self, why: &str) -> Arrival {
        self.capture = None;
        Arrival::Stalled(format!("{} {why}", self.spec))
    }

    /// Tries once to open the source again. An attempt that takes long goes on in the next wait.
    fn reconnect(&mut self, stop: &Stop) -> Result<Arrival, SourceError> {
        let opening = match self.opening.take() {
            Some(opening) => opening,
            None => {
                if stop.sleep(self.backoff.delay()) {
                    return Ok(Arrival::Stopped);
                }
                let (spec, options) = (self.spec.clone(), self.options.clone());
                Call::start(move || connect_unbounded(&spec, &options))
                    .map_err(|error| self.no_thread(&error))?
            }
        };
        let patience = self.options.opening() + self.options.silence();
        match opening
            .wait(stop, patience)
            .map_err(|error| self.no_thread(&error))?
        {
            Returned::Value(Ok(connection)) => {
                self.use_connection(connection)?;
                self.next(stop)
            }
            Returned::Value(Err(error)) => Ok(Arrival::Stalled(error.to_string())),
            Returned::NotYet(opening) => {
                self.opening = Some(opening);
                Ok(Arrival::Stalled(format!("{} does not answer", self.spec)))
            }
            Returned::Stopped(opening) => {
                self.opening = Some(opening);
                Ok(Arrival::Stopped)
            }
        }
    }

    /// Ends, or opens the pipeline anew: it cannot be rewound.
    fn end_or_start_again(&mut self, stop: &Stop) -> Result<Arrival, SourceError> {
        if !self.options.looped {
            return Ok(Arrival::End);
        }
        if !mem::take(&mut self.progressed) {
            return Err(SourceError::Damaged(format!(
                "{} cannot start again: none of its frames can be decoded any more",
                self.spec
            )));
        }
        self.next_frame = 0;
        self.capture = None;
        let connection = connect(&self.spec, &self.options)?;
        self.use_connection(connection)?;
        self.next(stop)
    }

    fn no_thread(&self, error: &io::Error) -> SourceError {
        SourceError::Unusable(format!(
            "{} cannot go on: no thread can wait for it ({error})",
            self.spec
        ))
    }
}
