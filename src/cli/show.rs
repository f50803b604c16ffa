//! `--show`: windows, which only the headless worker can open, and what a consumer draws in one.

use crate::sink::{FrameView, Pixels, Plane, Sink, SinkError, StreamInfo, Summary};
use framebus::layout::Geometry;

/// Windows on a display.
pub trait Windows {
    /// Opens an empty window of that name, with room for an image of that size, if it is not there: what cannot be shown is
    /// known before there is a frame, and each window has its place.
    ///
    /// # Errors
    /// Fails as the window system does.
    fn open(&mut self, name: &str, geometry: Geometry) -> Result<(), SinkError>;

    /// Draws an image into the window of that name, and opens it if it is not there.
    ///
    /// # Errors
    /// Fails as the window system does.
    fn draw(&mut self, name: &str, geometry: Geometry, pixels: Pixels<'_>)
    -> Result<(), SinkError>;

    /// Closes the window of that name, if it is there.
    ///
    /// # Errors
    /// Fails as the window system does.
    fn close(&mut self, name: &str) -> Result<(), SinkError>;

    /// Gives the window system its time; `false` when somebody has closed a window or pressed q.
    ///
    /// # Errors
    /// Fails as the window system does.
    fn go_on(&mut self) -> Result<bool, SinkError>;
}

/// Opens the display; called once, and not before a window is wanted.
pub type OpenWindows = fn() -> Result<Box<dyn Windows + Send>, SinkError>;

/// Shows the frames of a consumer in a window.
pub(super) struct ShowSink {
    windows: Box<dyn Windows + Send>,
    plane: Plane,
    name: String,
}

impl ShowSink {
    pub(super) fn new(windows: Box<dyn Windows + Send>, plane: Plane) -> ShowSink {
        let name = "framebus".to_owned();
        ShowSink {
            windows,
            plane,
            name,
        }
    }

    fn go_on(&mut self) -> Result<(), SinkError> {
        if self.windows.go_on()? {
            Ok(())
        } else {
            Err(SinkError::Complete)
        }
    }
}

impl Sink for ShowSink {
    fn begin(&mut self, stream: &StreamInfo) -> Result<(), SinkError> {
        self.name = format!("{}/{}", stream.bus, stream.index);
        Ok(())
    }

    fn frame(&mut self, frame: &FrameView<'_>) -> Result<(), SinkError> {
        let pixels = self.plane.of(frame)?;
        self.windows.draw(&self.name, frame.geometry, pixels)?;
        self.go_on()
    }

    fn tick(&mut self, _now_ns: u64) -> Result<(), SinkError> {
        self.go_on()
    }

    fn finish(&mut self, _summary: &Summary) -> Result<(), SinkError> {
        Ok(())
    }
}
