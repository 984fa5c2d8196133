//! Running the system's git.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::process::geteuid;

use super::error::GitError;
use super::spec::Spec;
use crate::engine::Cx;
use crate::resources::host::process::{Env, Identity, Invocation, Outcome};

/// Where ssh is asked for nothing, and does not wait for ever.
const SSH: &str = "ssh -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=15";

/// Git for one working tree.
#[derive(Debug)]
pub struct Git<'a> {
    spec: &'a Spec,
    cx: &'a Cx,
    /// The working tree; while it is cloned, not where it belongs.
    tree: PathBuf,
    identity: Option<Identity>,
    key: Option<PathBuf>,
}

/// Who runs git: the user that was declared, or else the owner of what is there: hooks and configuration of a foreign tree
/// never run as root. `None`: the agent's user.
///
/// # Errors
/// When there is no such user.
pub fn runner(spec: &Spec) -> Result<Option<Identity>, GitError> {
    let place = if spec.releases { super::releases::folder(spec) } else { spec.path().to_owned() };
    let owner = std::fs::symlink_metadata(place).ok().map(|found| found.uid());
    let foreign = owner.filter(|owner| geteuid().is_root() && *owner != 0).map(|owner| owner.to_string());
    Ok(Identity::resolve(spec.user.as_deref().or(foreign.as_deref()), None)?)
}

impl<'a> Git<'a> {
    /// Git for the tree at `tree`.
    ///
    /// # Errors
    /// When there is no such user as whoever runs it.
    pub fn new(spec: &'a Spec, cx: &'a Cx, tree: &Path, key: Option<PathBuf>) -> Result<Self, GitError> {
        Ok(Self { spec, cx, tree: tree.into(), identity: runner(spec)?, key })
    }

    /// Who runs it; `None`: the agent's user.
    pub fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// That a command ended badly.
    pub fn failure(&self, op: &'static str, outcome: &Outcome) -> GitError {
        GitError::failed(op, self.spec, outcome)
    }

    /// Runs a command in the working tree and returns what it wrote.
    ///
    /// # Errors
    /// When it fails.
    pub async fn run(&self, op: &'static str, words: &[&str]) -> Result<String, GitError> {
        let outcome = self.try_run(op, words).await?;
        if !outcome.ending.is_success() {
            return Err(self.failure(op, &outcome));
        }
        Ok(outcome.stdout.text())
    }

    /// Runs a command in the working tree, which may fail.
    ///
    /// # Errors
    /// When it cannot be run, or is cancelled.
    pub async fn try_run(&self, op: &'static str, words: &[&str]) -> Result<Outcome, GitError> {
        let tree = self.tree.display();
        // Said outright, so that a tree without a repository never stands for the one around it.
        let place = [format!("--git-dir={tree}/.git"), format!("--work-tree={tree}")];
        self.start(op, &place, Some(self.tree.clone()), words).await
    }

    /// Runs a command that needs no working tree and returns what it wrote.
    ///
    /// # Errors
    /// When it fails.
    pub async fn anywhere(&self, op: &'static str, words: &[&str]) -> Result<String, GitError> {
        let outcome = self.start(op, &[], None, words).await?;
        if !outcome.ending.is_success() {
            return Err(self.failure(op, &outcome));
        }
        Ok(outcome.stdout.text())
    }

    async fn start(
        &self,
        op: &'static str,
        place: &[String],
        cwd: Option<PathBuf>,
        words: &[&str],
    ) -> Result<Outcome, GitError> {
        let safe = format!("safe.directory={}", self.tree.display());
        // A repository whose owner is another is read as it is: only its path was declared.
        let source =
            super::spec::local_source(&self.spec.source).map(|path| format!("safe.directory={path}"));
        let mut all: Vec<Arc<str>> = vec!["git".into()];
        let settings = [safe.as_str(), "gc.autoDetach=false", "advice.detachedHead=false"];
        let network = ["http.lowSpeedLimit=100", "http.lowSpeedTime=60", "core.fsmonitor=false"];
        for setting in settings.into_iter().chain(network).chain(source.as_deref()) {
            all.extend(["-c".into(), Arc::from(setting)]);
        }
        all.extend(place.iter().map(|word| Arc::from(word.as_str())));
        all.extend(words.iter().map(|word| Arc::from(*word)));
        let invocation = Invocation {
            cwd,
            env: self.env(),
            identity: self.identity.clone(),
            log: Some(self.cx.label().to_string().into()),
            ..Invocation::new(all)
        };
        let outcome = self.spec.host.processes.run(&invocation, &self.cx.cancel).await;
        let outcome = outcome.map_err(|source| GitError::Start { source })?;
        if outcome.cancelled {
            return Err(GitError::Cancelled { op, path: self.spec.path().into() });
        }
        Ok(outcome)
    }

    fn env(&self) -> Env {
        let mut ssh = SSH.to_owned();
        if let Some(key) = &self.key {
            ssh.push_str(&format!(" -o IdentitiesOnly=yes -i '{}'", key.display()));
        }
        let mut env: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
        let mut set = |name: &str, value: &str| env.insert(name.into(), value.into());
        set("GIT_TERMINAL_PROMPT", "0");
        // Nor does it ask through a program of its own, in a window.
        set("GIT_ASKPASS", "");
        // `git status` would write the index, which is an event of our own.
        set("GIT_OPTIONAL_LOCKS", "0");
        set("GIT_SSH_COMMAND", &ssh);
        set("LC_ALL", "C");
        set("PATH", crate::resources::host::process::DEFAULT_PATH);
        let accounts = &self.spec.host.accounts;
        let home = match &self.identity {
            Some(identity) => accounts.home(&identity.uid.to_string()).ok(),
            None => accounts.own_home(),
        };
        if let Some(home) = home.as_deref().and_then(Path::to_str) {
            set("HOME", home);
        }
        for name in ["http_proxy", "https_proxy", "no_proxy", "ALL_PROXY", "SSL_CERT_FILE"] {
            if let Ok(value) = std::env::var(name) {
                set(name, &value);
            }
        }
        Env(Arc::new(env))
    }
}
