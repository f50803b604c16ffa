//! The configuration as a file has it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{Config, Consume, Places, Produce, Serve, Top};
use framebus::bus::BusName;

/// A file: `bus` is the name of the bus of every command, or a table of the settings of each bus.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Written {
    bus: Bus,
    produce: Produce,
    consume: Consume,
    serve: Serve,
    top: Top,
}

#[derive(Debug, Default)]
struct Bus {
    name: Option<String>,
    tables: BTreeMap<String, Produce>,
}

impl From<Written> for Config {
    fn from(written: Written) -> Config {
        Config {
            bus: written.bus.name,
            buses: written.bus.tables,
            produce: written.produce,
            consume: written.consume,
            serve: written.serve,
            top: written.top,
            places: Places::default(),
        }
    }
}

impl<'de> Deserialize<'de> for Bus {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Bus, D::Error> {
        from.deserialize_any(BusVisitor)
    }
}

struct BusVisitor;

impl<'de> Visitor<'de> for BusVisitor {
    type Value = Bus;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a bus, or [bus.NAME] sections")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Bus, E> {
        Ok(Bus {
            name: Some(name.to_owned()),
            tables: BTreeMap::new(),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Bus, A::Error> {
        let mut tables = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            let bus: BusName = name.parse().map_err(A::Error::custom)?;
            tables.insert(bus.to_string(), map.next_value()?);
        }
        Ok(Bus { name: None, tables })
    }
}

/// Returns the line that `span` begins in, from 1, and the key of that line as `section.key: `.
pub(super) fn place(text: &str, span: Range<usize>) -> (usize, String) {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let written: Vec<&str> = text.lines().take(line).collect();
    let key = written
        .last()
        .and_then(|last| last.split_once('='))
        .map_or("", |(key, _)| key.trim());
    let section = written
        .iter()
        .rev()
        .find_map(|line| line.trim().strip_prefix('[')?.split(']').next());
    match (section, key) {
        (_, "") => (line, String::new()),
        (None, key) => (line, format!("{key}: ")),
        (Some(section), key) => (line, format!("{section}.{key}: ")),
    }
}
