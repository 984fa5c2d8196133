//! From a frontend's graph to one that can be run: automatic edges, groups, order. Pure.

use std::collections::HashMap;
use std::sync::Arc;

use crate::engine::graph::dag::Node;
use crate::engine::graph::{Graph, GraphError, Vertex, autoedge, autogroup};
use crate::engine::id::Label;
use crate::engine::kind::Capabilities;

/// Which automatic rules apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Automatic edges.
    pub autoedges: bool,
    /// Automatic grouping.
    pub autogroup: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { autoedges: true, autogroup: true }
    }
}

/// A graph that can be run: vertices in an order in which every edge leads forward.
#[derive(Debug)]
pub struct Prepared {
    /// The name that the user gave it.
    pub name: Arc<str>,
    pub(super) vertices: Vec<Arc<Vertex>>,
    /// What the graph needs to know of each vertex, by position in `vertices`.
    pub(super) capabilities: Vec<Capabilities>,
    /// Those that run together: for each vertex the first of its group, by position in `vertices`; itself, if it is
    /// alone.
    pub(super) leads: Vec<u32>,
    /// From, to, notify; by position in `vertices`.
    pub(super) edges: Vec<(u32, u32, bool)>,
}

/// Which vertices wait for which others; without the vertices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape {
    labels: Vec<Label>,
    edges: Vec<(u32, u32, bool)>,
}

impl Prepared {
    /// How many vertices there are.
    pub fn len(&self) -> usize {
        self.vertices.len()
    }

    /// Which vertices wait for which others: what automatic edges may change.
    pub fn shape(&self) -> Shape {
        let labels = self.vertices.iter().map(|vertex| vertex.label().clone()).collect();
        Shape { labels, edges: self.edges.clone() }
    }

    /// Whether there are no vertices.
    pub fn is_empty(&self) -> bool {
        self.vertices.is_empty()
    }
}

/// Adds automatic edges and groups to a graph, as `options` say: for people who look at it.
///
/// # Errors
/// A cycle among the user's own edges, where grouping meets it.
pub fn complete(graph: Graph, options: Options) -> Result<Graph, GraphError> {
    let (graph, capabilities) = connected(graph, options);
    if options.autogroup { autogroup::group(graph, &capabilities) } else { Ok(graph) }
}

fn connected(mut graph: Graph, options: Options) -> (Graph, Vec<Capabilities>) {
    let mut capabilities: Vec<Capabilities> = graph
        .nodes()
        .map(|node| {
            let vertex = graph.vertex(node);
            match vertex.lead().meta.hidden {
                // Nothing of it is here that others could wait for.
                true => Capabilities { unwatched: true, ..Capabilities::default() },
                false => vertex.kind.capabilities(vertex.lead()),
            }
        })
        .collect();
    if options.autoedges {
        autoedge::connect(&mut graph, &capabilities);
    }
    for known in &mut capabilities {
        known.offers = Vec::new();
        known.asks = Vec::new();
    }
    (graph, capabilities)
}

/// Makes a graph ready to run.
///
/// # Errors
/// A cycle among the user's own edges.
pub fn prepare(graph: Graph, options: Options) -> Result<Prepared, GraphError> {
    let (graph, capabilities) = connected(graph, options);
    let order = graph.order()?;
    let mut position = vec![0_u32; graph.len()];
    for (at, node) in (0..).zip(&order) {
        position[node.index()] = at;
    }
    let edges = graph
        .edges()
        .map(|(from, to, edge)| (position[from.index()], position[to.index()], edge.notify))
        .collect();
    let leads = match options.autogroup {
        true => leads(&order, &autogroup::leaders(&graph, &order, &capabilities)),
        false => (0..).take(order.len()).collect(),
    };
    let name = graph.name.clone();
    let vertices = sorted(graph.into_vertices().collect(), &order);
    let capabilities = sorted(capabilities, &order);
    Ok(Prepared { name, vertices, capabilities, leads, edges })
}

/// What is known by node index, in an order of all nodes.
fn sorted<T: Clone>(known: Vec<T>, order: &[Node]) -> Vec<T> {
    match order.is_sorted() {
        true => known,
        false => order.iter().map(|node| known[node.index()].clone()).collect(),
    }
}

/// The position of the first of each vertex's group, by position.
fn leads(order: &[Node], leader_of: &[Node]) -> Vec<u32> {
    let mut first: HashMap<Node, u32> = HashMap::new();
    let group = order.iter().map(|node| leader_of[node.index()]);
    (0..).zip(group).map(|(at, leader)| *first.entry(leader).or_insert(at)).collect()
}
