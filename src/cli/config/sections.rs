//! The table of the settings, in the order of the commented file.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::super::camera_words::Backend;
use super::ConfigError;
use super::kinds::{
    Address, BackendName, Background, Consumers, Controls, Flag, Fps, GoneAfter, History, Limit,
    Luma, Mode, Name, Percent, Periods, PixelFormat, PlaneList, PlaneNames, Shades, Size, Source,
    Time, Trigger, TriggerName,
};
use super::table::{Kind, OfFile, Section, Variables, of_variable, settings};
use crate::source::FourCc;
use framebus::layout::Geometry;
use framebus::observe::Thresholds;
use framebus::source::Range;

const TWO_SECONDS: Option<Duration> = Some(Duration::from_secs(2));

settings! {
    /// Settings of `produce`.
    pub struct Produce {
        /// What is captured.
        source: String = "source", Source, Some("pattern".to_owned());
        /// Whether every slot has a BGR image.
        color: bool = "color", Flag, Some(false);
        /// What images every frame has; `None` is gray, and BGR with `color`.
        planes: PlaneList = "planes", PlaneNames, None;
        /// Whether a file starts again when it ends.
        looped: bool = "loop", Flag, Some(false);
        /// Frames a second; 0 is as fast as the source gives them, `None` the source's own rate.
        fps: f64 = "fps", Fps, None;
        /// The range of its luma, where it lies about it.
        range: Range = "range", Luma, Some(Range::Auto);
        /// The size that a source is asked for; `None` is its own.
        size: Geometry = "size", Size, None;
        /// How many consumers there can be at the same time, 1 to 250.
        consumers: u8 = "consumers", Consumers, Some(4);
        /// How many frames more the bus keeps.
        history: u8 = "history", History, Some(0);
        /// How long a source may take until its first frame.
        open_timeout: Duration = "open_timeout", Time, Some(Duration::from_secs(10));
        /// How long a source may be silent before it counts as stalled; `None` follows the rate that is seen.
        read_timeout: Duration = "read_timeout", Time, None;
        /// A file with the certificates that a camera is believed by; `None` is this machine's.
        ca: String = "ca", Name, None;
        /// The mode of the shared memory and the named pipes.
        mode: u32 = "mode", Mode, Some(0o600);
        /// The group of the shared memory and the named pipes, as `units::parse_group` reads it.
        group: String = "group", Name, None;
        /// The pixel format that a camera is asked for.
        fourcc: FourCc = "fourcc", PixelFormat, None;
        /// Values of a camera's controls.
        settings: Vec<(String, i64)> = "set", Controls, None;
        /// What reads cameras and pictures over HTTP.
        backend: Backend = "backend", BackendName, Some(Backend::Native);
        /// How often the BGR debugging image is renewed; 0 is never, `None` as the source's kind has it.
        bgr_fps: f64 = "bgr_fps", Fps, None;
    }

    /// Settings of `consume`.
    pub struct Consume {
        /// How a consumer waits for the next frame.
        trigger: Trigger = "trigger", TriggerName, Some(Trigger::Eventfd);
        /// How long to wait for a bus that is not there yet, and for a frame; `None` for ever.
        timeout: Duration = "timeout", Time, None;
    }

    /// Settings of `serve`.
    pub struct Serve {
        /// Where it answers.
        listen: SocketAddr = "listen", Address, Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080));
        /// The file whose first line everybody is asked for.
        token_file: String = "token_file", Name, None;
        /// Whether everybody who reaches the address sees everything.
        public: bool = "public", Flag, Some(false);
        /// Names of the server beside its own, with blanks between them.
        hosts: String = "hosts", Name, None;
    }

    /// Settings of `top`.
    pub struct Top {
        /// Refresh interval.
        interval: Duration = "interval", Time, Some(Duration::from_millis(500));
        /// What the background of the terminal is.
        theme: Background = "theme", Shades, Some(Background::Auto);
        [
            /// Thresholds of the findings.
            findings: Findings = "findings"
        ]
    }

    /// From when on `top` and `check` point at something.
    pub struct Findings {
        /// How long a consumer may hold one frame, or take none.
        stuck_after: Duration = "stuck_after", Limit, TWO_SECONDS;
        /// How long a running producer may be without a frame.
        stalled_after: Duration = "stalled_after", Limit, TWO_SECONDS;
        /// How long a producer may give no sign of life.
        gone_after: Duration = "gone_after", GoneAfter, TWO_SECONDS;
        /// How many frame periods a consumer may need for a frame.
        slow_above_periods: f64 = "slow_above_periods", Periods, Some(1.0);
        /// How full /dev/shm may be, in percent.
        shm_full_percent: f64 = "shm_full_percent", Percent, Some(90.0);
    }
}

impl Findings {
    /// Returns them as the observer counts; what is not set is its own default.
    #[must_use]
    pub fn thresholds(&self) -> Thresholds {
        let default = Thresholds::default();
        let millis = |time: Option<Duration>, default| {
            time.map_or(default, |time| time.as_secs_f64() * 1000.0)
        };
        Thresholds {
            gone_after_ms: millis(self.gone_after, default.gone_after_ms),
            stuck_after_ms: millis(self.stuck_after, default.stuck_after_ms),
            stalled_after_ms: millis(self.stalled_after, default.stalled_after_ms),
            slow_above_periods: self
                .slow_above_periods
                .unwrap_or(default.slow_above_periods),
            shm_full_from: self
                .shm_full_percent
                .map_or(default.shm_full_from, |percent| percent / 100.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_the_observer() {
        let set = Top::defaults().findings.thresholds();
        assert_eq!(set, Thresholds::default());
        assert_eq!(Findings::default().thresholds(), Thresholds::default());
    }
}
