//! Names of hosts and of far buses.

use framebus::bus::BusName;
use framebus_tools::far_bus::{FarBus, is_host};

use crate::cli::parse_bus;

/// A far bus, and what it is called here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub(super) far: FarBus,
    pub(super) local: Option<BusName>,
}

pub(super) fn parse_host(text: &str) -> Result<String, String> {
    match is_host(text) {
        true => Ok(text.to_owned()),
        false => Err("use 1 to 32 of a-z, 0-9, '_' and '-'".to_owned()),
    }
}

/// Reads HOST/BUS.
pub(in crate::cli) fn parse_far(text: &str) -> Result<FarBus, String> {
    let far = text.parse().ok().filter(FarBus::is_one);
    far.ok_or_else(|| {
        "is no HOST/BUS, such as box1/cam0; `framebus bridge ls` shows those there are".to_owned()
    })
}

pub(super) fn parse_wanted(text: &str) -> Result<Wanted, String> {
    let (far, local) = match text.split_once('=') {
        Some((far, local)) => (far, Some(parse_bus(local)?)),
        None => (text, None),
    };
    let far: FarBus = far
        .parse()
        .map_err(|_| "is no HOST/BUS, such as box1/cam0 or 'box1/*'".to_owned())?;
    if local.is_some() && !far.is_one() {
        return Err("several buses cannot have one name".to_owned());
    }
    Ok(Wanted { far, local })
}

pub(super) fn parse_scale(text: &str) -> Result<u32, String> {
    let divisor = text.strip_prefix("1/").and_then(|n| n.parse().ok());
    divisor
        .filter(|n| (1..=64).contains(n))
        .ok_or_else(|| "is no scale: write 1/2, 1/3 or so, down to 1/64".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_buses_are_read() {
        let wanted = parse_wanted("box1/cam0=left").expect("a bus");
        assert_eq!(wanted.far.to_string(), "box1/cam0");
        assert_eq!(wanted.local.expect("a name").as_str(), "left");
        assert!(parse_wanted("*/*").is_ok());
        for text in [
            "cam0",
            "box1/",
            "Box/cam0",
            "box1/*=left",
            "box1/cam0=",
            "a/b/c",
        ] {
            assert!(parse_wanted(text).is_err(), "{text}");
        }
        assert_eq!(parse_scale("1/4"), Ok(4));
        for text in ["0.5", "2", "1/0", "1/65", "1/x"] {
            assert!(parse_scale(text).is_err(), "{text}");
        }
    }
}
