//! `cargo xtask modules`: the layers of the libraries' modules, and no circle among them.
//!
//! The rule: imports go one way. A file stands for itself; a module with parts of its own (`a.rs`
//! with code, and the folder `a/`) is one node of the graph, and its parts are a graph of their
//! own, to which `a.rs` does not belong. A module that only declares others and passes their names
//! on is no node. There is an arrow wherever code names what another node defines, whatever module
//! passes the name on; tests are left out.

mod graph;
mod source;

use std::collections::BTreeMap;

use graph::{Graph, layers};
use source::{Module, Sources};

use crate::say::say;
use crate::{Outcome, workspace};

/// The libraries that the rule is for.
const CRATES: [&str; 3] = ["perdix-core", "perdix-gpu", "perdix-host"];

/// Print the layers of the libraries' modules, and fail if some import each other in a circle
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {}

pub(crate) fn run(_: &Arguments) -> Outcome {
    let mut circles = Vec::new();
    for name in CRATES {
        say!("{name}");
        let sources = Sources::read(&workspace::root().join("crates").join(name).join("src"))?;
        for (of, graph) in graphs(&sources) {
            match layers(&graph) {
                Ok(layers) if of.is_empty() => print(&layers),
                Ok(_) => {}
                Err(found) => {
                    circles.extend(found.iter().map(|circle| format!("{name}: {}", circle.join(" -> "))));
                }
            }
        }
    }
    if circles.is_empty() {
        return Ok(());
    }
    Err(format!(
        "modules import each other in a circle; move what both need into a module of its own:\n{}",
        circles.join("\n")
    )
    .into())
}

fn print(layers: &[Vec<String>]) {
    for (depth, layer) in layers.iter().enumerate().rev() {
        say!("{depth:>4}  {}", layer.join(", "));
    }
}

/// The graph of the crate's nodes (under the empty name), and that of the parts of each node that
/// has some.
fn graphs(sources: &Sources) -> BTreeMap<String, Graph> {
    let mut graphs: BTreeMap<String, Graph> = BTreeMap::new();
    for (path, module) in &sources.modules {
        // The crate's node, then its parts, then theirs.
        for (of, node) in places(sources, path, module) {
            graphs.entry(of.clone()).or_default().entry(node.clone()).or_default();
            for target in sources.targets(path) {
                let Some(other) = sources.modules.get(&target) else { continue };
                let at = places(sources, &target, other).into_iter().find(|(place, _)| *place == of);
                match at {
                    Some((_, there)) if there != node => {
                        graphs.entry(of.clone()).or_default().entry(node.clone()).or_default().insert(there);
                    }
                    _ => {}
                }
            }
        }
    }
    graphs
}

/// Where a module belongs: its node in the graph of the crate, then its node among the parts of
/// that one, and so on.
fn places(sources: &Sources, path: &[String], module: &Module) -> Vec<(String, String)> {
    let mut places = Vec::new();
    let mut of = String::new();
    for depth in 1..=path.len() {
        let at = path.get(..depth).unwrap_or_default();
        let is_self = depth == path.len();
        // What only passes names on is no node.
        let is_node = if is_self { module.has_code || module.is_leaf } else { sources.has_code(at) };
        if is_node {
            let name = at.join("/");
            places.push((of, name.clone()));
            of = name;
        }
    }
    places
}

#[cfg(test)]
#[allow(clippy::unwrap_used)] // tests
mod tests {
    use std::path::Path;

    use super::*;

    fn circle(files: &[(&str, &str)]) -> Option<Vec<String>> {
        let folder =
            std::env::temp_dir().join(format!("perdix-modules-{}-{}", std::process::id(), files.len()));
        for (name, text) in files {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let sources = Sources::read(&folder).unwrap();
        let found = graphs(&sources).values().find_map(|graph| layers(graph).err()?.pop());
        std::fs::remove_dir_all(&folder).unwrap();
        found
    }

    #[test]
    fn one_way_is_right() {
        let files = [("lib.rs", "mod a; mod b;"), ("a.rs", "use crate::b::B;"), ("b.rs", "pub struct B;")];
        assert_eq!(circle(&files), None);
    }

    #[test]
    fn a_circle_is_found_through_a_path_in_code_and_through_a_name_passed_on() {
        let files = [
            ("lib.rs", "mod a; mod b; mod c; pub use c::C;"),
            ("a.rs", "fn f() { crate::b::g() }"),
            ("b.rs", "use crate::C; pub fn g() {}"),
            ("c.rs", "pub struct C; use super::a;"),
        ];
        assert_eq!(circle(&files).map(|circle| circle.len()), Some(4));
    }

    #[test]
    fn parts_may_name_their_module_but_not_each_other_in_a_circle() {
        let files = [
            ("lib.rs", "mod a;"),
            ("a.rs", "mod b; mod c; pub struct A; pub use b::B;"),
            ("a/b.rs", "use super::A; pub struct B;"),
            ("a/c.rs", "use super::b::B; use super::A;"),
            ("unused.rs", ""),
        ];
        assert_eq!(circle(&files), None);
        let files = [
            ("lib.rs", "mod a;"),
            ("a.rs", "mod b; mod c; pub struct A;"),
            ("a/b.rs", "use super::c::C; pub struct B;"),
            ("a/c.rs", "use super::b::B; pub struct C;"),
        ];
        assert!(circle(&files).is_some());
    }
}
