//! The configuration that the environment has.

use std::collections::BTreeMap;

use super::super::{camera_words, units};
use super::values::{parse_bool, parse_consumers, parse_history, parse_trigger};
use super::variables::{Variables, read_variable};
use super::{Config, ConfigError, Consume, Places, Produce, Top};

impl Config {
    pub(super) fn of_environment(variable: Variables<'_>) -> Result<Config, ConfigError> {
        let text = |text: &str| Ok(text.to_owned());
        Ok(Config {
            bus: read_variable(variable, "FRAMEBUS_BUS", text)?,
            buses: BTreeMap::new(),
            produce: Produce {
                source: read_variable(variable, "FRAMEBUS_PRODUCE_SOURCE", text)?,
                color: read_variable(variable, "FRAMEBUS_PRODUCE_COLOR", parse_bool)?,
                looped: read_variable(variable, "FRAMEBUS_PRODUCE_LOOP", parse_bool)?,
                fps: read_variable(
                    variable,
                    "FRAMEBUS_PRODUCE_FPS",
                    units::parse_fps_or_unpaced,
                )?,
                range: read_variable(variable, "FRAMEBUS_PRODUCE_RANGE", units::parse_range)?,
                size: read_variable(variable, "FRAMEBUS_PRODUCE_SIZE", units::parse_size)?,
                consumers: read_variable(variable, "FRAMEBUS_PRODUCE_CONSUMERS", parse_consumers)?,
                history: read_variable(variable, "FRAMEBUS_PRODUCE_HISTORY", parse_history)?,
                open_timeout: read_variable(
                    variable,
                    "FRAMEBUS_PRODUCE_OPEN_TIMEOUT",
                    units::parse_duration,
                )?,
                read_timeout: read_variable(
                    variable,
                    "FRAMEBUS_PRODUCE_READ_TIMEOUT",
                    units::parse_duration,
                )?,
                mode: read_variable(variable, "FRAMEBUS_PRODUCE_MODE", units::parse_mode)?,
                group: read_variable(variable, "FRAMEBUS_PRODUCE_GROUP", text)?,
                fourcc: read_variable(
                    variable,
                    "FRAMEBUS_PRODUCE_FOURCC",
                    camera_words::parse_fourcc,
                )?,
                settings: read_variable(
                    variable,
                    "FRAMEBUS_PRODUCE_SET",
                    camera_words::parse_settings,
                )?,
                backend: read_variable(
                    variable,
                    "FRAMEBUS_PRODUCE_BACKEND",
                    camera_words::parse_backend,
                )?,
                bgr_fps: read_variable(
                    variable,
                    "FRAMEBUS_PRODUCE_BGR_FPS",
                    units::parse_fps_or_unpaced,
                )?,
            },
            consume: Consume {
                trigger: read_variable(variable, "FRAMEBUS_CONSUME_TRIGGER", parse_trigger)?,
                timeout: read_variable(
                    variable,
                    "FRAMEBUS_CONSUME_TIMEOUT",
                    units::parse_duration,
                )?,
            },
            top: Top::of_environment(variable)?,
            places: Places::default(),
        })
    }
}
