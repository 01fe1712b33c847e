//! The public safe functions of a crate, read from its sources: what a driver of all of them is
//! compared with, so that a new function cannot be forgotten.
//!
//! The module tree is walked from `lib.rs` with the features that are on. A function counts if it
//! is `pub` and not `unsafe`, and a caller of the crate can name it: a free function that is
//! exported, or a method of an exported type or trait. Implementations of foreign traits
//! (`Drop`, `Deref`, `Iterator`, `Stream`) are not listed.
#![allow(dead_code)] // each test crate includes this file and uses what it needs

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use syn::{Attribute, ImplItem, Item, Meta, TraitItem, Type, UseTree, Visibility};

/// What is public, by name: `function`, `Type::method` or `Trait::method`.
///
/// `source` is the crate's `src` folder, `features` are those that are on.
pub(crate) fn safe_functions(source: &Path, features: &[&str]) -> BTreeSet<String> {
    let mut sources = Sources { features, modules: Vec::new() };
    sources.read(&source.join("lib.rs"), source, "", true);
    sources.functions()
}

/// Compares what a driver calls with what there is; panics with both differences.
///
/// `unreachable` are types of which safe code cannot get a value, each with the reason: their
/// methods are not called.
pub(crate) fn assert_all_called(
    public: &BTreeSet<String>,
    called: &BTreeSet<String>,
    unreachable: &[(&str, &str)],
) {
    let is_unreachable = |name: &str| {
        unreachable.iter().any(|(ty, _)| name.strip_prefix(ty).is_some_and(|rest| rest.starts_with("::")))
    };
    let forgotten: Vec<_> = public.difference(called).filter(|name| !is_unreachable(name)).collect();
    let gone: Vec<_> = called.difference(public).collect();
    let stale: Vec<_> = unreachable
        .iter()
        .filter(|(ty, _)| !public.iter().any(|name| name.starts_with(&format!("{ty}::"))))
        .collect();
    assert!(
        forgotten.is_empty() && gone.is_empty() && stale.is_empty(),
        "public safe functions that the driver does not call: {forgotten:#?}\n\
         names in the driver that are no public safe functions: {gone:#?}\n\
         types that are called unreachable and have no safe function: {stale:#?}"
    );
}

struct Sources<'f> {
    features: &'f [&'f str],
    modules: Vec<Module>,
}

/// One module's items.
struct Module {
    name: String,
    /// Whether its path can be named from outside.
    is_public: bool,
    items: Vec<Item>,
}

impl Sources<'_> {
    /// Reads the file of a module, and those of its own modules, which lie in `folder`.
    fn read(&mut self, file: &Path, folder: &Path, module: &str, is_public: bool) {
        let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        self.walk(parsed.items, module, (file, folder), is_public);
    }

    /// Keeps the items of module `module`, which stand in a file and whose own modules lie in a folder.
    fn walk(&mut self, items: Vec<Item>, module: &str, place: (&Path, &Path), is_public: bool) {
        let (file, folder) = place;
        let mut kept = Vec::new();
        for item in items {
            if !self.is_on(attributes(&item)) {
                continue;
            }
            let Item::Mod(inner) = item else {
                kept.push(item);
                continue;
            };
            let name = inner.ident.to_string();
            let is_public = is_public && matches!(inner.vis, Visibility::Public(_));
            let given = inner.attrs.iter().find_map(|attribute| self.path_of(&attribute.meta));
            match (inner.content, given) {
                (Some((_, items)), _) => self.walk(items, &name, (file, &folder.join(&name)), is_public),
                (None, Some(given)) => {
                    let child = file.with_file_name(given);
                    self.read(&child, &child.with_extension(""), &name, is_public);
                }
                (None, None) => {
                    let beside = folder.join(format!("{name}.rs"));
                    let child = if beside.exists() { beside } else { folder.join(&name).join("mod.rs") };
                    self.read(&child, &folder.join(&name), &name, is_public);
                }
            }
        }
        self.modules.push(Module { name: module.into(), is_public, items: kept });
    }

    fn functions(&self) -> BTreeSet<String> {
        let exported = self.exported();
        let mut found = BTreeSet::new();
        for module in &self.modules {
            for item in &module.items {
                match item {
                    Item::Fn(function) if is_callable(&function.vis, &function.sig) => {
                        let name = function.sig.ident.to_string();
                        if exported.contains(&name) && !is_hidden(&function.attrs) {
                            found.insert(name);
                        }
                    }
                    Item::Impl(block) if block.trait_.is_none() => {
                        let Some(name) = type_name(&block.self_ty) else { continue };
                        if !exported.contains(&name) {
                            continue;
                        }
                        for item in &block.items {
                            let ImplItem::Fn(method) = item else { continue };
                            if is_callable(&method.vis, &method.sig) && self.is_on(&method.attrs) {
                                found.insert(format!("{name}::{}", method.sig.ident));
                            }
                        }
                    }
                    Item::Trait(declared) => {
                        let name = declared.ident.to_string();
                        if !exported.contains(&name) {
                            continue;
                        }
                        for item in &declared.items {
                            let TraitItem::Fn(method) = item else { continue };
                            if !matches!(method.sig.safety, syn::Safety::Unsafe(_))
                                && self.is_on(&method.attrs)
                            {
                                found.insert(format!("{name}::{}", method.sig.ident));
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// The names that a caller of the crate can use: what public modules declare or re-export.
    fn exported(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        // A public module that re-exports all of a private one makes it public.
        let globs: BTreeSet<String> =
            self.modules.iter().filter(|module| module.is_public).flat_map(globs).collect();
        let is_public = |module: &&Module| module.is_public || globs.contains(&module.name);
        for module in self.modules.iter().filter(is_public) {
            for item in &module.items {
                match item {
                    Item::Use(used) if matches!(used.vis, Visibility::Public(_)) => {
                        leaves(&used.tree, &mut names);
                    }
                    Item::Fn(f) if matches!(f.vis, Visibility::Public(_)) => {
                        names.insert(f.sig.ident.to_string());
                    }
                    Item::Struct(s) if matches!(s.vis, Visibility::Public(_)) => {
                        names.insert(s.ident.to_string());
                    }
                    Item::Enum(e) if matches!(e.vis, Visibility::Public(_)) => {
                        names.insert(e.ident.to_string());
                    }
                    Item::Union(u) if matches!(u.vis, Visibility::Public(_)) => {
                        names.insert(u.ident.to_string());
                    }
                    Item::Trait(t) if matches!(t.vis, Visibility::Public(_)) => {
                        names.insert(t.ident.to_string());
                    }
                    _ => {}
                }
            }
        }
        names
    }

    /// Whether the item is compiled here: not for tests, with these features, on this target.
    fn is_on(&self, attributes: &[Attribute]) -> bool {
        attributes.iter().all(|attribute| {
            let Meta::List(list) = &attribute.meta else { return true };
            if !attribute.path().is_ident("cfg") {
                return true;
            }
            list.parse_args::<Meta>().is_ok_and(|condition| self.holds(&condition))
        })
    }

    /// The file that `path = "…"` names, also under a `cfg_attr` whose condition holds.
    fn path_of(&self, meta: &Meta) -> Option<String> {
        match meta {
            Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(value), .. }) => Some(value.value()),
                _ => None,
            },
            Meta::List(list) if list.path.is_ident("cfg_attr") => {
                let metas = list
                    .parse_args_with(syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated);
                let metas = metas.ok()?;
                let mut metas = metas.iter();
                if !self.holds(metas.next()?) {
                    return None;
                }
                metas.find_map(|meta| self.path_of(meta))
            }
            _ => None,
        }
    }

    fn holds(&self, condition: &Meta) -> bool {
        match condition {
            Meta::Path(path) => {
                path.is_ident("debug_assertions") && cfg!(debug_assertions)
                    || path.is_ident("unix") && cfg!(unix)
            }
            Meta::NameValue(pair) => {
                let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(value), .. }) = &pair.value else {
                    return false;
                };
                let value = value.value();
                match pair.path.get_ident().map(ToString::to_string).as_deref() {
                    Some("feature") => self.features.contains(&value.as_str()),
                    Some("target_arch") => value == std::env::consts::ARCH,
                    Some("target_os") => value == std::env::consts::OS,
                    Some("target_pointer_width") => value == usize::BITS.to_string(),
                    _ => false,
                }
            }
            Meta::List(list) => {
                let parsed = list
                    .parse_args_with(syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated);
                let Ok(conditions) = parsed else { return false };
                let mut all = conditions.iter().map(|condition| self.holds(condition));
                if list.path.is_ident("not") {
                    !all.next().unwrap_or(false)
                } else if list.path.is_ident("any") {
                    all.any(|holds| holds)
                } else {
                    all.all(|holds| holds)
                }
            }
        }
    }
}

fn is_callable(visibility: &Visibility, signature: &syn::Signature) -> bool {
    matches!(visibility, Visibility::Public(_)) && !matches!(signature.safety, syn::Safety::Unsafe(_))
}

/// Hidden functions are called by the crate's macros alone, which the driver uses.
fn is_hidden(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => {
            list.path.is_ident("doc")
                && list.parse_args::<Meta>().is_ok_and(|meta| meta.path().is_ident("hidden"))
        }
        _ => false,
    })
}

/// The names that a `use` brings in, as they are called afterwards.
fn leaves(tree: &UseTree, names: &mut BTreeSet<String>) {
    match tree {
        UseTree::Path(path) => leaves(&path.tree, names),
        UseTree::Name(name) => {
            names.insert(name.ident.to_string());
        }
        UseTree::Rename(renamed) => {
            names.insert(renamed.rename.to_string());
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, names)),
        UseTree::Glob(_) => {}
    }
}

/// The modules of which everything is re-exported.
fn globs(module: &Module) -> Vec<String> {
    fn of(tree: &UseTree, before: &str, found: &mut Vec<String>) {
        match tree {
            UseTree::Path(path) => of(&path.tree, &path.ident.to_string(), found),
            UseTree::Group(group) => group.items.iter().for_each(|tree| of(tree, before, found)),
            UseTree::Glob(_) => found.push(before.into()),
            _ => {}
        }
    }
    let mut found = Vec::new();
    for item in &module.items {
        if let Item::Use(used) = item {
            if matches!(used.vis, Visibility::Public(_)) {
                of(&used.tree, "", &mut found);
            }
        }
    }
    found
}

fn type_name(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
