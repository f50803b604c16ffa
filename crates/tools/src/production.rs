//! What a producer is to do.

use std::ffi::OsString;
use std::time::Duration;

use framebus::bus::{BusName, ProducerOptions};
use framebus::layout::{Format, Geometry, PlaneSpec};
use framebus::source::{Range, SourceError, SourceInfo, SourceSpec};
use serde::{Deserialize, Serialize};

use crate::progress::ShowProgress;
use crate::text;

/// The pace of a file that does not say its own.
const UNKNOWN_FPS: f64 = 25.0;

/// What is captured, and for how long: flags and configuration as they hold. What is `None` has its default.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Production {
    /// The bus.
    #[serde(with = "text")]
    pub bus: BusName,
    /// What is captured. A path may have any characters.
    pub source: OsString,
    /// The pace of files and the pattern, and what a camera is asked for; 0 is as fast as the source gives frames.
    pub fps: Option<f64>,
    /// Whether a source that does not come at its own time is taken as fast as it goes.
    pub unpaced: bool,
    /// The size of the pattern, and what a camera is asked for.
    pub size: Option<Geometry>,
    /// What luma means.
    pub range: Range,
    /// What gray is made of.
    pub gray: GrayOf,
    /// Where a file starts, from its beginning.
    pub start: Option<Duration>,
    /// Where it ends.
    pub end: Option<Duration>,
    /// Whether a file starts again when it ends.
    pub looped: bool,
    /// How long a source may take until its first frame.
    pub open_timeout: Option<Duration>,
    /// How long a source may be silent before it counts as stalled.
    pub read_timeout: Option<Duration>,
    /// How many consumers can be attached at a time.
    pub consumers: Option<u8>,
    /// Frames kept beyond the newest.
    pub history: Option<u8>,
    /// What images every frame has; `None` is gray, and BGR with `color`.
    pub planes: Option<Vec<PlaneSpec>>,
    /// Whether every slot has an image in colour.
    pub color: bool,
    /// Where that was set, if not by its flag.
    pub color_by: Option<String>,
    /// How often the BGR debugging image is renewed; 0 is never, `None` is with every frame.
    pub bgr_fps: Option<f64>,
    /// Whether the source's own word of its rate counts more than what it was asked for: a camera's.
    pub own_rate: bool,
    /// Mode bits of the segment and the named pipes.
    pub mode: Option<u32>,
    /// Their group.
    pub group: Option<u32>,
    /// Whether the bus is shown in windows.
    pub show: bool,
    /// The end, after this many frames.
    pub count: Option<u64>,
    /// The end, after this time.
    pub duration: Option<Duration>,
    /// In lockstep with the consumers that take every frame: how long each may take.
    pub lockstep: Option<Duration>,
    /// Which consumers the first frame waits for.
    pub awaited: Option<Awaited>,
    /// Whether people see how far it is.
    pub progress: ShowProgress,
}

/// What gray is made of, in video that FFmpeg decodes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrayOf {
    /// Of colours in files, of luma in streams.
    #[default]
    Auto,
    /// Luma.
    Luma,
    /// Colours, as OpenCV does it.
    Colours,
}

/// Consumers that the first frame waits for.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Awaited {
    /// So many, whatever they call themselves.
    pub count: usize,
    /// One of each of these names.
    pub names: Vec<String>,
    /// For at most this long.
    pub within: Duration,
}

impl Awaited {
    /// Who is missing among those that have attached, in words; `None` when everybody is there.
    #[must_use]
    pub fn missing(&self, attached: &[String]) -> Option<String> {
        let mut left = attached.to_vec();
        let mut missing = Vec::new();
        for name in &self.names {
            match left.iter().position(|other| other == name) {
                Some(at) => drop(left.swap_remove(at)),
                None => missing.push(name.as_str()),
            }
        }
        if !missing.is_empty() {
            return Some(missing.join(", "));
        }
        match self.count.saturating_sub(attached.len()) {
            0 => None,
            1 => Some("1 more consumer".to_owned()),
            more => Some(format!("{more} more consumers")),
        }
    }
}

impl Production {
    /// A source on a bus, with the defaults of everything else.
    #[must_use]
    pub fn new(bus: BusName, source: OsString) -> Production {
        Production {
            bus,
            source,
            fps: None,
            unpaced: false,
            size: None,
            range: Range::default(),
            gray: GrayOf::default(),
            start: None,
            end: None,
            looped: false,
            open_timeout: None,
            read_timeout: None,
            consumers: None,
            history: None,
            planes: None,
            color: false,
            color_by: None,
            bgr_fps: None,
            own_rate: false,
            mode: None,
            group: None,
            show: false,
            count: None,
            duration: None,
            lockstep: None,
            awaited: None,
            progress: ShowProgress::default(),
        }
    }

    /// What its source's text means.
    ///
    /// # Errors
    /// As [`SourceSpec::of`] does.
    pub fn spec(&self) -> Result<SourceSpec, SourceError> {
        SourceSpec::of(&self.source)
    }

    /// The rate that was asked for, where it is one.
    #[must_use]
    pub fn rate(&self) -> Option<f64> {
        self.fps.filter(|fps| *fps > 0.0)
    }

    /// The pace at which frames are asked for; `None` = as they come, or as fast as possible.
    pub(crate) fn pace(&self, info: &SourceInfo) -> Option<f64> {
        match self.fps {
            Some(0.0) => None,
            // A camera is asked for its rate; a pipe can be made to wait.
            Some(fps) if !info.live || self.source == "-" => Some(fps),
            None if self.unpaced => None,
            None if !info.live => Some(info.fps.unwrap_or(UNKNOWN_FPS)),
            _ => None,
        }
    }

    /// What images the bus has: a plane that the source gives as it is has the source's range.
    fn bus_planes(&self, info: &SourceInfo) -> Vec<PlaneSpec> {
        let bgr = PlaneSpec::new(Format::BGR8);
        let mut planes = match &self.planes {
            Some(planes) => planes.clone(),
            None if self.color => vec![PlaneSpec::new(Format::GRAY8), bgr],
            None => vec![PlaneSpec::new(Format::GRAY8)],
        };
        if let Some(native) = info.native {
            let own = |plane: &&mut PlaneSpec| plane.format == native.format && plane.divisor == 1;
            for plane in planes.iter_mut().filter(own) {
                *plane = plane.colors(native.range, native.matrix);
            }
        }
        // The seed's image for debugging, where there is no better one.
        if self.planes.is_none() && info.bgr && !self.color && self.bgr_fps != Some(0.0) {
            planes.push(bgr.one_for_all(true));
        }
        planes
    }

    /// What the bus is for such a source.
    pub(crate) fn options(&self, info: &SourceInfo) -> ProducerOptions {
        let options = ProducerOptions::new(self.bus.clone(), info.geometry);
        let (consumers, history, mode) = (options.consumers, options.history, options.mode);
        options
            .consumers(self.consumers.unwrap_or(consumers))
            .history(self.history.unwrap_or(history))
            .planes(self.bus_planes(info))
            .nominal_fps(if self.own_rate {
                info.fps.or(self.rate())
            } else {
                self.rate().or(info.fps)
            })
            .mode(self.mode.unwrap_or(mode))
            .gid(self.group)
            .source(&info.description)
    }
}
