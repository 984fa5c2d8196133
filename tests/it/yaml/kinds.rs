//! A small registry of kinds that build nothing.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use mgmt::engine::entry::Entry;
use mgmt::engine::kind::{Claim, KindDoc};
use mgmt::engine::resource::{Found, Outputs, Resource, ResourceError};
use mgmt::engine::{Cx, Declaration, Drift, Kind, ParamDecl, ParamError, Params, Registry, Type, Value};

mgmt::entry! {
    /// Does nothing.
    pub struct Noop {}
}

mgmt::entry! {
    /// Keeps a file.
    pub struct File {
        /// Where.
        path: Arc<str>,
        /// What.
        content: Option<Arc<str>>,
        /// Octal.
        mode: Option<Arc<str>>,
        /// `exists` or `absent`.
        state: Option<Arc<str>>,
        /// Files to join.
        fragments: Vec<Arc<str>>,
        /// Whether to replace a directory.
        force: bool = false,
        /// How many old versions to keep.
        backups: u8 = 0,
        /// A share.
        weight: f64 = 1.0,
    }
}

mgmt::entry! {
    /// Runs a command.
    pub struct Exec {
        /// The command.
        cmd: Arc<str>,
        /// Its arguments.
        args: Vec<Arc<str>>,
        /// Its environment.
        env: BTreeMap<Arc<str>, Arc<str>>,
        /// Names of exit codes.
        codes: BTreeMap<i64, Arc<str>>,
        /// Anything.
        data: Option<Value>,
    }
}

/// A kind that judges declarations by a function.
#[derive(Debug)]
struct Fake {
    doc: KindDoc,
    judge: fn(&Params) -> Result<(), Vec<ParamError>>,
}

#[derive(Debug)]
struct Nothing;

#[async_trait]
impl Resource for Nothing {
    async fn check(&self, _: &Cx) -> Result<Found, ResourceError> {
        Ok(Found::nothing())
    }
    async fn apply(&self, _: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        Ok(Outputs::none())
    }
}

impl Kind for Fake {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }
    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        (self.judge)(&declaration.params)?;
        Ok(Box::new(Nothing))
    }
    fn claims(&self, declaration: &Declaration) -> Vec<Claim> {
        let path = declaration.params.get("path").and_then(Value::as_str);
        path.map(|path| Claim::alone("file", path.trim_end_matches('/'), declaration)).into_iter().collect()
    }
}

thread_local! {
    static JUDGED: Cell<usize> = const { Cell::new(0) };
}

/// How many files were judged so far, by this thread.
pub fn files_judged() -> usize {
    JUDGED.get()
}

fn judge_file(params: &Params) -> Result<(), Vec<ParamError>> {
    JUDGED.set(JUDGED.get() + 1);
    let file = File::decode(params)?;
    let mut errors = Vec::new();
    if let Some(mode) = &file.mode
        && u32::from_str_radix(mode, 8).is_err()
    {
        let error = ParamError::at("mode", format!("{mode:?} is not a mode"));
        errors.push(error.hint("write it in octal, such as 0644"));
    }
    if file.content.is_some() && !file.fragments.is_empty() {
        errors.push(ParamError::at("fragments", "fragments and content exclude one another"));
    }
    if file.state.is_none() && file.content.is_none() && file.fragments.is_empty() {
        errors.push(ParamError::whole("nothing is wanted of this file").hint("add `state: exists`"));
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

/// A kind with the parameters of `E`.
pub fn fake<E: Entry>(
    name: &'static str,
    judge: fn(&Params) -> Result<(), Vec<ParamError>>,
) -> Arc<dyn Kind> {
    let doc = KindDoc { name, doc: E::doc(), params: E::params(), outputs: Vec::new() };
    Arc::new(Fake { doc, judge })
}

/// A kind with a parameter that has fields.
fn disk() -> Arc<dyn Kind> {
    let fields = vec![("source".into(), Type::Str), ("boot".into(), Type::Bool)];
    let ty = Type::List(Box::new(Type::Struct(fields)));
    let params = vec![ParamDecl { name: "disks", ty, doc: String::new(), default: None }];
    let doc = KindDoc { name: "virt", doc: "A machine.".to_owned(), params, outputs: Vec::new() };
    Arc::new(Fake { doc, judge: |_| Ok(()) })
}

/// All kinds of these tests.
pub fn registry() -> Registry {
    Registry::new([
        fake::<Noop>("noop", |params| Noop::decode(params).map(drop)),
        fake::<File>("file", judge_file),
        fake::<Exec>("exec", |params| Exec::decode(params).map(drop)),
        disk(),
    ])
}
