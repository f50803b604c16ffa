//! A camera that captures: format, buffers, and what the driver says of each frame.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use framebus::clock::monotonic_ns;
use framebus::layout::{ColorRange, Format, Geometry, PlaneSpec};
use framebus::source::SourceError;
use framebus::stop::Stop;

use super::abi::{self, FourCc};
use super::choose::{Candidate, USUAL_FPS, candidates, names};
use super::device::{Device, Picture};
use super::formats::{Pixels, known};
use super::kernel::{Buffers, Taken};
use super::pixels::Raw;
use super::{Wish, words};

/// How many frames the driver may be ahead.
const BUFFERS: u32 = 4;

/// A camera that captures.
#[derive(Debug)]
pub(super) struct Stream {
    // Before the device: buffers are freed while it is open.
    buffers: Buffers,
    pub(super) device: Device,
    pub(super) picture: Picture,
    pixels: Pixels,
    limited: bool,
    pub(super) fps: Option<f64>,
    /// Whether the device tells of a source that changes its size.
    watched: bool,
}

/// What opening a camera comes to.
#[derive(Debug)]
pub(super) enum Started {
    Stream(Box<Stream>),
    /// It has none of the formats that are known here: their names.
    Unknown(String),
}

/// What waiting for a frame comes to.
#[derive(Debug)]
pub(super) enum Came {
    Frame(Taken),
    Nothing,
    Stopped,
    /// The size or the format of what comes in is another one now.
    Changed,
}

impl Stream {
    /// Opens a camera, sets it, and has it capture.
    ///
    /// # Errors
    /// One sentence that says what the camera cannot do, or who has it.
    pub(super) fn start(path: &Path, wish: &Wish) -> Result<Started, SourceError> {
        let device = Device::open(path)?;
        device.follow_source();
        wish.settings.apply(&device)?;
        let candidates = candidates(&device, wish)?;
        if candidates.is_empty() {
            return Ok(Started::Unknown(names(&device.offers())));
        }
        let mut device = Some(device);
        let mut last = None;
        for candidate in &candidates {
            // A device that has failed once is opened anew: whatever is left of the attempt goes with it.
            let device = match device.take() {
                Some(device) => device,
                None => Device::open(path)?,
            };
            match Stream::with(device, candidate, wish) {
                Ok(stream) => return Ok(Started::Stream(Box::new(stream))),
                // Another format may need less of the bus.
                Err((what, error)) if error.raw_os_error() == Some(libc::ENOSPC) => {
                    last = Some(words::refused(path, what, &error));
                }
                Err((what, error)) => return Err(words::refused(path, what, &error)),
            }
        }
        Err(last.unwrap_or_else(|| words::busy(path)))
    }

    fn with(
        device: Device,
        candidate: &Candidate,
        wish: &Wish,
    ) -> Result<Stream, (&'static str, io::Error)> {
        let in_step = |what: &'static str| move |error: io::Error| (what, error);
        let picture = device
            .set_picture(candidate.fourcc, candidate.size)
            .map_err(in_step("be set to a size and a format"))?;
        let Some((pixels, _)) = known(picture.fourcc) else {
            let error = io::Error::other(format!("it became {}", picture.fourcc));
            return Err(("be set to a format", error));
        };
        // Without a wish, the camera's own; one that would be slower than need be is asked for the usual.
        let own = device.rate();
        let more = candidate.fps.map(|most| most.min(USUAL_FPS));
        let more = more.filter(|more| own.is_none_or(|own| own < *more));
        let fps = match wish.fps.or(more) {
            Some(fps) => device.set_rate(fps).or(own),
            None => own,
        };
        let mut buffers = Buffers::new(device.file(), device.kind, BUFFERS)
            .map_err(in_step("give memory for its frames"))?;
        if buffers.len() == 0 {
            return Err(("give memory for its frames", ErrorKind::OutOfMemory.into()));
        }
        let watched = device.watch_source();
        buffers.start().map_err(in_step("start"))?;
        Ok(Stream {
            limited: wish.range.is_limited(says_limited(&picture, pixels)),
            buffers,
            device,
            picture,
            pixels,
            fps,
            watched,
        })
    }

    pub(super) fn fourcc(&self) -> FourCc {
        self.picture.fourcc
    }

    /// The same as a plane of a bus, where there is one.
    pub(super) fn native(&self) -> Option<PlaneSpec> {
        let format = match &self.picture.fourcc.to_string()[..] {
            "NV12" => Format::NV12,
            "YU12" => Format::I420,
            "YUYV" => Format::YUYV,
            _ => return None,
        };
        let size = Geometry::new(self.picture.width, self.picture.height)?;
        let range = if self.limited {
            ColorRange::Limited
        } else {
            ColorRange::Full
        };
        let spec = PlaneSpec::new(format);
        format.fits(size).then_some(spec.colors(range, spec.matrix))
    }

    pub(super) fn is_jpeg(&self) -> bool {
        self.pixels == Pixels::Jpeg
    }

    /// Waits for the next frame and takes it.
    ///
    /// # Errors
    /// Fails as the driver does; `ENODEV` is a camera that is gone.
    pub(super) fn wait(&mut self, stop: &Stop, patience: Duration) -> io::Result<Came> {
        let patience_ns = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
        let due_ns = monotonic_ns().saturating_add(patience_ns);
        loop {
            match self.buffers.take() {
                Ok(taken) => return Ok(Came::Frame(taken)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // The last buffer before a change, by the words of V4L2.
                Err(error) if error.raw_os_error() == Some(libc::EPIPE) => {
                    return Ok(Came::Changed);
                }
                Err(error) => return Err(error),
            }
            let left_ns = due_ns.saturating_sub(monotonic_ns());
            let timeout = Timespec {
                tv_sec: (left_ns / 1_000_000_000) as i64,
                tv_nsec: (left_ns % 1_000_000_000) as i64,
            };
            let mut fds = [
                PollFd::new(stop, PollFlags::IN),
                PollFd::from_borrowed_fd(self.device.fd(), PollFlags::IN | PollFlags::PRI),
            ];
            let ready = match poll(&mut fds, Some(&timeout)) {
                Ok(ready) => ready,
                Err(Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            };
            let events = fds[1].revents();
            if stop.is_set() {
                return Ok(Came::Stopped);
            }
            if ready == 0 {
                return Ok(Came::Nothing);
            }
            if self.watched && events.contains(PollFlags::PRI) && self.device.source_has_changed() {
                return Ok(Came::Changed);
            }
            if events.contains(PollFlags::ERR) && !events.contains(PollFlags::IN) {
                // What the error is, the next request would say; one that says nothing is an error none the less.
                return match self.buffers.take() {
                    Ok(taken) => Ok(Came::Frame(taken)),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => Err(Errno::IO.into()),
                    Err(error) => Err(error),
                };
            }
        }
    }

    /// The frame that was taken last.
    pub(super) fn raw(&self) -> Raw<'_> {
        Raw {
            pixels: self.pixels,
            width: self.picture.width as usize,
            height: self.picture.height as usize,
            limited: self.limited,
            planes: self.buffers.planes(),
            strides: &self.picture.strides,
        }
    }

    pub(super) fn limited(&self) -> bool {
        self.limited
    }

    /// Gives the frame that was taken last back to the driver.
    pub(super) fn give_back(&mut self) -> io::Result<()> {
        self.buffers.give_back()
    }
}

/// Whether luma is limited range, by what the driver says; and by V4L2's rules where it says nothing: YUV is, JPEG is not,
/// RGB and gray are not.
fn says_limited(picture: &Picture, pixels: Pixels) -> bool {
    match picture.quantization {
        abi::QUANTIZATION_FULL => false,
        abi::QUANTIZATION_LIMITED => true,
        _ => {
            let yuv = matches!(pixels, Pixels::Packed { .. } | Pixels::Planar { .. });
            yuv && picture.colorspace != abi::COLORSPACE_JPEG
        }
    }
}

/// Whether the driver says that a frame is damaged.
pub(super) fn is_damaged(taken: &Taken) -> bool {
    taken.flags & abi::BUF_FLAG_ERROR != 0
}

/// When a frame was captured by the driver's clock, where that is CLOCK_MONOTONIC.
pub(super) fn stamp_ns(taken: &Taken, now_ns: u64) -> u64 {
    let monotonic = taken.flags & abi::BUF_FLAG_TIMESTAMP_MASK == abi::BUF_FLAG_TIMESTAMP_MONOTONIC;
    let stamp = taken.timestamp;
    let ns = u64::try_from(stamp.tv_sec).ok().and_then(|seconds| {
        let micros = u64::try_from(stamp.tv_usec).ok()?;
        seconds
            .checked_mul(1_000_000_000)?
            .checked_add(micros * 1000)
    });
    // A stamp of nothing or of the future is none.
    ns.filter(|ns| monotonic && *ns > 0 && *ns <= now_ns)
        .unwrap_or(now_ns)
}

impl AsFd for Stream {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.device.fd()
    }
}
