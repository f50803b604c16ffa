//! What each package brings with it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::packages::run;

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// The crates that a package is built of, with their versions.
fn crates_of(package: &str) -> BTreeSet<(String, String)> {
    let mut command = Command::new("cargo");
    command
        .args(["tree", "--offline", "--locked", "--prefix", "none"])
        .args(["-p", package, "-e", "normal"])
        .current_dir(REPOSITORY);
    let tree = run(command).is(0).text();
    let crates = tree.lines().filter_map(|line| {
        let mut words = line.split(' ').map(str::to_owned);
        Some((words.next()?, words.next()?))
    });
    crates.collect()
}

#[track_caller]
fn has_none_of(crates: &BTreeSet<(String, String)>, names: &[&str]) {
    let found = crates.iter().find(|(name, _)| names.contains(&&**name));
    assert_eq!(found, None, "{crates:?}");
}

#[test]
fn the_library_brings_at_most_45_crates_and_nothing_of_the_command() {
    let crates = crates_of("framebus");
    let count = crates.len();
    assert!((20..=45).contains(&count), "{count}: {crates:?}");
    has_none_of(
        &crates,
        &["clap", "ratatui", "crossterm", "serde_json", "hyper"],
    );
    has_none_of(&crates, &["png", "anyhow", "tracing-subscriber"]);
}

#[test]
fn the_worker_brings_nothing_of_the_command() {
    let crates = crates_of("framebus-worker");
    assert!(crates.iter().any(|(name, _)| name == "opencv"));
    has_none_of(
        &crates,
        &["framebus-cli", "clap", "ratatui", "crossterm", "toml"],
    );
    has_none_of(&crates, &["hyper", "tokio", "png", "jpeg-encoder"]);
}

#[test]
fn the_bridge_brings_nothing_of_the_command_nor_of_the_worker() {
    let crates = crates_of("framebus-bridge");
    assert!(crates.iter().any(|(name, _)| name == "zenoh"));
    has_none_of(
        &crates,
        &["framebus-cli", "clap", "ratatui", "crossterm", "opencv"],
    );
    has_none_of(&crates_of("framebus-cli"), &["zenoh", "zune-jpeg"]);
}

#[test]
fn the_crate_has_what_it_needs_and_nothing_large() {
    let mut command = Command::new("cargo");
    command
        .args(["package", "-p", "framebus-cli", "--list"])
        .args(["--allow-dirty", "--offline"])
        .current_dir(REPOSITORY);
    let list = run(command).is(0).text();
    for file in [
        "src/lib.rs",
        "bin/framebus.rs",
        "config/framebus.toml",
        "README.md",
    ] {
        assert!(list.lines().any(|line| line == file), "{file}: {list}");
    }
    for line in list.lines() {
        let length = fs::metadata(Path::new(REPOSITORY).join(line)).map_or(0, |file| file.len());
        assert!(length < 1 << 17, "{line} has {length} bytes");
    }
}
