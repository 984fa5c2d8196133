//! Graphs as pure data: order, cycles, groups, automatic edges.

use std::collections::HashSet;
use std::sync::Arc;

use mgmt::engine::graph::dag::Node;
use mgmt::engine::graph::{Edge, GraphError, Vertex, autoedge, autogroup, json, text};
use mgmt::engine::kind::{Ask, Facts, Uid};
use mgmt::engine::{Capabilities, Declaration, Graph, Kind, KindDoc, Label, ParamError, Params, Resource};

use super::toy::{ToyKind, World};

fn graph(names: &[&str], edges: &[(&str, &str)]) -> Graph {
    let kind = ToyKind::new(&Arc::new(World::default()));
    let mut graph = Graph::new("toys");
    for name in names {
        let declaration = Declaration::new(Label::new("toy", *name), Params::new());
        graph.add(Vertex::new(kind.clone(), declaration)).unwrap();
    }
    for (from, to) in edges {
        let (from, to) = (node(&graph, from), node(&graph, to));
        graph.connect(from, to, Edge::default());
    }
    graph
}

fn node(graph: &Graph, name: &str) -> Node {
    graph.find(&Label::new("toy", name)).unwrap()
}

fn names(graph: &Graph, nodes: impl IntoIterator<Item = Node>) -> Vec<String> {
    nodes.into_iter().map(|node| graph.vertex(node).label().name.to_string()).collect()
}

#[test]
fn what_no_edge_orders_keeps_the_order_of_the_text() {
    let graph = graph(&["d", "c", "b", "a"], &[("a", "d")]);
    assert_eq!(names(&graph, graph.order().unwrap()), ["c", "b", "a", "d"]);
}

#[test]
fn a_cycle_is_named_all_around() {
    let graph = graph(
        &["a", "b", "c", "d", "tail"],
        &[("a", "b"), ("b", "c"), ("c", "d"), ("d", "b"), ("d", "tail")],
    );
    let GraphError::Cycle(cycle) = graph.order().unwrap_err();
    assert_eq!(cycle.first(), cycle.last());
    let mut on: Vec<&str> = cycle[1..].iter().map(|label| &*label.name).collect();
    on.sort_unstable();
    assert_eq!(on, ["b", "c", "d"]);
}

#[test]
fn a_cycle_of_a_hundred_thousand_is_found_without_recursion() {
    let count = 100_000;
    let owned: Vec<String> = (0..count).map(|i| i.to_string()).collect();
    let names: Vec<&str> = owned.iter().map(String::as_str).collect();
    let edges: Vec<(&str, &str)> = (0..count).map(|i| (names[i], names[(i + 1) % count])).collect();
    let GraphError::Cycle(cycle) = graph(&names, &edges).order().unwrap_err();
    assert_eq!(cycle.len(), count + 1);
}

#[test]
fn an_automatic_edge_never_contradicts_the_user() {
    let mut graph = graph(&["a", "b", "c"], &[("a", "b")]);
    let offering = |name: &str, wants: &[&str]| Capabilities {
        offers: vec![Uid::path(name)],
        asks: wants.iter().map(|want| Ask::after(vec![Uid::path(*want)], "what it wants")).collect(),
        ..Capabilities::default()
    };
    autoedge::connect(&mut graph, &[offering("a", &["b"]), offering("b", &[]), offering("c", &["b"])]);
    let edges: Vec<_> =
        graph.edges().map(|(from, to, edge)| (names(&graph, [from, to]), edge.auto.is_some())).collect();
    assert_eq!(edges, [(vec!["a".into(), "b".into()], false), (vec!["b".into(), "c".into()], true)]);
}

/// Packages that own what lies in a directory of their name.
#[derive(Debug)]
struct Owning(Arc<dyn Kind>);

impl Kind for Owning {
    fn describe(&self) -> &KindDoc {
        self.0.describe()
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        self.0.build(declaration)
    }

    fn facts(&self) -> Option<&dyn Facts> {
        Some(self)
    }
}

impl Facts for Owning {
    fn offered(&self, declarations: &[&Declaration], asked: &HashSet<&Uid>) -> Vec<(usize, Uid)> {
        let of = |(at, declaration): (usize, &&Declaration)| {
            let uid = Uid::path(format!("/{}/conf", declaration.label.name));
            asked.contains(&uid).then_some((at, uid))
        };
        declarations.iter().enumerate().filter_map(of).collect()
    }
}

#[test]
fn what_a_kind_knows_of_its_declarations_makes_edges_with_their_reason() {
    let toys: Arc<dyn Kind> = ToyKind::new(&Arc::new(World::default()));
    let owning: Arc<dyn Kind> = Arc::new(Owning(toys.clone()));
    let mut graph = Graph::new("packages");
    for (kind, name) in [(&owning, "a"), (&toys, "file"), (&owning, "b")] {
        let declaration = Declaration::new(Label::new("toy", name), Params::new());
        graph.add(Vertex::new(kind.clone(), declaration)).unwrap();
    }
    let asks = |path: &str| Capabilities {
        asks: vec![Ask::after(vec![Uid::path(path)], "the package that brings it")],
        ..Capabilities::default()
    };
    autoedge::connect(&mut graph, &[Capabilities::default(), asks("/b/conf"), asks("/b/conf")]);
    let edges: Vec<_> =
        graph.edges().map(|(from, to, edge)| (names(&graph, [from, to]), edge.auto)).collect();
    assert_eq!(edges, [(vec!["b".into(), "file".into()], Some("the package that brings it"))]);
    let shown = serde_json::to_value(json::shown(&graph)).unwrap();
    assert_eq!(shown["edges"][0]["reason"], "the package that brings it");
    let text = text::render(&graph).unwrap();
    assert!(
        text.contains("toy[\"file\"]  automatically after toy[\"b\"] (the package that brings it)"),
        "{text}"
    );
}

#[test]
fn who_asks_for_every_vertex_that_offers_something_comes_after_them_all() {
    let mut graph = graph(&["a", "b", "c", "d"], &[]);
    let offers = || Capabilities { offers: vec![Uid::new("repository", "x")], ..Capabilities::default() };
    let every = Ask::after_every(Uid::new("repository", "x"), "a repository");
    let asks = Capabilities { asks: vec![every], ..offers() };
    autoedge::connect(&mut graph, &[offers(), asks, Capabilities::default(), offers()]);
    let edges: Vec<_> = graph.edges().map(|(from, to, _)| names(&graph, [from, to])).collect();
    assert_eq!(edges, [["a", "b"], ["d", "b"]]);
}

#[test]
fn groups_are_of_one_depth_and_never_make_a_cycle() {
    // Grouping all four would make a cycle; grouping by depth makes two groups in a row.
    let graph = graph(&["a", "b", "c", "d"], &[("a", "b"), ("c", "d"), ("a", "d")]);
    let groupable = Capabilities { group: Some("all".into()), ..Capabilities::default() };
    let grouped = autogroup::group(graph, &vec![groupable; 4]).unwrap();
    let members: Vec<Vec<&str>> = grouped
        .nodes()
        .map(|node| grouped.vertex(node).members.iter().map(|member| &*member.label.name).collect())
        .collect();
    assert_eq!(members, [["a", "c"], ["b", "d"]]);
    assert_eq!(grouped.edge_count(), 1);
    grouped.order().unwrap();
}
