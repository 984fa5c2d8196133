//! The kind `augeas`: settings in files of many formats.

mod edit;
mod error;
mod params;
mod script;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::file::target::{Target, normalize};
use super::wake_on::wake_on;
use super::{doc_of, path_asks};
use crate::engine::drift::Shown;
use crate::engine::entry::Entry as _;
use crate::engine::kind::{Ask, Uid};
use crate::engine::path_watch::Interest;
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Resource, ResourceError,
    Value, Wakes,
};
use crate::resources::host::Host;
use crate::resources::host::managed::Claim;
use crate::resources::host::process::{DEFAULT_PATH, Env, Invocation};
use edit::{Difference, Edits, Several};
use error::AugeasError;
use params::{InsParam, MvParam, SetParam};
use script::{Matches, Script};

crate::entry! {
    /// Keeps settings in a file of a format that augeas knows, and leaves the rest of the file as it is.
    ///
    /// A lens of augeas shows the file as a tree; edits are about nodes of this tree. They are made in the order `rm`, `mv`,
    /// `ins`, `sets`, and only where something differs. The file is replaced whole, with its owner and mode. What is
    /// no file of the lens, before or after the edits, is never written.
    ///
    /// Paths are below the file, such as `PermitRootLogin` or `*[ipaddr = "::1"]/canonical`; what begins with `/files/` or
    /// `/augeas/` is taken as it is. See which there are with `augtool print /files/etc/hosts`.
    ///
    /// It needs the program augtool, of the package augeas-tools, which follows links by itself: a file that others could
    /// put one in the place of, as in a user's home, is refused.
    ///
    /// ```yaml
    /// resources:
    ///   augeas:
    ///   - name: /etc/ssh/sshd_config
    ///     lens: Sshd.lns
    ///     sets:
    ///     - {path: PermitRootLogin, value: "no"}
    /// ```
    pub struct AugeasParams {
        /// The file: an absolute path. The resource's name if not given.
        file: Arc<str>,
        /// The lens, such as `Hosts.lns`. Required.
        lens: Arc<str>,
        /// Values of single nodes, which are made if they are not there: `{path, value}`.
        sets: Vec<SetParam>,
        /// Nodes that are not to be there, with all below them.
        rm: Vec<Arc<str>>,
        /// Nodes to make beside others: `{label, where, path, unless}`, where `where` is `before` or `after` the node at `path`.
        /// Nothing is made if something matches `unless`.
        ins: Vec<InsParam>,
        /// Nodes to move, as long as there is one at `from`: `{from, to}`.
        mv: Vec<MvParam>,
        /// Nothing is edited unless each of these paths matches something; with `!` before it, nothing.
        r#match: Vec<Arc<str>>,
    }
}

/// The kind `augeas`.
#[derive(Debug)]
pub struct AugeasKind {
    host: Arc<Host>,
    /// One writes at a time: augtool has no lock.
    turn: Arc<Mutex<()>>,
    doc: KindDoc,
}

impl AugeasKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self { host, turn: Arc::default(), doc: doc_of::<AugeasParams>("augeas", Vec::new()) }
    }
}

impl Kind for AugeasKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let params = AugeasParams::decode(&declaration.params)?;
        let mut errors = Vec::new();
        let target = file(&params.file, &declaration.label.name).map_err(|error| errors.push(error)).ok();
        if params.lens.is_empty()
            || params.lens.contains(|c: char| !c.is_ascii_alphanumeric() && !"._".contains(c))
        {
            let error = ParamError::at("lens", format!("{:?} is no name of a lens", params.lens));
            errors.push(error.hint("add `lens:` with a name such as Hosts.lns"));
        }
        let received = !declaration.receives.is_empty();
        let none = params.sets.is_empty() && params.rm.is_empty() && params.ins.is_empty();
        if none && params.mv.is_empty() && !received {
            let error = ParamError::at("sets", "there is nothing to edit");
            errors.push(error.hint("add `sets:` with a list of `{path, value}`"));
        }
        for ins in params.ins.iter().filter(|ins| !matches!(&*ins.place, "before" | "after")) {
            let error = ParamError::at("ins", format!("{:?} is no place", ins.place));
            errors.push(error.hint("`where` is `before` or `after`"));
        }
        if params.ins.iter().any(|ins| ins.unless.is_empty()) {
            let error = ParamError::at("ins", "without `unless` each run would make another node");
            errors.push(error.hint("say which path tells that it is there"));
        }
        let (Some(target), true) = (target, errors.is_empty()) else { return Err(errors) };
        let edits = edits(&params, &target.path);
        Ok(Box::new(AugeasResource {
            claim: self.host.managed.claim(target.path),
            host: self.host.clone(),
            turn: self.turn.clone(),
            lens: params.lens,
            edits,
            secret: !declaration.meta.sensitive.is_empty(),
        }))
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let given = declaration.params.get("file").and_then(Value::as_str).unwrap_or_default();
        let target = file(given, &declaration.label.name).ok();
        let mut asks: Vec<Ask> = target.iter().flat_map(path_asks::of_edited).collect();
        asks.push(Ask::after(vec![Uid::new("package", "augeas-tools")], "the package with augtool"));
        Capabilities { asks, waits: true, ..Capabilities::default() }
    }
}

fn file(given: &str, name: &str) -> Result<Target, ParamError> {
    let (text, param) = if given.is_empty() { (name, None) } else { (given, Some("file")) };
    let target = normalize(text, param)?;
    let wrong = |message: String| ParamError { param, message, hint: None };
    if target.is_dir {
        return Err(wrong(format!("{text:?} is the path of a directory")));
    }
    // Other characters mean something in augeas' paths.
    if target.path.contains(|c: char| !c.is_ascii_alphanumeric() && !"/._-+@~:".contains(c)) {
        return Err(wrong(format!("augeas edits no file with such a name: {text:?}")));
    }
    Ok(target)
}

fn edits(params: &AugeasParams, file: &str) -> Edits {
    let whole = |path: &str| match path {
        "" => format!("/files{file}"),
        path if path.starts_with("/files/") || path.starts_with("/augeas/") => path.to_owned(),
        path => format!("/files{file}/{}", path.trim_start_matches('/')),
    };
    let guard = |path: &Arc<str>| match path.strip_prefix('!') {
        Some(path) => (whole(path.trim_start()), false),
        None => (whole(path), true),
    };
    let ins = |ins: &InsParam| InsParam {
        path: whole(&ins.path).into(),
        unless: whole(&ins.unless).into(),
        ..ins.clone()
    };
    Edits {
        guards: params.r#match.iter().map(guard).collect(),
        rm: params.rm.iter().map(|path| whole(path)).collect(),
        mv: params
            .mv
            .iter()
            .map(|mv| MvParam { from: whole(&mv.from).into(), to: whole(&mv.to).into() })
            .collect(),
        ins: params.ins.iter().map(ins).collect(),
        sets: params
            .sets
            .iter()
            .map(|set| SetParam { path: whole(&set.path).into(), value: set.value.clone() })
            .collect(),
    }
}

/// One file.
#[derive(Debug)]
struct AugeasResource {
    host: Arc<Host>,
    turn: Arc<Mutex<()>>,
    claim: Claim,
    lens: Arc<str>,
    edits: Edits,
    /// Whether what augeas says may show a secret.
    secret: bool,
}

impl AugeasResource {
    fn path(&self) -> &Path {
        Path::new(&**self.claim.path())
    }

    /// Runs a script, and returns what was found to its questions.
    async fn run(&self, cx: &Cx, script: &Script) -> Result<Vec<Matches>, AugeasError> {
        // It opens the file by its name, with our rights, and writes through links.
        self.host.fs.must_be_steady(self.path())?;
        // As its input: it may hold secrets, and a check writes no files.
        let commands = script.text();
        let env: BTreeMap<Arc<str>, Arc<str>> = [("PATH", DEFAULT_PATH), ("LC_ALL", "C.UTF-8")]
            .map(|(name, value)| (name.into(), value.into()))
            .into();
        let words = ["augtool", "--noautoload", "--file", "/dev/stdin"];
        let invocation = Invocation { env: Env(Arc::new(env)), ..Invocation::new(words) };
        let outcome = self.host.processes.run_fed(&invocation, commands.as_bytes(), &cx.cancel).await;
        let outcome = outcome.map_err(|source| AugeasError::Start { source })?;
        if outcome.cancelled {
            return Err(AugeasError::Cancelled { path: self.path().into() });
        }
        script.answers(&outcome.stdout.text()).ok_or_else(|| {
            let said = if self.secret { String::new() } else { outcome.stderr.last_lines(3, 1024) };
            AugeasError::Failed { path: self.path().into(), said }
        })
    }

    /// What differs, and the commands that put it right.
    async fn compare(&self, cx: &Cx) -> Result<(Vec<Difference>, Script), AugeasError> {
        let mut script = Script::load(&self.lens, self.claim.path());
        let mut repair = script.clone();
        script.ask("/augeas//error");
        script.ask("/augeas//error/*");
        self.edits.ask(&mut script);
        let answers = self.run(cx, &script).await?;
        let (errors, answers) = answers.split_at(answers.len().min(2));
        if let Some(reason) = reason(errors, self.secret) {
            return Err(AugeasError::Load { path: self.path().into(), lens: (*self.lens).into(), reason });
        }
        let differences = self.edits.compare(answers, &mut repair);
        let several = |Several(edit, count)| AugeasError::Several {
            path: self.path().into(),
            edit: (*edit).into(),
            count,
        };
        Ok((differences.map_err(several)?, repair))
    }
}

/// What augeas says is wrong; `None`: nothing.
fn reason(errors: &[Matches], secret: bool) -> Option<String> {
    let (path, value) = errors.first()?.first()?;
    let details = errors.get(1).map(Vec::as_slice).unwrap_or_default();
    let detail = |name: &str| {
        let found = details.iter().find(|(at, _)| at.strip_prefix(path.as_str()) == Some(name));
        found.and_then(|(_, value)| value.as_deref())
    };
    let mut reason = value.clone().unwrap_or_default();
    if let Some(line) = detail("/line") {
        reason.push_str(&format!(", line {line}"));
    }
    // The rest of it quotes the file.
    let first = detail("/message").and_then(|message| message.lines().next());
    if let Some(message) = first.filter(|_| !secret) {
        reason.push_str(&format!(": {message}"));
    }
    Some(reason)
}

fn show(side: Option<&String>) -> Shown {
    side.map_or(Shown::Absent, |text| Shown::text(text.as_str()))
}

#[async_trait]
impl Resource for AugeasResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        wake_on(cx, &*self.host.watch, [(self.path(), Interest::CONTENT)])
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let (differences, _) = self.compare(cx).await?;
        let mut drift = Drift::none();
        for it in &differences {
            drift.add(it.what, show(it.found.as_ref()), show(it.wanted.as_ref()));
        }
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        let _turn = self.turn.lock().await;
        let (differences, mut script) = self.compare(cx).await?;
        if differences.is_empty() {
            return Ok(Outputs::none());
        }
        script.add_word("save");
        script.ask("/augeas//error");
        script.ask("/augeas//error/*");
        let errors = self.run(cx, &script).await?;
        let (path, lens) = (|| self.path().into(), || (*self.lens).into());
        if let Some(reason) = reason(&errors, self.secret) {
            return Err(AugeasError::Save { path: path(), lens: lens(), reason }.into());
        }
        // A wrong path is said to nobody but the standard error: whether all is there is seen in the file.
        let (left, _) = self.compare(cx).await?;
        match left.first() {
            Some(left) => Err(AugeasError::NotThere { path: path(), what: left.what.to_owned() }.into()),
            None => Ok(Outputs::none()),
        }
    }
}
