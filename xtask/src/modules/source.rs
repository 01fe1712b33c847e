//! The modules of a crate, and what each names of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::visit::{Visit, visit_path};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility};

use crate::Outcome;

/// A module's path from the root of the crate.
type ModulePath = Vec<String>;

/// All modules of a crate, tests left out.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub(super) modules: BTreeMap<ModulePath, Module>,
}

#[derive(Debug, Default)]
pub(super) struct Module {
    /// Whether it does more than declare modules and pass names on.
    pub(super) has_code: bool,
    /// Whether it has no modules below.
    pub(super) is_leaf: bool,
    /// What it defines.
    items: BTreeSet<String>,
    /// What it imports, or passes on, by the name that it has here.
    imports: BTreeMap<String, Vec<String>>,
    /// The paths that its code names, those of names passed on left out.
    named: Vec<Vec<String>>,
}

impl Sources {
    /// Reads the crate of this `src` folder.
    pub(super) fn read(folder: &Path) -> Result<Self, Box<dyn std::error::Error>> {
        let mut sources = Self::default();
        sources.read_file(&folder.join("lib.rs"), folder, Vec::new())?;
        Ok(sources)
    }

    fn read_file(&mut self, file: &Path, folder: &Path, path: ModulePath) -> Outcome {
        let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let parsed = syn::parse_file(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        let mut module = Module { is_leaf: true, ..Module::default() };
        for item in &parsed.items {
            match item {
                Item::Mod(ItemMod { ident, content: None, attrs, .. }) if !is_test(attrs) => {
                    module.is_leaf = false;
                    let name = ident.to_string();
                    let mut below = path.clone();
                    below.push(name.clone());
                    let flat = folder.join(format!("{name}.rs"));
                    let inside = folder.join(&name);
                    let file = match told_path(attrs) {
                        Some(told) => file.parent().unwrap_or(folder).join(told),
                        None if flat.exists() => flat,
                        None => inside.join("mod.rs"),
                    };
                    self.read_file(&file, &inside, below)?;
                }
                other => module.add(other),
            }
        }
        // Of a module that is one of several files, all count.
        self.modules
            .entry(path)
            .or_insert_with(|| Module { is_leaf: true, ..Module::default() })
            .merge(module);
        Ok(())
    }

    /// Whether a module does more than pass names on.
    pub(super) fn has_code(&self, path: &[String]) -> bool {
        self.modules.get(path).is_some_and(|module| module.has_code)
    }

    /// The modules that define what this one names.
    pub(super) fn targets(&self, path: &[String]) -> BTreeSet<ModulePath> {
        let Some(module) = self.modules.get(path) else { return BTreeSet::new() };
        module.named.iter().filter_map(|named| self.resolve(path, named, 0)).filter(|to| to != path).collect()
    }

    /// The module that defines what a path names; `None` for other crates.
    fn resolve(&self, from: &[String], named: &[String], depth: usize) -> Option<ModulePath> {
        let mut place = from.to_vec();
        let mut rest = named;
        loop {
            match rest.split_first() {
                Some((first, further)) if first == "crate" => (place, rest) = (Vec::new(), further),
                Some((first, further)) if first == "self" => rest = further,
                Some((first, further)) if first == "super" => {
                    place.pop();
                    rest = further;
                }
                _ => break,
            }
        }
        let is_relative = rest.len() == named.len();
        while let Some((first, further)) = rest.split_first() {
            let mut below = place.clone();
            below.push(first.clone());
            let module = self.modules.get(&place)?;
            if self.modules.contains_key(&below) {
                (place, rest) = (below, further);
            } else if module.items.contains(first) {
                return Some(place);
            } else if let Some(import) = module.imports.get(first).filter(|_| depth < 16) {
                let whole: Vec<String> = import.iter().chain(further).cloned().collect();
                return self.resolve(&place, &whole, depth + 1);
            } else {
                // Of another crate, or made by a macro.
                return (!is_relative).then_some(place);
            }
        }
        Some(place)
    }
}

impl Module {
    fn merge(&mut self, other: Self) {
        self.has_code |= other.has_code;
        self.is_leaf &= other.is_leaf;
        self.items.extend(other.items);
        self.imports.extend(other.imports);
        self.named.extend(other.named);
    }

    fn add(&mut self, item: &Item) {
        match item {
            Item::Use(ItemUse { attrs, vis, tree, .. }) => {
                if is_test(attrs) {
                    return;
                }
                let is_passed_on = !matches!(vis, Visibility::Inherited);
                let mut found = Vec::new();
                flatten(tree, &mut Vec::new(), &mut found);
                for (name, path) in found {
                    if !is_passed_on {
                        self.named.push(path.clone());
                    }
                    self.imports.insert(name, path);
                }
            }
            Item::Mod(ItemMod { attrs, content: Some((_, items)), .. }) if !is_test(attrs) => {
                // A module within the file is a part of it.
                for item in items {
                    let within = |path: &Vec<String>| path.first().is_none_or(|first| first != "super");
                    let mut inner = Self::default();
                    inner.add(item);
                    self.named.extend(inner.named.into_iter().filter(within));
                    self.has_code |= inner.has_code;
                }
                if let Item::Mod(ItemMod { ident, .. }) = item {
                    self.items.insert(ident.to_string());
                }
            }
            Item::Mod(_) => {}
            other => {
                if attributes(other).is_some_and(|attributes| is_test(attributes)) {
                    return;
                }
                self.has_code = true;
                if let Some(name) = name_of(other) {
                    self.items.insert(name);
                }
                let mut paths = Paths(Vec::new());
                paths.visit_item(other);
                self.named.extend(paths.0);
            }
        }
    }
}

/// All paths in code that begin where this crate does.
struct Paths(Vec<Vec<String>>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.first().is_some_and(|first| first == "crate" || first == "super") {
            self.0.push(segments);
        }
        visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let mut found = Vec::new();
        flatten(&item.tree, &mut Vec::new(), &mut found);
        self.0.extend(
            found
                .into_iter()
                .map(|(_, path)| path)
                .filter(|path| path.first().is_some_and(|first| first == "crate" || first == "super")),
        );
    }
}

/// The names that an import brings, and what each is.
fn flatten(tree: &UseTree, prefix: &mut Vec<String>, found: &mut Vec<(String, Vec<String>)>) {
    let whole = |prefix: &[String], last: String| {
        let is_self = last == "self";
        let last = (!is_self).then_some(last);
        prefix.iter().cloned().chain(last).collect::<Vec<_>>()
    };
    match tree {
        UseTree::Path(path) => {
            prefix.push(path.ident.to_string());
            flatten(&path.tree, prefix, found);
            prefix.pop();
        }
        UseTree::Name(name) => {
            let path = whole(prefix, name.ident.to_string());
            found.push((path.last().cloned().unwrap_or_default(), path));
        }
        UseTree::Rename(rename) => {
            found.push((rename.rename.to_string(), whole(prefix, rename.ident.to_string())));
        }
        UseTree::Glob(_) => found.push(("*".into(), prefix.clone())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(tree, prefix, found)),
    }
}

/// Whether an item is there for tests alone.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("test")
            || attribute.path().is_ident("cfg")
                && attribute.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
    })
}

/// The file that an attribute names.
fn told_path(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        syn::Meta::NameValue(syn::MetaNameValue { path, value: syn::Expr::Lit(literal), .. })
            if path.is_ident("path") =>
        {
            match &literal.lit {
                syn::Lit::Str(text) => Some(text.value()),
                _ => None,
            }
        }
        _ => None,
    })
}

fn attributes(item: &Item) -> Option<&Vec<Attribute>> {
    Some(match item {
        Item::Const(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        _ => return None,
    })
}

fn name_of(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(ident.to_string())
}
