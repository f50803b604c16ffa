//! Settings of `top`, and from when on `top` and `check` point at something.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

use super::super::units;
use super::ConfigError;
use super::values::{duration, parsed};
use super::variables::{Variables, read_variable};
use framebus::observe::HEARTBEAT_MS;
use framebus::observe::Thresholds;

/// Settings of `top`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Top {
    /// Refresh interval.
    #[serde(deserialize_with = "duration")]
    pub interval: Option<Duration>,
    /// Thresholds of the findings.
    pub findings: Findings,
}

/// Thresholds of the findings of `top` and `check`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Findings {
    /// How long a consumer may hold one frame, or take none.
    #[serde(deserialize_with = "limit")]
    pub stuck_after: Option<Duration>,
    /// How long a running producer may be without a frame.
    #[serde(deserialize_with = "limit")]
    pub stalled_after: Option<Duration>,
    /// How long a producer may give no sign of life.
    #[serde(deserialize_with = "gone_after")]
    pub gone_after: Option<Duration>,
    /// How many frame periods a consumer may need for a frame.
    #[serde(deserialize_with = "periods")]
    pub slow_above_periods: Option<f64>,
    /// How full /dev/shm may be, in percent.
    #[serde(deserialize_with = "percent")]
    pub shm_full_percent: Option<f64>,
}

impl Top {
    pub(super) fn defaults() -> Top {
        let two_seconds = Some(Duration::from_secs(2));
        Top {
            interval: Some(Duration::from_millis(500)),
            findings: Findings {
                stuck_after: two_seconds,
                stalled_after: two_seconds,
                gone_after: two_seconds,
                slow_above_periods: Some(1.0),
                shm_full_percent: Some(90.0),
            },
        }
    }

    pub(super) fn of_environment(variable: Variables<'_>) -> Result<Top, ConfigError> {
        let time = |name| read_variable(variable, name, units::parse_duration);
        let limit = |name| read_variable(variable, name, parse_limit);
        Ok(Top {
            interval: time("FRAMEBUS_TOP_INTERVAL")?,
            findings: Findings {
                stuck_after: limit("FRAMEBUS_TOP_FINDINGS_STUCK_AFTER")?,
                stalled_after: limit("FRAMEBUS_TOP_FINDINGS_STALLED_AFTER")?,
                gone_after: read_variable(
                    variable,
                    "FRAMEBUS_TOP_FINDINGS_GONE_AFTER",
                    parse_gone_after,
                )?,
                slow_above_periods: read_variable(
                    variable,
                    "FRAMEBUS_TOP_FINDINGS_SLOW_ABOVE_PERIODS",
                    parse_periods,
                )?,
                shm_full_percent: read_variable(
                    variable,
                    "FRAMEBUS_TOP_FINDINGS_SHM_FULL_PERCENT",
                    parse_percent,
                )?,
            },
        })
    }

    /// Every key with its value, in the order of the commented file.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&'static str, Option<String>)> + use<> {
        let findings = &self.findings;
        let time = |time: Option<Duration>| time.map(units::show_duration);
        let number = |number: Option<f64>| number.map(|number| number.to_string());
        [
            ("interval", time(self.interval)),
            ("findings.stuck_after", time(findings.stuck_after)),
            ("findings.stalled_after", time(findings.stalled_after)),
            ("findings.gone_after", time(findings.gone_after)),
            (
                "findings.slow_above_periods",
                number(findings.slow_above_periods),
            ),
            (
                "findings.shm_full_percent",
                number(findings.shm_full_percent),
            ),
        ]
        .into_iter()
    }

    /// Takes from `below` what is not set here.
    pub(super) fn over(self, below: Top) -> Top {
        let (own, findings) = (self.findings, below.findings);
        Top {
            interval: self.interval.or(below.interval),
            findings: Findings {
                stuck_after: own.stuck_after.or(findings.stuck_after),
                stalled_after: own.stalled_after.or(findings.stalled_after),
                gone_after: own.gone_after.or(findings.gone_after),
                slow_above_periods: own.slow_above_periods.or(findings.slow_above_periods),
                shm_full_percent: own.shm_full_percent.or(findings.shm_full_percent),
            },
        }
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
    match units::parse_duration(text)? {
        Duration::ZERO => Err("is not above 0, and would find fault with everything".to_owned()),
        time => Ok(time),
    }
}

fn limit<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    parsed(String::deserialize(from)?, parse_limit)
}

/// A producer that lives says so every 200 ms: less would call each one gone.
fn parse_gone_after(text: &str) -> Result<Duration, String> {
    let time = units::parse_duration(text)?;
    if time.as_millis() > HEARTBEAT_MS.unsigned_abs().into() {
        return Ok(time);
    }
    Err(format!(
        "is not above {HEARTBEAT_MS}ms, the time between a producer's signs of life"
    ))
}

fn gone_after<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    parsed(String::deserialize(from)?, parse_gone_after)
}

fn periods<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    parsed(f64::deserialize(from)?, parse_periods)
}

fn percent<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    parsed(f64::deserialize(from)?, parse_percent)
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
