//! `mgmt graph`.

use std::sync::Arc;

use mgmt::engine::declaration::Declaration;
use mgmt::engine::graph::{Edge, Graph, Vertex, svg};
use mgmt::engine::{Label, Params};

use super::Scratch;
use crate::yaml::kinds;

const SITE: &str = "\
graph: site
resources:
  file:
  - {name: folder, path: DIR/w/, state: exists}
  - {name: a, path: DIR/w/a, state: exists}
  - {name: \"<b> & \\\"c\\\"\", path: DIR/b, state: exists}
edges:
- {name: e, from: {kind: file, name: a}, to: {kind: file, name: \"<b> & \\\"c\\\"\"}, notify: true}
";

fn shown(args: &[&str]) -> String {
    let scratch = Scratch::new();
    scratch.write("site.yaml", SITE);
    let ran = scratch.mgmt(&[&["graph", "site.yaml"], args].concat());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    ran.out
}

#[test]
fn a_terminal_shows_levels() {
    insta::assert_snapshot!(shown(&["--autoedges"]), @r#"
    graph "site": 3 resources, 2 edges

    level 1
      file["folder"]

    level 2
      file["a"]  automatically after file["folder"] (the directory it is in)

    level 3
      file["<b> & \"c\""]  refreshed by file["a"]
    "#);
}

#[test]
fn graphviz_gets_dot() {
    insta::assert_snapshot!(shown(&["--format", "dot", "--autoedges"]), @r#"
    digraph "site" {
    	node [shape=box, fontname="sans-serif"];
    	v0 [label="file[\"folder\"]"];
    	v1 [label="file[\"a\"]"];
    	v2 [label="file[\"<b> & \\\"c\\\"\"]"];
    	v1 -> v2 [style=bold];
    	v0 -> v1 [style=dashed, tooltip="the directory it is in"];
    }
    "#);
}

#[test]
fn programs_get_json() {
    let told: serde_json::Value = serde_json::from_str(&shown(&["--format", "json"])).unwrap();
    assert_eq!(told, serde_json::from_str::<serde_json::Value>(&shown(&["--json"])).unwrap());
    assert_eq!(told["edges"], serde_json::json!([{"from": 1, "to": 2, "notify": true, "auto": false}]));
    assert_eq!(told["nodes"][1]["name"], "a");
    assert_eq!(told["nodes"][1]["origin"], "site.yaml:5:6");
}

#[test]
fn a_picture_escapes_names_and_is_the_same_each_time() {
    let picture = shown(&["--format", "svg", "--autoedges"]);
    assert_eq!(picture, shown(&["--format", "svg", "--autoedges"]));
    assert!(picture.contains(">&lt;b&gt; &amp; &quot;c&quot;</text>"), "{picture}");
    assert!(
        picture.contains("class=\"edge auto\"") && picture.contains("class=\"edge notify\""),
        "{picture}"
    );
}

/// A graph of several kinds, with groups.
fn grouped() -> Graph {
    let registry = kinds::registry();
    let mut graph = Graph::new("web server");
    let vertex = |kind: &str, names: &[&str]| Vertex {
        kind: registry.get(kind).unwrap().clone(),
        members: names.iter().map(|name| Declaration::new(Label::new(kind, *name), Params::new())).collect(),
    };
    let nodes: Vec<_> = [
        vertex("noop", &["start"]),
        vertex("virt", &["debian-12"]),
        vertex("file", &["/etc/nginx/nginx.conf"]),
        vertex("file", &["/etc/nginx/sites-enabled/a-very-long-name-of-a-site.example.org.conf"]),
        vertex("exec", &["install nginx", "install curl", "install git"]),
        vertex("noop", &["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]),
        vertex("exec", &["reload"]),
    ]
    .into_iter()
    .map(|vertex| graph.add(vertex).unwrap())
    .collect();
    let edges =
        [(0, 1, ""), (0, 4, ""), (4, 2, "a"), (4, 3, "a"), (2, 6, "n"), (3, 6, "n"), (1, 5, ""), (0, 6, "")];
    for (from, to, how) in edges {
        graph.connect(
            nodes[from],
            nodes[to],
            Edge { notify: how == "n", auto: (how == "a").then_some("the file it reads") },
        );
    }
    graph
}

#[test]
fn groups_list_their_members_and_kinds_have_their_colours() {
    let picture = svg::render(&grouped());
    if let Some(path) = std::env::var_os("MGMT_TEST_PICTURE") {
        std::fs::write(path, &picture).unwrap();
    }
    assert!(picture.contains(">exec × 3</text>") && picture.contains(">install curl</text>"));
    assert!(picture.contains(">noop × 10</text>") && picture.contains(">and 4 more</text>"));
    let fills: std::collections::BTreeSet<&str> = picture
        .split("<rect ")
        .skip(1)
        .filter_map(|rect| rect.split("fill=\"").nth(1)?.split('"').next())
        .collect();
    assert_eq!(fills.len(), 5, "white, and one a kind: {fills:?}");
}

#[test]
fn a_large_dense_graph_is_drawn_all_the_same() {
    let registry = kinds::registry();
    let kind = Arc::clone(registry.get("noop").unwrap());
    let mut graph = Graph::new("large");
    let mut random = fastrand::Rng::with_seed(3);
    let add = |at: usize| {
        Vertex::new(kind.clone(), Declaration::new(Label::new("noop", at.to_string()), Params::new()))
    };
    let nodes: Vec<_> = (0..5_000).map(|at| graph.add(add(at)).unwrap()).collect();
    for _ in 0..20_000 {
        let to = random.usize(1..nodes.len());
        graph.connect(nodes[random.usize(0..to)], nodes[to], Edge::default());
    }
    assert!(svg::render(&graph).matches("<rect ").count() > 5_000);
}
