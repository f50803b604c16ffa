//! The keys of the network: `framebus/1/HOST/BUS/…`.
//!
//! | key | who | what |
//! |---|---|---|
//! | `…/up` | sender | a liveliness token: it is there |
//! | `…/ask/ID` | receiver ID | a request for frames |
//! | `…/to/ID` | sender | frames and answers for that receiver |
//! | `…/about` | sender | answers what the bus is |
//! | `…/top` | sender | answers with a snapshot |

use framebus::bus::BusName;
use framebus_tools::far_bus::{FarBus, HOST_MAX, is_host};

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

/// The key for `what` of a bus.
#[must_use]
pub(crate) fn key(far: &FarBus, what: &str) -> String {
    format!(
        "framebus/{}/{}/{}/{what}",
        crate::wire::VERSION,
        far.host,
        far.bus
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_strangers_are_looked_at() {
        let bus: FarBus = "box1/cam0".parse().expect("a bus");
        let name = key(&bus, "ask/17");
        assert_eq!(name, "framebus/1/box1/cam0/ask/17");
        assert_eq!(of_key(&name), Some((bus.clone(), "ask/17")));
        assert_eq!(of_key("framebus/2/box1/cam0/up"), None);
        assert_eq!(of_key("framebus/1/box1/../up"), None);
        assert_eq!(of_key("other/1/box1/cam0/up"), None);
    }

    #[test]
    fn any_machine_has_a_name() {
        assert_eq!(host_of("Box-1.example.org"), "box-1");
        assert_eq!(host_of("_ä"), "host");
        assert_eq!(host_of(""), "host");
        assert!(is_host(&host_of(&"A".repeat(64))));
    }
}
