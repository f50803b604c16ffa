//! Kinds of values, as files and the environment write them.

use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::ValueEnum;
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer};

use super::super::camera_words::{
    Backend, parse_backend, parse_fourcc, parse_settings, show_backend, show_settings,
};
use super::super::units::{
    parse_duration, parse_fps_or_unpaced, parse_mode, parse_range, parse_size, show_duration,
};
use super::table::Kind;
use crate::source::FourCc;
use framebus::layout::{Format, Geometry, MAX_CONSUMERS, PlaneSpec, TriggerKind};
use framebus::observe::HEARTBEAT_MS;
use framebus::redact::without_secrets;
use framebus::source::Range;

/// How many consumers a bus can be made for.
const CONSUMERS: RangeInclusive<u8> = 1..=MAX_CONSUMERS;

/// Makes kinds: what it is, what a file has for it, how it is read, and how it is shown.
macro_rules! kinds {
    ($($kind:ident: $value:ty, $written:ty, $parse:expr, $show:expr;)*) => {$(
        pub(super) struct $kind;

        impl Kind for $kind {
            type Value = $value;
            type Written = $written;

            fn parse(text: &str) -> Result<$value, String> {
                $parse(text)
            }

            fn show(value: &$value) -> String {
                $show(value)
            }
        }
    )*};
}

kinds! {
    Name: String, String, parse_text, String::clone;
    // What is explained is shown to others.
    Source: String, String, parse_text, |source: &str| without_secrets(source).into_owned();
    Flag: bool, bool, parse_bool, bool::to_string;
    Address: SocketAddr, String, parse_address, SocketAddr::to_string;
    Fps: f64, Number, parse_fps_or_unpaced, f64::to_string;
    Luma: Range, String, parse_range, |range: &Range| range.name().to_owned();
    Size: Geometry, String, parse_size, Geometry::to_string;
    Consumers: u8, i64, parse_consumers, u8::to_string;
    History: u8, i64, parse_history, u8::to_string;
    Time: Duration, String, parse_duration, |time: &Duration| show_duration(*time);
    PlaneNames: PlaneList, String, parse_listed, PlaneList::to_string;
    PixelFormat: FourCc, String, parse_fourcc, FourCc::to_string;
    Controls: Vec<(String, i64)>, String, parse_settings, |settings: &Vec<(String, i64)>| show_settings(settings);
    BackendName: Backend, String, parse_backend, |backend: &Backend| show_backend(*backend).to_owned();
    Mode: u32, String, parse_mode, |mode: &u32| format!("{mode:04o}");
    Shades: Background, String, parse_background, Background::name;
    TriggerName: Trigger, String, parse_trigger, Trigger::name;
    Limit: Duration, String, parse_limit, Time::show;
    GoneAfter: Duration, String, parse_gone_after, Time::show;
    Periods: f64, f64, parse_periods, f64::to_string;
    Percent: f64, f64, parse_percent, f64::to_string;
}

/// A number, or a text such as "30000/1001", and how messages show it.
pub(super) struct Number {
    text: String,
    shown: String,
}

impl Number {
    fn of<E>(written: impl fmt::Display + fmt::Debug) -> Result<Number, E> {
        let (text, shown) = (written.to_string(), format!("{written:?}"));
        Ok(Number { text, shown })
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Number, D::Error> {
        from.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl Visitor<'_> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of frames a second, or a text such as \"30000/1001\"")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Number, E> {
        Number::of(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Number, E> {
        Number::of(number)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
        Number::of(text)
    }
}

/// What the background of the terminal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Background {
    /// What COLORFGBG or the terminal says; dark where neither does
    Auto,
    /// Dark
    Dark,
    /// Light
    Light,
}

impl Background {
    fn name(&self) -> String {
        let value = self.to_possible_value();
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }
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

impl Trigger {
    fn name(&self) -> String {
        TriggerKind::from(*self).name().to_owned()
    }
}

/// The planes of a bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaneList(pub Vec<PlaneSpec>);

impl PlaneList {
    /// Whether one of them has colours.
    pub(in crate::cli) fn has_colour(&self) -> bool {
        let colourless = [Format::GRAY8, Format::GRAY16, Format::META];
        let mut formats = self.0.iter().map(|plane| plane.format);
        formats.any(|format| !colourless.contains(&format))
    }
}

impl fmt::Display for PlaneList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&names.join(","))
    }
}

/// As a message has it: behind the value.
fn parse_listed(text: &str) -> Result<PlaneList, String> {
    parse_planes(text).map_err(|error| format!("cannot be: {error}"))
}

/// Reads a list of planes.
pub(in crate::cli) fn parse_planes(text: &str) -> Result<PlaneList, String> {
    let planes = PlaneSpec::list(text);
    planes.map(PlaneList).map_err(|error| error.to_string())
}

fn parse_text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let parsed = text.parse();
    parsed.map_err(|_| "is no address with a port, such as 127.0.0.1:8080".to_owned())
}

fn parse_bool(text: &str) -> Result<bool, String> {
    let parsed = text.parse();
    parsed.map_err(|_| "is neither true nor false".to_owned())
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

fn parse_background(text: &str) -> Result<Background, String> {
    let parsed = Background::from_str(text, false);
    parsed.map_err(|_| "is not a theme: auto, dark or light".to_owned())
}

fn parse_trigger(text: &str) -> Result<Trigger, String> {
    let parsed = Trigger::from_str(text, false);
    parsed.map_err(|_| "is not a trigger: eventfd, pipe or spin".to_owned())
}

fn parse_periods(text: &str) -> Result<f64, String> {
    let parsed = text.parse().ok();
    parsed
        .filter(|periods: &f64| periods.is_finite() && *periods > 0.0)
        .ok_or_else(|| "is not a number of frame periods above 0".to_owned())
}

fn parse_percent(text: &str) -> Result<f64, String> {
    let parsed = text.parse().ok();
    parsed
        .filter(|percent| (0.0..=100.0).contains(percent))
        .ok_or_else(|| "is not a percentage from 0 to 100".to_owned())
}

/// With no time at all everything would be a finding.
fn parse_limit(text: &str) -> Result<Duration, String> {
    match parse_duration(text)? {
        Duration::ZERO => Err("is not above 0, and would find fault with everything".to_owned()),
        time => Ok(time),
    }
}

/// A producer that lives says so every 200 ms: less would call each one gone.
fn parse_gone_after(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text)?;
    if time.as_millis() > HEARTBEAT_MS.unsigned_abs().into() {
        return Ok(time);
    }
    Err(format!(
        "is not above {HEARTBEAT_MS}ms, the time between a producer's signs of life"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_and_a_number_of_periods_have_limits() {
        assert_eq!(parse_percent("90"), Ok(90.0));
        assert_eq!(parse_periods("0.5"), Ok(0.5));
        for text in ["-1", "101", "nan", "much"] {
            assert!(parse_percent(text).is_err(), "{text}");
        }
        for text in ["-1", "0", "nan", "inf", "many"] {
            assert!(parse_periods(text).is_err(), "{text}");
        }
    }
}
