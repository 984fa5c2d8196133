//! Automatic edges: what some vertices ask for and others offer.

use std::collections::{HashMap, HashSet};

use petgraph::graph::DiGraph;

use super::dag::{Edge, Graph, Node};
use crate::engine::declaration::Declaration;
use crate::engine::kind::{Ask, AskOrder, Capabilities, Uid};

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
    let facts = facts(graph, capabilities, &takes_part);
    for (uid, node) in &facts {
        offers.entry(uid).or_insert(*node);
    }
    let crowds = crowds(graph, capabilities, &takes_part);
    let mut wishes = Vec::new();
    for node in graph.nodes().filter(|node| takes_part(*node)) {
        for ask in &capabilities[node.index()].asks {
            let askers = match &ask.of {
                None => std::slice::from_ref(&node),
                Some(uid) => crowds.get(uid).map(Vec::as_slice).unwrap_or_default(),
            };
            for asker in askers {
                wish(ask, *asker, &offers, &crowds, &mut wishes);
            }
        }
    }
    if wishes.is_empty() {
        return;
    }
    // Wishes that contradict nobody are the rule; only else is each looked at by itself.
    let harmless = is_acyclic(graph, &wishes);
    for (from, to, reason) in wishes {
        if harmless || !graph.reaches(to, from) {
            graph.connect(from, to, Edge { notify: false, auto: Some(reason) });
        }
    }
}

/// The edges that fulfil a wish of a vertex.
fn wish(
    ask: &Ask,
    node: Node,
    offers: &HashMap<&Uid, Node>,
    crowds: &HashMap<&Uid, Vec<Node>>,
    wishes: &mut Vec<(Node, Node, &'static str)>,
) {
    let one = |uid| offers.get(uid).copied().filter(|other| *other != node);
    let found = match ask.every {
        true => ask.first_of.iter().find_map(|uid| crowds.get(uid)).cloned().unwrap_or_default(),
        false => ask.first_of.iter().find_map(one).into_iter().collect(),
    };
    for other in found.into_iter().filter(|other| *other != node) {
        wishes.push(match ask.order {
            AskOrder::After => (other, node, ask.reason),
            AskOrder::Before => (node, other, ask.reason),
        });
    }
}

/// All that offer what someone asks of every vertex, or asks for in the name of every vertex that offers it.
fn crowds<'a>(
    graph: &Graph,
    capabilities: &'a [Capabilities],
    takes_part: &impl Fn(Node) -> bool,
) -> HashMap<&'a Uid, Vec<Node>> {
    let asks = || capabilities.iter().flat_map(|known| &known.asks);
    let of_every = asks().filter(|ask| ask.every).flat_map(|ask| &ask.first_of);
    let mut crowds: HashMap<&Uid, Vec<Node>> =
        of_every.chain(asks().filter_map(|ask| ask.of.as_ref())).map(|uid| (uid, Vec::new())).collect();
    if crowds.is_empty() {
        return crowds;
    }
    for node in graph.nodes().filter(|node| takes_part(*node)) {
        for uid in &capabilities[node.index()].offers {
            if let Some(crowd) = crowds.get_mut(uid) {
                crowd.push(node);
            }
        }
    }
    crowds
}

/// What the kinds know that their declarations offer, of all that is asked for.
fn facts(
    graph: &Graph,
    capabilities: &[Capabilities],
    takes_part: &impl Fn(Node) -> bool,
) -> Vec<(Uid, Node)> {
    // By kind, in the order of the text.
    let mut informed: Vec<(Node, Vec<Node>)> = Vec::new();
    let vertices = graph.nodes().filter(|node| takes_part(*node) && !graph.vertex(*node).lead().meta.hidden);
    for node in vertices.filter(|node| graph.vertex(*node).kind.facts().is_some()) {
        let kind = &graph.vertex(node).lead().label.kind;
        match informed.iter_mut().find(|(first, _)| graph.vertex(*first).lead().label.kind == *kind) {
            Some((_, nodes)) => nodes.push(node),
            None => informed.push((node, vec![node])),
        }
    }
    if informed.is_empty() {
        return Vec::new();
    }
    let asks =
        graph.nodes().filter(|node| takes_part(*node)).flat_map(|node| &capabilities[node.index()].asks);
    let asked: HashSet<&Uid> = asks.flat_map(|ask| &ask.first_of).collect();
    let mut known = Vec::new();
    for (first, nodes) in &informed {
        let Some(facts) = graph.vertex(*first).kind.facts() else { continue };
        let declarations: Vec<&Declaration> = nodes.iter().map(|node| graph.vertex(*node).lead()).collect();
        known.extend(facts.offered(&declarations, &asked).into_iter().map(|(at, uid)| (uid, nodes[at])));
    }
    known
}

fn is_acyclic(graph: &Graph, wishes: &[(Node, Node, &str)]) -> bool {
    let mut skeleton: DiGraph<(), (), u32> =
        DiGraph::with_capacity(graph.len(), graph.edge_count() + wishes.len());
    for _ in graph.nodes() {
        skeleton.add_node(());
    }
    for (from, to) in
        graph.edges().map(|(from, to, _)| (from, to)).chain(wishes.iter().map(|(from, to, _)| (*from, *to)))
    {
        skeleton.add_edge(from, to, ());
    }
    petgraph::algo::toposort(&skeleton, None).is_ok()
}
