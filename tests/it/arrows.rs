//! Which module knows which: what ARCHITECTURE.md says is what the code has.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

type Arrows = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The table of ARCHITECTURE.md; `None` for who may know everybody.
fn documented() -> BTreeMap<String, Option<BTreeSet<String>>> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let (_, table) = text.split_once("| module | knows |").expect("the table");
    let (table, _) = table.split_once("\n\n").expect("its end");
    let names = |cell: &str| -> BTreeSet<String> {
        let quoted = cell.split('`').skip(1).step_by(2);
        quoted.map(str::to_owned).collect()
    };
    let mut found = BTreeMap::new();
    for row in table.lines().filter(|row| row.contains('`')) {
        let mut cells = row.trim_matches('|').split('|');
        let modules = names(cells.next().expect("a module"));
        let knows = cells.next().expect("what it knows");
        for module in modules {
            let everybody = knows.trim() == "everybody";
            found.insert(module, (!everybody).then(|| names(knows)));
        }
    }
    found
}

/// Rust files under a path, without those that are only for tests.
fn files(path: &Path, found: &mut Vec<PathBuf>) {
    const FOR_TESTS: [&str; 4] = [
        "stage.rs",
        "fixture.rs",
        "lease_model.rs",
        "lease_reference.rs",
    ];
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.contains("test") || FOR_TESTS.contains(&name.as_ref()) {
        return;
    }
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a directory") {
            files(&entry.expect("an entry").path(), found);
        }
    } else if name.ends_with(".rs") {
        found.push(path.to_owned());
    }
}

/// What `crate::…` paths of shipping code name, by the module of `src` that they stand in.
fn written() -> Arrows {
    let mut arrows = Arrows::new();
    let mut all = Vec::new();
    files(&root().join("src"), &mut all);
    for path in all {
        let inside = path.strip_prefix(root().join("src")).expect("under src");
        let module = inside.iter().next().expect("a name").to_string_lossy();
        let module = module.trim_end_matches(".rs").to_owned();
        if module == "lib" {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a source file");
        let shipping = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        let knows = arrows.entry(module.clone()).or_default();
        for line in shipping
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
        {
            for after in line.split("crate::").skip(1) {
                let end = |letter: char| !letter.is_ascii_lowercase() && letter != '_';
                let name = after.split(end).next().unwrap_or_default();
                // A name with a capital is a macro's or an item's of the root.
                if !name.is_empty() && name != module {
                    knows.insert(name.to_owned());
                }
            }
        }
    }
    arrows
}

#[test]
fn no_module_knows_one_that_the_architecture_does_not_say() {
    let documented = documented();
    let mut wrong = Vec::new();
    for (module, knows) in written() {
        match documented.get(&module) {
            None => wrong.push(format!("{module} is not in the table")),
            Some(None) => {}
            Some(Some(may)) => {
                let more: Vec<_> = knows.difference(may).collect();
                let fewer: Vec<_> = may.difference(&knows).collect();
                if !more.is_empty() || !fewer.is_empty() {
                    wrong.push(format!(
                        "{module} also knows {more:?}, and does not know {fewer:?}"
                    ));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "ARCHITECTURE.md says otherwise: {wrong:#?}"
    );
}
