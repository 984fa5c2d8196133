//! Hosts that exchange files: the examples graph3a, graph3b and graph3c, each by its own frontend and engine.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use mgmt::engine::runtime::observe::{Happening, Observer};
use mgmt::engine::runtime::prepare::{self, Options};
use mgmt::engine::runtime::snapshot::Rows;
use mgmt::engine::runtime::{Config, Engine};
use mgmt::engine::sched::Limits;
use mgmt::lang;
use mgmt::resources::host::{Host, Hub};
use mgmt::resources::registry;
use tokio::sync::mpsc;

use crate::fake_world::{FakeWorld, Store};

struct Agent {
    engine: Engine,
    text: PathBuf,
    changed: mpsc::UnboundedReceiver<String>,
    _prefix: tempfile::TempDir,
}

#[derive(Debug)]
struct Tell(mpsc::UnboundedSender<String>);

impl Observer for Tell {
    fn happened(&self, happening: Happening<'_>) {
        if let Happening::Changed { vertex, .. } = happening {
            let _ = self.0.send(vertex.label().name.to_string());
        }
    }
}

impl Agent {
    /// Runs an example, with `/tmp/mgmt` replaced by a scratch folder.
    fn start(store: &Arc<Store>, name: &str, scratch: &Path) -> Self {
        let example = format!("examples/yaml/graph3{name}.yaml");
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(example)).unwrap();
        let text = text.replace("/tmp/mgmt", &format!("{}/mgmt", scratch.display()));
        let path = scratch.join(format!("{name}.yaml"));
        fs::write(&path, text).unwrap();
        let (hub, prefix) = (Hub::start(), tempfile::tempdir().unwrap());
        let registry = registry(&Host::new(hub.clone()));
        let world = FakeWorld::beside(store, name);
        let config = Config {
            prefix: prefix.path().into(),
            limits: Limits { converged_after: Some(Duration::ZERO), ..Limits::default() },
            noop: false,
            sema: None,
            world: world.clone(),
            registry: registry.clone(),
            one_look: false,
            record: None,
        };
        let (tell, changed) = mpsc::unbounded_channel();
        let engine = Engine::start(config, Arc::new(Tell(tell)));
        let frontend = lang::open(&path, lang::Options::default(), Arc::new(registry), hub, world).unwrap();
        let (mut graphs, runs) = (frontend.graphs(), engine.clone());
        tokio::spawn(async move {
            while let Some(outcome) = graphs.next().await {
                let parsed = outcome.expect("the example is right");
                assert!(parsed.warnings.is_empty(), "{:?}", parsed.warnings);
                runs.swap(prepare::prepare(parsed.graph, Options::default()).unwrap()).await.unwrap();
            }
        });
        Self { engine, text: path, changed, _prefix: prefix }
    }

    /// Waits until each of so many different resources has been put right.
    async fn has_changed(&mut self, count: usize) {
        let mut seen = BTreeSet::new();
        let waiting = async {
            while seen.len() < count {
                seen.insert(self.changed.recv().await.expect("the engine runs"));
            }
        };
        let all = tokio::time::timeout(Duration::from_secs(60), waiting).await;
        assert!(all.is_ok(), "only {seen:?}");
    }

    /// How often each resource was compared, once nothing is to be done.
    async fn checks(&self) -> BTreeMap<String, u32> {
        loop {
            let snapshot = self.engine.snapshot(Rows::All).await.unwrap();
            if snapshot.settled {
                return snapshot.rows.iter().map(|row| (row.label.name.to_string(), row.checks)).collect();
            }
            tokio::task::yield_now().await;
        }
    }
}

fn files(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hosts_have_24_files_in_the_end_and_a_change_runs_what_it_touches() {
    let scratch = tempfile::tempdir().unwrap();
    let store = Arc::default();
    let mut agents = ["a", "b", "c"].map(|name| Agent::start(&store, name, scratch.path()));
    for agent in &mut agents {
        // A directory, two files of its own, two exports, and six files that are collected.
        agent.has_changed(11).await;
    }
    let dirs = ["A", "B", "C"].map(|name| scratch.path().join(format!("mgmt{name}")));
    for (dir, own) in dirs.iter().zip(["a", "b", "c"]) {
        let collected = ["f3a", "f4a", "f3b", "f4b", "f3c", "f4c"].map(str::to_owned);
        let wanted: BTreeSet<String> =
            collected.into_iter().chain([format!("f1{own}"), format!("f2{own}")]).collect();
        assert_eq!(files(dir), wanted);
    }
    let mut before = Vec::new();
    for agent in &agents {
        before.push(agent.checks().await);
    }
    let text = fs::read_to_string(&agents[0].text).unwrap();
    fs::write(&agents[0].text, text.replace("i am f3,", "i was f3,")).unwrap();
    agents[0].has_changed(2).await;
    for (agent, (before, dir)) in agents[1..].iter_mut().zip(before[1..].iter().zip(&dirs[1..])) {
        agent.has_changed(1).await;
        assert!(fs::read_to_string(dir.join("f3a")).unwrap().starts_with("i was f3"));
        let after = agent.checks().await;
        let f3a = dir.join("f3a").display().to_string();
        let unlike: Vec<&String> = after.keys().filter(|name| after[*name] != before[*name]).collect();
        assert!(unlike.is_empty() || unlike == [&f3a], "{before:?} {after:?}");
    }
    fs::write(&agents[0].text, "graph: empty\n").unwrap();
    while agents[1].checks().await.len() != 9 {
        tokio::task::yield_now().await;
    }
    assert!(dirs[1].join("f3a").exists(), "what is no longer exported stays on the disk");
}
