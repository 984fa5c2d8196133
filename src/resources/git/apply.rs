//! Cloning, and bringing a working tree to a commit.

use std::path::{Path, PathBuf};

use super::command::{Git, runner};
use super::error::{FETCH, GitError};
use super::key::Key;
use super::lock;
use super::look::{self, Seen};
use super::releases;
use super::spec::Spec;
use crate::engine::{Cx, ResourceError};
use crate::resources::error::HostError;
use crate::resources::host::fs::{At, Dress, Pace};
use crate::resources::host::temp_name;
use crate::resources::long_work;

/// The most paths that are checked out one by one; with more all are, and whoever looks after one writes it again.
const MOST_RESTORED: usize = 2000;

/// Makes the tree what it should be.
///
/// # Errors
/// When git or the system refuses.
pub async fn apply(spec: &Spec, cx: &Cx, seen: &Seen, commit: &str) -> Result<(), ResourceError> {
    let lent = Key::of(spec, cx, runner(spec)?.as_ref(), true)?;
    let key = lent.as_ref().map(Key::path);
    match seen {
        _ if spec.releases => releases::deploy(spec, cx, key, commit).await?,
        Seen::Repository(_) => {
            let git = Git::new(spec, cx, spec.path(), key)?;
            lock::clear(&spec.host.fs, spec.path(), Path::new("/proc"))?;
            git.run("set the source of", &["config", "remote.origin.url", &spec.source]).await?;
            bring(spec, &git, commit).await?;
        }
        Seen::Nothing | Seen::Other => clone(spec, cx, key, commit).await?,
    }
    Ok(())
}

/// Clones beside the place, and puts it there whole: whoever is killed meanwhile leaves nothing at the path.
async fn clone(spec: &Spec, cx: &Cx, key: Option<PathBuf>, commit: &str) -> Result<(), ResourceError> {
    let beside = temp_name::beside(spec.path(), 0);
    clear_away(spec, cx, &beside).await?;
    let git = Git::new(spec, cx, &beside, key)?;
    let parent = spec.host.fs.open_parent(&beside)?;
    let (uid, gid) = git.identity().map(|identity| (identity.uid, identity.gid)).unzip();
    let dress = Dress { mode: Some(0o755), uid, gid, label: None };
    spec.host.fs.make_dir(At::new(&parent, &beside), dress)?;
    let made = async {
        git.run("clone", &["init", "--quiet"]).await?;
        git.run("clone", &["config", "remote.origin.url", &spec.source]).await?;
        let branches = "+refs/heads/*:refs/remotes/origin/*";
        git.run("clone", &["config", "remote.origin.fetch", branches]).await?;
        bring(spec, &git, commit).await
    }
    .await;
    if let Err(error) = made {
        clear_away(spec, cx, &beside).await?;
        return Err(error.into());
    }
    swap(spec, cx, &beside).await
}

/// Puts what was made beside in its place; what was there goes.
async fn swap(spec: &Spec, cx: &Cx, beside: &Path) -> Result<(), ResourceError> {
    let old = temp_name::beside(spec.path(), 1);
    clear_away(spec, cx, &old).await?;
    let path = spec.path();
    let refused = |source: std::io::Error| HostError::io("rename", path, source);
    // Over an empty directory, a directory may be renamed.
    let direct = std::fs::rename(beside, path);
    match direct {
        Err(_) if spec.force => {
            std::fs::rename(path, &old).map_err(refused)?;
            if let Err(error) = std::fs::rename(beside, path) {
                let _ = std::fs::rename(&old, path);
                return Err(refused(error).into());
            }
            clear_away(spec, cx, &old).await
        }
        other => Ok(other.map_err(refused)?),
    }
}

/// Removes whatever is at a path.
///
/// # Errors
/// When the system refuses.
pub(super) async fn clear_away(spec: &Spec, cx: &Cx, path: &Path) -> Result<(), ResourceError> {
    let (host, tree) = (spec.host.clone(), path.to_owned());
    let work = move |pace: Pace<'_>| Ok(host.fs.remove_whole(&tree, pace)?);
    long_work::run_long("remove", path, &cx.cancel, work).await
}

/// Fetches what is missing and checks the commit out.
async fn bring(spec: &Spec, git: &Git<'_>, commit: &str) -> Result<(), GitError> {
    fetch(spec, git, commit).await?;
    checkout(spec, git, commit, spec.force).await
}

/// Fetches the commit if it is not there.
///
/// # Errors
/// When git fails.
pub(super) async fn fetch(spec: &Spec, git: &Git<'_>, commit: &str) -> Result<(), GitError> {
    let object = format!("{commit}^{{commit}}");
    let has = async || git.try_run("look at", &["cat-file", "-e", &object]).await;
    if has().await?.ending.is_success() {
        return Ok(());
    }
    let depth = spec.depth.map(|depth| format!("--depth={depth}"));
    // Without --force a tag that has moved there is a reason to refuse.
    let mut fetch = vec!["fetch", "--quiet", "--force"];
    fetch.extend(depth.as_deref());
    match depth.is_some() {
        // Just that one, whatever it is called there.
        true => fetch.extend(["--no-tags", "origin", commit]),
        false => fetch.extend(["--tags", "origin"]),
    }
    git.run(FETCH, &fetch).await?;
    if !has().await?.ending.is_success() {
        // It is on no branch, or one that was not fetched.
        git.run(FETCH, &["fetch", "--quiet", "--force", "origin", commit]).await?;
    }
    Ok(())
}

/// Checks the commit out. `force`: whatever was edited.
///
/// # Errors
/// When git fails, as where an edit is in the way.
pub(super) async fn checkout(spec: &Spec, git: &Git<'_>, commit: &str, force: bool) -> Result<(), GitError> {
    if !(force && restore(spec, git, commit).await?) {
        let mut checkout = vec!["checkout", "--quiet", "--detach"];
        checkout.extend(force.then_some("--force"));
        checkout.push(commit);
        git.run("check out", &checkout).await?;
    }
    if spec.clean {
        look::clean(spec, git, "clean", "-qdffx").await?;
    }
    if spec.submodules {
        let mut update = vec!["submodule", "--quiet", "update", "--init", "--recursive"];
        update.extend(force.then_some("--force"));
        git.run("update the submodules of", &update).await?;
    }
    Ok(())
}

/// Where the commit is checked out already, and other resources look after files of it: discards the edits of all others.
/// `false`: that is not so.
async fn restore(spec: &Spec, git: &Git<'_>, commit: &str) -> Result<bool, GitError> {
    if spec.spared().is_empty() || releases::head(git).await?.as_deref() != Some(commit) {
        return Ok(false);
    }
    let edited = look::edited(spec, git).await?;
    if edited.len() > MOST_RESTORED {
        return Ok(false);
    }
    if !edited.is_empty() {
        let paths: Vec<String> = edited.iter().map(|path| format!(":(top,literal){path}")).collect();
        let mut restore = vec!["restore", "--quiet", "--source=HEAD", "--staged", "--worktree", "--"];
        restore.extend(paths.iter().map(String::as_str));
        git.run("check out", &restore).await?;
    }
    Ok(true)
}
