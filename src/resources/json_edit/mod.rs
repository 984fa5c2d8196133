//! The kind `json:edit`: values in a JSON file that others write too.

mod change;
mod grammar;
mod json;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::edited_file::{self, PLAIN, Rewritten};
use super::file::diff::unified;
use super::file::target::{Target, normalize};
use super::wake_on::wake_on;
use super::{doc_of, long_work, path_asks};
use crate::engine::drift::Shown;
use crate::engine::entry::Entry as _;
use crate::engine::kind::{Claim as Wish, Uid};
use crate::engine::path_watch::Interest;
use crate::engine::{
    Capabilities, Class, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Resource,
    ResourceError, Value, Wakes,
};
use crate::resources::host::Host;
use crate::resources::host::fs::Pace;
use crate::resources::host::managed::Claim;
use change::{Change, ChangeError};
use grammar::{Act, Edit};
use json::Json;

crate::entry! {
    /// Keeps values in a JSON file, and leaves the rest of it as it is.
    ///
    /// The edits are made in their order; each may see what those before it made. The file is written only if a value
    /// is another then: order, white space and comments of what is not concerned stay, and so do its owner and mode. A file that is no JSON is never overwritten. Comments (`//`, `/* */`) and commas before a closing
    /// bracket are understood. A symbolic link is followed.
    ///
    /// | edit | what it does |
    /// |---|---|
    /// | `.a.b = 1` | sets a value; objects on the way are made |
    /// | `.a["x y"][0] = {"k": true}` | names in quotes, elements by number: the one after the last adds one, `[-1]` is the last |
    /// | `.list += ["x"]` | adds those elements that are not there yet |
    /// | `.object += {"k": 1}` | sets those members |
    /// | `.list -= ["x"]` | takes all equal elements out |
    /// | `del(.a.b)` | deletes a member, if it is there |
    ///
    /// A path begins with a dot and a name (letters, digits, `_`, `-`, `$`; others in quotes); `.` alone is the whole. A
    /// value is JSON.
    ///
    /// ```yaml
    /// resources:
    ///   json:edit:
    ///   - name: docker logs little
    ///     store: /etc/docker/daemon.json
    ///     create: true
    ///     edits:
    ///     - .["log-opts"]["max-size"] = "10m"
    ///     - .["registry-mirrors"] += ["https://mirror.example.org"]
    /// ```
    pub struct JsonEditParams {
        /// The file: an absolute path, also as `file:///path`. The resource's name if not given.
        store: Arc<str>,
        /// What is to be in it: see above. Required.
        edits: Vec<Arc<str>>,
        /// Make a missing file, beginning with `{}`. If false, a missing file is an error.
        create: bool = false,
        /// How many blanks a level of a new file is indented by, up to 8. Other files keep what they have.
        indent: u8 = 2,
    }
}

/// The most characters of a value that are shown.
const MOST_SHOWN: usize = 120;

/// The kind `json:edit`.
#[derive(Debug)]
pub struct JsonEditKind {
    host: Arc<Host>,
    doc: KindDoc,
}

impl JsonEditKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self { host, doc: doc_of::<JsonEditParams>("json:edit", Vec::new()) }
    }
}

impl Kind for JsonEditKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let params = JsonEditParams::decode(&declaration.params)?;
        let mut errors = Vec::new();
        let path = store(&params.store, &declaration.label.name).map_err(|error| errors.push(error)).ok();
        let secret = declaration.meta.sensitive.iter().any(|param| **param == *"edits");
        let mut edits = Vec::new();
        for (at, text) in params.edits.iter().enumerate() {
            match grammar::edit(text) {
                // No error can show what is not there.
                Ok(edit) if secret => {
                    edits.push(Edit { text: format!("edit {} (sensitive)", at + 1), ..edit })
                }
                Ok(edit) => edits.push(edit),
                Err(error) => {
                    let place = format!("edit {}, column {}: {}", at + 1, error.column, error.reason);
                    if secret {
                        errors.push(ParamError::at("edits", place).hint("it is sensitive, and not shown"));
                        continue;
                    }
                    let mark = format!("{text}\n{}^", " ".repeat(error.column - 1));
                    errors.push(ParamError::at("edits", place).hint(mark));
                }
            }
        }
        if params.edits.is_empty() && !declaration.receives.iter().any(|receive| receive.param == "edits") {
            let error = ParamError::at("edits", "there is nothing to edit");
            errors.push(error.hint("add `edits:` with a list, such as `.a.b = 1`"));
        }
        if params.indent > 8 {
            errors.push(ParamError::at("indent", format!("{} is more than 8", params.indent)));
        }
        let (Some(target), true) = (path, errors.is_empty()) else { return Err(errors) };
        let claim = self.host.managed.claim(target.path);
        let (create, indent) = (params.create, params.indent.into());
        let spec = Spec { host: self.host.clone(), claim, edits, create, indent, secret };
        Ok(Box::new(JsonEditResource(Arc::new(spec))))
    }

    fn claims(&self, declaration: &Declaration) -> Vec<Wish> {
        let Ok(params) = JsonEditParams::decode(&declaration.params) else { return Vec::new() };
        let Ok(target) = store(&params.store, &declaration.label.name) else { return Vec::new() };
        // The last one of a value is what stays of it.
        let mut wanted = std::collections::BTreeMap::new();
        for edit in params.edits.iter().filter_map(|text| grammar::edit(text).ok()) {
            let value = match &edit.act {
                Act::Set(value) => value.to_string(),
                Act::Delete => String::new(),
                Act::Add(_) | Act::Take(_) => continue,
            };
            wanted.insert(grammar::path_text(&edit.path), value);
        }
        let of = |path: &str| Uid::new("json:edit", format!("{path} of {}", target.path));
        wanted.into_iter().map(|(path, value)| Wish::new(of(&path), value)).collect()
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let given = declaration.params.get("store").and_then(Value::as_str).unwrap_or_default();
        let target = store(given, &declaration.label.name).ok();
        let asks = target.iter().flat_map(path_asks::of_edited).collect();
        Capabilities { asks, ..Capabilities::default() }
    }
}

fn store(given: &str, name: &str) -> Result<Target, ParamError> {
    let (text, param) = if given.is_empty() { (name, None) } else { (given, Some("store")) };
    let hint = "give the absolute path of a file";
    let wrong = |message: String| ParamError { param, message, hint: Some(hint.to_owned()) };
    if text.starts_with("etcd://") {
        let error = wrong("texts that hosts share are not edited in place".to_owned());
        return Err(error.hint("write the whole text with the kind `kv`"));
    }
    let path = text.strip_prefix("file://").unwrap_or(text);
    if !path.starts_with('/') || path.ends_with('/') {
        return Err(wrong(format!("{text:?} is not the path of a file")));
    }
    normalize(path, param)
}

/// Why the file is not as it should be.
#[derive(Debug, thiserror::Error)]
enum JsonEditError {
    #[error("edit {path}", path = .path.display())]
    Change {
        path: PathBuf,
        #[source]
        source: ChangeError,
    },
    #[error("edit {path}: it is not UTF-8 text", path = .path.display())]
    NotText { path: PathBuf },
    #[error("edit {path}: there is no such file", path = .path.display())]
    Missing { path: PathBuf },
}

impl From<JsonEditError> for ResourceError {
    fn from(error: JsonEditError) -> Self {
        let (class, hint) = match &error {
            JsonEditError::Change { source, .. } => (Class::User, source.hint()),
            JsonEditError::NotText { .. } => {
                (Class::User, Some("it is left as it is: repair it, or remove it".to_owned()))
            }
            JsonEditError::Missing { .. } => (Class::Transient, Some("`create: true` makes it".to_owned())),
        };
        Self::of(class, hint, error)
    }
}

/// A new content, and what makes it another one.
type Rewriting = (Vec<u8>, Vec<Change>);

#[derive(Debug)]
struct Spec {
    host: Arc<Host>,
    claim: Claim,
    edits: Vec<Edit>,
    create: bool,
    indent: usize,
    secret: bool,
}

impl Spec {
    fn path(&self) -> &Path {
        Path::new(&**self.claim.path())
    }

    /// The new content, and what makes it another one.
    fn rewrite(&self, found: Option<&[u8]>) -> Result<Option<Rewriting>, JsonEditError> {
        let path = || self.path().to_owned();
        let refused = |source| JsonEditError::Change { path: path(), source };
        match found {
            None if !self.create => Err(JsonEditError::Missing { path: path() }),
            // A file that was just made, by a program that has not written to it yet.
            None | Some(b"") if self.create => {
                let (text, changes) = change::change("{}", &self.edits).map_err(refused)?;
                let root = json::parse(&text, &json::WITH_COMMENTS).map_err(|error| refused(error.into()))?;
                let value = root.value().map_or(Json::Null, |node| Json::of(&node));
                Ok(Some((value.pretty(self.indent).into_bytes(), changes)))
            }
            found => {
                let text = std::str::from_utf8(found.unwrap_or_default());
                let text = text.map_err(|_| JsonEditError::NotText { path: path() })?;
                // Some editors mark UTF-8 at its beginning.
                let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
                let (wanted, changes) = change::change(bare, &self.edits).map_err(refused)?;
                if changes.is_empty() {
                    return Ok(None);
                }
                let mark = &text[..text.len() - bare.len()];
                Ok(Some(([mark.as_bytes(), wanted.as_bytes()].concat(), changes)))
            }
        }
    }
}

#[derive(Debug)]
struct JsonEditResource(Arc<Spec>);

impl JsonEditResource {
    async fn compare(&self, cx: &Cx) -> Result<Option<Rewritten<Vec<Change>>>, ResourceError> {
        let spec = self.0.clone();
        let work = move |pace: Pace<'_>| {
            edited_file::compare(&spec.host, spec.path(), pace, PLAIN, &|found| spec.rewrite(found))
        };
        Ok(long_work::run("check", self.0.path(), &cx.cancel, work).await??)
    }
}

fn show(value: Option<&Json>) -> Shown {
    let Some(value) = value else { return Shown::Absent };
    let text = value.to_string();
    match text.char_indices().nth(MOST_SHOWN) {
        Some((cut, _)) => Shown::text(format!("{} …", &text[..cut])),
        None => Shown::text(text),
    }
}

#[async_trait]
impl Resource for JsonEditResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        wake_on(cx, &*self.0.host.watch, [(self.0.path(), Interest::CONTENT)])
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let Some(rewritten) = self.compare(cx).await? else { return Ok(Found::nothing()) };
        let mut drift = Drift::none();
        if rewritten.found.is_none() {
            drift.add("store", Shown::Absent, Shown::text("a new file"));
        }
        for change in &rewritten.about {
            drift.add("edits", show(change.found.as_ref()), Shown::text(&*change.edit));
        }
        if drift.is_empty() {
            drift.add("store", Shown::text("an empty file"), Shown::text("{}"));
        }
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        let spec = self.0.clone();
        let work = move |pace: Pace<'_>| {
            edited_file::repair(&spec.host, spec.path(), pace, PLAIN, &|found| spec.rewrite(found))
        };
        if let Some(stamp) = long_work::run("apply", self.0.path(), &cx.cancel, work).await?? {
            cx.wrote(stamp);
        }
        Ok(Outputs::none())
    }

    async fn diff(&self, cx: &Cx, _: &Drift) -> Result<Option<String>, ResourceError> {
        if self.0.secret {
            return Ok(None);
        }
        let rewritten = self.compare(cx).await?;
        let diff = |it: Rewritten<_>| unified(self.0.path(), &it.found.unwrap_or_default(), &it.wanted);
        Ok(rewritten.map(diff))
    }
}
