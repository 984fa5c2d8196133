//! A kind whose resources do what a test tells them, and a way to run graphs of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use mgmt::engine::drift::Shown;
use mgmt::engine::graph::{Edge, Vertex};
use mgmt::engine::meta::Meta;
use mgmt::engine::runtime::observe::{Happening, Observer};
use mgmt::engine::runtime::prepare::{self, Options};
use mgmt::engine::runtime::{Config, Engine, Swapped};
use mgmt::engine::sched::Limits;
use mgmt::engine::value::Value;
use mgmt::engine::world::nowhere::Nowhere;
use mgmt::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Graph, Kind, KindDoc, Label, Outputs, ParamError, Params,
    Registry, Resource, ResourceError, Wake, Wakes,
};
use tokio::sync::{Notify, mpsc};

/// What a test sees and does of the world in which toys live.
#[derive(Debug, Default)]
pub struct World {
    pub inner: Mutex<Inner>,
    pub released: Notify,
}

#[derive(Debug, Default)]
pub struct Inner {
    /// `check`, `apply` and `refresh` of each toy, in order.
    pub log: Vec<String>,
    /// What each toy is like now.
    pub state: HashMap<String, String>,
    /// Those that were told to fail no longer do.
    pub mended: bool,
    wakers: HashMap<String, mgmt::engine::cx::Waker>,
}

impl World {
    pub fn log(&self) -> Vec<String> {
        self.inner.lock().unwrap().log.clone()
    }

    pub fn clear(&self) {
        self.inner.lock().unwrap().log.clear();
    }

    /// Changes a toy behind mgmt's back; its watch sees it.
    pub fn damage(&self, name: &str) {
        let mut inner = self.inner.lock().unwrap();
        inner.state.remove(name);
        if let Some(waker) = inner.wakers.get(name) {
            waker.wake(Wake::default());
        }
    }

    fn say(&self, what: &str, name: &str) {
        self.inner.lock().unwrap().log.push(format!("{what} {name}"));
    }
}

mgmt::entry! {
    /// A toy.
    pub struct ToyParams {
        /// What it should be like.
        value: Arc<str> = Arc::from("new"),
        /// It fails.
        fails: bool = false,
        /// It panics.
        panics: bool = false,
        /// It applies only once the test lets it.
        waits: bool = false,
        /// It may be applied together with others.
        group: bool = false,
        /// It has something to do once it has left.
        parts: bool = false,
    }
}

#[derive(Debug)]
pub struct ToyKind {
    pub world: Arc<World>,
    pub doc: KindDoc,
}

#[derive(Debug)]
struct Toy {
    world: Arc<World>,
    name: String,
    params: ToyParams,
}

#[derive(Debug, thiserror::Error)]
#[error("it was told to fail")]
struct ToldToFail;

impl ToyKind {
    pub fn new(world: &Arc<World>) -> Arc<Self> {
        use mgmt::engine::entry::Entry as _;
        let outputs = vec![mgmt::engine::params::OutputDecl {
            name: "value",
            ty: mgmt::engine::Type::Str,
            doc: "What it is like.",
            secret: false,
        }];
        let doc = KindDoc { name: "toy", doc: ToyParams::doc(), params: ToyParams::params(), outputs };
        Arc::new(Self { world: world.clone(), doc })
    }
}

impl Kind for ToyKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        use mgmt::engine::entry::Entry as _;
        let params = ToyParams::decode(&declaration.params)?;
        Ok(Box::new(Toy { world: self.world.clone(), name: declaration.label.name.to_string(), params }))
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let group = declaration.params.get("group").map(|_| "toys".into());
        Capabilities { refreshable: true, reversible: true, group, ..Capabilities::default() }
    }

    fn group(&self, members: &[Declaration]) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        use mgmt::engine::entry::Entry as _;
        let toys = members.iter().map(|declaration| {
            let params = ToyParams::decode(&declaration.params)?;
            Ok(Toy { world: self.world.clone(), name: declaration.label.name.to_string(), params })
        });
        Ok(Box::new(Toys(toys.collect::<Result<_, Vec<ParamError>>>()?)))
    }
}

/// Several that are checked and applied together, each of which may fail alone.
#[derive(Debug)]
struct Toys(Vec<Toy>);

impl Toys {
    fn named(&self, wanted: impl Fn(u32) -> bool) -> String {
        let named = (0..).zip(&self.0).filter(|(at, _)| wanted(*at)).map(|(_, toy)| toy.name.as_str());
        named.collect::<Vec<_>>().join("+")
    }
}

#[async_trait]
impl Resource for Toys {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        for toy in &self.0 {
            toy.watch(cx).await?;
        }
        Ok(Wakes::never())
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        self.0[0].world.say("check", &self.named(|at| cx.concerns(at)));
        let mut found = Found::nothing();
        for (at, toy) in (0..).zip(&self.0).filter(|(at, _)| cx.concerns(*at)) {
            let one = toy.look(cx.refresh);
            found.drift.join(at, &one.drift);
            found.outputs.send(at, "value", Some(Value::Str(toy.params.value.clone())));
        }
        Ok(found)
    }

    async fn apply(&self, cx: &Cx, drift: Drift) -> Result<Outputs, ResourceError> {
        self.0[0].world.say("apply", &self.named(|at| drift.has_member(at)));
        let mut outputs = Outputs::none();
        for (at, toy) in (0..).zip(&self.0).filter(|(at, _)| drift.has_member(*at)) {
            match toy.put(cx).await {
                Ok(()) => outputs.send(at, "value", Some(Value::Str(toy.params.value.clone()))),
                Err(error) => cx.member_failed(at, error),
            }
        }
        Ok(outputs)
    }
}

impl Toy {
    fn look(&self, refresh: bool) -> Found {
        let is = self.world.inner.lock().unwrap().state.get(&self.name).cloned();
        let mut found = Found::nothing();
        if is.as_deref() != Some(&*self.params.value) {
            let is = is.map_or(Shown::Absent, Shown::text);
            found.drift.add("value", is, Shown::Text(self.params.value.clone()));
        } else if refresh {
            found.drift.add("refresh", Shown::Absent, Shown::Absent);
        }
        found
    }

    async fn put(&self, cx: &Cx) -> Result<(), ResourceError> {
        if self.params.waits {
            tokio::select! {
                () = self.world.released.notified() => {}
                () = cx.cancel.cancelled() => return Err(ResourceError::transient(ToldToFail)),
            }
        }
        assert!(!self.params.panics, "it was told to panic");
        if self.params.fails && !self.world.inner.lock().unwrap().mended {
            return Err(ResourceError::transient(ToldToFail));
        }
        self.world.inner.lock().unwrap().state.insert(self.name.clone(), self.params.value.to_string());
        Ok(())
    }
}

#[async_trait]
impl Resource for Toy {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        self.world.inner.lock().unwrap().wakers.insert(self.name.clone(), cx.waker().clone());
        Ok(Wakes::never())
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        self.world.say("check", &self.name);
        let mut found = self.look(cx.refresh);
        found.outputs = Outputs::from_iter([("value", Value::Str(self.params.value.clone()))]);
        Ok(found)
    }

    async fn apply(&self, cx: &Cx, drift: Drift) -> Result<Outputs, ResourceError> {
        let what = if drift.has("refresh") { "refresh" } else { "apply" };
        self.world.say(what, &self.name);
        self.put(cx).await?;
        Ok(Outputs::from_iter([("value", Value::Str(self.params.value.clone()))]))
    }

    async fn undo(&self, _: &Cx) -> Result<Option<Params>, ResourceError> {
        let is = self.world.inner.lock().unwrap().state.get(&self.name).cloned();
        Ok(is.map(|is| Params::from_iter([("value", Value::str(is))])))
    }

    fn leave(&self, _: &Cx) -> Option<BoxFuture<'static, ()>> {
        let (world, name) = (self.world.clone(), self.name.clone());
        self.params.parts.then(|| async move { world.say("leave", &name) }.boxed())
    }
}

/// One declaration of a test's graph.
pub struct Spec {
    pub name: &'static str,
    pub params: Vec<(&'static str, Value)>,
    pub meta: Vec<(&'static str, Value)>,
    pub receives: Vec<mgmt::engine::declaration::Receive>,
}

pub fn toy(name: &'static str) -> Spec {
    Spec { name, params: Vec::new(), meta: Vec::new(), receives: Vec::new() }
}

impl Spec {
    pub fn param(mut self, name: &'static str, value: Value) -> Self {
        self.params.push((name, value));
        self
    }
    pub fn meta(mut self, name: &'static str, value: Value) -> Self {
        self.meta.push((name, value));
        self
    }
}

/// A running engine with its world.
pub struct Bench {
    pub engine: Engine,
    pub world: Arc<World>,
    pub happenings: mpsc::UnboundedReceiver<String>,
    kind: Arc<ToyKind>,
    _prefix: tempfile::TempDir,
}

#[derive(Debug)]
struct Tell(mpsc::UnboundedSender<String>);

impl Observer for Tell {
    fn happened(&self, happening: Happening<'_>) {
        let line = match happening {
            Happening::Ran(_) => return,
            Happening::Changed { vertex, .. } => format!("changed {}", vertex.label().name),
            Happening::WouldChange { vertex, .. } => format!("would change {}", vertex.label().name),
            Happening::Failed { vertex, error, next, .. } => {
                format!("failed {}: {error} ({next:?})", vertex.label().name)
            }
            Happening::Recovered { vertex, .. } => format!("recovered {}", vertex.label().name),
            Happening::Blocked { vertex, by, .. } => {
                format!("blocked {} by {}", vertex.label().name, by.name)
            }
            Happening::Contended { vertex } => format!("contended {}", vertex.label().name),
            Happening::Swapped(_) => "swapped".to_owned(),
            Happening::Converged(converged) => format!("converged {converged}"),
            Happening::ExitRequested(code) => format!("exit {code}"),
            Happening::FactsChanged(_) => "facts changed".to_owned(),
            Happening::Stopped(_) => "stopped".to_owned(),
        };
        let _ = self.0.send(line);
    }
}

impl Bench {
    pub fn start() -> Self {
        Self::with(|_| {})
    }

    pub fn with(adjust: impl FnOnce(&mut Config)) -> Self {
        let world = Arc::new(World::default());
        let kind = ToyKind::new(&world);
        let prefix = tempfile::tempdir().unwrap();
        let limits = Limits { converged_after: Some(Duration::ZERO), ..Limits::default() };
        let mut config = Config {
            prefix: prefix.path().into(),
            limits,
            noop: false,
            sema: None,
            world: Nowhere::of("here".parse().expect("a name for a host")),
            registry: Registry::new([kind.clone() as Arc<dyn Kind>]),
            one_look: false,
            record: None,
        };
        adjust(&mut config);
        let (tell, happenings) = mpsc::unbounded_channel();
        let engine = Engine::start(config, Arc::new(Tell(tell)));
        Self { engine, world, happenings, kind, _prefix: prefix }
    }

    /// Goes over to a graph of toys; edges are `(from, to, notify)`.
    pub async fn swap(&mut self, specs: Vec<Spec>, edges: &[(&str, &str, bool)]) -> Swapped {
        let mut graph = Graph::new("toys");
        for spec in specs {
            let mut declaration =
                Declaration::new(Label::new("toy", spec.name), spec.params.into_iter().collect());
            if !spec.meta.is_empty() {
                declaration.meta = Arc::new(Meta::from_params(&spec.meta.into_iter().collect()).unwrap());
            }
            declaration.receives = spec.receives;
            graph.add(Vertex::new(self.kind.clone(), declaration)).unwrap();
        }
        let node = |graph: &Graph, name: &str| graph.find(&Label::new("toy", name)).unwrap();
        for (from, to, notify) in edges {
            let (from, to) = (node(&graph, from), node(&graph, to));
            graph.connect(from, to, Edge { notify: *notify, auto: None });
        }
        let prepared = prepare::prepare(graph, Options::default()).unwrap();
        self.engine.swap(prepared).await.unwrap()
    }

    /// Waits for something to happen; a minute without it is a failure.
    pub async fn until(&mut self, what: &str) {
        let mut seen = Vec::new();
        let waiting = async {
            while let Some(line) = self.happenings.recv().await {
                if line.starts_with(what) {
                    return;
                }
                seen.push(line);
            }
            panic!("the engine ended without {what:?}; seen: {seen:?}");
        };
        if tokio::time::timeout(Duration::from_secs(60), waiting).await.is_err() {
            panic!("{what:?} did not happen; seen: {seen:?}; log: {:?}", self.world.log());
        }
    }
}
