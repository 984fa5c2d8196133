//! A kind on a bench: built from parameters, checked and applied as the runtime would, in a scratch folder.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

use crate::engine::cx::{Cancel, Control, Surroundings, Waker};
use crate::engine::id::Label;
use crate::engine::world::nowhere::Nowhere;
use crate::engine::world::{Blobs, Deploys, Directory, Exports, HostName, Schedule, Secrets, Strings, World};
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, Outputs, ParamError, Resource, ResourceError, Value,
};

/// A world with some parts that a test made; the others are nowhere.
#[derive(Debug)]
pub struct PartWorld {
    pub strings: Option<Arc<dyn Strings>>,
    pub secrets: Option<Arc<dyn Secrets>>,
    pub schedule: Option<Arc<dyn Schedule>>,
    pub nowhere: Arc<dyn World>,
}

impl PartWorld {
    /// A host that sees none of a world's parts yet.
    pub fn of(host: &str) -> Self {
        Self { strings: None, secrets: None, schedule: None, nowhere: Nowhere::of(host.parse().unwrap()) }
    }
}

impl World for PartWorld {
    fn host(&self) -> &HostName {
        self.nowhere.host()
    }

    fn strings(&self) -> Arc<dyn Strings> {
        self.strings.clone().unwrap_or_else(|| self.nowhere.strings())
    }

    fn secrets(&self) -> Arc<dyn Secrets> {
        self.secrets.clone().unwrap_or_else(|| self.nowhere.secrets())
    }

    fn exports(&self) -> Arc<dyn Exports> {
        self.nowhere.exports()
    }

    fn directory(&self) -> Arc<dyn Directory> {
        self.nowhere.directory()
    }

    fn schedule(&self) -> Arc<dyn Schedule> {
        self.schedule.clone().unwrap_or_else(|| self.nowhere.schedule())
    }

    fn deploys(&self) -> Arc<dyn Deploys> {
        self.nowhere.deploys()
    }

    fn blobs(&self) -> Arc<dyn Blobs> {
        self.nowhere.blobs()
    }
}

/// Parameters as a test writes them.
pub type Given<'a> = &'a [(&'static str, Value)];

/// A scratch folder with an agent's prefix in it.
#[derive(Debug)]
pub struct Bench {
    dir: tempfile::TempDir,
    exits: Arc<Exits>,
    world: Arc<dyn World>,
    wakes: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Exits(Mutex<Vec<u8>>);

impl Control for Exits {
    fn exit(&self, code: u8) {
        self.0.lock().unwrap().push(code);
    }

    fn facts_changed(&self, _: crate::engine::cx::Done) {}
}

impl Bench {
    pub fn new() -> Self {
        Self::in_world(Nowhere::of("here".parse().unwrap()))
    }

    /// A scratch folder in a world.
    pub fn in_world(world: Arc<dyn World>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir, exits: Arc::default(), world, wakes: watch::Sender::new(0) }
    }

    /// A path in the scratch folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The same as a parameter.
    pub fn place(&self, name: &str) -> Value {
        Value::str(self.path(name).to_str().unwrap())
    }

    /// Writes a file in the scratch folder.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), content).unwrap();
    }

    /// Reads a file in the scratch folder.
    pub fn read(&self, name: &str) -> String {
        String::from_utf8(std::fs::read(self.path(name)).unwrap()).unwrap()
    }

    /// The agent's prefix.
    pub fn prefix(&self) -> PathBuf {
        self.path("prefix")
    }

    /// Which exit codes were asked for.
    pub fn exits(&self) -> Vec<u8> {
        self.exits.0.lock().unwrap().clone()
    }

    /// How often a vertex was woken.
    pub fn wakes(&self) -> usize {
        *self.wakes.borrow()
    }

    /// Waits until a vertex was woken once more than so often.
    pub async fn woken_after(&self, wakes: usize) {
        self.wakes.subscribe().wait_for(|now| *now > wakes).await.unwrap();
    }

    /// Builds a resource that is right.
    pub fn build(&self, kind: &dyn Kind, name: &str, params: Given<'_>) -> Subject {
        let declaration = declare(kind, name, params);
        let resource = kind.build(&declaration).unwrap();
        self.subject(declaration.label, resource)
    }

    /// Builds a group of resources that are right, each of a name and parameters.
    pub fn group(&self, kind: &dyn Kind, members: &[(&str, Given<'_>)]) -> Subject {
        let members: Vec<_> = members.iter().map(|(name, params)| declare(kind, name, params)).collect();
        let resource = kind.group(&members).unwrap();
        self.subject(members[0].label.clone(), resource)
    }

    /// A resource that was built from a declaration with meta-parameters.
    pub fn subject(&self, label: Label, resource: Box<dyn Resource>) -> Subject {
        let wakes = self.wakes.clone();
        let surroundings = Arc::new(Surroundings {
            label,
            prefix: Arc::from(self.prefix()),
            waker: Waker::new(move |_| {
                wakes.send_modify(|wakes| *wakes += 1);
            }),
            world: self.world.clone(),
            control: self.exits.clone(),
        });
        Subject { resource, surroundings }
    }
}

fn declare(kind: &dyn Kind, name: &str, params: Given<'_>) -> Declaration {
    let label = Label::new(kind.describe().name, name);
    for (param, _) in params {
        assert!(kind.describe().param(param).is_some(), "{label} has no parameter {param:?}");
    }
    Declaration::new(label, params.iter().cloned().collect())
}

/// What is wrong with a declaration.
pub fn refused(kind: &dyn Kind, name: &str, params: Given<'_>) -> Vec<ParamError> {
    kind.build(&declare(kind, name, params)).expect_err("it is refused")
}

/// What the graph is told of a declaration.
pub fn capabilities(kind: &dyn Kind, name: &str, params: Given<'_>) -> Capabilities {
    kind.capabilities(&declare(kind, name, params))
}

/// A list of texts as a parameter.
pub fn texts<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> Value {
    Value::List(items.into_iter().map(Value::str).collect())
}

/// A resource and its surroundings.
#[derive(Debug)]
pub struct Subject {
    pub resource: Box<dyn Resource>,
    surroundings: Arc<Surroundings>,
}

/// What a run did.
#[derive(Debug)]
pub struct Ran {
    /// What was found and applied.
    pub drift: Drift,
    /// What was sent.
    pub outputs: Outputs,
}

impl Ran {
    /// What differed, in the words that people read.
    pub fn shown(&self) -> Vec<String> {
        self.drift.iter().map(ToString::to_string).collect()
    }

    /// What was sent under a key.
    pub fn sent(&self, key: &str) -> Option<&Value> {
        let output = self.outputs.iter().find(|output| output.key == key);
        output.expect("it sends this key").value.as_ref()
    }
}

impl Subject {
    /// The surroundings of a new run.
    pub fn cx(&self) -> Cx {
        Cx::new(self.surroundings.clone(), Cancel::default())
    }

    /// Check, and apply if something differs.
    pub async fn try_run(&self, cx: Cx) -> Result<Ran, ResourceError> {
        let Found { drift, outputs } = self.resource.check(&cx).await?;
        if drift.is_empty() || cx.noop {
            return Ok(Ran { drift, outputs });
        }
        let outputs = self.resource.apply(&cx, drift.clone()).await?;
        match cx.take_failed().pop() {
            Some((_, error)) => Err(error),
            None => Ok(Ran { drift, outputs }),
        }
    }

    /// What a check under noop says that would fail, as people read it.
    pub async fn foreseen(&self) -> Vec<(u32, String)> {
        let mut cx = self.cx();
        cx.noop = true;
        self.resource.check(&cx).await.unwrap();
        cx.take_foreseen().into_iter().map(|(member, error)| (member, error.to_string())).collect()
    }

    /// A run of a group of which some fail alone: which, and why.
    pub async fn failing_alone(&self) -> Vec<(u32, ResourceError)> {
        let cx = self.cx();
        let found = self.resource.check(&cx).await.unwrap();
        self.resource.apply(&cx, found.drift).await.unwrap();
        cx.take_failed()
    }

    /// A run that succeeds.
    pub async fn run(&self) -> Ran {
        self.try_run(self.cx()).await.unwrap()
    }

    /// A run with a pending refresh that succeeds.
    pub async fn refresh(&self) -> Ran {
        let mut cx = self.cx();
        cx.refresh = true;
        self.try_run(cx).await.unwrap()
    }

    /// A run under noop that succeeds.
    pub async fn noop(&self) -> Ran {
        let mut cx = self.cx();
        cx.noop = true;
        self.try_run(cx).await.unwrap()
    }

    /// A run that fails, as people read it.
    pub async fn failure(&self) -> String {
        self.try_run(self.cx()).await.expect_err("it fails").to_string()
    }

    /// Runs until nothing differs, which is after one repair.
    pub async fn repair(&self) -> Ran {
        let first = self.run().await;
        assert!(!first.drift.is_empty(), "nothing differed");
        let second = self.run().await;
        assert!(second.drift.is_empty(), "still differs: {:?}", second.shown());
        first
    }
}

/// Everything below a folder, for comparing before and after.
pub fn listing(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.push((path.clone(), Vec::new()));
            found.extend(listing(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}
