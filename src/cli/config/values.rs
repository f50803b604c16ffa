//! Values of the configuration, as files and the environment write them.

use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use super::super::camera_words::{self, Backend};
use super::super::units;
use super::Trigger;
use crate::source::v4l2::FourCc;
use framebus::layout::{Geometry, MAX_CONSUMERS};
use framebus::source::Range;

/// How many consumers a bus can be made for.
const CONSUMERS: RangeInclusive<u8> = 1..=MAX_CONSUMERS;

pub(super) fn parse_consumers(text: &str) -> Result<u8, String> {
    let (least, most) = (CONSUMERS.start(), CONSUMERS.end());
    let parsed = text
        .parse()
        .ok()
        .filter(|consumers| CONSUMERS.contains(consumers));
    parsed.ok_or_else(|| format!("is not a number of consumers from {least} to {most}"))
}

pub(super) fn parse_history(text: &str) -> Result<u8, String> {
    text.parse()
        .map_err(|_| format!("is not a number of frames from 0 to {}", u8::MAX))
}

pub(super) fn parse_trigger(text: &str) -> Result<Trigger, String> {
    match text {
        "eventfd" => Ok(Trigger::Eventfd),
        "pipe" => Ok(Trigger::Pipe),
        "spin" => Ok(Trigger::Spin),
        _ => Err("is not a trigger: eventfd, pipe or spin".to_owned()),
    }
}

pub(super) fn fps<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    from.deserialize_any(RateVisitor)
}

/// A number, or a text such as "30000/1001".
struct RateVisitor;

impl Visitor<'_> for RateVisitor {
    type Value = Option<f64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of frames a second, or a text such as \"30000/1001\"")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Option<f64>, E> {
        parsed(number, units::parse_fps_or_unpaced)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Option<f64>, E> {
        parsed(number, units::parse_fps_or_unpaced)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<f64>, E> {
        parsed(text, units::parse_fps_or_unpaced)
    }
}

pub(super) fn range<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Range>, D::Error> {
    parsed(String::deserialize(from)?, units::parse_range)
}

pub(super) fn fourcc<'de, D: Deserializer<'de>>(from: D) -> Result<Option<FourCc>, D::Error> {
    parsed(String::deserialize(from)?, camera_words::parse_fourcc)
}

pub(super) fn settings<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Vec<(String, i64)>>, D::Error> {
    parsed(String::deserialize(from)?, camera_words::parse_settings)
}

pub(super) fn backend<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Backend>, D::Error> {
    parsed(String::deserialize(from)?, camera_words::parse_backend)
}

pub(super) fn size<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Geometry>, D::Error> {
    parsed(String::deserialize(from)?, units::parse_size)
}

pub(super) fn consumers<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u8>, D::Error> {
    parsed(i64::deserialize(from)?, parse_consumers)
}

pub(super) fn history<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u8>, D::Error> {
    parsed(i64::deserialize(from)?, parse_history)
}

pub(super) fn mode<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    parsed(String::deserialize(from)?, units::parse_mode)
}

pub(super) fn trigger<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Trigger>, D::Error> {
    parsed(String::deserialize(from)?, parse_trigger)
}

pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    parsed(String::deserialize(from)?, units::parse_duration)
}

/// Reads a value of a file with the parser that flags and the environment have.
pub(super) fn parsed<T, E: serde::de::Error>(
    value: impl fmt::Display + fmt::Debug,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, E> {
    parse(&value.to_string())
        .map(Some)
        .map_err(|why| E::custom(format!("{value:?} {why}")))
}

pub(super) fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("is neither true nor false".to_owned()),
    }
}
