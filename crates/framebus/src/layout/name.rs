//! Names of buses, and the newtypes of the protocol.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// The name of a bus: `[a-z0-9][a-z0-9_-]{0,31}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusName(String);

/// A text that cannot be the name of a bus.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "bus name '{0}' is not valid: use 1 to 32 of a-z, 0-9, '_' and '-', not starting with '_' or '-'"
)]
pub struct BusNameError(String);

impl BusName {
    /// The longest name in bytes.
    pub const MAX_LEN: usize = 32;

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for BusName {
    fn default() -> Self {
        BusName("cam0".to_owned())
    }
}

impl FromStr for BusName {
    type Err = BusNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let starts_well = text.bytes().next().is_some_and(plain);
        let goes_on_well = text
            .bytes()
            .all(|byte| plain(byte) || byte == b'_' || byte == b'-');
        if starts_well && goes_on_well && text.len() <= Self::MAX_LEN {
            Ok(BusName(text.to_owned()))
        } else {
            Err(BusNameError(text.escape_default().to_string()))
        }
    }
}

impl fmt::Display for BusName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_leave_their_directory_are_refused() {
        for bad in [
            "",
            "..",
            "a/b",
            "Cam0",
            "-a",
            "_a",
            "a.lock",
            "ä",
            &"a".repeat(33),
        ] {
            assert!(bad.parse::<BusName>().is_err(), "{bad}");
        }
        for good in ["cam0", "0", "a_b-c", &"a".repeat(32)] {
            assert_eq!(good.parse::<BusName>().expect(good).as_str(), good);
        }
    }
}
