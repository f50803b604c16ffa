//! The public interface of the library is what `tests/golden/public-api.txt` has: whoever changes it sees what users will see.
//!
//! Read from the sources, as `arrows` reads them: no compiler's private format is needed. What a macro makes is not seen; the library
//! makes nothing public that way.

mod items;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use quote::ToTokens;
use syn::Item;

use items::{attributes, identity, imports, is_hidden, is_public, without_the_inside};

type Module = Vec<String>;
/// Where an item is defined: its module and its name.
type Definition = (Module, String);

const GOLDEN: &str = "tests/golden/public-api.txt";

#[test]
fn the_public_interface_of_the_library_is_the_one_that_was_agreed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let written = Library::read(&root.join("crates/framebus/src")).listing();
    let golden = root.join(GOLDEN);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&golden, &written).expect("the golden file can be written");
    }
    if fs::read_to_string(&golden).unwrap_or_default() != written {
        let changes = changes(&golden, &written);
        panic!(
            "the public interface of crates/framebus has changed:\n{changes}\nIf that is meant, say so in CHANGELOG.md and \
             run UPDATE_GOLDEN=1 cargo test --test it public_interface"
        );
    }
}

fn changes(golden: &Path, written: &str) -> String {
    let mut diff = Command::new("diff");
    diff.args(["-U1", "--label", GOLDEN, "--label", "crates/framebus/src"])
        .arg(golden)
        .arg("-")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut diff = diff.spawn().expect("diff");
    let mut input = diff.stdin.take().expect("a pipe");
    input.write_all(written.as_bytes()).expect("it reads");
    drop(input);
    let output = diff.wait_with_output().expect("its end");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The items of each module, without what is only for tests or hidden.
struct Library(BTreeMap<Module, Vec<Item>>);

impl Library {
    fn read(source: &Path) -> Library {
        let mut library = Library(BTreeMap::new());
        library.file(source, &source.join("lib.rs"), Vec::new());
        library
    }

    fn file(&mut self, source: &Path, file: &Path, module: Module) {
        let text = fs::read_to_string(file).expect("a source file");
        let mut items = syn::parse_file(&text).expect("Rust").items;
        items.retain(|item| !attributes(item).is_some_and(|attributes| is_hidden(attributes)));
        for item in &items {
            let Item::Mod(inner) = item else {
                continue;
            };
            assert!(
                inner.content.is_none(),
                "a module has a file: {}",
                inner.ident
            );
            let child = [module.clone(), vec![inner.ident.to_string()]].concat();
            let path = source.join(child.iter().collect::<PathBuf>());
            let own = path.with_extension("rs");
            let file = if own.exists() {
                own
            } else {
                path.join("mod.rs")
            };
            self.file(source, &file, child);
        }
        self.0.insert(module, items);
    }

    /// What a path means, seen from a module: where it is defined.
    fn resolve(&self, from: &Module, path: &[String], depth: u32) -> Option<Definition> {
        let (name, way) = path.split_last()?;
        let module = self.module(from, way, depth)?;
        if self.item(&module, name).is_some() {
            return Some((module, name.clone()));
        }
        if depth > 8 {
            return None;
        }
        let uses = self.0[&module].iter().filter_map(|item| match item {
            Item::Use(item) => Some(imports(&item.tree)),
            _ => None,
        });
        uses.flatten().find_map(|(shown, path)| match shown {
            Some(shown) if shown == *name && path != [name.clone()] => {
                self.resolve(&module, &path, depth + 1)
            }
            Some(_) => None,
            // All that another module has.
            None => {
                let other = self.module(&module, &path, depth + 1)?;
                (other != module)
                    .then(|| self.resolve(&other, std::slice::from_ref(name), depth + 1))?
            }
        })
    }

    fn module(&self, from: &Module, way: &[String], depth: u32) -> Option<Module> {
        let up = way.iter().take_while(|step| *step == "super").count();
        let whole = match way.first().map(String::as_str) {
            None => from.clone(),
            Some("crate") => way[1..].to_vec(),
            Some("self") => [from, &way[1..]].concat(),
            Some("super") => [from.get(..from.len().checked_sub(up)?)?, &way[up..]].concat(),
            Some(_) => [from.as_slice(), way].concat(),
        };
        if self.0.contains_key(&whole) || depth > 8 {
            return Some(whole).filter(|whole| self.0.contains_key(whole));
        }
        // A module by a `use`, such as `use crate::clock;` and then `clock::Deadline`.
        let (first, rest) = way.split_first()?;
        let uses = self.0.get(from)?.iter().filter_map(|item| match item {
            Item::Use(item) => Some(imports(&item.tree)),
            _ => None,
        });
        let (_, path) = uses
            .flatten()
            .find(|(shown, path)| shown.as_deref() == Some(first) && path.len() > 1)?;
        self.module(from, &[path.as_slice(), rest].concat(), depth + 1)
    }

    fn item(&self, module: &Module, name: &str) -> Option<&Item> {
        let named = |item: &&Item| {
            identity(item).is_some_and(|(ident, _)| ident == name) && !matches!(item, Item::Mod(_))
        };
        self.0.get(module)?.iter().find(named)
    }

    /// The names that a public module gives, and where they are defined.
    fn exports(&self, module: &Module) -> BTreeMap<String, Definition> {
        let mut found = BTreeMap::new();
        for item in &self.0[module] {
            match item {
                Item::Use(item) if is_public(&item.vis) => {
                    for (shown, path) in imports(&item.tree) {
                        match shown {
                            Some(shown) => {
                                let definition = self.resolve(module, &path, 0);
                                let definition = definition.unwrap_or_else(|| {
                                    panic!(
                                        "{}: {} is not found",
                                        module.join("::"),
                                        path.join("::")
                                    )
                                });
                                found.insert(shown, definition);
                            }
                            None => {
                                let other = self.module(module, &path, 0).expect("a module");
                                found.extend(self.exports(&other));
                            }
                        }
                    }
                }
                Item::Mod(_) | Item::Use(_) => {}
                item => {
                    if let Some((name, true)) = identity(item) {
                        found.insert(name.clone(), (module.clone(), name));
                    }
                }
            }
        }
        found
    }

    /// Modules that a user can name, the root last.
    fn public_modules(&self) -> Vec<Module> {
        let is_open = |module: &Module| {
            (0..module.len()).all(|depth| {
                let mut inside = self.0[&module[..depth].to_vec()].iter();
                inside.any(|item| {
                    matches!(item, Item::Mod(inner) if inner.ident == module[depth] && is_public(&inner.vis))
                })
            })
        };
        let mut open: Vec<Module> = self
            .0
            .keys()
            .filter(|module| is_open(module))
            .cloned()
            .collect();
        open.rotate_left(1);
        open
    }

    fn listing(&self) -> String {
        let modules = self.public_modules();
        let mut homes: BTreeMap<Definition, Module> = BTreeMap::new();
        for module in &modules {
            for definition in self.exports(module).into_values() {
                let is_nearer = |home: &Module| {
                    definition.0.starts_with(module)
                        && (!definition.0.starts_with(home) || home.len() < module.len())
                };
                if homes.get(&definition).is_none_or(is_nearer) {
                    homes.insert(definition, module.clone());
                }
            }
        }
        let mut text = String::from(
            "The public interface of crates/framebus, without bodies and private fields.\n\
             A test writes it: UPDATE_GOLDEN=1 cargo test --test it public_interface\n",
        );
        let name = |module: &Module| {
            [&["framebus".to_owned()], module.as_slice()]
                .concat()
                .join("::")
        };
        for module in &modules {
            text.push_str(&format!("\n== {}\n", name(module)));
            for (shown, definition) in self.exports(module) {
                let home = &homes[&definition];
                if home == module {
                    text.push_str(&self.entry(&shown, &definition));
                } else {
                    text.push_str(&format!("pub use {}::{};\n", name(home), definition.1));
                }
            }
        }
        text
    }

    /// An item and what is implemented for it.
    fn entry(&self, shown: &str, definition: &Definition) -> String {
        let (module, name) = definition;
        let item = self.item(module, name).expect("an item");
        assert_eq!(shown, name, "a public name that is another inside");
        let mut items = vec![without_the_inside(item.clone())];
        for (module, others) in &self.0 {
            for item in others {
                let Item::Impl(block) = item else {
                    continue;
                };
                // `for frame in &mut consumer` is an impl of a reference.
                let of = match block.self_ty.as_ref() {
                    syn::Type::Reference(reference) => reference.elem.as_ref(),
                    of => of,
                };
                let syn::Type::Path(of) = of else {
                    continue;
                };
                let names: Vec<String> = of
                    .path
                    .segments
                    .iter()
                    .map(|step| step.ident.to_string())
                    .collect();
                if self.resolve(module, &names, 0).as_ref() == Some(definition) {
                    let block = without_the_inside(item.clone());
                    if !matches!(&block, Item::Impl(block) if block.trait_.is_none() && block.items.is_empty())
                    {
                        items.push(block);
                    }
                }
            }
        }
        items[1..].sort_by_key(|item| item.to_token_stream().to_string());
        prettyplease::unparse(&syn::File {
            shebang: None,
            attrs: Vec::new(),
            items,
        })
    }
}
