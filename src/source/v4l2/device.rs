//! A V4L2 device: what it is, what it can, and what it is set to.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use framebus::layout::Geometry;
use framebus::source::SourceError;

use super::abi::{self, FourCc, Zero};
use super::kernel;
use super::words;

/// An open device that captures video.
#[derive(Debug)]
pub(super) struct Device {
    file: Arc<OwnedFd>,
    pub(super) path: PathBuf,
    pub(super) kind: u32,
    pub(super) about: About,
}

/// What a device says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct About {
    pub(super) driver: String,
    pub(super) card: String,
    /// Where it is plugged in, such as `usb-0000:00:14.0-2`.
    pub(super) bus: String,
}

/// A pixel format that a device has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) fourcc: FourCc,
    pub(super) description: String,
    /// Whether a library makes it from another one.
    pub(super) emulated: bool,
}

/// Frame sizes of a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sizes {
    Listed(Vec<(u32, u32)>),
    /// From the first to the second, in steps.
    Between((u32, u32), (u32, u32), (u32, u32)),
}

/// What frames are like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Picture {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) fourcc: FourCc,
    /// Bytes from row to row, of each plane in memory of its own.
    pub(super) strides: Vec<usize>,
    pub(super) colorspace: u32,
    pub(super) quantization: u32,
}

impl Picture {
    pub(super) fn geometry(&self) -> Option<Geometry> {
        Geometry::new(self.width, self.height)
    }
}

impl Device {
    /// Opens a device.
    ///
    /// # Errors
    /// One sentence: it is not there, may not be opened, is no camera, or is one that does not capture images.
    pub(super) fn open(path: &Path) -> Result<Device, SourceError> {
        Device::open_any(path)?
    }

    /// Whether a device answers, and is one that captures nothing.
    pub(super) fn is_something_else(path: &Path) -> bool {
        matches!(Device::open_any(path), Ok(Err(_)))
    }

    /// Opens a device. The inner error is of one that answers and does not capture.
    fn open_any(path: &Path) -> Result<Result<Device, SourceError>, SourceError> {
        let file = File::options()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NONBLOCK)
            .open(path)
            .map_err(|error| words::cannot_open(path, &error))?;
        let is_device = file
            .metadata()
            .is_ok_and(|metadata| metadata.file_type().is_char_device());
        if !is_device {
            return Err(words::no_device(path));
        }
        let file = OwnedFd::from(file);
        let mut capability = abi::Capability::ZERO;
        kernel::query_capability(file.as_fd(), &mut capability)
            .map_err(|error| words::no_camera(path, &error))?;
        let about = About {
            driver: abi::text(&capability.driver),
            card: abi::text(&capability.card),
            bus: abi::text(&capability.bus_info),
        };
        let can = if capability.capabilities & abi::CAP_DEVICE_CAPS != 0 {
            capability.device_caps
        } else {
            capability.capabilities
        };
        let kind = if can & abi::CAP_VIDEO_CAPTURE != 0 {
            abi::CAPTURE
        } else if can & abi::CAP_VIDEO_CAPTURE_MPLANE != 0 {
            abi::CAPTURE_MPLANE
        } else {
            let metadata = can & abi::CAP_META_CAPTURE != 0;
            return Ok(Err(words::captures_nothing(path, &about.card, metadata)));
        };
        if can & abi::CAP_STREAMING == 0 {
            return Err(words::does_not_stream(path, &about.card));
        }
        Ok(Ok(Device {
            file: Arc::new(file),
            path: path.to_owned(),
            kind,
            about,
        }))
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    pub(super) fn file(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.file)
    }

    fn is_mplane(&self) -> bool {
        self.kind == abi::CAPTURE_MPLANE
    }

    /// Its pixel formats, in its own order.
    pub(super) fn offers(&self) -> Vec<Offer> {
        let nth = |index| {
            let mut found = abi::FormatDescription {
                index,
                kind: self.kind,
                ..abi::FormatDescription::ZERO
            };
            kernel::enumerate_formats(self.fd(), &mut found).ok()?;
            Some(Offer {
                fourcc: found.fourcc,
                description: abi::text(&found.description),
                emulated: found.flags & abi::FMT_FLAG_EMULATED != 0,
            })
        };
        (0..u32::MAX).map_while(nth).collect()
    }

    /// The sizes of a format; an empty list where the driver does not say.
    pub(super) fn sizes(&self, fourcc: FourCc) -> Sizes {
        let nth = |index| {
            let mut found = abi::FrameSize {
                index,
                fourcc,
                ..abi::FrameSize::ZERO
            };
            kernel::enumerate_sizes(self.fd(), &mut found).ok()?;
            Some(found)
        };
        let Some(first) = nth(0) else {
            return Sizes::Listed(Vec::new());
        };
        if first.kind != 1 {
            return Sizes::Between(
                (first.min_width, first.min_height),
                (first.max_width, first.max_height),
                (first.step_width.max(1), first.step_height.max(1)),
            );
        }
        // A discrete size is two numbers, which stand where the first two of the others do.
        let listed = (0..u32::MAX).map_while(nth);
        Sizes::Listed(
            listed
                .map(|size| (size.min_width, size.max_width))
                .collect(),
        )
    }

    /// The frame rates of a format and size, highest first; of a range its two ends.
    pub(super) fn rates(&self, fourcc: FourCc, (width, height): (u32, u32)) -> Vec<f64> {
        let nth = |index| {
            let mut found = abi::FrameInterval {
                index,
                fourcc,
                width,
                height,
                ..abi::FrameInterval::ZERO
            };
            kernel::enumerate_intervals(self.fd(), &mut found).ok()?;
            Some(found)
        };
        let mut rates = Vec::new();
        for found in (0..u32::MAX).map_while(nth) {
            rates.extend(rate(found.min));
            if found.kind != 1 {
                rates.extend(rate(found.max));
                break;
            }
        }
        rates.sort_by(|a, b| b.total_cmp(a));
        rates.dedup();
        rates
    }

    /// What the device is set to.
    pub(super) fn picture(&self) -> io::Result<Picture> {
        if self.is_mplane() {
            let mut format = abi::FormatMplane {
                kind: self.kind,
                ..abi::FormatMplane::ZERO
            };
            kernel::current_format_mplane(self.fd(), &mut format)?;
            return Ok(picture_mplane(&format));
        }
        let mut format = abi::Format {
            kind: self.kind,
            ..abi::Format::ZERO
        };
        kernel::current_format(self.fd(), &mut format)?;
        Ok(picture(&format))
    }

    /// Sets size and pixel format; returns what the device has made of it.
    pub(super) fn set_picture(
        &self,
        fourcc: FourCc,
        (width, height): (u32, u32),
    ) -> io::Result<Picture> {
        let (kind, field) = (self.kind, abi::FIELD_ANY);
        if self.is_mplane() {
            let mut format = abi::FormatMplane {
                kind,
                width,
                height,
                fourcc,
                field,
                ..abi::FormatMplane::ZERO
            };
            kernel::set_format_mplane(self.fd(), &mut format)?;
            return Ok(picture_mplane(&format));
        }
        let mut format = abi::Format {
            kind,
            width,
            height,
            fourcc,
            field,
            ..abi::Format::ZERO
        };
        kernel::set_format(self.fd(), &mut format)?;
        Ok(picture(&format))
    }

    /// The frame rate, where the device knows one.
    pub(super) fn rate(&self) -> Option<f64> {
        let mut parameters = abi::StreamParameters {
            kind: self.kind,
            ..abi::StreamParameters::ZERO
        };
        kernel::stream_parameters(self.fd(), &mut parameters).ok()?;
        rate(parameters.interval)
    }

    /// Asks for a frame rate; returns what the device has made of it.
    pub(super) fn set_rate(&self, fps: f64) -> Option<f64> {
        let mut parameters = abi::StreamParameters {
            kind: self.kind,
            interval: interval(fps),
            ..abi::StreamParameters::ZERO
        };
        kernel::set_stream_parameters(self.fd(), &mut parameters).ok()?;
        if parameters.capability & abi::CAP_TIMEPERFRAME == 0 {
            return self.rate();
        }
        rate(parameters.interval)
    }
}

fn picture(format: &abi::Format) -> Picture {
    Picture {
        width: format.width,
        height: format.height,
        fourcc: format.fourcc,
        strides: vec![format.bytes_per_line as usize],
        colorspace: format.colorspace,
        quantization: format.quantization,
    }
}

fn picture_mplane(format: &abi::FormatMplane) -> Picture {
    let count = usize::from(format.plane_count).min(abi::PLANES);
    Picture {
        width: format.width,
        height: format.height,
        fourcc: format.fourcc,
        strides: format.planes[..count]
            .iter()
            .map(|plane| plane.bytes_per_line as usize)
            .collect(),
        colorspace: format.colorspace,
        quantization: format.quantization.into(),
    }
}

fn rate(interval: abi::Fraction) -> Option<f64> {
    let (numerator, denominator) = (interval.numerator, interval.denominator);
    (numerator > 0 && denominator > 0).then(|| f64::from(denominator) / f64::from(numerator))
}

/// A rate as a fraction of a second: the rates of television exactly, others in thousandths.
fn interval(fps: f64) -> abi::Fraction {
    let whole = (fps * 1001.0 / 1000.0).round() * 1000.0;
    let (numerator, denominator) = if fps.fract() == 0.0 {
        (1.0, fps)
    } else if (whole / 1001.0 - fps).abs() < 0.001 {
        (1001.0, whole)
    } else {
        (1000.0, (fps * 1000.0).round())
    };
    abi::Fraction {
        numerator: numerator as u32,
        denominator: denominator as u32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_asked_for_exactly() {
        let of = |fps| {
            let abi::Fraction {
                numerator,
                denominator,
            } = interval(fps);
            (numerator, denominator)
        };
        assert_eq!(of(30.0), (1, 30));
        assert_eq!(of(30000.0 / 1001.0), (1001, 30000));
        assert_eq!(of(29.97), (1001, 30000));
        assert_eq!(of(7.5), (1000, 7500));
        assert_eq!(of(0.1), (1000, 100));
    }

    #[test]
    fn an_interval_of_nothing_is_no_rate() {
        let nothing = abi::Fraction::ZERO;
        assert_eq!(rate(nothing), None);
    }
}
