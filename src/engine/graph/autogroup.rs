//! Automatic grouping: vertices of one kind that can be applied together.
//!
//! Grouped are vertices with an equal group key and equal meta-parameters at an equal depth. Every edge leads to a
//! greater depth, so groups can neither reach themselves nor one another in a circle, and one pass does it.
//! What runs is each vertex by itself, in the company of its group ([`leaders`]); [`group`] is for those who look.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::dag::{Graph, GraphError, Node, Vertex};
use crate::engine::kind::Capabilities;

/// One vertex for each group. `capabilities` are by node index.
///
/// # Errors
/// A cycle.
pub fn group(graph: Graph, capabilities: &[Capabilities]) -> Result<Graph, GraphError> {
    if none_group(capabilities) {
        return Ok(graph);
    }
    let leader_of = leaders(&graph, &graph.order()?, capabilities);
    Ok(if graph.nodes().zip(&leader_of).all(|(node, leader)| node == *leader) {
        graph
    } else {
        merge(&graph, &leader_of)
    })
}

/// The first of each node's group, by node index: itself, if it is alone. `capabilities` likewise; `order` is the graph's.
pub fn leaders(graph: &Graph, order: &[Node], capabilities: &[Capabilities]) -> Vec<Node> {
    let mut leader_of: Vec<Node> = graph.nodes().collect();
    if none_group(capabilities) {
        return leader_of;
    }
    let depths = depths(graph, order);
    let mut leaders: HashMap<(Arc<str>, Arc<str>, u32), Vec<Node>> = HashMap::new();
    for node in graph.nodes() {
        let lead = graph.vertex(node).lead();
        // What is exported is exported by itself, and what receives is built anew whenever it has received.
        let may = lead.meta.autogroup && lead.meta.export.is_empty() && lead.receives.is_empty();
        let Some(key) = capabilities[node.index()].group.clone().filter(|_| may) else {
            continue;
        };
        let key = (lead.label.kind.clone(), key, depths[node.index()]);
        match leaders.entry(key) {
            Entry::Occupied(mut known) => {
                let like = known.get().iter().find(|leader| graph.vertex(**leader).lead().meta == lead.meta);
                match like {
                    Some(leader) => leader_of[node.index()] = *leader,
                    None => known.get_mut().push(node),
                }
            }
            Entry::Vacant(free) => {
                free.insert(vec![node]);
            }
        }
    }
    leader_of
}

fn none_group(capabilities: &[Capabilities]) -> bool {
    capabilities.iter().all(|known| known.group.is_none())
}

/// The length of the longest path that leads to each node, by node index; `order` is the graph's.
pub(super) fn depths(graph: &Graph, order: &[Node]) -> Vec<u32> {
    let mut depths = vec![0; graph.len()];
    for node in order {
        let below = depths[node.index()] + 1;
        for (next, _) in graph.successors(*node) {
            let depth: &mut u32 = &mut depths[next.index()];
            *depth = (*depth).max(below);
        }
    }
    depths
}

fn merge(graph: &Graph, leader_of: &[Node]) -> Graph {
    let mut members: Vec<Vec<Node>> = vec![Vec::new(); graph.len()];
    for node in graph.nodes() {
        members[leader_of[node.index()].index()].push(node);
    }
    let mut merged = Graph::new(graph.name.clone());
    let mut new_node = vec![Node::end(); graph.len()];
    for (leader, group) in graph.nodes().zip(&members) {
        if group.is_empty() {
            continue;
        }
        let declarations =
            group.iter().flat_map(|node| graph.vertex(*node).members.iter().cloned()).collect();
        let vertex = Vertex { kind: graph.vertex(leader).kind.clone(), members: declarations };
        let node = merged.add(vertex).expect("labels were unique, and each is in one group");
        for member in group {
            new_node[member.index()] = node;
        }
    }
    for (from, to, edge) in graph.edges() {
        merged.connect(new_node[from.index()], new_node[to.index()], edge);
    }
    merged
}
