//! The kind `line`: lines in a file that others write too.

mod edit;
#[cfg(test)]
mod tests;
pub(in crate::resources) mod text;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use super::doc_of;
use super::edited_file::Rewritten;
use super::file::diff::unified;
use super::file::target::{Target, normalize};
use super::wake_on::wake_on;
use super::{long_work, path_asks};
use crate::engine::drift::Shown;
use crate::engine::entry::Entry;
use crate::engine::path_watch::Interest;
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Params, Resource,
    ResourceError, Value, Wakes,
};
use crate::resources::error::HostError;
use crate::resources::host::Host;
use crate::resources::host::managed::Claim;
use crate::resources::state_choice::is_present;
use edit::Edit;
use text::Block;

crate::entry! {
    /// Keeps a line, or several that stand together, in a file or out of it.
    ///
    /// Lines are whole lines: their ends, `\n` or `\r\n`, are not compared. What is missing is added at the end of the
    /// file, with the line end that its first line has; a last line without an end is given one. What is to be
    /// absent is removed wherever it stands. All other bytes stay as they are.
    ///
    /// The file is replaced whole, with its owner, mode and extended attributes. One that is missing is made with the
    /// mode 0644 if lines are to be in it, but not its directory. A symbolic link is followed. Any number of
    /// resources may share a file. A file resource of the same path is applied before; it must not have `content`. With `reverse`,
    /// lines that were added are removed again, and removed ones added, at the end.
    ///
    /// ```yaml
    /// resources:
    ///   line:
    ///   - name: vi keys in the shell
    ///     file: ~/.inputrc
    ///     content: set editing-mode vi
    /// ```
    pub struct LineParams {
        /// The file: an absolute path. `~` at its beginning is the home of the agent's user, `~anna` that of anna.
        /// Required.
        file: Arc<str>,
        /// `exists` or `absent`.
        state: Arc<str> = Arc::from("exists"),
        /// The line; several, with line ends between them, must stand together in this order. Required.
        content: Arc<str>,
        /// Leave out white space and empty lines at both ends of `content`.
        trim: bool = false,
    }
}

/// The longest line that is shown, in characters.
const MOST_SHOWN: usize = 120;

/// The kind `line`.
#[derive(Debug)]
pub struct LineKind {
    host: Arc<Host>,
    doc: KindDoc,
}

impl LineKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self { host, doc: doc_of::<LineParams>("line", Vec::new()) }
    }
}

impl Kind for LineKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let params = LineParams::decode(&declaration.params)?;
        let mut errors = Vec::new();
        let place = Place::new(&self.host, &params.file).map_err(|error| errors.push(error)).ok();
        let text = if params.trim { params.content.trim() } else { &params.content };
        let block = Block::new(text);
        if block.is_none() && !declaration.receives.iter().any(|receive| receive.param == "content") {
            errors.push(ParamError::at("content", "there is no line in it"));
        }
        let present = is_present(&params.state).map_err(|error| errors.push(error)).unwrap_or(true);
        let (Some(place), Some(block), true) = (place, block, errors.is_empty()) else { return Err(errors) };
        let shown = shorten(text);
        let edit = Arc::new(Edit { host: self.host.clone(), block, present });
        let secret = declaration.meta.sensitive.iter().any(|param| **param == *"content");
        let given = declaration.meta.reverse.then(|| Box::new(declaration.params.clone()));
        Ok(Box::new(LineResource { edit, place, shown, secret, given }))
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let file = declaration.params.get("file").and_then(Value::as_str).unwrap_or_default();
        let path = Place::new(&self.host, file).ok().and_then(|place| place.fixed().cloned());
        let informs = path.as_ref().is_some_and(|path| path_asks::informs(path));
        let asks = path.into_iter().map(|path| path_asks::of_edited(&Target { path, is_dir: false }));
        Capabilities { asks: asks.flatten().collect(), informs, reversible: true, ..Capabilities::default() }
    }
}

/// Where the file is.
#[derive(Debug)]
enum Place {
    /// At a path that is spared by purges.
    Fixed(Claim),
    /// In the home of a user, who may yet have to be made.
    HomeOf { user: Box<str>, below: Box<str> },
}

impl Place {
    fn new(host: &Arc<Host>, file: &str) -> Result<Self, ParamError> {
        let hint = "give the absolute path of a file";
        if file.is_empty() {
            return Err(ParamError::at("file", "lines need a file to be in").hint(hint));
        }
        let wrong = |message| Err(ParamError::at("file", message).hint(hint));
        if file.ends_with('/') {
            return wrong(format!("{file:?} is the path of a directory"));
        }
        let Some(rest) = file.strip_prefix('~') else {
            return Ok(Self::Fixed(host.managed.claim(normalize(file, Some("file"))?.path)));
        };
        let (user, below) = rest.split_once('/').unwrap_or((rest, ""));
        if below.is_empty() {
            return wrong(format!("{file:?} is the home directory itself"));
        }
        // Refuses what no home could make right.
        normalize(&format!("/{below}"), Some("file"))?;
        if !user.is_empty() {
            return Ok(Self::HomeOf { user: user.into(), below: below.into() });
        }
        let Some(home) = host.accounts.own_home() else {
            return wrong("the agent's user has no home directory".to_owned());
        };
        let path = normalize(&format!("{}/{below}", home.display()), Some("file"))?.path;
        Ok(Self::Fixed(host.managed.claim(path)))
    }

    fn fixed(&self) -> Option<&Arc<str>> {
        match self {
            Self::Fixed(claim) => Some(claim.path()),
            Self::HomeOf { .. } => None,
        }
    }

    fn path(&self, host: &Host) -> Result<PathBuf, HostError> {
        match self {
            Self::Fixed(claim) => Ok(PathBuf::from(&**claim.path())),
            Self::HomeOf { user, below } => Ok(host.accounts.home(user)?.join(&**below)),
        }
    }
}

fn shorten(text: &str) -> Shown {
    let line = text.trim_end_matches(['\r', '\n']);
    match line.char_indices().nth(MOST_SHOWN) {
        Some((cut, _)) => Shown::text(format!("{:?} …", &line[..cut])),
        None => Shown::text(format!("{line:?}")),
    }
}

#[derive(Debug)]
struct LineResource {
    edit: Arc<Edit>,
    place: Place,
    shown: Shown,
    secret: bool,
    /// What was declared, for an undo.
    given: Option<Box<Params>>,
}

impl LineResource {
    fn path(&self) -> Result<PathBuf, ResourceError> {
        Ok(self.place.path(&self.edit.host)?)
    }

    async fn compare(&self, cx: &Cx, path: &Path) -> Result<Option<Rewritten<()>>, ResourceError> {
        let (edit, file) = (self.edit.clone(), path.to_owned());
        long_work::run("check", path, &cx.cancel, move |pace| edit.compare(&file, pace)).await
    }
}

#[async_trait]
impl Resource for LineResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        wake_on(cx, &*self.edit.host.watch, [(self.path()?.as_path(), Interest::CONTENT)])
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let Some(difference) = self.compare(cx, &self.path()?).await? else { return Ok(Found::nothing()) };
        let mut drift = Drift::none();
        if difference.found.is_none() {
            drift.add("file", Shown::Absent, Shown::text("a new file"));
        }
        if self.edit.present {
            drift.add("content", Shown::Absent, self.shown.clone());
        } else {
            drift.add("content", self.shown.clone(), Shown::Absent);
        }
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        let (edit, path) = (self.edit.clone(), self.path()?);
        let file = path.clone();
        let repair = move |pace: crate::resources::host::fs::Pace<'_>| edit.repair(&file, pace);
        if let Some(stamp) = long_work::run("apply", &path, &cx.cancel, repair).await? {
            cx.wrote(stamp);
        }
        Ok(Outputs::none())
    }

    async fn diff(&self, cx: &Cx, _: &Drift) -> Result<Option<String>, ResourceError> {
        if self.secret {
            return Ok(None);
        }
        let path = self.path()?;
        let difference = self.compare(cx, &path).await?;
        Ok(difference
            .map(|difference| unified(&path, &difference.found.unwrap_or_default(), &difference.wanted)))
    }

    async fn undo(&self, cx: &Cx) -> Result<Option<Params>, ResourceError> {
        let differs = self.compare(cx, &self.path()?).await?.is_some();
        // What is as declared already stays so; a file that is made for the line stays, and is empty then.
        let state = if self.edit.present != differs { "exists" } else { "absent" };
        let mut undo = self.given.as_deref().cloned().unwrap_or_default();
        undo.set("state", Value::str(state));
        Ok(Some(undo))
    }
}
