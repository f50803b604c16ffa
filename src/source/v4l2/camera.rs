//! A camera as a source of frames: opened, read, and found again when it was gone.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use framebus::clock::{monotonic_ns, wall_ns};
use framebus::layout::Geometry;
use framebus::source::{
    Arrival, Filled, FrameMeta, FrameSource, FrameTarget, SourceError, SourceInfo,
};
use framebus::stop::Stop;

use framebus_tools::backoff::Backoff;

use super::super::jpeg;
use super::device::About;
use super::kernel::Taken;
use super::names::stable_names;
use super::numbers::Numbers;
use super::stream::{Came, Started, Stream, is_damaged, stamp_ns};
use super::{Opened, Wish, find, words};

/// How long a camera may be silent, where its rate does not say that this is usual.
const SILENCE: Duration = Duration::from_millis(1500);
/// How often a camera is asked whether anything comes in at its connector.
const LOOK_EVERY_NS: u64 = 1_000_000_000;

/// A camera.
///
/// - Frames are the driver's buffers; `fill` takes luma straight from them, and gives them back.
/// - Times and numbers are the driver's. Numbers that are missing are [`FrameSource::lost`].
/// - A camera that is silent, broken or gone is [`Arrival::Stalled`]; each further `wait` sleeps (250 ms, doubling up to
///   5 s) and tries once to open it again, by a name that stays the same when its number does not.
#[derive(Debug)]
pub struct V4l2Source {
    wish: Wish,
    path: PathBuf,
    stable: Option<PathBuf>,
    about: About,
    /// `None` while the camera is gone.
    stream: Option<Box<Stream>>,
    geometry: Geometry,
    resized: bool,
    /// What comes in at its connector has changed, and no frame of that has come yet.
    changed: bool,
    /// The frame that was announced.
    announced: Option<Taken>,
    numbers: Numbers,
    backoff: Backoff,
    /// Why nothing comes in, as it was at the last look, and when that was.
    no_signal: Option<&'static str>,
    looked_ns: u64,
    /// What went wrong in `fill`, for the next `wait` to say.
    trouble: Option<String>,
    jpeg: jpeg::Filler,
    /// The driver's number and time of the frame that was filled last.
    told: Option<(u32, libc::timeval)>,
}

impl V4l2Source {
    /// Opens a camera and has it capture. Its first frame is not waited for.
    ///
    /// # Errors
    /// One sentence that says which camera, why, and what to do.
    pub fn open(path: &Path, wish: Wish) -> Result<Opened, SourceError> {
        let stream = match Stream::start(path, &wish)? {
            Started::Stream(stream) => stream,
            Started::Unknown(names) => return Ok(Opened::Unknown(names)),
        };
        let geometry = geometry(&stream)?;
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        // A link is a name that somebody has chosen; a number is none.
        let stable = if real == path {
            stable_names(&real).into_iter().next()
        } else {
            Some(path.to_owned())
        };
        Ok(Opened::Source(Box::new(V4l2Source {
            wish,
            path: path.to_owned(),
            stable,
            about: stream.device.about.clone(),
            stream: Some(stream),
            geometry,
            resized: false,
            changed: false,
            announced: None,
            numbers: Numbers::default(),
            backoff: Backoff::new(),
            no_signal: None,
            looked_ns: 0,
            trouble: None,
            jpeg: jpeg::Filler::default(),
            told: None,
        })))
    }

    /// What the camera is set to, and what it gives instead of what was asked for: a line each.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let Some(stream) = &self.stream else {
            return Vec::new();
        };
        let shown = self.path.display();
        let mut instead = Vec::new();
        if let Some(size) = self.wish.size.filter(|size| *size != self.geometry) {
            instead.push(format!("{} instead of {size}", self.geometry));
        }
        if let (Some(asked), Some(got)) = (self.wish.fps, stream.fps)
            && (asked - got).abs() > asked * 0.01
        {
            instead.push(format!(
                "{} fps instead of {}",
                rounded(got),
                rounded(asked)
            ));
        }
        if instead.is_empty() {
            return Vec::new();
        }
        vec![format!(
            "camera {shown} gives {}: `framebus cameras {shown}` lists what it has",
            instead.join(" and ")
        )]
    }

    fn silence(&self) -> Duration {
        let periods = self.stream.as_ref().and_then(|stream| stream.fps);
        let usual = periods.map_or(Duration::ZERO, |fps| Duration::from_secs_f64(4.0 / fps));
        self.wish.read_timeout.unwrap_or(usual.max(SILENCE))
    }

    fn lose(&mut self, why: &str) -> Arrival {
        self.stream = None;
        self.announced = None;
        self.no_signal = None;
        self.numbers.restart();
        Arrival::Stalled(format!("camera {} {why}", self.path.display()))
    }

    fn lose_by(&mut self, error: &std::io::Error) -> Arrival {
        if words::is_gone(error) {
            return self.lose("was unplugged");
        }
        self.lose(&format!("does not go on: {error}"))
    }

    /// Tries once to open the camera again, in the size that it had: its driver has forgotten that. What comes in anew at a
    /// connector has a size of its own.
    fn reconnect(&mut self) -> Result<Option<Arrival>, SourceError> {
        let mut wish = self.wish.clone();
        if !self.changed {
            wish.size = wish.size.or(Some(self.geometry));
        }
        let path = match find::again(&self.path, self.stable.as_deref(), &self.about) {
            Ok(path) => path,
            Err(other) => {
                let shown = self.path.display();
                return Ok(Some(Arrival::Stalled(format!(
                    "camera {shown} is not there: {other} has its number now"
                ))));
            }
        };
        match Stream::start(&path, &wish) {
            Ok(Started::Stream(stream)) => {
                let geometry = geometry(&stream)?;
                self.resized = geometry != self.geometry;
                self.geometry = geometry;
                self.path = path;
                self.stream = Some(stream);
                let resized = std::mem::take(&mut self.resized);
                Ok(resized.then_some(Arrival::Resized))
            }
            Ok(Started::Unknown(names)) => Ok(Some(Arrival::Stalled(format!(
                "camera {} has other formats now: {names}",
                path.display()
            )))),
            Err(error) => Ok(Some(Arrival::Stalled(error.to_string()))),
        }
    }

    /// Looks from time to time whether anything comes in: a capture card goes on with noise when its cable is pulled.
    fn look(&mut self, now_ns: u64) -> Option<Arrival> {
        if now_ns.saturating_sub(self.looked_ns) >= LOOK_EVERY_NS || self.looked_ns == 0 {
            self.looked_ns = now_ns;
            self.no_signal = self.stream.as_ref()?.device.no_signal();
        }
        let why = self.no_signal?;
        Some(Arrival::Stalled(format!(
            "camera {} {why}",
            self.path.display()
        )))
    }

    /// Announces a frame; `None` when it is one that nobody should see.
    fn announce(&mut self, taken: Taken) -> Option<Arrival> {
        let now_ns = monotonic_ns();
        let capture_ns = stamp_ns(&taken, now_ns);
        let source_frame = self.numbers.next(taken.sequence);
        if let Some(stalled) = self.look(now_ns) {
            return Some(stalled);
        }
        self.backoff.reset();
        self.changed = false;
        let stream = self.stream.as_ref()?;
        if stream.is_jpeg() && !is_damaged(&taken) {
            let raw = stream.raw();
            let size = raw.planes.first().and_then(|bytes| jpeg::size(bytes));
            if let Some(size) = size.filter(|size| *size != self.geometry) {
                self.geometry = size;
                self.resized = true;
            }
        }
        self.announced = Some(taken);
        if std::mem::take(&mut self.resized) {
            return Some(Arrival::Resized);
        }
        Some(Arrival::Frame(FrameMeta {
            capture_ns,
            wall_ns: wall_ns().saturating_sub(now_ns - capture_ns),
            source_frame,
        }))
    }

    /// Writes the frame that was announced; everything that asks the target for its images is here.
    fn write(&mut self, taken: &Taken, target: &mut FrameTarget<'_>) -> Filled {
        let Some(stream) = &self.stream else {
            return Filled::Damaged;
        };
        let raw = stream.raw();
        if is_damaged(taken) {
            return Filled::Damaged;
        }
        if stream.is_jpeg() {
            let bytes = raw.planes.first().copied().unwrap_or(&[]);
            let limited = stream.limited();
            return self.jpeg.fill(bytes, self.geometry, limited, target);
        }
        if !raw.is_whole(target.bgr.is_some()) {
            return Filled::Damaged;
        }
        if let Some(gray) = &mut target.gray {
            raw.gray(gray);
        }
        if let (Some(native), Some(spec)) = (&mut target.native, stream.native())
            && !raw.copy_as(spec.format, native)
        {
            return Filled::Damaged;
        }
        if let Some(bgr) = &mut target.bgr {
            raw.bgr(bgr);
        }
        Filled::Frame
    }
}

impl FrameSource for V4l2Source {
    fn info(&self) -> SourceInfo {
        let stream = self.stream.as_ref();
        let format = stream.map_or(String::new(), |stream| format!(" {}", stream.fourcc()));
        SourceInfo {
            geometry: self.geometry,
            fps: stream.and_then(|stream| stream.fps),
            bgr: true,
            live: true,
            native: stream.and_then(|stream| stream.native()),
            description: format!("{}{format}", self.path.display()),
        }
    }

    fn wait(&mut self, stop: &Stop) -> Result<Arrival, SourceError> {
        self.announced = None;
        loop {
            if stop.is_set() {
                return Ok(Arrival::Stopped);
            }
            if let Some(why) = self.trouble.take() {
                return Ok(self.lose(&why));
            }
            let silence = self.silence();
            let Some(stream) = &mut self.stream else {
                if stop.sleep(self.backoff.delay()) {
                    return Ok(Arrival::Stopped);
                }
                if let Some(arrival) = self.reconnect()? {
                    return Ok(arrival);
                }
                continue;
            };
            match stream.wait(stop, silence) {
                Ok(Came::Frame(taken)) => {
                    if let Some(arrival) = self.announce(taken) {
                        return Ok(arrival);
                    }
                }
                Ok(Came::Stopped) => return Ok(Arrival::Stopped),
                Ok(Came::Nothing) => {
                    self.looked_ns = 0;
                    return Ok(match self.look(monotonic_ns()) {
                        // Opening it again would not plug the cable in.
                        Some(stalled) => stalled,
                        None => self.lose("sends no frames any more"),
                    });
                }
                Ok(Came::Changed) => {
                    // Buffers of the old size are freed before others are asked for.
                    let lost = self.lose("has another source");
                    // At once, unless it changes again and again without a frame.
                    if std::mem::replace(&mut self.changed, true) {
                        return Ok(lost);
                    }
                    if let Some(arrival) = self.reconnect()? {
                        return Ok(arrival);
                    }
                }
                Err(error) => return Ok(self.lose_by(&error)),
            }
        }
    }

    fn fill(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError> {
        let Some(taken) = self.announced.take() else {
            return Ok(Filled::Damaged);
        };
        target.expect(self.geometry)?;
        let filled = self.write(&taken, target);
        self.told = Some((taken.sequence, taken.timestamp));
        if let Some(stream) = &mut self.stream
            && let Err(error) = stream.give_back()
        {
            self.trouble = Some(if words::is_gone(&error) {
                "was unplugged".to_owned()
            } else {
                format!("does not take its buffer back: {error}")
            });
        }
        Ok(filled)
    }

    fn lost(&self) -> u64 {
        self.numbers.lost
    }

    /// What the driver says of the frame: its number, its time on its own clock, and the pixel format.
    fn metadata(&mut self, bytes: &mut Vec<u8>) {
        let (Some((sequence, time)), Some(stream)) = (self.told, &self.stream) else {
            return;
        };
        // Writing into memory does not fail.
        let _ = write!(
            bytes,
            r#"{{"driver_sequence":{sequence},"driver_time_us":{},"fourcc":"{}"}}"#,
            time.tv_sec * 1_000_000 + time.tv_usec,
            stream.fourcc()
        );
    }
}

fn geometry(stream: &Stream) -> Result<Geometry, SourceError> {
    let (width, height) = (stream.picture.width, stream.picture.height);
    stream.picture.geometry().ok_or_else(|| {
        SourceError::Unusable(format!(
            "camera {} has frames of {width}x{height}, which no bus can carry; give another --size",
            stream.device.path.display()
        ))
    })
}

fn rounded(fps: f64) -> f64 {
    (fps * 100.0).round() / 100.0
}
