//! Secrets keep being secrets when they are sent.

use std::sync::Arc;

use mgmt::engine::declaration::Receive;
use mgmt::engine::graph::{Edge, Vertex};
use mgmt::engine::{Declaration, Graph, Label};
use mgmt::lang::collect::Draft;
use mgmt::resources::host::{FakeWatch, Host};
use mgmt::resources::registry;

/// A parameter, and who sends it under which key.
type From<'a> = (&'static str, (&'a str, &'a str), &'a str);

/// Vertices in their order, each with what it receives and with what of it is said to be sensitive.
fn graph(vertices: &[(&str, &str, &[From<'_>], &[&str])]) -> Graph {
    let registry = registry(&Host::new(Arc::new(FakeWatch::new())));
    let mut graph = Graph::new("secrets");
    for (kind, name, receives, sensitive) in vertices {
        let mut declaration = Declaration::new(Label::new(*kind, *name), [].into_iter().collect());
        Arc::make_mut(&mut declaration.meta).sensitive = sensitive.iter().map(|it| Arc::from(*it)).collect();
        let receives = receives.iter().map(|(param, (kind, name), key)| Receive {
            param,
            from: Label::new(*kind, *name),
            key: (*key).into(),
            entry: None,
        });
        declaration.receives = receives.collect();
        let from: Vec<Label> = declaration.receives.iter().map(|receive| receive.from.clone()).collect();
        let node = graph.add(Vertex::new(registry.get(kind).unwrap().clone(), declaration)).unwrap();
        for label in from {
            let sender = graph.find(&label).unwrap();
            graph.connect(sender, node, Edge::default());
        }
    }
    Draft::new(graph, Vec::new(), Vec::new()).graph
}

fn sensitive(graph: &Graph, kind: &str, name: &str) -> Vec<Arc<str>> {
    graph.vertex(graph.find(&Label::new(kind, name)).unwrap()).lead().meta.sensitive.clone()
}

#[test]
fn whatever_receives_a_password_is_sensitive_and_so_is_what_it_sends_on() {
    let graph = graph(&[
        ("password", "p", &[], &[]),
        ("value", "v", &[("any", ("password", "p"), "password")], &[]),
        ("print", "said", &[("msg", ("value", "v"), "any")], &[]),
        ("file", "/kept", &[("content", ("password", "p"), "password")], &["content"]),
    ]);
    assert_eq!(sensitive(&graph, "value", "v"), ["any".into()]);
    assert_eq!(sensitive(&graph, "print", "said"), ["msg".into()]);
    assert_eq!(sensitive(&graph, "file", "/kept"), ["content".into()], "once is enough");
    assert!(sensitive(&graph, "password", "p").is_empty());
}

#[test]
fn who_has_a_sensitive_parameter_sends_secrets_and_others_do_not() {
    let graph = graph(&[
        ("value", "secret", &[], &["any"]),
        ("value", "known", &[], &[]),
        ("print", "a", &[("msg", ("value", "secret"), "any")], &[]),
        ("print", "b", &[("msg", ("value", "known"), "any")], &[]),
    ]);
    assert_eq!(sensitive(&graph, "print", "a"), [Arc::from("msg")]);
    assert!(sensitive(&graph, "print", "b").is_empty());
}
