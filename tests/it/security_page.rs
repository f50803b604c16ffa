//! docs/security.md promises nothing that no test proves.

use std::fs;
use std::path::{Path, PathBuf};

const PAGE: &str = include_str!("../../docs/security.md");

/// What is in backticks and looks like the name of a test.
fn named() -> Vec<&'static str> {
    let words = PAGE.split('`').skip(1).step_by(2);
    let is_test = |word: &&str| word.matches('_').count() > 2 && !word.contains(['/', ' ', '.']);
    words.filter(is_test).collect()
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path
            .extension()
            .is_some_and(|kind| kind == "rs" || kind == "py")
        {
            found.push(path);
        }
    }
}

#[test]
fn every_test_that_the_security_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for directory in ["src", "crates", "tests", "clients", "fuzz"] {
        sources(&root.join(directory), &mut files);
    }
    let texts: Vec<String> = files
        .iter()
        .map(|path| fs::read_to_string(path).unwrap_or_default())
        .collect();
    assert!(named().len() > 20, "{:?}", named());
    let missing: Vec<&str> = named()
        .into_iter()
        .filter(|name| {
            let declared = [format!("fn {name}("), format!("def {name}(")];
            let is_in = |text: &String| declared.iter().any(|words| text.contains(words));
            !texts.iter().any(is_in)
        })
        .collect();
    assert!(missing.is_empty(), "no test is called {missing:?}");
}
