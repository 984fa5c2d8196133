//! Secrets keep being secrets when they are sent.

use std::sync::Arc;

use mgmt::engine::declaration::Receive;
use mgmt::engine::graph::{Edge, Vertex};
use mgmt::engine::{Declaration, Graph, Label, Source};
use mgmt::lang::collect::Draft;
use mgmt::lang::diag::render::{Style, render_all};
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

fn parsed(text: &str) -> Result<Graph, String> {
    let registry = registry(&Host::new(Arc::new(FakeWatch::new())));
    let source = Source::new("site.yaml", text.to_owned());
    let draft = mgmt::lang::yaml::parse(&source, &registry);
    draft.map(|draft| draft.graph).map_err(|found| render_all(&found, Style::PLAIN))
}

#[test]
fn a_secret_in_a_text_is_received_from_a_vertex_that_the_text_does_not_name() {
    let text = "graph: g\nresources:\n  file:\n  - name: /a\n    content: {secret: db}\n  exec:\n  - name: run\n    \
        env: {A: plain, B: {secret: db}}\n";
    let graph = parsed(text).unwrap();
    let sender = graph.find(&Label::new("secret", "db")).unwrap();
    assert_eq!(graph.len(), 3);
    assert_eq!(graph.edges().filter(|(from, _, _)| *from == sender).count(), 2);
    assert_eq!(sensitive(&graph, "file", "/a"), ["content".into()]);
    assert_eq!(sensitive(&graph, "exec", "run"), ["env".into()]);
    let exec = graph.vertex(graph.find(&Label::new("exec", "run")).unwrap()).lead().clone();
    assert_eq!(exec.receives.len(), 1);
    assert_eq!(exec.receives[0].entry.as_deref(), Some("B"));
    assert_eq!(exec.params.get("env").unwrap().to_string(), r#"{"A": "plain"}"#);
}

#[test]
fn a_map_that_takes_any_key_may_have_one_called_secret() {
    let text =
        "graph: g\nresources:\n  exec:\n  - name: run\n    env: {secret: it is the name of a variable}\n";
    assert!(parsed(text).unwrap().find(&Label::new("secret", "it is the name of a variable")).is_none());
}

#[test]
fn what_is_no_secret_is_told_at_its_place() {
    let said = parsed(
        "graph: g\nresources:\n  file:\n  - name: /a\n    content: {secret: db, version: 2}\n  - name: /b\n    content: \
        {secret: \"\"}\n  - name: /c\n    content: {secret: [db]}\n  - name: /d\n    content: {secrets: db}\n  - name: \
        \"@@/e\"\n    content: {secret: db}\n  exec:\n  - name: run\n    env: {A: {secret: ~}}\n    args: [{secret: db}]\n",
    )
    .unwrap_err();
    for part in [
        "unknown key `version` of a secret\n --> site.yaml:5:27",
        "the name of this secret is empty\n --> site.yaml:7:23",
        "expected a string for `secret`, found a list\n --> site.yaml:9:23",
        "expected a string for `content`, found a map\n  --> site.yaml:11:14",
        "what is exported cannot have a secret of this host\n  --> site.yaml:12:11",
        "expected a string for `secret`, found nothing\n  --> site.yaml:16:15",
        "expected a string for `args`, found a map\n  --> site.yaml:17:12",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}
