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
use mgmt::engine::world::nowhere::Nowhere;
use mgmt::engine::{Declaration, Graph, Label, Meta, Params, Registry, Value};
use mgmt::resources::host::{Host, Hub};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::pipe::{OpenOptions, Receiver};
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
            world: Nowhere::of("here".parse().expect("a name for a host")),
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
            graph.connect(nodes[*from], nodes[*to], Edge { notify: false, auto: None });
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

/// A pipe with a name that a command and all that it starts hold open: it tells there, and its end is that of them all.
struct Line(BufReader<Receiver>);

impl Line {
    fn new(fifo: &Path) -> Self {
        make_fifo(fifo);
        // Opened before anybody writes, so that no writer waits.
        Self(BufReader::new(OpenOptions::new().open_receiver(fifo).unwrap()))
    }

    async fn next(&mut self) -> String {
        let mut line = String::new();
        let reading = async {
            // Before the first writer there seems to be an end.
            self.0.get_ref().readable().await.unwrap();
            self.0.read_line(&mut line).await.unwrap()
        };
        tokio::time::timeout(Duration::from_secs(60), reading).await.expect("it tells");
        line.trim().to_owned()
    }

    async fn closed(mut self) {
        let mut rest = Vec::new();
        let reading = self.0.read_to_end(&mut rest);
        tokio::time::timeout(Duration::from_secs(60), reading).await.expect("all end").unwrap();
    }
}

fn make_fifo(path: &Path) {
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

#[tokio::test]
async fn a_command_over_its_timeout_is_ended_and_reaped() {
    let mut scene = Scene::start();
    let mut line = Line::new(&scene.path("line"));
    let mut slow = scene.exec("slow", "exec 9> line; echo $$ >&9; sleep 1000 & sleep 1000", &[]);
    let timeout: Params = [("timeout", Value::Int(300))].into_iter().collect();
    slow.meta = Arc::new(Meta::from_params(&timeout).unwrap());
    scene.swap(vec![slow], &[]).await;
    let pid = line.next().await;
    assert!(scene.until("failed slow").await.contains("not done after 300 ms"));
    line.closed().await;
    scene.engine.stop(StopLevel::Finish);
    scene.until("stopped").await;
    assert!(!Path::new("/proc").join(pid).exists());
}

#[tokio::test]
async fn the_first_stop_waits_the_second_signals_and_the_third_kills() {
    let mut scene = Scene::start();
    let mut line = Line::new(&scene.path("line"));
    let script = "trap 'echo heard >&9' TERM; exec 9> line; echo $$ >&9; while :; do sleep 1000 & wait; done";
    scene.swap(vec![scene.exec("stubborn", script, &[])], &[]).await;
    let process = Path::new("/proc").join(line.next().await);
    scene.engine.stop(StopLevel::Finish);
    scene.engine.stop(StopLevel::Cancel);
    assert_eq!(line.next().await, "heard");
    assert!(process.exists());
    scene.engine.stop(StopLevel::Kill);
    scene.until("stopped").await;
    line.closed().await;
    assert!(!process.exists());
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
    make_fifo(&fifo);
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
    file.receives = vec![Receive { param: "content", from, key: "stdout".into(), entry: None }];
    scene.swap(vec![exec, file], &[(0, 1)]).await;
    scene.until("converged true").await;
    assert_eq!(fs::read_to_string(target).unwrap(), "hello\n");
}
