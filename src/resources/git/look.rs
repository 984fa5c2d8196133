//! How a working tree is, and how it should be.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::command::Git;
use super::error::{ASK, GitError};
use super::releases;
use super::revision::Revision;
use super::spec::Spec;
use crate::engine::drift::Shown;
use crate::engine::{Cx, Drift, ResourceError};
use crate::resources::host::fs::At;
use crate::resources::host::process::masked;
use crate::resources::state_file;

/// The file in the vertex's state folder that says which commit a name stood for.
const MEMORY: &str = "deployed.json";

/// Which commit a name stood for when it was last deployed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployed {
    source: String,
    revision: String,
    commit: Box<str>,
}

/// What lies where the working tree should be.
#[derive(Debug, PartialEq, Eq)]
pub enum Seen {
    /// Nothing, or an empty directory.
    Nothing,
    /// Something that is no repository, or one without a commit.
    Other,
    /// A repository with this commit checked out.
    Repository(Box<str>),
}

/// The commit that should be checked out, and who says so.
#[derive(Debug)]
pub enum Answer {
    /// The repository, or the declaration: there is nothing more to learn now.
    Asked(Box<str>),
    /// The repository, the last time: there was no reason to ask.
    Remembered(Box<str>),
    /// The repository, the last time: it cannot be asked now.
    Unreachable(Box<str>),
}

/// Looks at the path.
///
/// # Errors
/// When it cannot be looked at.
pub async fn see(spec: &Spec, git: &Git<'_>) -> Result<Seen, GitError> {
    let fs = &spec.host.fs;
    let parent = fs.open_parent(spec.path())?;
    if spec.releases {
        return releases::see(spec, git).await;
    }
    let at = At::new(&parent, spec.path());
    let Some(stat) = fs.lstat(at)? else { return Ok(Seen::Nothing) };
    if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir() {
        return Ok(Seen::Other);
    }
    let dir = fs.list_dir(at)?;
    let mut is_empty = true;
    fs.for_each_entry(&dir, spec.path(), |_, _| {
        is_empty = false;
        Ok(())
    })?;
    if is_empty {
        return Ok(Seen::Nothing);
    }
    Ok(releases::head(git).await?.map_or(Seen::Other, Seen::Repository))
}

/// The commit that should be checked out: of a name, what the repository says if it is `asked`, and else what is `known`
/// from the last time.
///
/// # Errors
/// When nobody knows.
pub async fn wanted(
    spec: &Spec,
    cx: &Cx,
    git: &Git<'_>,
    asked: bool,
    known: Option<Box<str>>,
    seen: &Seen,
) -> Result<Answer, ResourceError> {
    if let Revision::Commit(hash) = &spec.revision {
        return Ok(Answer::Asked(hash.clone()));
    }
    let is_there = matches!(seen, Seen::Repository(_));
    if let Some(known) = &known
        && is_there
        && (!asked || !spec.update)
    {
        return Ok(Answer::Remembered(known.clone()));
    }
    match (ask(spec, git).await, known) {
        (Ok(commit), _) => Ok(Answer::Asked(commit)),
        (Err(error @ (GitError::Failed { .. } | GitError::Start { .. })), Some(known)) if is_there => {
            // What is there is right as far as anybody knows, and does not get worse while the repository is away.
            tracing::warn!(resource = %cx.label(), error = &error as &dyn std::error::Error,
                "the repository cannot be asked: what it said last counts");
            Ok(Answer::Unreachable(known))
        }
        (Err(error), _) => Err(error.into()),
    }
}

async fn ask(spec: &Spec, git: &Git<'_>) -> Result<Box<str>, GitError> {
    let references = spec.revision.references();
    let mut words = vec!["ls-remote", "--quiet", "--", &*spec.source];
    words.extend(references.iter().map(String::as_str));
    let listed = git.anywhere(ASK, &words).await?;
    let source_name = || masked(&spec.source).into();
    spec.revision.find(&listed).ok_or_else(|| match &spec.revision {
        Revision::Named(name) => GitError::NoRevision { source_name: source_name(), revision: name.clone() },
        _ => GitError::Empty { source_name: source_name() },
    })
}

fn revision_text(spec: &Spec) -> String {
    spec.revision.references().last().cloned().unwrap_or_default()
}

/// The commit that was deployed last, under this name and of this repository.
///
/// # Errors
/// When it cannot be read.
pub fn remembered(spec: &Spec, cx: &Cx) -> Result<Option<Box<str>>, GitError> {
    let Some(stored) = state_file::read(&state_file::path(cx, MEMORY))? else { return Ok(None) };
    // A damaged memory is none.
    let deployed: Option<Deployed> = serde_json::from_slice(&stored.bytes).ok();
    let same = |it: &Deployed| *it.source == *spec.source && it.revision == revision_text(spec);
    Ok(deployed.filter(same).map(|it| it.commit))
}

/// Keeps which commit the name stands for now.
///
/// # Errors
/// When it cannot be written.
pub fn remember(spec: &Spec, cx: &Cx, commit: &str) -> Result<(), ResourceError> {
    let deployed =
        Deployed { source: spec.source.to_string(), revision: revision_text(spec), commit: commit.into() };
    let bytes = serde_json::to_vec(&deployed).expect("texts can be written as JSON");
    state_file::write(&spec.host.fs, cx, MEMORY, bytes)
}

/// How the tree differs.
///
/// # Errors
/// When it cannot be looked at; when something else lies there that may not be replaced.
pub async fn differences(
    spec: &Spec,
    git: &Git<'_>,
    seen: &Seen,
    wanted: &str,
) -> Result<Drift, ResourceError> {
    let mut drift = Drift::none();
    let head = match seen {
        Seen::Nothing => {
            drift.add("path", Shown::Absent, Shown::text(format!("a clone at {}", short(wanted))));
            return Ok(drift);
        }
        Seen::Other if !spec.force => {
            return Err(GitError::NotARepository { path: spec.path().into() }.into());
        }
        Seen::Other => {
            let found = Shown::text("not a git repository with a commit");
            drift.add("path", found, Shown::text(format!("a clone at {}", short(wanted))));
            return Ok(drift);
        }
        Seen::Repository(head) => head,
    };
    let url = git.try_run("look at", &["config", "--get", "remote.origin.url"]).await?.stdout.text();
    if url.trim() != &*spec.source {
        // An address that someone else wrote there may hold a password.
        drift.add("source", Shown::text("another"), Shown::text(masked(&spec.source)));
    }
    if **head != *wanted {
        drift.add("revision", Shown::text(short(head)), Shown::text(short(wanted)));
    }
    if spec.force {
        add_count(&mut drift, "force", edited(spec, git).await?.len(), "edited");
    }
    if spec.clean {
        let unknown = clean(spec, git, "look at", "-ndffx").await?;
        add_count(&mut drift, "clean", unknown.lines().count(), "unknown to git");
    }
    if spec.submodules {
        let listed = git.run("look at", &["submodule", "status", "--recursive"]).await?;
        let wrong = listed.lines().filter(|line| line.starts_with(['-', '+', 'U'])).count();
        add_count(&mut drift, "submodules", wrong, "not at their commits");
    }
    Ok(drift)
}

/// The paths that git knows and that somebody edited, but for those that other resources look after.
///
/// # Errors
/// When git fails.
pub async fn edited(spec: &Spec, git: &Git<'_>) -> Result<Vec<String>, GitError> {
    let words = ["status", "--porcelain", "-z", "--no-renames", "--untracked-files=no"];
    let listed = git.run("look at", &words).await?;
    // Two letters and a space say what was done to each.
    let paths = listed.split('\0').filter_map(|entry| entry.get(3..));
    Ok(paths.filter(|path| !path.is_empty() && !spec.spares(path)).map(str::to_owned).collect())
}

/// Has git remove what it does not know, or say what it would, but for what other resources look after.
///
/// # Errors
/// When git fails.
pub async fn clean(
    spec: &Spec,
    git: &Git<'_>,
    op: &'static str,
    how: &'static str,
) -> Result<String, GitError> {
    let spared = spec.spared();
    let mut words = vec!["clean", how];
    words.extend(spared.iter().flat_map(|pattern| ["-e", pattern.as_str()]));
    git.run(op, &words).await
}

fn add_count(drift: &mut Drift, what: &'static str, count: usize, how: &str) {
    match count {
        0 => {}
        1 => drift.add(what, Shown::text(format!("1 path is {how}")), Shown::text("none")),
        many => drift.add(what, Shown::text(format!("{many} paths are {how}")), Shown::text("none")),
    }
}

fn short(hash: &str) -> &str {
    &hash[..hash.len().min(12)]
}

/// What is watched of a repository: what tells of commits and of the index, and with `force` all of the tree.
pub fn watched(spec: &Spec) -> Vec<(PathBuf, bool)> {
    if spec.releases {
        let (folder, repository) = (releases::folder(spec), releases::repository(spec));
        let trees = if spec.force || spec.clean { folder } else { repository.join(".git/worktrees") };
        return vec![(spec.path().to_owned(), false), (trees, true)];
    }
    if spec.force || spec.clean {
        return vec![(spec.path().to_owned(), true)];
    }
    let git = spec.path().join(".git");
    vec![
        (spec.path().to_owned(), false),
        (git.join("HEAD"), false),
        (git.join("index"), false),
        (git.join("packed-refs"), false),
        (git.join("refs"), true),
        (git.join("config"), false),
    ]
}
