//! A graph in layers, or a circle in it.

use std::collections::{BTreeMap, BTreeSet};

/// What each node names.
pub(super) type Graph = BTreeMap<String, BTreeSet<String>>;

/// The nodes in layers: each names nodes of lower layers only.
///
/// # Errors
/// Circles, each with its first node again at its end: so many that without their last arrows there
/// is none.
pub(super) fn layers(graph: &Graph) -> Result<Vec<Vec<String>>, Vec<Vec<String>>> {
    let (mut graph, mut circles) = (graph.clone(), Vec::new());
    let mut left: BTreeSet<String> = graph.keys().cloned().collect();
    let mut layers = Vec::new();
    while !left.is_empty() {
        let is_free = |node: &&String| {
            graph.get(*node).is_none_or(|named| named.iter().all(|other| !left.contains(other)))
        };
        let layer: Vec<String> = left.iter().filter(is_free).cloned().collect();
        if layer.is_empty() {
            let circle = circle(&graph, &left);
            if let [.., from, to] = circle.as_slice() {
                graph.entry(from.clone()).or_default().remove(to);
            }
            circles.push(circle);
            continue;
        }
        left.retain(|node| !layer.contains(node));
        layers.push(layer);
    }
    if circles.is_empty() { Ok(layers) } else { Err(circles) }
}

/// A circle among nodes each of which names another of them.
fn circle(graph: &Graph, left: &BTreeSet<String>) -> Vec<String> {
    let mut way: Vec<String> = Vec::new();
    let mut node = left.first().cloned();
    while let Some(current) = node {
        if let Some(begin) = way.iter().position(|before| *before == current) {
            way.push(current);
            return way.split_off(begin);
        }
        node =
            graph.get(&current).and_then(|named| named.iter().find(|other| left.contains(*other))).cloned();
        way.push(current);
    }
    way
}
