//! `docs/top.schema.json` is made from the types.

use schemars::generate::SchemaSettings;

use super::Snapshot;

#[test]
fn the_committed_schema_is_that_of_the_types() {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let schema = settings.into_generator().into_root_schema_for::<Snapshot>();
    let text = serde_json::to_string_pretty(&schema).expect("a schema") + "\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/top.schema.json");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(path, &text).expect("written");
    }
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == text,
        "docs/top.schema.json is out of date: run this test with UPDATE_GOLDEN=1"
    );
}
