//! What an exec does, with real processes where they matter.

mod declared;
mod guarded;
mod ran;
mod watched;

use std::path::Path;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::sync::mpsc;

use super::*;
use crate::engine::cx::{Cancel, Control, Surroundings, Waker};
use crate::engine::world::nowhere::Nowhere;
use crate::engine::{Label, Params, Value};
use crate::resources::host::FakeWatch;
use crate::resources::host::process::{FakeProcesses, Processes, SystemProcesses};

#[derive(Debug)]
struct NoControl;

impl Control for NoControl {
    fn exit(&self, _code: u8) {}
    fn facts_changed(&self, _: crate::engine::cx::Done) {}
}

/// A scratch folder, a host, and what was woken.
struct Scene {
    dir: TempDir,
    paths: FakeWatch,
    kind: ExecKind,
    surroundings: Arc<Surroundings>,
    woken: mpsc::UnboundedReceiver<()>,
}

impl Scene {
    fn real() -> Self {
        Self::new(Arc::new(SystemProcesses::default()))
    }

    fn fake() -> (Self, Arc<FakeProcesses>) {
        let processes = Arc::new(FakeProcesses::default());
        (Self::new(processes.clone()), processes)
    }

    fn new(processes: Arc<dyn Processes>) -> Self {
        let (dir, paths) = (tempfile::tempdir().unwrap(), FakeWatch::new());
        let (send, woken) = mpsc::unbounded_channel();
        let surroundings = Arc::new(Surroundings {
            label: Label::new("exec", "it"),
            prefix: dir.path().join("prefix").into(),
            waker: Waker::new(move |_| {
                let _ = send.send(());
            }),
            world: Nowhere::of("here".parse().unwrap()),
            control: Arc::new(NoControl),
        });
        let kind = ExecKind::new(Arc::new(Host { processes, ..Host::over(Arc::new(paths.clone())) }));
        Self { dir, paths, kind, surroundings, woken }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).to_str().unwrap().to_owned()
    }

    fn cx(&self) -> Cx {
        self.cx_with(&Cancel::default())
    }

    fn cx_with(&self, cancel: &Cancel) -> Cx {
        Cx::new(self.surroundings.clone(), cancel.clone())
    }

    fn build(&self, params: &[(&'static str, &str)]) -> Box<dyn Resource> {
        self.kind.build(&declared(params)).unwrap()
    }

    /// A check, and what would run.
    async fn check(&self, exec: &dyn Resource) -> Result<bool, ResourceError> {
        Ok(!exec.check(&self.cx()).await?.drift.is_empty())
    }

    /// A check, and a run if it says so.
    async fn settle(&self, exec: &dyn Resource) -> Result<(bool, Outputs), ResourceError> {
        let found = exec.check(&self.cx()).await?;
        if found.drift.is_empty() {
            return Ok((false, found.outputs));
        }
        Ok((true, exec.apply(&self.cx(), found.drift).await?))
    }
}

/// A declaration; a value in brackets is a list.
fn declared(params: &[(&'static str, &str)]) -> Declaration {
    let value = |text: &str| match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(items) => Value::List(items.split(',').map(Value::str).collect()),
        None => Value::str(text),
    };
    let params: Params = params.iter().map(|(name, text)| (*name, value(text))).collect();
    Declaration::new(Label::new("exec", "it"), params)
}

fn sent(outputs: &Outputs, key: &str) -> Option<String> {
    let output = outputs.iter().find(|output| output.key == key).unwrap();
    output.value.as_ref().map(|value| value.as_str().unwrap().to_owned())
}

fn exists(path: impl AsRef<Path>) -> bool {
    path.as_ref().exists()
}
