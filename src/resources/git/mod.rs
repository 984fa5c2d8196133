//! The kind `git`: a working tree of a repository.

mod apply;
mod asking;
mod command;
mod error;
mod key;
mod lock;
mod look;
mod releases;
mod revision;
mod said;
mod spec;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;

use super::file::target::Target;
use super::wake_on::wake_on;
use super::{doc_of, path_asks};
use crate::engine::kind::{Ask, Claim, Uid};
use crate::engine::path_watch::Interest;
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Resource, ResourceError,
    Value, Wakes,
};
use crate::resources::host::Host;
use asking::Asking;
use command::{Git, runner};
use key::Key;
use look::{Answer, Seen};
use spec::{Spec, local_source};

crate::entry! {
    /// Keeps a working tree of a git repository at a branch, a tag or a commit.
    ///
    /// It is cloned beside its place, and put there whole. Afterwards only what is missing is fetched, and the commit is
    /// checked out, with no branch. Files are rewritten one by one then: who reads them meanwhile sees some of each, unless
    /// `releases` is given.
    /// Edits and unknown files stay, unless `force` and `clean` say otherwise; an update that would overwrite an edit
    /// fails. Someone who checks something else out here is noticed, and with `force` whoever edits a file too.
    /// What other resources look after in the tree is theirs: it is no edit, and not unknown.
    ///
    /// Repositories elsewhere send no events. They are asked when the agent starts, at each refresh (let a `timer` or a
    /// message of your forge refresh it), and with the meta-parameter `poll` at each of its beats. While the
    /// repository cannot be reached, what it said last counts, and it is asked again by and by.
    ///
    /// Git runs as `user`, or else as the owner of the tree, or else as the agent. It is never asked for a password.
    ///
    /// ```yaml
    /// resources:
    ///   git:
    ///   - name: /srv/site
    ///     source: https://git.example.org/site.git
    ///     revision: main
    ///     force: true
    ///     meta:
    ///       poll: 300
    /// ```
    pub struct GitParams {
        /// Where the working tree lies: an absolute path. The resource's name if not given.
        path: Arc<str>,
        /// The repository: an address that git understands, or a path. Required.
        source: Arc<str>,
        /// A branch, a tag, or the whole hash of a commit. If not given: what the repository offers first.
        revision: Arc<str>,
        /// Fetch only so many commits of the past; 0: all.
        depth: u32 = 0,
        /// Bring the repositories within along, and those within them.
        submodules: bool = false,
        /// Keep a tree for each of the last three commits in `PATH.releases`, and have `path` be a link to the current one: so a
        /// new commit takes the place of the old one as a whole.
        releases: bool = false,
        /// Discard edits of files that git knows, and replace whatever else lies at the path.
        force: bool = false,
        /// Remove files that git does not know, ignored ones too.
        clean: bool = false,
        /// Follow the branch or tag. If false: what it stood for when it was cloned stays.
        update: bool = true,
        /// For ssh: a private key, or the absolute path of its file. Mark it with the meta-parameter `sensitive`.
        identity: Arc<str>,
        /// Who runs git, and owns what it makes: a name or number.
        user: Arc<str>,
    }
}

/// The kind `git`.
#[derive(Debug)]
pub struct GitKind {
    host: Arc<Host>,
    doc: KindDoc,
}

impl GitKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self { host, doc: doc_of::<GitParams>("git", Vec::new()) }
    }
}

impl Kind for GitKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let spec = Spec::new(&self.host, declaration)?;
        Ok(Box::new(GitResource { spec, asking: Asking::default() }))
    }

    fn claims(&self, declaration: &Declaration) -> Vec<Claim> {
        let target = Target::of(declaration).ok();
        target.map(|target| Claim::alone("git", target.path, declaration)).into_iter().collect()
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let Ok(target) = Target::of(declaration) else { return Capabilities::default() };
        let text = |param| declaration.params.get(param).and_then(Value::as_str).unwrap_or_default();
        let mut asks = path_asks::of_target(&target);
        asks.extend(local_source(text("source")).map(path_asks::of_source));
        if text("identity").starts_with('/') {
            asks.push(path_asks::of_source(text("identity")));
        }
        asks.extend(path_asks::of_owner(text("user"), ""));
        asks.push(Ask::after(vec![Uid::new("package", "git")], "the package with git"));
        let informs = path_asks::informs(&target.path);
        let offers = vec![Uid::path(target.path)];
        Capabilities { offers, asks, informs, refreshable: true, waits: true, ..Capabilities::default() }
    }
}

/// One working tree.
#[derive(Debug)]
struct GitResource {
    spec: Spec,
    asking: Asking,
}

impl GitResource {
    /// What is there, and which commit should be. The repository is asked only where it may have news.
    async fn look(&self, cx: &Cx) -> Result<(Seen, Box<str>, Drift), ResourceError> {
        let spec = &self.spec;
        // A check writes nothing: without its file the key is not used yet.
        let lent = Key::of(spec, cx, runner(spec)?.as_ref(), !cx.noop)?;
        let key = lent.as_ref().map(Key::path);
        let release = spec.releases.then(|| releases::current(spec)).flatten();
        let git = Git::new(spec, cx, release.as_deref().unwrap_or(spec.path()), key)?;
        let seen = look::see(spec, &git).await?;
        let ask = spec.polled || cx.refresh || self.asking.is_due();
        let known = match self.asking.said() {
            Some(said) => Some(said),
            None => look::remembered(spec, cx)?,
        };
        let wanted = match look::wanted(spec, cx, &git, ask, known, &seen).await? {
            Answer::Asked(commit) => {
                self.asking.answered(&commit);
                commit
            }
            Answer::Remembered(commit) => commit,
            Answer::Unreachable(commit) => {
                self.asking.unanswered(cx.waker());
                commit
            }
        };
        let drift = look::differences(spec, &git, &seen, &wanted).await?;
        if drift.is_empty() && !cx.noop {
            look::remember(spec, cx, &wanted)?;
        }
        Ok((seen, wanted, drift))
    }
}

#[async_trait]
impl Resource for GitResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        let paths = look::watched(&self.spec);
        let paths = paths.iter().map(|(path, is_tree)| {
            let interest = if *is_tree { Interest::TREE } else { Interest::SELF };
            (path.as_path(), interest)
        });
        wake_on(cx, &*self.spec.host.watch, paths)
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let (_, _, drift) = self.look(cx).await?;
        Ok(Found::drift(drift))
    }

    async fn apply(&self, cx: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        let (seen, wanted, drift) = self.look(cx).await?;
        if !drift.is_empty() {
            apply::apply(&self.spec, cx, &seen, &wanted).await?;
            look::remember(&self.spec, cx, &wanted)?;
        }
        Ok(Outputs::none())
    }
}
