//! Graphs for programs.

use serde::Serialize;

use super::dag::Graph;
use crate::engine::declaration::Declaration;
use crate::engine::id::Label;

/// A graph as JSON shows it.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// The version of this format.
    pub version: u32,
    /// The name of the graph.
    pub graph: String,
    /// Vertices in the order of the text.
    pub nodes: Vec<ShownNode>,
    /// Edges between them.
    pub edges: Vec<ShownEdge>,
}

/// A vertex.
#[derive(Debug, Serialize)]
pub struct ShownNode {
    /// What edges call it.
    pub id: usize,
    /// The first member's label.
    #[serde(flatten)]
    pub label: Label,
    /// Where it was declared: `file:line:column`.
    pub origin: Option<String>,
    /// All members of a group; nothing for a vertex of its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<ShownMember>,
}

/// A member of a group.
#[derive(Debug, Serialize)]
pub struct ShownMember {
    /// `kind[name]`.
    #[serde(flatten)]
    pub label: Label,
    /// Where it was declared.
    pub origin: Option<String>,
}

/// An edge.
#[derive(Debug, Serialize)]
pub struct ShownEdge {
    /// The node that goes first.
    pub from: usize,
    /// The node that waits.
    pub to: usize,
    /// A change of `from` refreshes `to`.
    pub notify: bool,
    /// Made by the automatic rules.
    pub auto: bool,
    /// What `from` is to `to`, where the rules made the edge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
}

/// The graph for programs.
pub fn shown(graph: &Graph) -> Shown {
    let origin = |declared: &Declaration| declared.origin.as_ref().map(ToString::to_string);
    let nodes = graph.nodes().map(|node| {
        let members = &graph.vertex(node).members;
        let lead = graph.vertex(node).lead();
        let member = |one: &Declaration| ShownMember { label: one.label.clone(), origin: origin(one) };
        ShownNode {
            id: node.index(),
            label: lead.label.clone(),
            origin: origin(lead),
            members: if members.len() > 1 { members.iter().map(member).collect() } else { Vec::new() },
        }
    });
    let edges = graph.edges().map(|(from, to, edge)| ShownEdge {
        from: from.index(),
        to: to.index(),
        notify: edge.notify,
        auto: edge.auto.is_some(),
        reason: edge.auto,
    });
    Shown { version: 1, graph: graph.name.to_string(), nodes: nodes.collect(), edges: edges.collect() }
}
