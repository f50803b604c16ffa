//! What `framebus top --json` prints is what `docs/top.schema.json` says, with the keywords that the schema uses.

use rustix::process::Signal;
use serde_json::Value;

use crate::harness::{Bus, LIVELY, Process, maps, until};

const SCHEMA: &str = include_str!("../../docs/top.schema.json");

/// Keywords that say nothing about a value's shape, or are looked at with another.
const SILENT: [&str; 8] = [
    "$schema",
    "$defs",
    "title",
    "description",
    "format",
    "minimum",
    "maximum",
    "required",
];

fn schema() -> Value {
    serde_json::from_str(SCHEMA).expect("a schema")
}

/// Returns whether a value is as a schema has it; a keyword that is not known here is a panic, not a yes.
fn is_valid(root: &Value, schema: &Value, value: &Value) -> bool {
    let any = |schemas: &Value| {
        let mut schemas = schemas.as_array().expect("schemas").iter();
        schemas.any(|schema| is_valid(root, schema, value))
    };
    let rules = schema.as_object().expect("a schema of keywords");
    rules.iter().all(|(keyword, rule)| match keyword.as_str() {
        "type" => match rule.as_array() {
            Some(types) => types.iter().any(|kind| has_type(value, kind)),
            None => has_type(value, rule),
        },
        "const" => value == rule,
        "enum" => rule.as_array().expect("values").contains(value),
        "anyOf" | "oneOf" => any(rule),
        "$ref" => {
            let path = rule.as_str().and_then(|path| path.strip_prefix('#'));
            let target = path.and_then(|path| root.pointer(path));
            is_valid(root, target.expect("a definition"), value)
        }
        "items" => {
            let mut items = value.as_array().into_iter().flatten();
            items.all(|item| is_valid(root, rule, item))
        }
        "properties" => value.as_object().is_none_or(|object| {
            let required = schema["required"].as_array().expect("required keys");
            required
                .iter()
                .all(|key| object.contains_key(key.as_str().expect("a key")))
                && object.iter().all(|(key, value)| {
                    rule.get(key)
                        .is_some_and(|rule| is_valid(root, rule, value))
                })
        }),
        silent => {
            assert!(SILENT.contains(&silent), "the keyword {silent}");
            true
        }
    })
}

fn has_type(value: &Value, kind: &Value) -> bool {
    match kind.as_str().expect("a type") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type {other}"),
    }
}

fn prints_what_the_schema_says(bus: &Bus, state: &str) {
    is_as_the_schema_says(bus.run(&["top", "--once", "--json"]).json(), state);
}

/// Holds every line against the schema; the last that has this state would not do with another type.
fn is_as_the_schema_says(lines: Vec<Value>, state: &str) {
    let schema = schema();
    for snapshot in &lines {
        assert!(is_valid(&schema, &schema, snapshot), "{snapshot}");
    }
    let mut lines = lines.into_iter().rev();
    let mut snapshot = lines
        .find(|line| line["state"] == state)
        .expect("the state");
    snapshot["time_ms"] = "late".into();
    assert!(!is_valid(&schema, &schema, &snapshot));
}

#[test]
fn a_bus_in_every_state_is_printed_as_the_schema_says() {
    let bus = Bus::new();
    prints_what_the_schema_says(&bus, "absent");
    let producer = bus.produce(LIVELY);
    let taker = bus.consume(&["-i", "0"]);
    let dies = bus.consume(&["-i", "1", "--work", "1h"]);
    bus.attached(0, &taker);
    bus.attached(1, &dies);
    bus.frames_go_by(10);
    dies.end(Signal::KILL);
    prints_what_the_schema_says(&bus, "running");
    producer.end(Signal::KILL);
    until("the producer is missed", || {
        bus.run(&["top", "--once", "--json"]).json()[0]["state"] == "gone"
    });
    prints_what_the_schema_says(&bus, "gone");
    taker.end(Signal::TERM);
    // The next producer ends as it should; a bus that has ended has no name, and only who looked before sees it.
    let producer = bus.produce(LIVELY);
    let watcher = Process::spawn(bus.framebus(&["top", "--json", "-n", "1000000", "-d", "100ms"]));
    until("it looks at the bus", || !maps(&watcher, &bus).is_empty());
    bus.frames_go_by(2);
    producer.end(Signal::INT);
    until("it has seen the end", || {
        String::from_utf8_lossy(&watcher.stdout()).contains(r#""state":"ended""#)
    });
    is_as_the_schema_says(watcher.end(Signal::TERM).json(), "ended");
}
