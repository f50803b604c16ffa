//! `--show`: windows, which only the headless worker can open; and what is drawn in them.

use crate::bus::Observer;
use crate::clock::monotonic_ns;
use crate::layout::Geometry;
use crate::sink::{FrameView, Pixels, Plane, Sink, SinkError, StreamInfo, Summary};

/// Windows on a display.
pub trait Windows {
    /// Draws an image into the window of that name, and opens it if it is not there.
    ///
    /// # Errors
    /// Fails as the window system does.
    fn draw(&mut self, name: &str, geometry: Geometry, pixels: Pixels<'_>)
    -> Result<(), SinkError>;

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

/// What the seed's DEBUG_WINDOWS show: the BGR image and every slot, as an observer of the own bus sees them.
pub(super) struct ShowBus {
    windows: Box<dyn Windows + Send>,
    observer: Option<Observer>,
    next_ns: u64,
    image: Vec<u8>,
}

/// People see no more, and each look copies every slot.
const EVERY_NS: u64 = 100_000_000;

impl ShowBus {
    pub(super) fn new(windows: Box<dyn Windows + Send>) -> ShowBus {
        ShowBus {
            windows,
            observer: None,
            next_ns: 0,
            image: Vec::new(),
        }
    }

    /// Shows the bus when it is time to; `false` when somebody wants an end.
    pub(super) fn update(&mut self, bus: &crate::bus::BusName) -> Result<bool, SinkError> {
        let now = monotonic_ns();
        if now >= self.next_ns {
            self.next_ns = now + EVERY_NS;
            // A frame of another size is on another segment.
            if !self.observer.as_ref().is_some_and(Observer::is_linked) {
                self.observer = Observer::open(bus).ok();
            }
            self.draw()?;
        }
        self.windows.go_on()
    }

    fn draw(&mut self) -> Result<(), SinkError> {
        let Some(observer) = &self.observer else {
            return Ok(());
        };
        let (bus, layout) = (observer.bus(), observer.layout());
        if observer.copy_latest_bgr(&mut self.image).is_ok() {
            let name = format!("{bus} BGR");
            self.windows
                .draw(&name, layout.geometry, Pixels::Bgr(&self.image))?;
        }
        for slot in 0..layout.slots {
            // An empty slot, or one that is being written, is shown next time.
            if observer.copy_slot(slot, &mut self.image).is_ok() {
                let name = format!("{bus} slot {slot}");
                self.windows
                    .draw(&name, layout.geometry, Pixels::Gray(&self.image))?;
            }
        }
        Ok(())
    }
}
