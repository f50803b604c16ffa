//! Settings as a table: a row a key says all there is to say of it.

use std::ffi::OsString;
use std::fmt::{Debug, Display};

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer, Error};

use super::ConfigError;

/// The environment: a variable's value by its name.
pub(super) type Variables<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// A kind of value: how it is read, and how it is shown.
pub(super) trait Kind {
    /// What it is.
    type Value;
    /// What a file has for it.
    type Written: DeserializeOwned + Display + Debug;

    /// Reads it as flags, the environment and a file have it.
    fn parse(text: &str) -> Result<Self::Value, String>;

    /// Shows it as a file would have it.
    fn show(value: &Self::Value) -> String;
}

/// A section of the configuration: [`settings!`] makes one of a table.
pub(super) trait Section: Sized {
    /// What holds without files, environment and flags.
    fn defaults() -> Self;

    /// Takes from `below` what is not set here.
    fn over(self, below: Self) -> Self;

    /// Reads the variables whose names begin with that of the section, such as `produce`.
    fn of_environment(section: &str, variable: Variables<'_>) -> Result<Self, ConfigError>;

    /// Every key below `section` with its value, in the order of the table.
    fn settings(&self, section: &str) -> Vec<(String, Option<String>)>;
}

/// The variable of a key, such as `FRAMEBUS_PRODUCE_FPS` of `produce.fps`.
pub(super) fn variable_of(key: &str) -> String {
    format!("FRAMEBUS_{}", key.replace('.', "_").to_uppercase())
}

/// Reads the variable of a key; an empty one is not set.
pub(super) fn of_variable<K: Kind>(
    key: &str,
    variable: Variables<'_>,
) -> Result<Option<K::Value>, ConfigError> {
    let name = variable_of(key);
    let Some(value) = variable(&name).filter(|value| !value.is_empty()) else {
        return Ok(None);
    };
    // A path with a replaced character would be another path.
    let parsed = match value.to_str() {
        Some(text) => K::parse(text),
        None => Err("is not UTF-8".to_owned()),
    };
    match parsed {
        Ok(parsed) => Ok(Some(parsed)),
        Err(message) => Err(ConfigError::Environment {
            name,
            value: value.to_string_lossy().into_owned(),
            message,
        }),
    }
}

/// A value of a file.
pub(super) struct OfFile<K: Kind>(pub(super) Option<K::Value>);

impl<K: Kind> Default for OfFile<K> {
    fn default() -> OfFile<K> {
        OfFile(None)
    }
}

impl<'de, K: Kind> Deserialize<'de> for OfFile<K> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<OfFile<K>, D::Error> {
        let written = K::Written::deserialize(from)?;
        match K::parse(&written.to_string()) {
            Ok(value) => Ok(OfFile(Some(value))),
            Err(why) => Err(D::Error::custom(format!("{written:?} {why}"))),
        }
    }
}

/// Makes sections of tables. A row is a key: its documentation, its field and type, its name, its kind, and what holds where
/// nobody sets it. Below the rows stand the sections within, in
/// brackets.
macro_rules! settings {
    ($(
        $(#[$about:meta])*
        pub struct $section:ident {
            $(
                $(#[$doc:meta])*
                $field:ident: $type:ty = $key:literal, $kind:ty, $default:expr;
            )*
            $(
                [$(#[$inner_doc:meta])* $inner:ident: $inner_type:ty = $inner_key:literal]
            )*
        }
    )*) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct $section {
            $($(#[$doc])* pub $field: Option<$type>,)*
            $($(#[$inner_doc])* pub $inner: $inner_type,)*
        }

        impl Section for $section {
            fn defaults() -> Self {
                Self {
                    $($field: $default,)*
                    $($inner: <$inner_type>::defaults(),)*
                }
            }

            fn over(self, below: Self) -> Self {
                Self {
                    $($field: self.$field.or(below.$field),)*
                    $($inner: self.$inner.over(below.$inner),)*
                }
            }

            fn of_environment(section: &str, variable: Variables<'_>) -> Result<Self, ConfigError> {
                let below = |key: &str| format!("{section}.{key}");
                Ok(Self {
                    $($field: of_variable::<$kind>(&below($key), variable)?,)*
                    $($inner: <$inner_type>::of_environment(&below($inner_key), variable)?,)*
                })
            }

            fn settings(&self, section: &str) -> Vec<(String, Option<String>)> {
                let below = |key: &str| format!("{section}.{key}");
                let own = vec![$((
                    below($key),
                    self.$field.as_ref().map(<$kind as Kind>::show),
                ),)*];
                [own, $(self.$inner.settings(&below($inner_key)),)*].concat()
            }
        }

        impl<'de> Deserialize<'de> for $section {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                // Of the same name, which is in messages.
                #[derive(Default, Deserialize)]
                #[serde(default, deny_unknown_fields)]
                struct $section {
                    $(#[serde(rename = $key)] $field: OfFile<$kind>,)*
                    $(#[serde(rename = $inner_key)] $inner: $inner_type,)*
                }
                let written = $section::deserialize(from)?;
                Ok(Self {
                    $($field: written.$field.0,)*
                    $($inner: written.$inner,)*
                })
            }
        }
    )*};
}
pub(super) use settings;
