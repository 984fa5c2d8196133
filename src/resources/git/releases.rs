//! Trees that are swapped whole: each commit has a working tree of its own, and the path is a link to the current one.
//!
//! Beside the path `site` there is `site.releases`, with the repository and a tree for each of the last commits.

use std::path::{Path, PathBuf};

use super::apply;
use super::command::Git;
use super::error::GitError;
use super::look::Seen;
use super::revision::is_hash;
use super::spec::Spec;
use crate::engine::{Cx, ResourceError};
use crate::resources::error::HostError;
use crate::resources::host::fs::{At, Dress};
use crate::resources::host::process::Ending;

/// So many trees of the past are kept, for whoever still reads them, and to go back to.
const KEPT: usize = 2;

/// Where the trees are.
pub fn folder(spec: &Spec) -> PathBuf {
    let mut name = spec.path().file_name().unwrap_or_default().to_owned();
    name.push(".releases");
    spec.path().with_file_name(name)
}

/// Where the repository of all trees is.
pub fn repository(spec: &Spec) -> PathBuf {
    folder(spec).join("repository")
}

/// Where the link points, for the tree of a commit.
fn target(spec: &Spec, commit: &str) -> PathBuf {
    Path::new(folder(spec).file_name().unwrap_or_default()).join(commit)
}

/// The tree that the link points to; `None`: it is no link of ours.
pub fn current(spec: &Spec) -> Option<PathBuf> {
    let found = std::fs::read_link(spec.path()).ok()?;
    let commit = found.file_name()?.to_str()?;
    (is_hash(commit) && found == target(spec, commit)).then(|| folder(spec).join(commit))
}

/// Looks at the link, and at the tree behind it.
///
/// # Errors
/// When git cannot be run.
pub async fn see(spec: &Spec, git: &Git<'_>) -> Result<Seen, GitError> {
    if let Some(tree) = current(spec) {
        // A tree of ours that is gone or broken is made anew.
        let head = if tree.is_dir() { head(git).await? } else { None };
        return Ok(head.map_or(Seen::Nothing, Seen::Repository));
    }
    Ok(if spec.path().symlink_metadata().is_ok() { Seen::Other } else { Seen::Nothing })
}

/// The commit that is checked out; `None`: there is no repository, or one without a commit.
///
/// # Errors
/// When git cannot be run, or cannot tell: a sick repository is none that may be replaced, as it may hold what is nowhere
/// else.
pub async fn head(git: &Git<'_>) -> Result<Option<Box<str>>, GitError> {
    // Without a look at the commit itself: that it cannot be read would be told as if there were none.
    let op = "look at";
    let head = git.try_run(op, &["rev-parse", "--verify", "--quiet", "HEAD"]).await?;
    let text = head.stdout.text();
    let hash = text.trim();
    match head.ending {
        Ending::Exit(0) if is_hash(hash) => Ok(Some(hash.into())),
        Ending::Exit(1) => Ok(None),
        Ending::Exit(128) if head.stderr.text().contains("not a git repository") => Ok(None),
        _ => Err(git.failure(op, &head)),
    }
}

/// Has a tree of the commit, and the link point to it.
///
/// # Errors
/// When git or the system refuses.
pub async fn deploy(spec: &Spec, cx: &Cx, key: Option<PathBuf>, commit: &str) -> Result<(), ResourceError> {
    let (folder, place) = (folder(spec), repository(spec));
    let git = Git::new(spec, cx, &place, key.clone())?;
    let (uid, gid) = git.identity().map(|identity| (identity.uid, identity.gid)).unzip();
    let dress = Dress { mode: Some(0o755), uid, gid, label: None };
    for dir in [&folder, &place] {
        let parent = spec.host.fs.open_parent(dir)?;
        if spec.host.fs.lstat(At::new(&parent, dir))?.is_none() {
            spec.host.fs.make_dir(At::new(&parent, dir), dress)?;
        }
    }
    // Of a repository that is there this changes nothing, and one that was left half made is made whole.
    git.run("clone", &["init", "--quiet"]).await?;
    git.run("clone", &["config", "remote.origin.url", &spec.source]).await?;
    let branches = "+refs/heads/*:refs/remotes/origin/*";
    git.run("clone", &["config", "remote.origin.fetch", branches]).await?;
    apply::fetch(spec, &git, commit).await?;
    let tree = folder.join(commit);
    let release = Git::new(spec, cx, &tree, key)?;
    let is_current = current(spec).is_some_and(|current| current == tree);
    if !tree.join(".git").exists() || head(&release).await?.is_none() {
        apply::clear_away(spec, cx, &tree).await?;
        git.run("clean", &["worktree", "prune"]).await?;
        let path = tree.display().to_string();
        git.run("check out", &["worktree", "add", "--quiet", "--detach", "--force", &path, commit]).await?;
    }
    // What a killed git left of a tree that nobody sees yet is no edit of anybody.
    apply::checkout(spec, &release, commit, spec.force || !is_current).await?;
    switch(spec, cx, commit, dress).await?;
    prune(spec, &git, commit).await
}

async fn switch(spec: &Spec, cx: &Cx, commit: &str, dress: Dress<'_>) -> Result<(), ResourceError> {
    let path = spec.path();
    if path.symlink_metadata().is_ok_and(|found| found.is_dir()) {
        // The check has seen that it may go.
        apply::clear_away(spec, cx, path).await?;
    }
    let parent = spec.host.fs.open_parent(path)?;
    let link = Dress { mode: None, ..dress };
    let to = target(spec, commit);
    spec.host.fs.write_link(At::new(&parent, path), to.as_os_str().as_encoded_bytes(), link)?;
    Ok(())
}

/// Removes the trees of the past but the last ones.
async fn prune(spec: &Spec, git: &Git<'_>, commit: &str) -> Result<(), ResourceError> {
    let folder = folder(spec);
    let failed = |error| HostError::io("list", &folder, error);
    let mut old = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_hash(&name) && name != commit {
            let made = entry.metadata().and_then(|found| found.modified()).map_err(failed)?;
            old.push((made, name));
        }
    }
    old.sort();
    let gone = old.len().saturating_sub(KEPT);
    for (_, name) in old.drain(..gone) {
        let path = folder.join(name).display().to_string();
        git.run("remove an old tree of", &["worktree", "remove", "--force", "--force", &path]).await?;
    }
    Ok(())
}
