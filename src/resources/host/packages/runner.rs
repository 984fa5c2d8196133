//! Running a package tool's commands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{PackagesError, Terms, scope};
use crate::engine::Cancel;
use crate::resources::host::process::{Env, Invocation, Outcome, Processes};

/// Variables of the agent that say how the network is reached.
const PROXIES: [&str; 5] = ["http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy"];

/// Runs a package tool's commands.
#[derive(Debug)]
pub(super) struct Runner {
    root: PathBuf,
    processes: Arc<dyn Processes>,
    env: Env,
}

impl Runner {
    /// Over the files below a root folder, with these variables beside those that all get.
    pub fn new(root: &Path, processes: Arc<dyn Processes>, variables: &[(&str, &str)]) -> Self {
        Self { root: root.to_owned(), processes, env: environment(variables) }
    }

    /// A file of the host.
    pub fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    fn invocation(&self, words: Vec<Arc<str>>, log: Option<&Arc<str>>) -> Invocation {
        Invocation {
            cwd: Some("/".into()),
            env: self.env.clone(),
            log: log.cloned(),
            ..Invocation::new(words)
        }
    }

    /// A command that only looks, whatever it says in the end.
    ///
    /// # Errors
    /// When it cannot be run, or was cancelled.
    pub async fn ask(
        &self,
        tool: &'static str,
        words: Vec<Arc<str>>,
        cancel: &Cancel,
    ) -> Result<Outcome, PackagesError> {
        let invocation = self.invocation(words, None);
        let outcome = self.processes.run(&invocation, cancel).await.map_err(PackagesError::start(tool))?;
        if outcome.cancelled {
            return Err(PackagesError::Cancelled);
        }
        Ok(outcome)
    }

    /// What a command that only looks says.
    ///
    /// # Errors
    /// When it fails, or says more than can be kept.
    pub async fn answer(
        &self,
        tool: &'static str,
        words: Vec<Arc<str>>,
        cancel: &Cancel,
    ) -> Result<String, PackagesError> {
        Self::whole(tool, &self.ask(tool, words, cancel).await?)
    }

    /// What a command said that did not fail.
    ///
    /// # Errors
    /// When it did, or said more than was kept.
    pub fn whole(tool: &'static str, outcome: &Outcome) -> Result<String, PackagesError> {
        if !outcome.ending.is_success() {
            return Err(PackagesError::failed(tool, outcome));
        }
        if !outcome.stdout.is_whole() {
            return Err(PackagesError::Answer { tool, what: "it is too long".into() });
        }
        Ok(outcome.stdout.text())
    }

    /// A command that changes the system. It goes on to its end whatever becomes of the agent.
    ///
    /// # Errors
    /// When it fails.
    pub async fn change(
        &self,
        tool: &'static str,
        words: Vec<Arc<str>>,
        terms: &Terms,
        cancel: &Cancel,
    ) -> Result<(), PackagesError> {
        let run = |words| async {
            let invocation = self.invocation(words, Some(&terms.log));
            self.processes.run_unbroken(&invocation, cancel).await.map_err(PackagesError::start(tool))
        };
        let mut outcome = run(scope::wrapped(&self.root, &words)).await?;
        if scope::has_failed(&outcome) {
            outcome = run(words).await?;
        }
        if outcome.ending.is_success() { Ok(()) } else { Err(PackagesError::failed(tool, &outcome)) }
    }
}

/// Nothing is translated, and the network is reached as the agent reaches it.
fn environment(variables: &[(&str, &str)]) -> Env {
    let fixed = [
        ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
        ("HOME", "/root"),
        ("LC_ALL", "C.UTF-8"),
    ];
    let fixed = fixed.iter().chain(variables).map(|(name, value)| (Arc::from(*name), Arc::from(*value)));
    let mut env: BTreeMap<Arc<str>, Arc<str>> = fixed.collect();
    for name in PROXIES {
        for name in [name.to_owned(), name.to_uppercase()] {
            if let Ok(value) = std::env::var(&name) {
                env.insert(name.into(), value.into());
            }
        }
    }
    Env(Arc::new(env))
}

/// The words of a command.
pub(super) fn words<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> Vec<Arc<str>> {
    words.into_iter().map(|word| Arc::from(word.as_ref())).collect()
}
