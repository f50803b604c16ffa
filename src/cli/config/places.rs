//! Where values come from, and values that are impossible together.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use super::layers::{Explained, explained};
use super::{Config, ConfigError, Produce, layers::Layer};
use framebus::layout::MAX_SLOTS;
use framebus::source::SourceSpec;

/// The place of each value that is set: a key with its section, and its file and line, or its variable.
#[derive(Debug, Clone, Default)]
pub struct Places(BTreeMap<String, String>);

/// Where a value comes from is no part of what it is.
impl PartialEq for Places {
    fn eq(&self, _: &Places) -> bool {
        true
    }
}

/// Who set a value; a later one wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Default,
    File,
    FileOfBus,
    Environment,
    Flag,
}

/// Where a value comes from, as a sentence begins with it: a flag, a variable, or a file with line and key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    rank: Rank,
    text: String,
}

impl Place {
    /// The command line.
    #[must_use]
    pub fn flag(name: &str) -> Place {
        Place {
            rank: Rank::Flag,
            text: name.to_owned(),
        }
    }

    /// Returns the one of two that was set nearer to the command, which is the one to change.
    #[must_use]
    pub fn nearer(self, other: Place) -> Place {
        if other.rank > self.rank { other } else { self }
    }

    /// Whether no file, variable or flag has it.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.rank == Rank::Default
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Places {
    pub(super) fn of(layers: &[Layer]) -> Places {
        let all = explained(layers).into_iter();
        let set = all.filter(|explained| explained.value.is_some());
        Places(
            set.map(|Explained { key, origin, .. }| (key, origin))
                .collect(),
        )
    }

    /// Where a setting of `produce` comes from that holds for a bus.
    fn of_bus(&self, bus: &str, key: &str) -> Place {
        let (all, own) = (format!("produce.{key}"), format!("bus.{bus}.{key}"));
        let origin = self.0.get(&all).map_or("default", String::as_str);
        let of_file = |rank, origin: &str, key: &str| Place {
            rank,
            text: format!("{origin}: {key}"),
        };
        match (origin, self.0.get(&own)) {
            (variable, _) if variable.starts_with("FRAMEBUS_") => Place {
                rank: Rank::Environment,
                text: variable.to_owned(),
            },
            (_, Some(origin)) => of_file(Rank::FileOfBus, origin, &own),
            ("default", None) => Place {
                rank: Rank::Default,
                text: all,
            },
            (origin, None) => of_file(Rank::File, origin, &all),
        }
    }
}

impl Config {
    /// Where a setting of `produce` comes from that holds for a bus.
    #[must_use]
    pub fn place(&self, bus: &str, key: &str) -> Place {
        self.places.of_bus(bus, key)
    }

    /// Refuses what no flag can mend: settings of which each is right and all together are impossible.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.check_devices()?;
        // What all buses have is that of a bus without a section: no bus has an empty name.
        self.check_slots("", &self.produce)?;
        for (bus, own) in &self.buses {
            self.check_slots(bus, &self.of_bus(bus))?;
            self.check_size(bus, own)?;
        }
        Ok(())
    }

    /// A size for all buses is one for those that have none of their own; in the section of a recording it is a mistake.
    fn check_size(&self, bus: &str, own: &Produce) -> Result<(), ConfigError> {
        let place = self.place(bus, "size");
        let recorded = matches!(own.spec(), Some(SourceSpec::Recording(_)));
        if !recorded || own.size.is_none() || place.rank != Rank::FileOfBus {
            return Ok(());
        }
        Err(ConfigError::Combination {
            place,
            message: "the source is a recording, which has a size of its own".to_owned(),
        })
    }

    fn check_slots(&self, bus: &str, produce: &Produce) -> Result<(), ConfigError> {
        let (most, history) = (self.place(bus, "consumers"), self.place(bus, "history"));
        // A number of consumers that nobody has set yet is for a flag to say.
        let consumers = produce.consumers.filter(|_| !most.is_default());
        let (consumers, frames) = (consumers.unwrap_or(1), produce.history.unwrap_or(0));
        match too_many_slots(consumers, frames) {
            Some(message) => Err(ConfigError::Combination {
                place: history.nearer(most),
                message,
            }),
            None => Ok(()),
        }
    }

    /// A camera has one reader: two buses cannot have the same. A variable is for one of them alone.
    fn check_devices(&self) -> Result<(), ConfigError> {
        if self.place("", "source").rank == Rank::Environment {
            return Ok(());
        }
        let mut known: BTreeMap<PathBuf, &str> = BTreeMap::new();
        for (bus, produce) in &self.buses {
            let device = produce.spec().and_then(|spec| spec.device());
            let Some(other) = device.and_then(|device| known.insert(device, bus)) else {
                continue;
            };
            let of = |bus: &str| self.place(bus, "source");
            return Err(ConfigError::Combination {
                place: of(bus),
                message: format!("bus {other} has the same camera ({})", of(other)),
            });
        }
        Ok(())
    }
}

impl Produce {
    /// What its source means, where that is set and can be one.
    fn spec(&self) -> Option<SourceSpec> {
        self.source.as_deref()?.parse().ok()
    }
}

/// Says why a bus cannot have so many consumers and so long a history, if it cannot.
#[must_use]
pub fn too_many_slots(consumers: u8, history: u8) -> Option<String> {
    let slots = u16::from(consumers) + 2 + u16::from(history);
    (slots > MAX_SLOTS).then(|| {
        let many = if consumers == 1 { "" } else { "s" };
        format!(
            "{consumers} consumer{many} and a history of {history} need {slots} slots, at most {MAX_SLOTS} are possible"
        )
    })
}
