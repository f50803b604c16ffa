//! Windows: OpenCV's highgui behind `--show`, and a consumer's frames in one.

use std::collections::BTreeSet;
use std::env;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::time::Duration;

use framebus::layout::Geometry;
use framebus_tools::sink::{FrameView, Pixels, Plane, Sink, SinkError, StreamInfo, Summary};
use opencv::core::{Mat, Vec3b};
use opencv::highgui::{
    WINDOW_AUTOSIZE, WINDOW_GUI_NORMAL, WND_PROP_VISIBLE, destroy_window, get_window_property,
    imshow, move_window, named_window, wait_key,
};

use crate::last_words;

fn no_display(why: &str) -> SinkError {
    SinkError::Unsuitable(format!(
        "--show needs a display, and {why}: use ssh -X, or framebus peek or top"
    ))
}

/// Connects to an X server and hangs up: `:1`, `unix:1`, `host:1.0`.
fn reach(display: &str) -> io::Result<()> {
    let (host, number) = display.rsplit_once(':').unwrap_or(("", display));
    let number: u16 = number
        .split('.')
        .next()
        .and_then(|number| number.parse().ok())
        .ok_or(io::ErrorKind::InvalidInput)?;
    if matches!(host, "" | "unix") {
        let path = format!("/tmp/.X11-unix/X{number}");
        let hidden = SocketAddr::from_abstract_name(&path)?;
        return UnixStream::connect(&path)
            .or_else(|_| UnixStream::connect_addr(&hidden))
            .map(drop);
    }
    let port = number
        .checked_add(6000)
        .ok_or(io::ErrorKind::InvalidInput)?;
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, Duration::from_secs(2)) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// What a window manager puts around an image.
const FRAME: (usize, usize) = (8, 32);
/// How wide a row of windows may be.
const ROW: usize = 1600;

/// Windows on a display.
#[derive(Default)]
pub(crate) struct Windows {
    open: BTreeSet<String>,
}

impl Windows {
    /// Opens the display. A display that goes away later ends the process, with one sentence and exit code 2.
    ///
    /// # Errors
    /// One sentence where there is none.
    pub(crate) fn display() -> Result<Windows, SinkError> {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        let platform = set("QT_QPA_PLATFORM");
        if let (None, None) = (&platform, set("WAYLAND_DISPLAY")) {
            let display = set("DISPLAY").ok_or_else(|| no_display("DISPLAY is not set"))?;
            reach(&display)
                .map_err(|error| no_display(&format!("{display} does not answer: {error}")))?;
        }
        let display = set("WAYLAND_DISPLAY").or_else(|| set("DISPLAY"));
        let display = platform.or(display).unwrap_or_default();
        last_words::prepare(&format!(
            "the window system has given up: the display {display} is gone, or does not let this program show windows"
        ));
        Ok(Windows::default())
    }

    /// Opens an empty window of that name, with room for an image of that size, if it is not there: what cannot be shown is
    /// known before there is a frame, and each window has its place.
    pub(crate) fn open(&mut self, name: &str, geometry: Geometry) -> Result<(), SinkError> {
        if self.open.contains(name) {
            return Ok(());
        }
        let open = || named_window(name, WINDOW_AUTOSIZE | WINDOW_GUI_NORMAL);
        if self.open.is_empty() {
            last_words::alone(open).map_err(failed)?;
            // The window system has loaded its parts only now.
            last_words::before_others();
        } else {
            open().map_err(failed)?;
        }
        let (x, y) = place(self.open.len(), geometry);
        move_window(name, x, y).map_err(failed)?;
        self.open.insert(name.to_owned());
        Ok(())
    }

    /// Closes the window of that name, if it is there.
    pub(crate) fn close(&mut self, name: &str) -> Result<(), SinkError> {
        if self.open.remove(name) {
            destroy_window(name).map_err(failed)?;
        }
        Ok(())
    }

    /// Draws an image into the window of that name, and opens it if it is not there.
    pub(crate) fn draw(
        &mut self,
        name: &str,
        geometry: Geometry,
        pixels: Pixels<'_>,
    ) -> Result<(), SinkError> {
        self.open(name, geometry)?;
        let (Ok(rows), Ok(columns)) = (
            i32::try_from(geometry.height),
            i32::try_from(geometry.width),
        ) else {
            return Err(SinkError::Unsuitable(format!(
                "{geometry} does not fit a window"
            )));
        };
        match pixels {
            Pixels::Gray(gray) => {
                let image = Mat::new_rows_cols_with_data(rows, columns, gray).map_err(failed)?;
                imshow(name, &image).map_err(failed)
            }
            Pixels::Bgr(bgr) => {
                let image = Mat::new_rows_cols_with_bytes::<Vec3b>(rows, columns, bgr);
                imshow(name, &image.map_err(failed)?).map_err(failed)
            }
        }
    }

    /// Gives the window system its time; `false` when somebody has closed a window or pressed q.
    pub(crate) fn go_on(&mut self) -> Result<bool, SinkError> {
        if self.open.is_empty() {
            return Ok(true);
        }
        let key = wait_key(1).map_err(failed)?;
        if key == i32::from(b'q') {
            return Ok(false);
        }
        for name in &self.open {
            // A window that was closed by its frame is not visible any more.
            if get_window_property(name, WND_PROP_VISIBLE).map_err(failed)? < 1.0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Shows the frames of a consumer in a window.
pub(crate) struct ShowSink {
    windows: Windows,
    plane: Plane,
    name: String,
}

impl ShowSink {
    /// Opens the display.
    ///
    /// # Errors
    /// As [`Windows::display`] does.
    pub(crate) fn open(plane: Plane) -> Result<ShowSink, SinkError> {
        Ok(ShowSink {
            windows: Windows::display()?,
            plane,
            name: "framebus".to_owned(),
        })
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

/// Where the window of that number goes: in rows, beside one another.
fn place(number: usize, geometry: Geometry) -> (i32, i32) {
    let (width, height) = (
        geometry.width as usize + FRAME.0,
        geometry.height as usize + FRAME.1,
    );
    let columns = (ROW / width).max(1);
    let pixels = |count: usize| i32::try_from(count).unwrap_or(0);
    (
        pixels(number % columns * width),
        pixels(number / columns * height),
    )
}

fn failed(error: opencv::Error) -> SinkError {
    SinkError::Unsuitable(format!("the window cannot be shown: {}", error.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_beside_one_another() {
        let size = Geometry {
            width: 792,
            height: 100,
        };
        let places = [0, 1, 2].map(|number| place(number, size));
        assert_eq!(places, [(0, 0), (800, 0), (0, 132)]);
    }

    #[test]
    fn a_display_that_does_not_answer_is_an_error() {
        for display in [":7654", "unix:7654.0", "127.0.0.1:59000", "nonsense"] {
            assert!(reach(display).is_err(), "{display}");
        }
    }
}
