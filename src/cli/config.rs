//! The configuration: defaults, then files, then the environment; flags go over it.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Deserializer};
use thiserror::Error;

use super::units;
use crate::layout::{Geometry, MAX_CONSUMERS, TriggerKind};

/// The file for all users of a machine.
const SYSTEM_FILE: &str = "/etc/framebus.toml";
/// How many consumers a bus can be made for.
const CONSUMERS: RangeInclusive<u8> = 1..=MAX_CONSUMERS;

/// Settings of every command; `None` is not set.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The bus.
    pub bus: Option<String>,
    /// Settings of `produce`.
    pub produce: Produce,
    /// Settings of `consume`.
    pub consume: Consume,
    /// Settings of `top`.
    pub top: Top,
}

/// Settings of `produce`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Produce {
    /// Frames a second; 0 is as fast as the source gives them, `None` the source's own rate.
    #[serde(deserialize_with = "fps")]
    pub fps: Option<f64>,
    /// The size that a source is asked for; `None` is its own.
    #[serde(deserialize_with = "size")]
    pub size: Option<Geometry>,
    /// How many consumers there can be at the same time, 1 to 250.
    #[serde(deserialize_with = "consumers")]
    pub consumers: Option<u8>,
    /// How many frames more the bus keeps.
    #[serde(deserialize_with = "history")]
    pub history: Option<u8>,
    /// The mode of the shared memory and the named pipes.
    #[serde(deserialize_with = "mode")]
    pub mode: Option<u32>,
    /// The group of the shared memory and the named pipes, as [`units::parse_group`] reads it.
    pub group: Option<String>,
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

/// Settings of `top`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Top {
    /// How often the view is new.
    #[serde(deserialize_with = "duration")]
    pub interval: Option<Duration>,
}

/// How a consumer waits for the next frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Trigger {
    /// On an eventfd: the quickest that burns no CPU
    Eventfd,
    /// On the bytes of the named pipe, as a shell or another language would
    Pipe,
    /// By polling: the quickest, for a core to spare
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
}

impl Config {
    /// Returns what holds without files, environment and flags.
    #[must_use]
    pub fn defaults() -> Config {
        Config {
            bus: Some("cam0".to_owned()),
            produce: Produce {
                fps: None,
                size: None,
                consumers: Some(4),
                history: Some(0),
                mode: Some(0o600),
                group: None,
            },
            consume: Consume {
                trigger: Some(Trigger::Eventfd),
                timeout: None,
            },
            top: Top {
                interval: Some(Duration::from_millis(500)),
            },
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
        let mut config = Config::defaults();
        match explicit {
            Some(path) => config = Config::read(path)?.over(config),
            None => {
                for path in [Some(system.to_owned()), user_file(variable)]
                    .into_iter()
                    .flatten()
                {
                    match Config::read(&path) {
                        Ok(file) => config = file.over(config),
                        Err(ConfigError::Read { source, .. }) if is_absent(&source) => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        Ok(Config::of_environment(variable)?.over(config))
    }

    fn read(path: &Path) -> Result<Config, ConfigError> {
        let failed = |source| ConfigError::Read {
            path: path.to_owned(),
            source,
        };
        let text = fs::read_to_string(path).map_err(failed)?;
        Config::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let (line, key) = place(text, error.span().unwrap_or(0..0));
            ConfigError::File {
                path: path.to_owned(),
                line,
                key,
                message: error.message().to_owned(),
            }
        })
    }

    fn of_environment(variable: Variables<'_>) -> Result<Config, ConfigError> {
        let text = |text: &str| Ok(text.to_owned());
        Ok(Config {
            bus: read_variable(variable, "FRAMEBUS_BUS", text)?,
            produce: Produce {
                fps: read_variable(
                    variable,
                    "FRAMEBUS_PRODUCE_FPS",
                    units::parse_fps_or_unpaced,
                )?,
                size: read_variable(variable, "FRAMEBUS_PRODUCE_SIZE", units::parse_size)?,
                consumers: read_variable(variable, "FRAMEBUS_PRODUCE_CONSUMERS", parse_consumers)?,
                history: read_variable(variable, "FRAMEBUS_PRODUCE_HISTORY", parse_history)?,
                mode: read_variable(variable, "FRAMEBUS_PRODUCE_MODE", units::parse_mode)?,
                group: read_variable(variable, "FRAMEBUS_PRODUCE_GROUP", text)?,
            },
            consume: Consume {
                trigger: read_variable(variable, "FRAMEBUS_CONSUME_TRIGGER", parse_trigger)?,
                timeout: read_variable(
                    variable,
                    "FRAMEBUS_CONSUME_TIMEOUT",
                    units::parse_duration,
                )?,
            },
            top: Top {
                interval: read_variable(variable, "FRAMEBUS_TOP_INTERVAL", units::parse_duration)?,
            },
        })
    }

    /// Takes from `below` what is not set here.
    fn over(self, below: Config) -> Config {
        let Config {
            bus,
            produce,
            consume,
            top,
        } = self;
        Config {
            bus: bus.or(below.bus),
            produce: Produce {
                fps: produce.fps.or(below.produce.fps),
                size: produce.size.or(below.produce.size),
                consumers: produce.consumers.or(below.produce.consumers),
                history: produce.history.or(below.produce.history),
                mode: produce.mode.or(below.produce.mode),
                group: produce.group.or(below.produce.group),
            },
            consume: Consume {
                trigger: consume.trigger.or(below.consume.trigger),
                timeout: consume.timeout.or(below.consume.timeout),
            },
            top: Top {
                interval: top.interval.or(below.top.interval),
            },
        }
    }
}

/// The environment: a variable's value by its name.
type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Reads a variable; an empty one is not set.
fn read_variable<T>(
    variable: Variables<'_>,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, ConfigError> {
    let Some(value) = variable(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    let value = value.to_string_lossy().into_owned();
    match parse(&value) {
        Ok(parsed) => Ok(Some(parsed)),
        Err(message) => Err(ConfigError::Environment {
            name,
            value,
            message,
        }),
    }
}

/// Returns the file of this user, as the XDG base directory specification has it.
fn user_file(variable: Variables<'_>) -> Option<PathBuf> {
    let absolute = |name| {
        variable(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let directory =
        absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")))?;
    Some(directory.join("framebus/config.toml"))
}

/// A service's home is often `/nonexistent` or `/dev/null`.
fn is_absent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Returns the line that `span` begins in, from 1, and the key of that line as `section.key: `.
fn place(text: &str, span: Range<usize>) -> (usize, String) {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let written: Vec<&str> = text.lines().take(line).collect();
    let key = written
        .last()
        .and_then(|last| last.split_once('='))
        .map_or("", |(key, _)| key.trim());
    let section = written
        .iter()
        .rev()
        .find_map(|line| line.trim().strip_prefix('[')?.split(']').next());
    match (section, key) {
        (_, "") => (line, String::new()),
        (None, key) => (line, format!("{key}: ")),
        (Some(section), key) => (line, format!("{section}.{key}: ")),
    }
}

fn parse_consumers(text: &str) -> Result<u8, String> {
    let (least, most) = (CONSUMERS.start(), CONSUMERS.end());
    let parsed = text
        .parse()
        .ok()
        .filter(|consumers| CONSUMERS.contains(consumers));
    parsed.ok_or_else(|| format!("is not a number of consumers from {least} to {most}"))
}

fn parse_history(text: &str) -> Result<u8, String> {
    text.parse()
        .map_err(|_| format!("is not a number of frames from 0 to {}", u8::MAX))
}

fn parse_trigger(text: &str) -> Result<Trigger, String> {
    match text {
        "eventfd" => Ok(Trigger::Eventfd),
        "pipe" => Ok(Trigger::Pipe),
        "spin" => Ok(Trigger::Spin),
        _ => Err("is not a trigger: eventfd, pipe or spin".to_owned()),
    }
}

fn fps<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    parsed(f64::deserialize(from)?, units::parse_fps_or_unpaced)
}

fn size<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Geometry>, D::Error> {
    parsed(String::deserialize(from)?, units::parse_size)
}

fn consumers<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u8>, D::Error> {
    parsed(i64::deserialize(from)?, parse_consumers)
}

fn history<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u8>, D::Error> {
    parsed(i64::deserialize(from)?, parse_history)
}

fn mode<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    parsed(String::deserialize(from)?, units::parse_mode)
}

fn trigger<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Trigger>, D::Error> {
    parsed(String::deserialize(from)?, parse_trigger)
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    parsed(String::deserialize(from)?, units::parse_duration)
}

/// Reads a value of a file with the parser that flags and the environment have.
fn parsed<T, E: serde::de::Error>(
    value: impl fmt::Display + fmt::Debug,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, E> {
    parse(&value.to_string())
        .map(Some)
        .map_err(|why| E::custom(format!("{value:?} {why}")))
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
