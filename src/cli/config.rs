//! The configuration: defaults, then files, then the environment; flags go over it.

mod kinds;
mod layers;
mod places;
mod sections;
mod table;
mod written;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::system::machine_settings;
use framebus_tools::file;

use kinds::Name;
pub(in crate::cli) use kinds::parse_planes;
pub use kinds::{Background, PlaneList, Trigger};
pub use layers::{Explained, explain};
use layers::{Layer, layers};
pub use places::{Place, Places, too_many_slots};
pub use sections::{Consume, Findings, Produce, Serve, Top};
use table::{Section, Variables, of_variable};
use written::{Written, place};

/// How many bytes a file may have.
const LARGEST: u64 = 1 << 20;

/// Settings of every command; `None` is not set.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(from = "Written")]
pub struct Config {
    /// The bus.
    pub bus: Option<String>,
    /// Settings of `produce` for one bus each, over those for all.
    pub buses: BTreeMap<String, Produce>,
    /// Settings of `produce`.
    pub produce: Produce,
    /// Settings of `consume`.
    pub consume: Consume,
    /// Settings of `serve`.
    pub serve: Serve,
    /// Settings of `top`.
    pub top: Top,
    /// Where each of them comes from.
    pub places: Places,
}

/// Why the configuration cannot be read.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("cannot read the configuration {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file has an error.
    #[error("{} line {line}: {key}{message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key with its section and `: `, where the line has one.
        key: String,
        /// What is wrong.
        message: String,
    },
    /// A variable of the environment has an error.
    #[error("{name}: {value:?} {message}")]
    Environment {
        /// The variable.
        name: String,
        /// Its value.
        value: String,
        /// What is wrong.
        message: String,
    },
    /// Settings of which each is right are impossible together.
    #[error("{place}: {message}")]
    Combination {
        /// Where one of them was set: a variable, or a file with line and key.
        place: Place,
        /// What is wrong.
        message: String,
    },
}

impl Config {
    /// Returns what holds without files, environment and flags.
    #[must_use]
    pub fn defaults() -> Config {
        Config {
            bus: Some("cam0".to_owned()),
            buses: BTreeMap::new(),
            produce: Produce::defaults(),
            consume: Consume::defaults(),
            serve: Serve::defaults(),
            top: Top::defaults(),
            places: Places::default(),
        }
    }

    /// Reads the defaults, the files and the environment. `explicit` (`--config`) stands for all files and must be there.
    ///
    /// # Errors
    /// Reports the first file or variable that cannot be understood.
    pub fn load(explicit: Option<&Path>) -> Result<Config, ConfigError> {
        Config::load_with(explicit, &machine_settings(), &|name| {
            std::env::var_os(name)
        })
    }

    fn load_with(
        explicit: Option<&Path>,
        system: &Path,
        variable: Variables<'_>,
    ) -> Result<Config, ConfigError> {
        let config = Config::of_layers(&layers(explicit, system, variable)?);
        config.check()?;
        Ok(config)
    }

    fn of_layers(layers: &[Layer]) -> Config {
        let mut config = Config {
            places: Places::of(layers),
            ..Config::default()
        };
        for layer in layers {
            config = layer.config.clone().over(config);
        }
        // The environment is the last layer, and wins over the sections of the buses too.
        if let Some(environment) = layers.last() {
            for bus in config.buses.values_mut() {
                *bus = environment.config.produce.clone().over(std::mem::take(bus));
            }
        }
        config
    }

    /// Returns the settings of `produce` for a bus: what its own section sets, and the rest from those for all.
    #[must_use]
    pub fn of_bus(&self, bus: &str) -> Produce {
        let own = self.buses.get(bus).cloned().unwrap_or_default();
        own.over(self.produce.clone())
    }

    /// Reads a file; returns its text too.
    fn read(path: &Path) -> Result<(Config, String), ConfigError> {
        let failed = |source| ConfigError::Read {
            path: path.to_owned(),
            source,
        };
        let text = file::read_text(path, LARGEST).map_err(failed)?;
        Ok((Config::parse(&text, path)?, text))
    }

    fn parse(text: &str, path: &Path) -> Result<Config, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let (line, key) = place(text, error.span().unwrap_or(0..0));
            ConfigError::File {
                path: path.to_owned(),
                line,
                key,
                // What serde calls it is Rust's word.
                message: error.message().replace("expected f64", "expected a number"),
            }
        })
    }

    fn of_environment(variable: Variables<'_>) -> Result<Config, ConfigError> {
        Ok(Config {
            bus: of_variable::<Name>("bus", variable)?,
            produce: Produce::of_environment("produce", variable)?,
            consume: Consume::of_environment("consume", variable)?,
            serve: Serve::of_environment("serve", variable)?,
            top: Top::of_environment("top", variable)?,
            ..Config::default()
        })
    }

    /// Every key with its value, in the order of the commented file.
    fn settings(&self) -> Vec<(String, Option<String>)> {
        let mut all = vec![("bus".to_owned(), self.bus.clone())];
        all.extend(self.produce.settings("produce"));
        for (name, produce) in &self.buses {
            all.extend(produce.settings(&format!("bus.{name}")));
        }
        all.extend(self.consume.settings("consume"));
        all.extend(self.serve.settings("serve"));
        all.extend(self.top.settings("top"));
        all
    }

    /// Takes from `below` what is not set here.
    fn over(self, mut below: Config) -> Config {
        let mut buses = std::mem::take(&mut below.buses);
        for (name, produce) in self.buses {
            let under = buses.remove(&name).unwrap_or_default();
            buses.insert(name, produce.over(under));
        }
        Config {
            bus: self.bus.or(below.bus),
            buses,
            produce: self.produce.over(below.produce),
            consume: self.consume.over(below.consume),
            serve: self.serve.over(below.serve),
            top: self.top.over(below.top),
            places: below.places,
        }
    }
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
