//! The public interface of the library is what `tests/golden/public-api.txt` has: whoever changes it sees what users will see.
//!
//! Read from the sources, as `arrows` reads them: no compiler's private format is needed. What a macro makes is not seen; the library
//! makes nothing public that way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use quote::ToTokens;
use syn::{Attribute, Fields, ImplItem, Item, Meta, TraitItem, UseTree, Visibility, parse_quote};

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

/// The names that a `use` gives (`None` for all), and their paths.
fn imports(tree: &UseTree) -> Vec<(Option<String>, Module)> {
    fn walk(tree: &UseTree, mut path: Module, found: &mut Vec<(Option<String>, Module)>) {
        match tree {
            UseTree::Path(step) => {
                path.push(step.ident.to_string());
                walk(&step.tree, path, found);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    walk(tree, path.clone(), found);
                }
            }
            UseTree::Glob(_) => found.push((None, path)),
            UseTree::Name(name) => {
                let mut shown = name.ident.to_string();
                if shown == "self" {
                    shown = path.last().expect("a module").clone();
                } else {
                    path.push(shown.clone());
                }
                found.push((Some(shown), path));
            }
            UseTree::Rename(name) => {
                path.push(name.ident.to_string());
                found.push((Some(name.rename.to_string()), path));
            }
        }
    }
    let mut found = Vec::new();
    walk(tree, Vec::new(), &mut found);
    found
}

fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// For tests, or not part of the interface.
fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let Meta::List(list) = &attribute.meta else {
            return false;
        };
        let words = list.tokens.to_string();
        (list.path.is_ident("cfg") && words.contains("test") && !words.starts_with("not"))
            || (list.path.is_ident("doc") && words.contains("hidden"))
    })
}

/// What a user of an item depends on: not its words, and not what only tests have.
fn keep_what_counts(attributes: &mut Vec<Attribute>) {
    let mut kept = BTreeSet::new();
    let shown = [
        "derive",
        "non_exhaustive",
        "must_use",
        "repr",
        "deprecated",
        "cfg",
        "from",
    ];
    attributes.retain_mut(|attribute| {
        let path = attribute.path();
        if path.is_ident("cfg_attr") {
            let words = attribute.meta.to_token_stream().to_string();
            if words.contains("non_exhaustive") {
                // Tests of the workspace write such values themselves.
                *attribute = parse_quote!(#[non_exhaustive]);
            }
            return words.contains("non_exhaustive")
                || words.contains("derive") && words.contains("feature");
        }
        // The reason is for people.
        if path.is_ident("must_use") {
            *attribute = parse_quote!(#[must_use]);
        }
        shown.iter().any(|name| attribute.path().is_ident(name))
    });
    attributes.retain(|attribute| kept.insert(attribute.to_token_stream().to_string()));
}

fn attributes(item: &Item) -> Option<&Vec<Attribute>> {
    Some(match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => return None,
    })
}

/// The name of an item, and whether it is public.
fn identity(item: &Item) -> Option<(String, bool)> {
    let (ident, visibility) = match item {
        Item::Const(item) => (&item.ident, &item.vis),
        Item::Enum(item) => (&item.ident, &item.vis),
        Item::Fn(item) => (&item.sig.ident, &item.vis),
        Item::Static(item) => (&item.ident, &item.vis),
        Item::Struct(item) => (&item.ident, &item.vis),
        Item::Trait(item) => (&item.ident, &item.vis),
        Item::Type(item) => (&item.ident, &item.vis),
        Item::Union(item) => (&item.ident, &item.vis),
        _ => return None,
    };
    Some((ident.to_string(), is_public(visibility)))
}

fn without_the_inside(mut item: Item) -> Item {
    match &mut item {
        Item::Const(item) => keep_what_counts(&mut item.attrs),
        Item::Fn(item) => {
            keep_what_counts(&mut item.attrs);
            item.block = parse_quote!({});
        }
        Item::Struct(item) => {
            keep_what_counts(&mut item.attrs);
            public_fields(&mut item.fields);
        }
        Item::Enum(item) => {
            keep_what_counts(&mut item.attrs);
            for variant in &mut item.variants {
                keep_what_counts(&mut variant.attrs);
                for field in &mut variant.fields {
                    keep_what_counts(&mut field.attrs);
                }
            }
        }
        Item::Trait(item) => {
            keep_what_counts(&mut item.attrs);
            for inside in &mut item.items {
                if let TraitItem::Fn(function) = inside {
                    keep_what_counts(&mut function.attrs);
                    function.default = function.default.as_ref().map(|_| parse_quote!({}));
                }
            }
        }
        Item::Impl(block) => {
            keep_what_counts(&mut block.attrs);
            let of_a_trait = block.trait_.is_some();
            block.items.retain_mut(|inside| match inside {
                ImplItem::Fn(function) => {
                    let public = is_public(&function.vis) && !is_hidden(&function.attrs);
                    keep_what_counts(&mut function.attrs);
                    function.block = parse_quote!({});
                    public
                }
                ImplItem::Const(constant) => {
                    let public = is_public(&constant.vis) && !is_hidden(&constant.attrs);
                    keep_what_counts(&mut constant.attrs);
                    public
                }
                // What an iterator gives, or a reference leads to.
                ImplItem::Type(_) => of_a_trait,
                _ => false,
            });
        }
        Item::Type(item) => keep_what_counts(&mut item.attrs),
        other => panic!("a public item of a new kind: {}", other.to_token_stream()),
    }
    item
}

/// Fields that a user can name; that there are others counts too, as no literal can be written then.
fn public_fields(fields: &mut Fields) {
    let all = fields.len();
    match fields {
        Fields::Named(named) => {
            let public = named.named.iter().filter(|field| is_public(&field.vis));
            named.named = public.cloned().collect();
            for field in &mut named.named {
                keep_what_counts(&mut field.attrs);
            }
            if named.named.len() < all {
                named.named.push(parse_quote!(private_fields: _));
            }
        }
        Fields::Unnamed(unnamed) => {
            for field in &mut unnamed.unnamed {
                keep_what_counts(&mut field.attrs);
                if !is_public(&field.vis) {
                    (field.vis, field.ty) = (Visibility::Inherited, parse_quote!(_));
                }
            }
        }
        Fields::Unit => {}
    }
}
