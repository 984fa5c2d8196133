//! The kind `exec`: runs a command when its guards permit.
//!
//! A check asks the guards; what it finds is one difference, the command. It never remembers that the command was run:
//! the engine asks when something woke the vertex, and then the guards alone decide.

mod command;
mod error;
mod guards;
mod memory;
mod params;
mod run;
mod spec;
mod watch;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use crate::engine::entry::Entry;
use crate::engine::kind::{Ask, Uid};
use crate::engine::params::OutputDecl;
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Resource, ResourceError,
    Shown, Type, Wakes,
};
use crate::resources::host::Host;
use crate::resources::memory::Memory;
use guards::Verdict;
use memory::Unkept;
use params::ExecParams;
use spec::Spec;

pub use error::ExecError;

/// The kind `exec`.
#[derive(Debug)]
pub struct ExecKind {
    host: Arc<Host>,
    unkept: Memory<Unkept>,
    doc: KindDoc,
}

impl ExecKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        let output = |name, doc| OutputDecl { name, ty: Type::Str, doc, secret: false };
        let doc = KindDoc {
            name: "exec",
            doc: ExecParams::doc(),
            params: ExecParams::params(),
            outputs: vec![
                output(
                    "output",
                    "All that the command wrote when it last ran well, in the order of arrival.",
                ),
                output("stdout", "What it wrote to standard output."),
                output("stderr", "What it wrote to standard error."),
            ],
        };
        Self { host, unkept: Memory::default(), doc }
    }
}

impl Kind for ExecKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let spec = Arc::new(Spec::new(declaration)?);
        let unkept = self.unkept.of(&declaration.label);
        Ok(Box::new(ExecResource { host: self.host.clone(), spec, unkept }))
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let Ok(spec) = Spec::new(declaration) else { return Capabilities::default() };
        Capabilities {
            asks: asks(&spec),
            refreshable: true,
            waits: true,
            unwatched: spec.watchcmd.is_none() && spec.watched().next().is_none(),
            ..Capabilities::default()
        }
    }
}

/// Where a program that is given without a folder may come to lie.
const PROGRAM_DIRS: [&str; 6] =
    ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// Programs, folders and accounts come before the commands that need them.
fn asks(spec: &Spec) -> Vec<Ask> {
    let programs = spec.commands().filter_map(|command| command.words.first().cloned());
    let folders = spec.commands().filter_map(|command| command.cwd.as_ref()?.to_str().map(Arc::from));
    let paths = programs.chain(folders).filter_map(|path: Arc<str>| {
        let path = path.trim_end_matches('/');
        (!path.is_empty() && (path.starts_with('/') || !path.contains('/'))).then(|| Arc::from(path))
    });
    let paths: BTreeSet<Arc<str>> = paths.collect();
    let mut asks = Vec::with_capacity(2 * paths.len() + 2);
    for path in paths {
        let at = |sort| match path.starts_with('/') {
            true => vec![Uid::new(sort, path.clone())],
            false => PROGRAM_DIRS.iter().map(|dir| Uid::new(sort, format!("{dir}/{path}"))).collect(),
        };
        asks.push(Ask::after(at("path"), "a program or folder it needs"));
        asks.push(Ask::after(at("owned"), "the package with a program it runs"));
    }
    let accounts =
        [("user", &spec.user, "the user it runs as"), ("group", &spec.group, "the group it runs as")];
    asks.extend(
        accounts
            .into_iter()
            .filter_map(|(sort, name, why)| Some(Ask::after(vec![Uid::new(sort, name.clone()?)], why))),
    );
    asks
}

/// One command with its guards.
#[derive(Debug)]
struct ExecResource {
    host: Arc<Host>,
    spec: Arc<Spec>,
    unkept: Arc<Unkept>,
}

#[async_trait]
impl Resource for ExecResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        Ok(watch::watch(&self.host, &self.spec, cx).await?)
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        match guards::decide(&self.host, &self.spec, cx).await? {
            Verdict::Skip => {
                let written = match self.spec.secret_output {
                    true => self.unkept.get(),
                    false => memory::written(cx)?,
                };
                let outputs = run::outputs(&self.spec, written);
                Ok(Found { drift: Drift::none(), outputs })
            }
            Verdict::Run(why) => {
                let mut drift = Drift::none();
                drift.add("cmd", Shown::text(why), Shown::Text(self.spec.cmd.shown.clone()));
                if cx.refresh {
                    drift.add("refresh", Shown::text("pending"), Shown::text("run"));
                }
                Ok(Found::drift(drift))
            }
        }
    }

    async fn apply(&self, cx: &Cx, _drift: Drift) -> Result<Outputs, ResourceError> {
        run::apply(&self.host, &self.spec, cx, &self.unkept).await
    }
}
