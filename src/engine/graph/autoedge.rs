//! Automatic edges: what some vertices ask for and others offer.

use std::collections::HashMap;

use petgraph::graph::DiGraph;

use super::dag::{Edge, Graph, Node};
use crate::engine::kind::{AskOrder, Capabilities, Uid};

/// Adds an edge for each wish that some vertex fulfils. A wish against the order that is there already, be it the
/// user's or an earlier wish's, is dropped: automatic edges never make a cycle.
///
/// `capabilities` are by node index.
pub fn connect(graph: &mut Graph, capabilities: &[Capabilities]) {
    let takes_part = |node: Node| graph.vertex(node).lead().meta.autoedge;
    let mut offers: HashMap<&Uid, Node> = HashMap::new();
    for node in graph.nodes().filter(|node| takes_part(*node)) {
        for uid in &capabilities[node.index()].offers {
            // The first in the user's order, so that the same text gives the same edges.
            offers.entry(uid).or_insert(node);
        }
    }
    let mut wishes = Vec::new();
    for node in graph.nodes().filter(|node| takes_part(*node)) {
        for ask in &capabilities[node.index()].asks {
            let found =
                ask.first_of.iter().find_map(|uid| offers.get(uid).copied().filter(|other| *other != node));
            if let Some(other) = found {
                wishes.push(match ask.order {
                    AskOrder::After => (other, node),
                    AskOrder::Before => (node, other),
                });
            }
        }
    }
    if wishes.is_empty() {
        return;
    }
    let auto = Edge { notify: false, auto: true };
    // Wishes that contradict nobody are the rule; only else is each looked at by itself.
    let harmless = is_acyclic(graph, &wishes);
    for (from, to) in wishes {
        if harmless || !graph.reaches(to, from) {
            graph.connect(from, to, auto);
        }
    }
}

fn is_acyclic(graph: &Graph, wishes: &[(Node, Node)]) -> bool {
    let mut skeleton: DiGraph<(), (), u32> =
        DiGraph::with_capacity(graph.len(), graph.edge_count() + wishes.len());
    for _ in graph.nodes() {
        skeleton.add_node(());
    }
    for (from, to) in graph.edges().map(|(from, to, _)| (from, to)).chain(wishes.iter().copied()) {
        skeleton.add_edge(from, to, ());
    }
    petgraph::algo::toposort(&skeleton, None).is_ok()
}
