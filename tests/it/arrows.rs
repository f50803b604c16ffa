//! Which module knows which: what ARCHITECTURE.md says is what the `use` lines and paths have, and nobody is in a circle.
//!
//! A module and those inside it are one thing. What is only for tests does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, ItemMod, ItemUse, UseTree, Visibility};

type Module = Vec<String>;
type Arrows = BTreeMap<Module, BTreeSet<Module>>;

/// Sources and their tables.
const PARTS: [(&str, &str); 4] = [
    ("crates/framebus/src", "| module of the library | knows |"),
    (
        "crates/tools/src",
        "| module of what both programs have | knows |",
    ),
    ("crates/bridge/src", "| module of the bridge | knows |"),
    ("src", "| module of the command | knows |"),
];
/// Files that are only compiled for tests.
const FOR_TESTS: [&str; 4] = ["stage.rs", "fixture.rs", "model.rs", "reference.rs"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a file names.
#[derive(Default)]
struct Named {
    /// Paths as they are written, from `crate`, `self`, `super` or a child on.
    paths: Vec<Module>,
    /// What others find here, and where it comes from.
    handed_on: Vec<(String, Module)>,
}

impl Named {
    fn tree(&mut self, tree: &UseTree, mut path: Module, public: bool) {
        match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                self.tree(&step.tree, path, public);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.tree(tree, path.clone(), public);
                }
            }
            UseTree::Name(name) => self.name(name.ident.to_string(), path, None, public),
            UseTree::Rename(name) => {
                let other = Some(name.rename.to_string());
                self.name(name.ident.to_string(), path, other, public);
            }
            UseTree::Glob(_) => self.paths.push(path),
        }
    }

    fn name(&mut self, name: String, mut path: Module, other: Option<String>, public: bool) {
        let shown = other.unwrap_or_else(|| name.clone());
        if name != "self" {
            path.push(name);
        }
        if public {
            self.handed_on.push((shown, path));
        } else {
            self.paths.push(path);
        }
    }
}

/// What the arguments of a macro or an attribute name from `crate` on: they are not parsed.
fn in_tokens(tokens: &str) -> Vec<Module> {
    let after_crate = tokens.split("crate ::").skip(1);
    let paths = after_crate.map(|rest| {
        let steps = rest.split("::").map(str::trim);
        let names = steps.map_while(|step| {
            let end = step.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
            Some(step[..end.unwrap_or(step.len())].to_owned()).filter(|name| !name.is_empty())
        });
        std::iter::once("crate".to_owned()).chain(names).collect()
    });
    paths.collect()
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let syn::Meta::List(list) = &attribute.meta else {
            return false;
        };
        list.path.is_ident("cfg") && list.tokens.to_string().contains("test")
    })
}

impl<'ast> Visit<'ast> for Named {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_for_tests(&item.attrs) {
            let public = !matches!(item.vis, Visibility::Inherited);
            self.tree(&item.tree, Vec::new(), public);
        }
    }

    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !is_for_tests(&item.attrs) {
            visit::visit_item_fn(self, item);
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            visit::visit_impl_item_fn(self, item);
        }
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.paths.extend(in_tokens(&call.tokens.to_string()));
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.paths.extend(in_tokens(&list.tokens.to_string()));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|step| step.ident.to_string());
        self.paths.push(names.collect());
        visit::visit_path(self, path);
    }
}

/// The modules of a package.
struct Package(BTreeMap<Module, Named>);

impl Package {
    fn read(source: &Path) -> Package {
        let mut files = Vec::new();
        collect(source, &mut files);
        let mut modules = BTreeMap::new();
        for file in files {
            let inside = file.strip_prefix(source).expect("under it");
            let mut module: Module = inside
                .with_extension("")
                .iter()
                .map(|name| name.to_string_lossy().into_owned())
                .collect();
            if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
                module.pop();
            }
            let text = fs::read_to_string(&file).expect("a source file");
            let mut named = Named::default();
            named.visit_file(&syn::parse_file(&text).expect("Rust"));
            modules.insert(module, named);
        }
        Package(modules)
    }

    /// The module that a path in another one means, also where it is handed on.
    fn resolve(&self, from: &Module, path: &[String], depth: u32) -> Option<Module> {
        let up = path.iter().take_while(|step| *step == "super").count();
        let mut whole = match path.first()?.as_str() {
            "crate" => path[1..].to_vec(),
            "self" => [from, &path[1..]].concat(),
            "super" => [from.get(..from.len() - up)?, &path[up..]].concat(),
            child => {
                let inside = [from.as_slice(), &[child.to_owned()]].concat();
                self.0.get(&inside)?;
                [from, path].concat()
            }
        };
        let mut rest = Vec::new();
        while !self.0.contains_key(&whole) {
            rest.insert(0, whole.pop()?);
        }
        let named = self.0.get(&whole)?;
        let onward = rest.first().filter(|_| depth < 8).and_then(|name| {
            let (_, path) = named.handed_on.iter().find(|(shown, _)| shown == name)?;
            self.resolve(&whole, path, depth + 1)
        });
        Some(onward.unwrap_or(whole))
    }

    /// Who knows whom, a module and those inside it being one thing.
    fn arrows(&self) -> Arrows {
        let mut arrows = Arrows::new();
        for (module, named) in &self.0 {
            let paths = named.handed_on.iter().map(|(_, path)| path);
            let known = paths
                .chain(&named.paths)
                .filter_map(|path| self.resolve(module, path, 0))
                .filter(|other| !other.starts_with(module) && !module.starts_with(other));
            arrows.insert(module.clone(), known.collect());
        }
        arrows
    }
}

/// Rust files under a path, without those that are only for tests.
fn collect(path: &Path, found: &mut Vec<PathBuf>) {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.contains("test") || FOR_TESTS.contains(&name.as_ref()) {
        return;
    }
    if path.is_dir() {
        for entry in fs::read_dir(path).expect("a directory") {
            collect(&entry.expect("an entry").path(), found);
        }
    } else if name.ends_with(".rs") {
        found.push(path.to_owned());
    }
}

/// A table of ARCHITECTURE.md; `None` for who may know everybody.
fn documented(heading: &str) -> BTreeMap<String, Option<BTreeSet<String>>> {
    let text = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md");
    let (_, table) = text.split_once(heading).expect("the table");
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

#[test]
fn no_module_knows_one_that_the_architecture_does_not_say() {
    let mut wrong = Vec::new();
    for (source, heading) in PARTS {
        let documented = documented(heading);
        let mut written: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (module, others) in Package::read(&root().join(source)).arrows() {
            let Some(room) = module.first() else {
                continue;
            };
            let rooms = others
                .into_iter()
                .filter_map(|other| other.first().cloned());
            let known = written.entry(room.clone()).or_default();
            known.extend(rooms.filter(|other| other != room));
        }
        for (module, knows) in written {
            match documented.get(&module) {
                None => wrong.push(format!("{source}: {module} is not in the table")),
                Some(None) => {}
                Some(Some(may)) if *may == knows => {}
                Some(Some(may)) => wrong.push(format!(
                    "{source}: {module} also knows {:?}, and does not know {:?}",
                    knows.difference(may).collect::<Vec<_>>(),
                    may.difference(&knows).collect::<Vec<_>>()
                )),
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "ARCHITECTURE.md says otherwise: {wrong:#?}"
    );
}

/// Modules that know each other by way of others: what is left when everybody who knows nobody that is left has gone.
fn in_circles(mut arrows: Arrows) -> Arrows {
    loop {
        let left: BTreeSet<Module> = arrows.keys().cloned().collect();
        for known in arrows.values_mut() {
            known.retain(|other| left.contains(other));
        }
        let known: BTreeSet<Module> = arrows.values().flatten().cloned().collect();
        let before = arrows.len();
        arrows.retain(|module, knows| !knows.is_empty() && known.contains(module));
        if arrows.len() == before {
            return arrows;
        }
    }
}

#[test]
fn no_two_files_know_each_other_not_even_by_way_of_others() {
    for package in [
        "crates/framebus/src",
        "src",
        "crates/tools/src",
        "crates/worker/src",
        "crates/decoder/src",
        "crates/capi/src",
    ] {
        let circles = in_circles(Package::read(&root().join(package)).arrows());
        assert!(circles.is_empty(), "{package}: {circles:#?}");
    }
}

/// Where a package may ask which system it is built for: its room of systems, what has descriptors in its interface, and modules
/// that are Linux's as a whole.
const ASK_FOR_THE_SYSTEM: [(&str, &[&str]); 3] = [
    ("crates/framebus/src", &["system/", "stop.rs", "bus/mod.rs"]),
    ("crates/tools/src", &["system/"]),
    ("src", &["system/", "lib.rs", "source/mod.rs"]),
];

/// Whether a line asks that; one that names the file of a module that Windows has another one of asks nothing else.
fn asks_for_the_system(line: &str) -> bool {
    let line = line.trim_start();
    let is_question = line.starts_with("#[cfg(") || line.contains("cfg!(");
    let systems = ["unix", "windows", "target_os", "target_family"];
    let names_a_file = line.starts_with("#[cfg_attr(windows, path = \"")
        && line.contains("windows/")
        && line.ends_with(".rs\")]");
    let is_question = is_question || line.starts_with("#[cfg_attr(") && !names_a_file;
    is_question && !line.contains("test") && systems.iter().any(|name| line.contains(name))
}

#[test]
fn only_one_room_of_a_package_asks_which_system_it_is_built_for() {
    for (source, places) in ASK_FOR_THE_SYSTEM {
        let source = root().join(source);
        let mut files = Vec::new();
        collect(&source, &mut files);
        for file in files {
            let text = fs::read_to_string(&file).expect("a source file");
            let inside = file.strip_prefix(&source).expect("under it");
            let may = places
                .iter()
                .any(|place| inside.to_string_lossy().starts_with(place));
            let asks = text.lines().any(asks_for_the_system);
            assert!(may || !asks, "{}", file.display());
        }
    }
}

#[test]
fn a_question_for_the_system_is_known() {
    for line in [
        "#[cfg(unix)]",
        "    #[cfg(target_os = \"linux\")]",
        "if cfg!(windows) {",
        "#[cfg_attr(windows, allow(dead_code))]",
    ] {
        assert!(asks_for_the_system(line), "{line}");
    }
    for line in [
        "#[cfg(test)]",
        "#[cfg_attr(windows, path = \"windows/tty.rs\")]",
        "windows::draw()",
    ] {
        assert!(!asks_for_the_system(line), "{line}");
    }
}

#[test]
fn a_path_is_found_in_the_arguments_of_a_macro() {
    let found = in_tokens("\"{}\" , crate :: units :: show_bytes (1) , crate :: CONST");
    let crate_path = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let expected: [Module; 2] = [
        crate_path(&["crate", "units", "show_bytes"]),
        crate_path(&["crate", "CONST"]),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_circle_is_found() {
    let module = |name: &str| vec![name.to_owned()];
    let arrow = |from: &str, to: &[&str]| (module(from), to.iter().map(|to| module(to)).collect());
    let arrows = [
        arrow("top", &["a"]),
        arrow("a", &["b", "leaf"]),
        arrow("b", &["c"]),
        arrow("c", &["a"]),
        arrow("leaf", &[]),
    ];
    let found = in_circles(arrows.into_iter().collect());
    let names: Vec<Module> = found.into_keys().collect();
    assert_eq!(names, [module("a"), module("b"), module("c")]);
}
