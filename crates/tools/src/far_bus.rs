//! A bus of another machine, as people and keys write it: `box1/cam0`.

use std::fmt;
use std::str::FromStr;

use framebus::bus::BusName;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A bus of a host, where each of the two may be `*`: any.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FarBus {
    /// The host.
    pub host: String,
    /// The bus.
    pub bus: String,
}

/// A text that is no bus of a host.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no bus of a host: write HOST/BUS, such as box1/cam0, of a-z, 0-9, '_' and '-'; * is any"
)]
pub struct FarBusError(String);

/// The longest name of a host.
pub const HOST_MAX: usize = 32;

/// Whether a text can be a host's name.
#[must_use]
pub fn is_host(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let starts_well = text.bytes().next().is_some_and(plain);
    let goes_on = |byte: u8| plain(byte) || byte == b'-' || byte == b'_';
    starts_well && text.len() <= HOST_MAX && text.bytes().all(goes_on)
}

impl FarBus {
    /// Any bus of any host.
    #[must_use]
    pub fn any() -> FarBus {
        FarBus {
            host: "*".to_owned(),
            bus: "*".to_owned(),
        }
    }

    /// Whether it names one bus.
    #[must_use]
    pub fn is_one(&self) -> bool {
        self.host != "*" && self.bus != "*"
    }

    /// Whether that bus is meant.
    #[must_use]
    pub fn means(&self, other: &FarBus) -> bool {
        let same = |own: &str, other: &str| own == "*" || own == other;
        same(&self.host, &other.host) && same(&self.bus, &other.bus)
    }

    /// What the bus is called here, unless somebody says otherwise: `box1-cam0`.
    #[must_use]
    pub fn local_name(&self) -> Option<BusName> {
        format!("{}-{}", self.host, self.bus).parse().ok()
    }
}

impl FromStr for FarBus {
    type Err = FarBusError;

    fn from_str(text: &str) -> Result<FarBus, FarBusError> {
        let error = || FarBusError(text.to_owned());
        let (host, bus) = text.split_once('/').ok_or_else(error)?;
        let host_is = host == "*" || is_host(host);
        let bus_is = bus == "*" || bus.parse::<BusName>().is_ok();
        if !host_is || !bus_is {
            return Err(error());
        }
        Ok(FarBus {
            host: host.to_owned(),
            bus: bus.to_owned(),
        })
    }
}

impl fmt::Display for FarBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.bus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_of_a_host_is_read_and_written_alike() {
        for text in ["box1/cam0", "*/cam0", "box1/*", "*/*"] {
            let bus: FarBus = text.parse().expect("a bus");
            assert_eq!(bus.to_string(), text);
            assert_eq!(bus.is_one(), !text.contains('*'));
        }
        for text in [
            "",
            "cam0",
            "box1/",
            "/cam0",
            "Box1/cam0",
            "box1/**",
            "a/b/c",
            "box1/cam 0",
        ] {
            let error = text.parse::<FarBus>().expect_err(text).to_string();
            assert!(error.contains("write HOST/BUS"), "{error}");
        }
    }

    #[test]
    fn a_bus_is_meant_by_who_means_any() {
        let bus: FarBus = "box1/cam0".parse().expect("a bus");
        assert!(FarBus::any().means(&bus));
        assert_eq!(bus.local_name().expect("a name").as_str(), "box1-cam0");
    }
}
