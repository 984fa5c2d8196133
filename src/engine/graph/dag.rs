//! The directed graph of declarations that a frontend produces.

use std::cmp::Reverse;
use std::collections::hash_map::Entry;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use petgraph::Direction;
use petgraph::graph::{DiGraph, EdgeIndex, NodeIndex};
use petgraph::visit::EdgeRef;

use crate::engine::declaration::Declaration;
use crate::engine::id::Label;
use crate::engine::kind::Kind;

/// The index of a vertex in its graph; it says nothing in another graph.
pub type Node = NodeIndex<u32>;

/// One vertex: a declaration, or several that are applied together.
#[derive(Clone, Debug)]
pub struct Vertex {
    /// What builds it.
    pub kind: Arc<dyn Kind>,
    /// At least one. The first gives the vertex its label.
    pub members: Vec<Declaration>,
}

impl Vertex {
    /// A vertex of its own.
    pub fn new(kind: Arc<dyn Kind>, declaration: Declaration) -> Self {
        Self { kind, members: vec![declaration] }
    }

    /// The first declaration.
    pub fn lead(&self) -> &Declaration {
        self.members.first().expect("a vertex has at least one member")
    }

    /// The vertex's label.
    pub fn label(&self) -> &Label {
        &self.lead().label
    }
}

/// An edge: its start is settled before its end runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    /// A change of the start refreshes the end.
    pub notify: bool,
    /// Made by the automatic rules, for this reason; `None`: the user's.
    pub auto: Option<&'static str>,
}

/// A graph of declarations. Acyclic once [`order`](Self::order) has succeeded.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// The name that the user gave it.
    pub name: Arc<str>,
    dag: DiGraph<Arc<Vertex>, Edge, u32>,
    nodes: HashMap<Label, Node>,
    /// By both ends: petgraph's own look-up walks all edges of a vertex.
    between: HashMap<(Node, Node), EdgeIndex<u32>, BuildHasherDefault<IndexHasher>>,
}

/// Hashes indices, which nobody can choose: a multiplication is enough, and much faster than std's keyed hash.
#[derive(Clone, Copy, Debug, Default)]
struct IndexHasher(u64);

impl Hasher for IndexHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32((*byte).into()));
    }

    fn write_u32(&mut self, index: u32) {
        // 2^64 divided by the golden ratio, as in Fibonacci hashing.
        self.0 = (self.0.rotate_left(32) ^ u64::from(index)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // The table takes its bucket from the low bits, and the high ones are mixed best.
        self.0.rotate_left(26)
    }
}

/// Why a graph cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Edges lead back to where they started.
    #[error("the edges form a cycle: {}", .0.iter().map(Label::to_string).collect::<Vec<_>>().join(" -> "))]
    Cycle(Vec<Label>),
}

impl Graph {
    /// An empty graph.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a vertex, unless one of its labels is taken: then the node that has it.
    ///
    /// # Errors
    /// The node that has the label.
    pub fn add(&mut self, vertex: Vertex) -> Result<Node, Node> {
        if let Some(&taken) = vertex.members.iter().find_map(|member| self.nodes.get(&member.label)) {
            return Err(taken);
        }
        let node = Node::new(self.len());
        self.nodes.extend(vertex.members.iter().map(|member| (member.label.clone(), node)));
        Ok(self.dag.add_node(Arc::new(vertex)))
    }

    /// Adds an edge; a second one between the same two is joined with the first: it notifies if either does, and
    /// is the user's if either is.
    pub fn connect(&mut self, from: Node, to: Node, edge: Edge) {
        match self.between.entry((from, to)) {
            Entry::Occupied(known) => {
                let known = &mut self.dag[*known.get()];
                *known = Edge {
                    notify: known.notify || edge.notify,
                    auto: known.auto.and_then(|why| edge.auto.and(Some(why))),
                };
            }
            Entry::Vacant(free) => {
                free.insert(self.dag.add_edge(from, to, edge));
            }
        }
    }

    /// The vertex that holds a label, alone or in a group.
    pub fn find(&self, label: &Label) -> Option<Node> {
        self.nodes.get(label).copied()
    }

    /// The vertex at a node.
    pub fn vertex(&self, node: Node) -> &Vertex {
        &self.dag[node]
    }

    /// The vertex at a node, to be changed; its labels must stay.
    pub fn vertex_mut(&mut self, node: Node) -> &mut Vertex {
        Arc::make_mut(&mut self.dag[node])
    }

    /// All nodes in the order in which they were added.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = Node> + ExactSizeIterator + use<> {
        self.dag.node_indices()
    }

    /// All edges.
    pub fn edges(&self) -> impl Iterator<Item = (Node, Node, Edge)> {
        self.dag.edge_references().map(|edge| (edge.source(), edge.target(), *edge.weight()))
    }

    /// The ends of edges that start at a node.
    pub fn successors(&self, node: Node) -> impl Iterator<Item = (Node, Edge)> {
        self.dag.edges(node).map(|edge| (edge.target(), *edge.weight()))
    }

    /// The starts of edges that end at a node.
    pub fn predecessors(&self, node: Node) -> impl Iterator<Item = (Node, Edge)> {
        self.dag.edges_directed(node, Direction::Incoming).map(|edge| (edge.source(), *edge.weight()))
    }

    /// Whether edges lead from one node to another.
    pub fn reaches(&self, from: Node, to: Node) -> bool {
        petgraph::algo::has_path_connecting(&self.dag, from, to, None)
    }

    /// The vertices in the order of their nodes.
    pub fn into_vertices(self) -> impl Iterator<Item = Arc<Vertex>> {
        self.dag.into_nodes_edges().0.into_iter().map(|node| node.weight)
    }

    /// How many vertices there are.
    pub fn len(&self) -> usize {
        self.dag.node_count()
    }

    /// Whether there are no vertices.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many edges there are.
    pub fn edge_count(&self) -> usize {
        self.dag.edge_count()
    }

    /// The nodes so that every edge leads forward, and else as the user wrote them.
    ///
    /// # Errors
    /// A cycle, named from its first label around to it again.
    pub fn order(&self) -> Result<Vec<Node>, GraphError> {
        // Most graphs are written in an order that will do.
        if self.dag.edge_references().all(|edge| edge.source() < edge.target()) {
            return Ok(self.nodes().collect());
        }
        let mut missing: Vec<usize> = vec![0; self.len()];
        for edge in self.dag.edge_references() {
            missing[edge.target().index()] += 1;
        }
        let mut free: BinaryHeap<Reverse<Node>> =
            self.nodes().filter(|node| missing[node.index()] == 0).map(Reverse).collect();
        let mut order = Vec::with_capacity(self.len());
        while let Some(Reverse(node)) = free.pop() {
            order.push(node);
            for next in self.dag.neighbors(node) {
                missing[next.index()] -= 1;
                if missing[next.index()] == 0 {
                    free.push(Reverse(next));
                }
            }
        }
        if order.len() == self.len() {
            return Ok(order);
        }
        Err(GraphError::Cycle(self.on_cycle(&missing).map_or_else(Vec::new, |node| self.cycle(node))))
    }

    /// A node on a cycle. Each node that is never free has a predecessor that is never free: walking back among
    /// them, one must come again.
    fn on_cycle(&self, missing: &[usize]) -> Option<Node> {
        let is_stuck = |node: &Node| missing[node.index()] > 0;
        let mut at = self.nodes().find(is_stuck)?;
        let mut seen = vec![false; self.len()];
        while !std::mem::replace(&mut seen[at.index()], true) {
            at = self.dag.neighbors_directed(at, Direction::Incoming).find(is_stuck)?;
        }
        Some(at)
    }

    /// A shortest cycle through a node that is on one.
    fn cycle(&self, on: Node) -> Vec<Label> {
        let mut reached_from: HashMap<Node, Node> = HashMap::new();
        let mut queue = VecDeque::from([on]);
        'search: while let Some(at) = queue.pop_front() {
            for next in self.dag.neighbors(at) {
                if next == on {
                    reached_from.insert(on, at);
                    break 'search;
                }
                if let Entry::Vacant(slot) = reached_from.entry(next) {
                    slot.insert(at);
                    queue.push_back(next);
                }
            }
        }
        let mut path = vec![self.vertex(on).label().clone()];
        let mut at = on;
        while let Some(&before) = reached_from.get(&at) {
            path.push(self.vertex(before).label().clone());
            if before == on {
                break;
            }
            at = before;
        }
        path.reverse();
        path
    }
}
