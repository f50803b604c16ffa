//! The configuration: defaults, then files, then the environment; flags go over it.

mod environment;
mod layers;
mod places;
mod top;
mod values;
mod variables;
mod written;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use serde::Deserialize;
use thiserror::Error;

use super::camera_words::Backend;
use crate::file;
use crate::source::v4l2::FourCc;
use framebus::layout::{Geometry, TriggerKind};
use framebus::source::Range;

pub use layers::{Explained, explain};
use layers::{Layer, layers};
pub use places::{Place, Places, device, too_many_slots};
pub use top::{Findings, Top};
use values::{
    backend, consumers, duration, fourcc, fps, history, mode, range, settings, size, trigger,
};
use variables::Variables;
use written::{Written, place};

/// The file for all users of a machine.
const SYSTEM_FILE: &str = "/etc/framebus.toml";
/// How many bytes a file may have.
const LARGEST: u64 = 1 << 20;

/// Settings of every command; `None` is not set.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(from = "Written")]
pub struct Config {
    /// The bus.
    pub bus: Option<String>,
    /// Settings of `produce` for one bus each, over those for all.
    pub buses: BTreeMap<String, Produce>,
    /// Settings of `produce`.
    pub produce: Produce,
    /// Settings of `consume`.
    pub consume: Consume,
    /// Settings of `top`.
    pub top: Top,
    /// Where each of them comes from.
    pub places: Places,
}

/// Settings of `produce`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Produce {
    /// What is captured.
    pub source: Option<String>,
    /// Whether every slot has a BGR image.
    pub color: Option<bool>,
    /// Whether a file starts again when it ends.
    #[serde(rename = "loop")]
    pub looped: Option<bool>,
    /// Frames a second; 0 is as fast as the source gives them, `None` the source's own rate.
    #[serde(deserialize_with = "fps")]
    pub fps: Option<f64>,
    /// The range of its luma, where it lies about it.
    #[serde(deserialize_with = "range")]
    pub range: Option<Range>,
    /// The size that a source is asked for; `None` is its own.
    #[serde(deserialize_with = "size")]
    pub size: Option<Geometry>,
    /// How many consumers there can be at the same time, 1 to 250.
    #[serde(deserialize_with = "consumers")]
    pub consumers: Option<u8>,
    /// How many frames more the bus keeps.
    #[serde(deserialize_with = "history")]
    pub history: Option<u8>,
    /// How long a source may take until its first frame.
    #[serde(deserialize_with = "duration")]
    pub open_timeout: Option<Duration>,
    /// How long a source may be silent before it counts as stalled; `None` follows the rate that is seen.
    #[serde(deserialize_with = "duration")]
    pub read_timeout: Option<Duration>,
    /// The mode of the shared memory and the named pipes.
    #[serde(deserialize_with = "mode")]
    pub mode: Option<u32>,
    /// The group of the shared memory and the named pipes, as `units::parse_group` reads it.
    pub group: Option<String>,
    /// The pixel format that a camera is asked for.
    #[serde(deserialize_with = "fourcc")]
    pub fourcc: Option<FourCc>,
    /// Values of a camera's controls.
    #[serde(rename = "set", deserialize_with = "settings")]
    pub settings: Option<Vec<(String, i64)>>,
    /// What reads cameras and pictures over HTTP.
    #[serde(deserialize_with = "backend")]
    pub backend: Option<Backend>,
    /// How often the BGR debugging image is renewed; 0 is never, `None` as the source's kind has it.
    #[serde(deserialize_with = "fps")]
    pub bgr_fps: Option<f64>,
}

/// Settings of `consume`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Consume {
    /// How a consumer waits for the next frame.
    #[serde(deserialize_with = "trigger")]
    pub trigger: Option<Trigger>,
    /// How long to wait for a bus that is not there yet, and for a frame; `None` for ever.
    #[serde(deserialize_with = "duration")]
    pub timeout: Option<Duration>,
}

/// How a consumer waits for the next frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Trigger {
    /// On an eventfd: the quickest that burns no CPU
    Eventfd,
    /// On the bytes of the named pipe, as a shell or another language would
    Pipe,
    /// Busy-poll: lowest latency, uses a whole core
    Spin,
}

impl From<Trigger> for TriggerKind {
    fn from(trigger: Trigger) -> TriggerKind {
        match trigger {
            Trigger::Eventfd => TriggerKind::Eventfd,
            Trigger::Pipe => TriggerKind::Pipe,
            Trigger::Spin => TriggerKind::Spin,
        }
    }
}

/// Why the configuration cannot be read.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file has an error.
    #[error("{} line {line}: {key}{message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key with its section and `: `, where the line has one.
        key: String,
        /// What is wrong.
        message: String,
    },
    /// A variable of the environment has an error.
    #[error("{name}: {value:?} {message}")]
    Environment {
        /// The variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What is wrong.
        message: String,
    },
    /// Settings of which each is right are impossible together.
    #[error("{place}: {message}")]
    Combination {
        /// Where one of them was set: a variable, or a file with line and key.
        place: Place,
        /// What is wrong.
        message: String,
    },
}

impl Config {
    /// Returns what holds without files, environment and flags.
    #[must_use]
    pub fn defaults() -> Config {
        Config {
            bus: Some("cam0".to_owned()),
            buses: BTreeMap::new(),
            produce: Produce {
                source: Some("pattern".to_owned()),
                color: Some(false),
                looped: Some(false),
                fps: None,
                range: Some(Range::Auto),
                size: None,
                consumers: Some(4),
                history: Some(0),
                open_timeout: Some(Duration::from_secs(10)),
                read_timeout: None,
                mode: Some(0o600),
                group: None,
                fourcc: None,
                settings: None,
                backend: Some(Backend::Native),
                bgr_fps: None,
            },
            consume: Consume {
                trigger: Some(Trigger::Eventfd),
                timeout: None,
            },
            top: Top::defaults(),
            places: Places::default(),
        }
    }

    /// Reads the defaults, the files and the environment. `explicit` (`--config`) stands for all files and must be there.
    ///
    /// # Errors
    /// Reports the first file or variable that cannot be understood.
    pub fn load(explicit: Option<&Path>) -> Result<Config, ConfigError> {
        Config::load_with(explicit, Path::new(SYSTEM_FILE), &|name| {
            std::env::var_os(name)
        })
    }

    fn load_with(
        explicit: Option<&Path>,
        system: &Path,
        variable: Variables<'_>,
    ) -> Result<Config, ConfigError> {
        let config = Config::of_layers(&layers(explicit, system, variable)?);
        config.check()?;
        Ok(config)
    }

    fn of_layers(layers: &[Layer]) -> Config {
        let mut config = Config {
            places: Places::of(layers),
            ..Config::default()
        };
        for layer in layers {
            config = layer.config.clone().over(config);
        }
        // The environment is the last layer, and wins over the sections of the buses too.
        if let Some(environment) = layers.last() {
            for bus in config.buses.values_mut() {
                *bus = environment.config.produce.clone().over(std::mem::take(bus));
            }
        }
        config
    }

    /// Returns the settings of `produce` for a bus: what its own section sets, and the rest from those for all.
    #[must_use]
    pub fn of_bus(&self, bus: &str) -> Produce {
        let own = self.buses.get(bus).cloned().unwrap_or_default();
        own.over(self.produce.clone())
    }

    /// Reads a file; returns its text too.
    fn read(path: &Path) -> Result<(Config, String), ConfigError> {
        let failed = |source| ConfigError::Read {
            path: path.to_owned(),
            source,
        };
        let text = file::read_text(path, LARGEST).map_err(failed)?;
        Ok((Config::parse(&text, path)?, text))
    }

    fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let (line, key) = place(text, error.span().unwrap_or(0..0));
            ConfigError::File {
                path: path.to_owned(),
                line,
                key,
                // What serde calls it is Rust's word.
                message: error.message().replace("expected f64", "expected a number"),
            }
        })
    }

    /// Takes from `below` what is not set here.
    fn over(self, mut below: Config) -> Config {
        let mut buses = std::mem::take(&mut below.buses);
        for (name, produce) in self.buses {
            let under = buses.remove(&name).unwrap_or_default();
            buses.insert(name, produce.over(under));
        }
        Config {
            bus: self.bus.or(below.bus),
            buses,
            produce: self.produce.over(below.produce),
            consume: Consume {
                trigger: self.consume.trigger.or(below.consume.trigger),
                timeout: self.consume.timeout.or(below.consume.timeout),
            },
            top: self.top.over(below.top),
            places: below.places,
        }
    }
}

impl Produce {
    /// Takes from `below` what is not set here.
    fn over(self, below: Produce) -> Produce {
        Produce {
            source: self.source.or(below.source),
            color: self.color.or(below.color),
            looped: self.looped.or(below.looped),
            fps: self.fps.or(below.fps),
            range: self.range.or(below.range),
            size: self.size.or(below.size),
            consumers: self.consumers.or(below.consumers),
            history: self.history.or(below.history),
            open_timeout: self.open_timeout.or(below.open_timeout),
            read_timeout: self.read_timeout.or(below.read_timeout),
            mode: self.mode.or(below.mode),
            group: self.group.or(below.group),
            fourcc: self.fourcc.or(below.fourcc),
            settings: self.settings.or(below.settings),
            backend: self.backend.or(below.backend),
            bgr_fps: self.bgr_fps.or(below.bgr_fps),
        }
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
