//! Graphs of several kinds through the real engine.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mgmt::engine::declaration::Receive;
use mgmt::engine::graph::Vertex;
use mgmt::engine::runtime::observe::{Happening, Observer};
use mgmt::engine::runtime::prepare::{self, Options};
use mgmt::engine::runtime::{Config, Engine};
use mgmt::engine::sched::{Limits, StopLevel};
use mgmt::engine::world::nowhere::Nowhere;
use mgmt::engine::{Declaration, Graph, Label, Registry, Value};
use mgmt::lang::collect::Draft;
use mgmt::lang::diag::{Style, render_all};
use mgmt::lang::{source, yaml};
use mgmt::resources::host::printer::FakePrinter;
use mgmt::resources::host::{Host, Hub};
use mgmt::resources::registry;
use tokio::sync::mpsc;

/// An agent over the real host, but for its standard output.
struct Agent {
    engine: Engine,
    happenings: mpsc::UnboundedReceiver<String>,
    printer: Arc<FakePrinter>,
    registry: Registry,
}

#[derive(Debug)]
struct Tell(mpsc::UnboundedSender<String>);

impl Observer for Tell {
    fn happened(&self, happening: Happening<'_>) {
        let line = match happening {
            Happening::Changed { vertex, .. } => format!("changed {}", vertex.label()),
            Happening::Failed { vertex, error, .. } => format!("failed {}: {error}", vertex.label()),
            Happening::Contended { vertex } => format!("contended {}", vertex.label()),
            Happening::Converged(converged) => format!("converged {converged}"),
            Happening::ExitRequested(code) => format!("exit {code}"),
            Happening::Stopped(_) => "stopped".to_owned(),
            _ => return,
        };
        let _ = self.0.send(line);
    }
}

impl Agent {
    fn start(prefix: &Path) -> Self {
        let printer = Arc::new(FakePrinter::default());
        let mut host = Host::new(Hub::start());
        Arc::get_mut(&mut host).expect("nobody has it yet").printer = printer.clone();
        let registry = registry(&host);
        let config = Config {
            prefix: prefix.into(),
            limits: Limits { converged_after: Some(Duration::ZERO), ..Limits::default() },
            noop: false,
            sema: None,
            world: Nowhere::of("here".parse().expect("a name for a host")),
            registry: registry.clone(),
            one_look: false,
            record: None,
        };
        let (tell, happenings) = mpsc::unbounded_channel();
        let engine = Engine::start(config, Arc::new(Tell(tell)));
        Self { engine, happenings, printer, registry }
    }

    async fn swap(&self, graph: Graph) {
        let prepared = prepare::prepare(graph, Options::default()).unwrap();
        self.engine.swap(prepared).await.unwrap();
    }

    async fn run(&self, text: String) {
        let source = source::text(Path::new("graph.yaml"), text.into_bytes()).unwrap();
        let parsed = yaml::parse(&source, &self.registry);
        let parsed = parsed.unwrap_or_else(|errors| panic!("{}", render_all(&errors, Style::PLAIN)));
        self.swap(parsed.graph).await;
    }

    /// What happened before `what`; a minute without it is a failure.
    async fn until(&mut self, what: &str) -> Vec<String> {
        let mut seen = Vec::new();
        let waiting = async {
            while let Some(line) = self.happenings.recv().await {
                if line == what {
                    return;
                }
                seen.push(line);
            }
            panic!("the engine ended without {what:?}");
        };
        let in_time = tokio::time::timeout(Duration::from_secs(60), waiting).await.is_ok();
        assert!(in_time, "{what:?} did not happen; seen: {seen:?}");
        seen
    }
}

fn files(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "
graph: files
resources:
  file:
  - {{name: {dir}/etc/, state: exists}}
  line:
  - {{name: one, file: {dir}/etc/conf, content: first}}
  - {{name: two, file: {dir}/etc/conf, content: second}}
  - {{name: three, file: {dir}/etc/conf, content: third}}
  gzip:
  - {{name: {dir}/conf.gz, input: {dir}/etc/conf}}
  tar:
  - {{name: {dir}/etc.tar, inputs: [{dir}/etc]}}
  noop:
  - name: lines
edges:
- {{name: e1, from: {{kind: line, name: one}}, to: {{kind: noop, name: lines}}}}
- {{name: e2, from: {{kind: line, name: two}}, to: {{kind: noop, name: lines}}}}
- {{name: e3, from: {{kind: line, name: three}}, to: {{kind: noop, name: lines}}}}
- {{name: e4, from: {{kind: noop, name: lines}}, to: {{kind: gzip, name: {dir}/conf.gz}}}}
- {{name: e5, from: {{kind: noop, name: lines}}, to: {{kind: tar, name: {dir}/etc.tar}}}}
"
    )
}

#[tokio::test]
async fn lines_share_a_file_of_which_copies_are_made_and_kept() {
    let dir = tempfile::tempdir().unwrap();
    let prefix = dir.path().join("prefix");
    fs::create_dir(&prefix).unwrap();
    let mut agent = Agent::start(&prefix);
    agent.run(files(dir.path())).await;
    let seen = agent.until("converged true").await;
    assert_eq!(seen.iter().filter(|line| line.starts_with("changed")).count(), 6, "{seen:?}");
    let conf = dir.path().join("etc/conf");
    let mut lines: Vec<String> = fs::read_to_string(&conf).unwrap().lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["first", "second", "third"]);

    // All that follows from one damage is repaired, and nothing goes on after.
    fs::write(&conf, "second\n").unwrap();
    agent.until(&format!("changed tar[{:?}]", dir.path().join("etc.tar").to_str().unwrap())).await;
    agent.until("converged true").await;
    agent.engine.stop(StopLevel::Finish);
    let seen = agent.until("stopped").await;
    assert!(!seen.iter().any(|line| line.starts_with("failed") || line.starts_with("contended")), "{seen:?}");

    // The one that was stopped may have left something to do; what comes after the next may not.
    for first in [true, false] {
        let mut later = Agent::start(&prefix);
        later.run(files(dir.path())).await;
        let seen = later.until("converged true").await;
        assert!(first || seen.is_empty(), "a second run has nothing to do: {seen:?}");
        later.engine.stop(StopLevel::Finish);
        later.until("stopped").await;
    }
    assert_eq!(fs::read_to_string(&conf).unwrap().lines().count(), 3);
}

#[tokio::test]
async fn a_timer_prints_again_and_again_and_exit_ends_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(dir.path());
    let edge = "- {name: e, from: {kind: timer, name: t}, to: {kind: print, name: tick}, notify: true}";
    let beat = "timer: [{name: t, interval: 1}], print: [{name: tick, refresh_only: true}]";
    agent.run(format!("graph: g\nresources: {{{beat}}}\nedges:\n{edge}\n")).await;
    agent.until("converged true").await;
    assert!(agent.printer.take().is_empty(), "the start is no tick");
    agent.until("changed print[\"tick\"]").await;
    // A change elsewhere in the graph leaves the timer alone.
    agent.run(format!("graph: g\nresources: {{{beat}, noop: [{{name: new}}]}}\nedges:\n{edge}\n")).await;
    agent.until("changed print[\"tick\"]").await;
    assert_eq!(agent.printer.take(), ["tick", "tick"]);
    agent.run("graph: g\nresources: {exit: [{name: bye, code: 7}]}\n".into()).await;
    agent.until("exit 7").await;
    agent.until("stopped").await;
}

#[tokio::test]
async fn a_password_reaches_who_receives_it_and_a_later_run_says_that_it_knows_none() {
    let dir = tempfile::tempdir().unwrap();
    let graph = |agent: &Agent| {
        let mut graph = Graph::new("g");
        let sender = Declaration::new(Label::new("password", "p"), [].into_iter().collect());
        let mut receiver = Declaration::new(Label::new("print", "show"), [].into_iter().collect());
        let from = sender.label.clone();
        receiver.receives = vec![Receive { param: "msg", from, key: "password".into(), entry: None }];
        let kind = |name: &str| agent.registry.get(name).unwrap().clone();
        let sender = graph.add(Vertex::new(kind("password"), sender)).unwrap();
        let receiver = graph.add(Vertex::new(kind("print"), receiver)).unwrap();
        graph.connect(sender, receiver, mgmt::engine::graph::Edge { notify: false, auto: None });
        graph
    };
    let mut agent = Agent::start(dir.path());
    agent.swap(graph(&agent)).await;
    agent.until("converged true").await;
    let printed = agent.printer.take();
    assert_eq!((printed.len(), printed[0].len()), (1, 64));

    let other = tempfile::tempdir().unwrap();
    let mut masked = Agent::start(other.path());
    masked.swap(Draft::new(graph(&masked), Vec::new(), Vec::new()).graph).await;
    masked.until("converged true").await;
    assert_eq!(masked.printer.take(), ["(sensitive)"], "in a graph that a text declares");

    let mut later = Agent::start(dir.path());
    later.swap(graph(&later)).await;
    let why = "password[\"p\"] has sent no \"password\" for the parameter \"msg\"";
    later.until(&format!("failed print[\"show\"]: {why}")).await;
    assert!(later.printer.take().is_empty(), "not even an empty one");
}

#[tokio::test]
async fn a_value_is_sent_on_and_kept_for_a_later_run() {
    let dir = tempfile::tempdir().unwrap();
    let graph = |agent: &Agent, given: Option<Value>| {
        let mut graph = Graph::new("g");
        let params = given.map(|value| ("any", value)).into_iter().collect();
        let sender = Declaration::new(Label::new("value", "v"), params);
        let mut receiver = Declaration::new(Label::new("print", "show"), [].into_iter().collect());
        let from = sender.label.clone();
        receiver.receives = vec![Receive { param: "msg", from, key: "any".into(), entry: None }];
        let kind = |name: &str| agent.registry.get(name).unwrap().clone();
        let sender = graph.add(Vertex::new(kind("value"), sender)).unwrap();
        let receiver = graph.add(Vertex::new(kind("print"), receiver)).unwrap();
        graph.connect(sender, receiver, mgmt::engine::graph::Edge { notify: false, auto: None });
        graph
    };
    let mut agent = Agent::start(dir.path());
    for text in ["one", "two"] {
        agent.swap(graph(&agent, Some(Value::str(text)))).await;
        agent.until("changed print[\"show\"]").await;
    }
    assert_eq!(agent.printer.take(), ["one", "two"]);
    let mut later = Agent::start(dir.path());
    later.swap(graph(&later, None)).await;
    later.until("converged true").await;
    assert_eq!(later.printer.take(), ["two"]);
}
