//! Graphs for a terminal: by levels, each vertex with what it waits for.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::autogroup::depths;
use super::dag::{Graph, GraphError, Node, Vertex};

/// How many predecessors, or members of a group, are named.
const NAMED: usize = 6;

/// The graph by levels. What stands in one level may run at the same time.
///
/// # Errors
/// A cycle.
pub fn render(graph: &Graph) -> Result<String, GraphError> {
    let depths = depths(graph, &graph.order()?);
    let mut levels: Vec<Vec<Node>> = Vec::new();
    for node in graph.nodes() {
        let depth = depths[node.index()] as usize;
        if levels.len() <= depth {
            levels.resize(depth + 1, Vec::new());
        }
        levels[depth].push(node);
    }
    let resources: usize = graph.nodes().map(|node| graph.vertex(node).members.len()).sum();
    let mut out = format!("graph {:?}: {resources} resources, {} edges\n", &*graph.name, graph.edge_count());
    for (at, level) in (1..).zip(&levels) {
        let _ = writeln!(out, "\nlevel {at}");
        for node in level {
            describe(&mut out, graph, *node);
        }
    }
    Ok(out)
}

fn describe(out: &mut String, graph: &Graph, node: Node) {
    let vertex = graph.vertex(node);
    let _ = write!(out, "  {}", name(vertex));
    let (mut after, mut notified) = (Vec::new(), Vec::new());
    let mut automatic: BTreeMap<&str, Vec<Node>> = BTreeMap::new();
    for (before, edge) in graph.predecessors(node) {
        let list = match (edge.notify, edge.auto) {
            (true, _) => &mut notified,
            (false, Some(why)) => automatic.entry(why).or_default(),
            (false, None) => &mut after,
        };
        list.push(before);
    }
    let lists = [("after", after), ("refreshed by", notified)];
    let mut separator = "  ";
    for (said, mut nodes) in lists {
        if nodes.is_empty() {
            continue;
        }
        nodes.sort();
        let names = nodes.iter().map(|node| name(graph.vertex(*node)));
        let _ = write!(out, "{separator}{said} {}", some(names));
        separator = "; ";
    }
    for (why, mut nodes) in automatic {
        nodes.sort();
        let names = nodes.iter().map(|node| name(graph.vertex(*node)));
        let _ = write!(out, "{separator}automatically after {} ({why})", some(names));
        separator = "; ";
    }
    out.push('\n');
    if vertex.members.len() > 1 {
        let names = vertex.members.iter().map(|member| member.label.to_string());
        let _ = writeln!(out, "    {}", some(names));
    }
}

fn name(vertex: &Vertex) -> String {
    match vertex.members.len() {
        1 => vertex.label().to_string(),
        several => format!("group of {several} from {}", vertex.label()),
    }
}

fn some(names: impl ExactSizeIterator<Item = String>) -> String {
    let more = names.len().saturating_sub(NAMED);
    let mut text = names.take(NAMED).collect::<Vec<_>>().join(", ");
    if more > 0 {
        let _ = write!(text, " and {more} more");
    }
    text
}
