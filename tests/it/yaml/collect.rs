//! What other hosts export comes into the graph, and goes with them.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use mgmt::engine::world::{Audience, Export, ExportId};
use mgmt::engine::{Graph, Label, Value};
use mgmt::lang::{Options, Outcome, Parsed, open};
use tempfile::TempDir;

use super::kinds::{files_judged, registry};
use super::live::FakeWatch;
use crate::fake_world::FakeWorld;

struct Followed {
    _folder: TempDir,
    path: PathBuf,
    world: Arc<FakeWorld>,
    watch: Arc<FakeWatch>,
    graphs: BoxStream<'static, Outcome>,
}

const COLLECTS: &str =
    "graph: g\nresources:\n  noop:\n  - name: own\ncollect:\n- {kind: file, pattern: /c}\n";

impl Followed {
    fn new(world: &Arc<FakeWorld>, text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.yaml");
        fs::write(&path, text).unwrap();
        let watch = Arc::new(FakeWatch::default());
        let frontend =
            open(&path, Options::default(), Arc::new(registry()), watch.clone(), world.clone()).unwrap();
        Self { _folder: folder, path, world: world.clone(), watch, graphs: frontend.graphs() }
    }

    fn write(&self, text: &str) {
        fs::write(&self.path, text).unwrap();
        self.watch.event(&self.path);
    }

    async fn next(&mut self) -> Parsed {
        self.graphs.next().await.expect("the stream goes on").expect("the text is right")
    }

    async fn quiet(&mut self) {
        let next = tokio::time::timeout(Duration::from_millis(100), self.graphs.next()).await;
        assert!(next.is_err(), "nothing was to come");
    }
}

fn file(name: &str, params: &[(&str, &str)]) -> Export {
    let params = params.iter().map(|(name, text)| (Arc::from(*name), Value::str(text))).collect();
    let id = ExportId { to: Audience::All, label: Label::new("file", name) };
    Export { id, params, meta: [].into(), ttl: None }
}

fn names(graph: &Graph) -> Vec<String> {
    graph.nodes().map(|node| graph.vertex(node).label().name.to_string()).collect()
}

fn said(parsed: &Parsed) -> Vec<&str> {
    parsed.warnings.iter().map(|warning| warning.message.as_str()).collect()
}

#[tokio::test]
async fn an_export_comes_and_goes_and_what_did_not_change_is_equal() {
    let mut followed = Followed::new(&FakeWorld::of("here"), COLLECTS);
    assert_eq!(names(&followed.next().await.graph), ["own"]);
    followed.world.store.put("here", file("mine", &[("content", "x")]));
    let first = followed.next().await.graph;
    assert_eq!(names(&first), ["own", "/c/mine"], "a host collects its own as well");
    followed.world.store.put("there", file("theirs", &[("content", "y")]));
    let second = followed.next().await.graph;
    assert_eq!(names(&second), ["own", "/c/mine", "/c/theirs"]);
    for node in first.nodes() {
        assert_eq!(first.vertex(node).lead(), second.vertex(node).lead());
    }
    followed.world.store.take("here", "mine");
    assert_eq!(names(&followed.next().await.graph), ["own", "/c/theirs"]);
}

#[tokio::test]
async fn changes_that_come_together_make_one_graph_and_no_change_makes_none() {
    let mut followed = Followed::new(&FakeWorld::of("here"), COLLECTS);
    followed.next().await;
    for name in ["a", "b", "c"] {
        followed.world.store.put("there", file(name, &[("content", "x")]));
    }
    assert_eq!(followed.next().await.graph.len(), 4);
    followed.world.store.speak();
    followed.quiet().await;
    followed.write("graph: alone\n");
    assert_eq!(followed.next().await.graph.len(), 0);
    followed.world.store.put("there", file("d", &[("content", "x")]));
    followed.quiet().await;
}

#[tokio::test]
async fn a_broken_text_does_not_stop_what_is_collected_for_the_one_before() {
    let mut followed = Followed::new(&FakeWorld::of("here"), COLLECTS);
    followed.next().await;
    followed.write("graph: [\n");
    assert!(followed.graphs.next().await.unwrap().is_err());
    followed.world.store.put("there", file("a", &[("content", "x")]));
    assert_eq!(names(&followed.next().await.graph), ["own", "/c/a"]);
}

#[tokio::test]
async fn the_first_graph_waits_a_second_for_a_world_that_says_nothing_and_no_longer() {
    let world = FakeWorld::of("here");
    world.store.put("there", file("a", &[("content", "x")]));
    world.store.be_silent();
    let mut followed = Followed::new(&world, COLLECTS);
    let started = std::time::Instant::now();
    assert_eq!(names(&followed.next().await.graph), ["own"]);
    assert!(started.elapsed() >= Duration::from_secs(1) && started.elapsed() < Duration::from_secs(30));
    world.store.speak();
    assert_eq!(names(&followed.next().await.graph), ["own", "/c/a"]);
}

#[tokio::test]
async fn what_cannot_be_collected_is_told_once_and_the_rest_runs() {
    let mut followed = Followed::new(&FakeWorld::of("here"), COLLECTS);
    followed.world.store.put("there", file("bad", &[("content", "x"), ("mode", "999")]));
    let first = followed.next().await;
    assert_eq!(said(&first), ["file[\"bad\"] of host there cannot be collected"]);
    assert_eq!(first.warnings[0].causes, ["mode: \"999\" is not a mode"]);
    followed.world.store.put("there", file("good", &[("content", "x")]));
    let second = followed.next().await;
    assert_eq!((names(&second.graph).len(), said(&second)), (2, vec![]));
    followed.world.store.put("there", file("bad", &[("content", "x"), ("mode", "998")]));
    assert_eq!(followed.next().await.warnings[0].causes, ["mode: \"998\" is not a mode"]);
    followed.world.store.take("there", "bad");
    followed.next().await;
    followed.world.store.put("there", file("bad", &[("content", "x"), ("mode", "998")]));
    assert_eq!(followed.next().await.warnings.len(), 1, "it is news again");
}

#[tokio::test]
async fn only_what_changed_is_judged_anew() {
    let mut followed = Followed::new(&FakeWorld::of("here"), COLLECTS);
    for at in 0..50 {
        followed.world.store.put("there", file(&format!("f{at}"), &[("content", "x")]));
    }
    assert_eq!(followed.next().await.graph.len(), 51);
    let before = files_judged();
    followed.world.store.put("there", file("f7", &[("content", "y")]));
    let parsed = followed.next().await;
    assert_eq!((parsed.graph.len(), files_judged() - before), (51, 1));
}
