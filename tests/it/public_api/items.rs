//! What of an item belongs to the interface.

use std::collections::BTreeSet;

use quote::ToTokens;
use syn::{Attribute, Fields, ImplItem, Item, Meta, TraitItem, UseTree, Visibility, parse_quote};

use super::Module;

/// The names that a `use` gives (`None` for all), and their paths.
pub(super) fn imports(tree: &UseTree) -> Vec<(Option<String>, Module)> {
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

pub(super) fn is_public(visibility: &Visibility) -> bool {
    matches!(visibility, Visibility::Public(_))
}

/// For tests, or not part of the interface.
pub(super) fn is_hidden(attributes: &[Attribute]) -> bool {
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

pub(super) fn attributes(item: &Item) -> Option<&Vec<Attribute>> {
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
pub(super) fn identity(item: &Item) -> Option<(String, bool)> {
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

pub(super) fn without_the_inside(mut item: Item) -> Item {
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
