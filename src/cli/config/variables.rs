//! Environment variables, one by one.

use std::ffi::OsString;

use super::ConfigError;

/// The environment: a variable's value by its name.
pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Reads a variable; an empty one is not set.
pub(super) fn read_variable<T>(
    variable: Variables<'_>,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, ConfigError> {
    let Some(value) = variable(name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    // A path with a replaced character would be another path.
    let parsed = match value.to_str() {
        Some(text) => parse(text),
        None => Err("is not UTF-8".to_owned()),
    };
    let value = value.to_string_lossy().into_owned();
    match parsed {
        Ok(parsed) => Ok(Some(parsed)),
        Err(message) => Err(ConfigError::Environment {
            name,
            value,
            message,
        }),
    }
}
