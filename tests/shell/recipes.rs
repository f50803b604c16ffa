//! What stands in `docs/recipes.md` works as it stands there.

use crate::harness::Place;

const RECIPES: &str = include_str!("../../docs/recipes.md");

/// The shell blocks with their headings.
fn recipes() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut heading = String::new();
    let mut block: Option<String> = None;
    for line in RECIPES.lines() {
        match (&mut block, line) {
            (None, "```sh") => block = Some(String::new()),
            (Some(text), "```") => {
                found.push((heading.clone(), std::mem::take(text)));
                block = None;
            }
            (Some(text), line) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, line) => {
                if let Some(title) = line.strip_prefix("## ") {
                    title.clone_into(&mut heading);
                }
            }
        }
    }
    found
}

#[test]
fn every_recipe_works() {
    need_worker();
    let all = recipes();
    assert!(all.len() > 18, "{} recipes", all.len());
    for (heading, script) in all {
        let place = Place::new();
        let producing = ["ffmpeg", "gst-launch-1.0", "framebus produce"]
            .iter()
            .any(|program| script.starts_with(program));
        let _producer =
            (!producing).then(|| place.produce(&["--fps", "100", "--history", "30", "--color"]));
        let done = place.sh(&format!("set -eu\n{script}"));
        assert!(
            done.status.success(),
            "{heading}\n{script}\n{}{}",
            done.stderr,
            done.text()
        );
    }
}

/// Fails where the worker was not built: what is not run is not tested.
pub(crate) fn need_worker() {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_framebus"));
    assert!(
        program.with_file_name("framebus-worker").exists(),
        "build the workspace's programs first: cargo build --workspace --bins"
    );
}
