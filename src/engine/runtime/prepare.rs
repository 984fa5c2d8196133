//! From a frontend's graph to one that can be run: automatic edges, groups, order. Pure.

use std::sync::Arc;

use crate::engine::graph::{Graph, GraphError, Vertex, autoedge, autogroup};
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
    /// Vertices with what the graph needs to know of them.
    pub(super) vertices: Vec<(Vertex, Capabilities)>,
    /// From, to, notify; by position in `vertices`.
    pub(super) edges: Vec<(u32, u32, bool)>,
}

impl Prepared {
    /// How many vertices there are.
    pub fn len(&self) -> usize {
        self.vertices.len()
    }

    /// Whether there are no vertices.
    pub fn is_empty(&self) -> bool {
        self.vertices.is_empty()
    }
}

/// Adds automatic edges and groups to a graph, as `options` say.
///
/// # Errors
/// A cycle among the user's own edges, where grouping meets it.
pub fn complete(mut graph: Graph, options: Options) -> Result<(Graph, Vec<Capabilities>), GraphError> {
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
    if options.autogroup {
        return autogroup::group(graph, capabilities);
    }
    Ok((graph, capabilities))
}

/// Makes a graph ready to run.
///
/// # Errors
/// A cycle among the user's own edges.
pub fn prepare(graph: Graph, options: Options) -> Result<Prepared, GraphError> {
    let (graph, capabilities) = complete(graph, options)?;
    let order = graph.order()?;
    let mut position = vec![0_u32; graph.len()];
    for (at, node) in (0..).zip(&order) {
        position[node.index()] = at;
    }
    let edges = graph
        .edges()
        .map(|(from, to, edge)| (position[from.index()], position[to.index()], edge.notify))
        .collect();
    let name = graph.name.clone();
    let mut vertices: Vec<_> = graph.into_vertices().zip(capabilities).collect();
    let mut sorted: Vec<Option<(Vertex, Capabilities)>> = vertices.drain(..).map(Some).collect();
    let vertices = order
        .into_iter()
        .map(|node| sorted[node.index()].take().expect("an order names every node once"))
        .collect();
    Ok(Prepared { name, vertices, edges })
}
