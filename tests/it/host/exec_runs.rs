//! Execs in a running engine: what waits, what is watched, what is sent, what is stopped.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mgmt::engine::declaration::Receive;
use mgmt::engine::graph::dag::{Edge, Vertex};
use mgmt::engine::runtime::observe::{Happening, Observer};
use mgmt::engine::runtime::prepare::{self, Options};
use mgmt::engine::runtime::{Config, Engine};
use mgmt::engine::sched::{Limits, StopLevel};
use mgmt::engine::{Declaration, Graph, Label, Meta, Params, Registry, Value};
use mgmt::resources::host::{Host, Hub};
use tempfile::TempDir;
use tokio::sync::mpsc;

#[derive(Debug)]
struct Tell(mpsc::UnboundedSender<String>);

impl Observer for Tell {
    fn happened(&self, happening: Happening<'_>) {
        let line = match happening {
            Happening::Changed { vertex, .. } => format!("changed {}", vertex.label().name),
            Happening::Failed { vertex, error, .. } => format!("failed {}: {error}", vertex.label().name),
            Happening::Converged(converged) => format!("converged {converged}"),
            Happening::Stopped(_) => "stopped".to_owned(),
            _ => return,
        };
        let _ = self.0.send(line);
    }
}

struct Scene {
    dir: TempDir,
    engine: Engine,
    registry: Registry,
    happenings: mpsc::UnboundedReceiver<String>,
    seen: Vec<String>,
}

impl Scene {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let host = Host::new(Hub::start());
        let registry = || mgmt::resources::registry(&host);
        let prefix = dir.path().join("prefix");
        fs::create_dir(&prefix).unwrap();
        let config = Config {
            prefix: prefix.into(),
            limits: Limits { converged_after: Some(Duration::ZERO), ..Limits::default() },
            noop: false,
            sema: None,
            registry: registry(),
            one_look: false,
            record: None,
        };
        let (tell, happenings) = mpsc::unbounded_channel();
        let engine = Engine::start(config, Arc::new(Tell(tell)));
        Self { dir, engine, registry: registry(), happenings, seen: Vec::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn exec(&self, name: &str, script: &str, params: &[(&'static str, Value)]) -> Declaration {
        let mut all: Params = params.iter().cloned().collect();
        all.set("cmd", Value::str(script));
        all.set("shell", Value::str("/bin/sh"));
        all.set("cwd", Value::str(self.dir.path().to_str().unwrap()));
        Declaration::new(Label::new("exec", name), all)
    }

    async fn swap(&self, declarations: Vec<Declaration>, edges: &[(usize, usize)]) {
        let mut graph = Graph::new("execs");
        let mut nodes = Vec::new();
        for declaration in declarations {
            let kind = self.registry.get(&declaration.label.kind).unwrap().clone();
            nodes.push(graph.add(Vertex::new(kind, declaration)).unwrap());
        }
        for (from, to) in edges {
            graph.connect(nodes[*from], nodes[*to], Edge { notify: false, auto: false });
        }
        let prepared = prepare::prepare(graph, Options::default()).unwrap();
        self.engine.swap(prepared).await.unwrap();
    }

    async fn until(&mut self, what: &str) -> String {
        let waiting = async {
            loop {
                let line = self.happenings.recv().await.expect("the engine runs");
                if line.starts_with(what) {
                    return line;
                }
                self.seen.push(line);
            }
        };
        match tokio::time::timeout(Duration::from_secs(60), waiting).await {
            Ok(line) => line,
            Err(_) => panic!("{what:?} did not happen; seen: {:?}", self.seen),
        }
    }
}

/// Waits for what another process brings about.
async fn until<T>(mut condition: impl FnMut() -> Option<T>) -> T {
    let waiting = async {
        loop {
            match condition() {
                Some(met) => return met,
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it comes about")
}

async fn pid_in(file: &Path) -> i32 {
    until(|| fs::read_to_string(file).ok()?.trim().parse().ok()).await
}

async fn gone(pid: i32) {
    until(|| (!Path::new(&format!("/proc/{pid}")).exists()).then_some(())).await;
}

#[tokio::test]
async fn a_command_over_its_timeout_is_ended_and_reaped() {
    let mut scene = Scene::start();
    let mut slow = scene.exec("slow", "sleep 1000 & sleep 1000", &[]);
    let timeout: Params = [("timeout", Value::Int(300))].into_iter().collect();
    slow.meta = Arc::new(Meta::from_params(&timeout).unwrap());
    scene.swap(vec![slow], &[]).await;
    assert!(scene.until("failed slow").await.contains("not done after 300 ms"));
    let dir = scene.dir.path();
    let is_there = |process: &Path| fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == dir);
    let running = || fs::read_dir("/proc").unwrap().flatten().any(|process| is_there(&process.path()));
    until(|| (!running()).then_some(())).await;
}

#[tokio::test]
async fn the_first_stop_waits_the_second_signals_and_the_third_kills() {
    let mut scene = Scene::start();
    let script =
        "trap 'echo > heard' TERM; echo $$ > pid.new; mv pid.new pid; while :; do sleep 1000 & wait; done";
    scene.swap(vec![scene.exec("stubborn", script, &[])], &[]).await;
    let pid = pid_in(&scene.path("pid")).await;
    let heard = scene.path("heard");
    scene.engine.stop(StopLevel::Finish);
    scene.engine.stop(StopLevel::Cancel);
    until(|| heard.exists().then_some(())).await;
    assert!(Path::new(&format!("/proc/{pid}")).exists());
    scene.engine.stop(StopLevel::Kill);
    scene.until("stopped").await;
    gone(pid).await;
}

#[tokio::test]
async fn a_watched_file_runs_it_again_and_an_unguarded_exec_runs_once_until_then() {
    let mut scene = Scene::start();
    let watched = scene.path("watched");
    let files = Value::List([Value::str(watched.to_str().unwrap())].into());
    let exec = scene.exec("follow", "echo run >> runs", &[("watchfiles", files)]);
    scene.swap(vec![exec], &[]).await;
    scene.until("converged true").await;
    assert_eq!(fs::read_to_string(scene.path("runs")).unwrap(), "run\n");
    fs::write(&watched, "x").unwrap();
    scene.until("changed follow").await;
}

#[tokio::test]
async fn lines_of_a_watchcmd_run_it_again() {
    let mut scene = Scene::start();
    let fifo = scene.path("fifo");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    // Opened for both, so that it has no end.
    let watch = Value::str(format!("exec cat <> {}", fifo.display()));
    let shell = Value::str("/bin/sh");
    let exec = scene.exec("follow", "true", &[("watchcmd", watch), ("watchshell", shell)]);
    scene.swap(vec![exec], &[]).await;
    scene.until("converged true").await;
    fs::write(&fifo, "line\n").unwrap();
    scene.until("changed follow").await;
}

#[tokio::test]
async fn what_a_command_wrote_is_received_by_a_file() {
    let mut scene = Scene::start();
    let target = scene.path("target");
    let exec = scene.exec("tell", "echo hello", &[]);
    let path = [("path", Value::str(target.to_str().unwrap()))];
    let mut file = Declaration::new(Label::new("file", "it"), path.into_iter().collect());
    let from = Label::new("exec", "tell");
    file.receives = vec![Receive { param: "content", from, key: "stdout".into() }];
    scene.swap(vec![exec, file], &[(0, 1)]).await;
    scene.until("converged true").await;
    assert_eq!(fs::read_to_string(target).unwrap(), "hello\n");
}
