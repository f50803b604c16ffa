//! The keys of the network: `framebus/1/HOST/BUS/…`.
//!
//! | key | who | what |
//! |---|---|---|
//! | `…/up` | sender | a liveliness token: it is there |
//! | `…/ask/ID` | receiver ID | a request for frames |
//! | `…/to/ID` | sender | frames and answers for that receiver |
//! | `…/about` | sender | answers what the bus is |
//! | `…/top` | sender | answers with a snapshot |

use std::fmt;
use std::str::FromStr;

use framebus::bus::BusName;
use thiserror::Error;

/// A bus of a host, where each of the two may be `*`: any.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FarBus {
    /// The host.
    pub(crate) host: String,
    /// The bus.
    pub(crate) bus: String,
}

/// A text that is no bus of a host.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no bus of a host: write HOST/BUS, such as box1/cam0, of a-z, 0-9, '_' and '-'; * is any"
)]
pub(crate) struct FarBusError(String);

/// The longest name of a host in a key.
const HOST_MAX: usize = 32;

/// Whether a text can be a host's name in keys.
#[must_use]
pub(crate) fn is_host(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let starts_well = text.bytes().next().is_some_and(plain);
    let goes_on = |byte: u8| plain(byte) || byte == b'-' || byte == b'_';
    starts_well && text.len() <= HOST_MAX && text.bytes().all(goes_on)
}

/// This machine's name as keys can have it: without its domain, in lower case.
#[must_use]
pub(crate) fn own_host() -> String {
    let uname = rustix::system::uname();
    host_of(&uname.nodename().to_string_lossy())
}

fn host_of(name: &str) -> String {
    let first = name.split('.').next().unwrap_or_default();
    let allowed = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' || c == '_' {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let name: String = first.chars().take(HOST_MAX).map(allowed).collect();
    let name = name.trim_start_matches(['-', '_']);
    if name.is_empty() { "host" } else { name }.to_owned()
}

/// FNV-1a: enough to tell things apart that nobody makes alike on purpose.
pub(crate) fn hash(parts: &[&[u8]]) -> u64 {
    let mut sum = 0xcbf2_9ce4_8422_2325u64;
    for byte in parts.iter().copied().flatten() {
        sum = (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    sum
}

impl FarBus {
    /// Any bus of any host.
    #[must_use]
    pub(crate) fn any() -> FarBus {
        FarBus {
            host: "*".to_owned(),
            bus: "*".to_owned(),
        }
    }

    /// Whether it names one bus.
    #[must_use]
    pub(crate) fn is_one(&self) -> bool {
        self.host != "*" && self.bus != "*"
    }

    /// Whether that bus is meant.
    #[must_use]
    pub(crate) fn means(&self, other: &FarBus) -> bool {
        let same = |own: &str, other: &str| own == "*" || own == other;
        same(&self.host, &other.host) && same(&self.bus, &other.bus)
    }

    /// The key for `what` of it.
    #[must_use]
    pub(crate) fn key(&self, what: &str) -> String {
        format!(
            "framebus/{}/{}/{}/{what}",
            crate::wire::VERSION,
            self.host,
            self.bus
        )
    }

    /// The bus that a key is about, and what of it.
    #[must_use]
    pub(crate) fn of_key(key: &str) -> Option<(FarBus, &str)> {
        let rest = key.strip_prefix("framebus/")?;
        let (version, rest) = rest.split_once('/')?;
        let (host, rest) = rest.split_once('/')?;
        let (bus, what) = rest.split_once('/')?;
        if version.parse() != Ok(crate::wire::VERSION) || !is_host(host) {
            return None;
        }
        let bus: BusName = bus.parse().ok()?;
        let bus = FarBus {
            host: host.to_owned(),
            bus: bus.to_string(),
        };
        Some((bus, what))
    }

    /// What the bus is called here, unless somebody says otherwise: `box1-cam0`.
    #[must_use]
    pub(crate) fn local_name(&self) -> Option<BusName> {
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
    fn keys_of_strangers_are_looked_at() {
        let bus: FarBus = "box1/cam0".parse().expect("a bus");
        let key = bus.key("ask/17");
        assert_eq!(key, "framebus/1/box1/cam0/ask/17");
        assert_eq!(FarBus::of_key(&key), Some((bus.clone(), "ask/17")));
        assert_eq!(FarBus::of_key("framebus/2/box1/cam0/up"), None);
        assert_eq!(FarBus::of_key("framebus/1/box1/../up"), None);
        assert_eq!(FarBus::of_key("other/1/box1/cam0/up"), None);
        assert!(FarBus::any().means(&bus));
        assert_eq!(bus.local_name().expect("a name").as_str(), "box1-cam0");
    }

    #[test]
    fn any_machine_has_a_name() {
        assert_eq!(host_of("Box-1.example.org"), "box-1");
        assert_eq!(host_of("_ä"), "host");
        assert_eq!(host_of(""), "host");
        assert!(is_host(&host_of(&"A".repeat(64))));
    }
}
