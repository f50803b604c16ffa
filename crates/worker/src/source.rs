//! The frame source: two phases, and where the pixels go.

mod advance;

use std::fmt;
use std::mem;

use framebus::layout::Geometry;
use framebus::source::{
    Arrival, Filled, FrameMeta, FrameSource, FrameTarget, SourceError, SourceInfo, SourceSpec,
};
use framebus::stop::Stop;
use opencv::core::Mat;
use opencv::videoio::VideoCapture;

use crate::call::Call;
use crate::connect::{Connection, connect, in_bgr};
use crate::convert::to_gray;
use crate::decoded::DecodedSource;
use crate::images::{ImageSource, is_image};
use crate::mat::{self, Landed};
use crate::options::OpenOptions;
use crate::quiet;
use framebus_tools::backoff::Backoff;

/// Opens a source and reads its first frame; `None` when somebody asks to stop meanwhile.
///
/// # Errors
/// One sentence that says what failed, on which source, why, and what to do.
pub fn open(
    source: &SourceSpec,
    options: &OpenOptions,
    stop: &Stop,
) -> Result<Option<Box<dyn FrameSource>>, SourceError> {
    Ok(match source {
        SourceSpec::Images(_) => Some(Box::new(ImageSource::open(source, options)?)),
        SourceSpec::File(path) if is_image(path) => {
            Some(Box::new(ImageSource::open(source, options)?))
        }
        SourceSpec::File(_) | SourceSpec::Url(_) => DecodedSource::open(source, options, stop)?
            .map(|source| Box::new(source) as Box<dyn FrameSource>),
        SourceSpec::Camera(_) | SourceSpec::Gst(_) => {
            Some(Box::new(CaptureSource::open(source, options)?))
        }
        _ => {
            let whose = format!("{source} is opened by framebus itself");
            return Err(SourceError::Unusable(whose));
        }
    })
}

/// A camera or a GStreamer pipeline, which OpenCV captures.
///
/// - `wait` grabs and takes the time, `fill` decodes straight into the target: no copy, as long as the size stays.
/// - The first frame was read when the source was opened; it, the first one after a reconnect and those of another size
///   or pixel type are copied.
/// - A pipeline that has an end ends or starts again. A camera or a live pipeline that is silent or gone is
///   [`Arrival::Stalled`]: each further `wait` sleeps (250 ms, doubling up to 5 s) and tries once to open it again.
pub struct CaptureSource {
    spec: SourceSpec,
    options: OpenOptions,
    /// `None` while the source is gone, or a pipeline's next frame is waited for.
    capture: Option<VideoCapture>,
    grabbing: Option<Call<advance::Grab>>,
    opening: Option<Call<Result<Connection, SourceError>>>,
    geometry: Geometry,
    fps: Option<f64>,
    /// A frame in memory of OpenCV's own, that the next `wait` announces.
    held: Option<Held>,
    /// Whether the next `wait` has to say that the size has changed.
    resized: bool,
    announced: Option<Announced>,
    next_frame: u64,
    /// Whether a frame came since the file started again.
    progressed: bool,
    moved: u64,
    backoff: Backoff,
    /// The BGR image, where the target keeps none.
    own_bgr: Vec<u8>,
}

struct Held {
    bgr: Mat,
    capture: FrameMeta,
}

enum Announced {
    Grabbed(FrameMeta),
    Held(Held),
}

impl CaptureSource {
    /// Opens a source and reads its first frame, as [`open`] does.
    ///
    /// # Errors
    /// One sentence that says what failed, on which source, why, and what to do.
    pub fn open(source: &SourceSpec, options: &OpenOptions) -> Result<CaptureSource, SourceError> {
        quiet::configure(options.threads);
        let connection = connect(source, options)?;
        let mut opened = CaptureSource {
            spec: source.clone(),
            options: options.clone(),
            capture: None,
            grabbing: None,
            opening: None,
            geometry: size(&connection.first, source)?,
            fps: None,
            held: None,
            resized: false,
            announced: None,
            next_frame: 0,
            progressed: false,
            moved: 0,
            backoff: Backoff::new(),
            own_bgr: Vec::new(),
        };
        opened.use_connection(connection)?;
        Ok(opened)
    }

    /// Returns how many frames OpenCV did not put where it was told to, so that they had to be copied.
    ///
    /// The first frame of each connection is not counted: it is read before anybody knows its size.
    #[must_use]
    pub fn moved_frames(&self) -> u64 {
        self.moved
    }

    fn use_connection(&mut self, connection: Connection) -> Result<(), SourceError> {
        let geometry = size(&connection.first, &self.spec)?;
        self.resized = geometry != self.geometry;
        self.geometry = geometry;
        self.fps = connection.fps;
        let capture = FrameMeta {
            capture_ns: connection.capture_ns,
            wall_ns: connection.wall_ns,
            source_frame: self.count_frame(),
        };
        self.held = Some(Held {
            bgr: connection.first,
            capture,
        });
        self.capture = Some(connection.capture);
        self.backoff.reset();
        Ok(())
    }

    fn count_frame(&mut self) -> u64 {
        self.progressed = true;
        let frame = self.next_frame;
        self.next_frame += 1;
        frame
    }

    /// Decodes the grabbed frame into `bgr`. If it does not fit, it is held, and the next `wait` announces it.
    fn decode(&mut self, capture: FrameMeta, bgr: &mut [u8]) -> Result<Filled, SourceError> {
        let Some(video) = &mut self.capture else {
            return Ok(Filled::Damaged);
        };
        // OpenCV throws on a frame that it cannot decode; the next one may be whole again.
        let frame = match mat::retrieve_into(video, bgr, self.geometry).unwrap_or(Landed::Nowhere) {
            Landed::InPlace => return Ok(Filled::Frame),
            Landed::Nowhere => return Ok(Filled::Damaged),
            Landed::Moved(frame) => in_bgr(&frame, &self.spec)?,
        };
        self.moved += 1;
        let geometry = size(&frame, &self.spec)?;
        if geometry == self.geometry {
            return copied(&frame, bgr);
        }
        self.geometry = geometry;
        self.resized = true;
        self.held = Some(Held {
            bgr: frame,
            capture,
        });
        Ok(Filled::Damaged)
    }
}

impl FrameSource for CaptureSource {
    fn info(&self) -> SourceInfo {
        SourceInfo {
            geometry: self.geometry,
            fps: self.fps,
            bgr: true,
            live: true,
            native: None,
            description: self.spec.to_string(),
        }
    }

    fn wait(&mut self, stop: &Stop) -> Result<Arrival, SourceError> {
        self.announced = None;
        if stop.is_set() {
            return Ok(Arrival::Stopped);
        }
        self.next(stop)
    }

    fn fill(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        let Some(announced) = self.announced.take() else {
            return Ok(Filled::Damaged);
        };
        if target.geometry != self.geometry {
            return Err(SourceError::Unusable(format!(
                "{} has frames of {}, and the bus has room for {}; start the producer again",
                self.spec, self.geometry, target.geometry
            )));
        }
        target.expect(self.geometry)?;
        let mut own_bgr = mem::take(&mut self.own_bgr);
        let bgr = match &mut target.bgr {
            Some(bgr) => &mut **bgr,
            None => {
                own_bgr.resize(self.geometry.bgr_len(), 0);
                &mut own_bgr
            }
        };
        let filled = match announced {
            Announced::Grabbed(capture) => self.decode(capture, bgr)?,
            Announced::Held(held) => copied(&held.bgr, bgr)?,
        };
        if filled == Filled::Frame
            && let Some(gray) = &mut target.gray
        {
            to_gray(bgr, gray)?;
        }
        self.own_bgr = own_bgr;
        Ok(filled)
    }
}

impl fmt::Debug for CaptureSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaptureSource")
            .field("spec", &self.spec)
            .field("geometry", &self.geometry)
            .finish_non_exhaustive()
    }
}

fn copied(frame: &Mat, bgr: &mut [u8]) -> Result<Filled, SourceError> {
    match mat::copy_to(frame, bgr) {
        Ok(()) => Ok(Filled::Frame),
        Err(error) => Err(SourceError::Damaged(format!(
            "a frame cannot be copied: {}",
            error.message
        ))),
    }
}

fn size(frame: &Mat, spec: &SourceSpec) -> Result<Geometry, SourceError> {
    mat::geometry(frame)
        .ok_or_else(|| SourceError::Unusable(format!("{spec} has frames without a size")))
}
