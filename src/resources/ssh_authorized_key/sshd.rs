//! Where sshd looks for a user's keys: what it says itself, asked again when its settings change.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::place::of_settings;
use super::sshd_text::keys_file;
use crate::engine::path_watch::Interest;
use crate::engine::{Cancel, Stamp};
use crate::resources::host::process::Processes;
use crate::resources::host::stamp::stamp_of_all;
use crate::resources::host::tool;

/// What sshd reads unless its settings say otherwise (sshd_config(5)).
pub const DEFAULT: &str = ".ssh/authorized_keys";

/// What its settings were, and what it said.
type Known = (Stamp, Box<str>);

/// The settings of the sshd of this host.
#[derive(Debug)]
pub struct Sshd {
    /// The folder of its settings.
    folder: PathBuf,
    known: Mutex<HashMap<Box<str>, Known>>,
}

impl Sshd {
    /// With its settings in this folder.
    pub fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), known: Mutex::default() }
    }

    /// The files whose changes may change the answer.
    pub fn settings(&self) -> [(PathBuf, Interest); 2] {
        let parts = Interest { recursive: true, ..Interest::CONTENT };
        [(self.folder.join("sshd_config"), Interest::CONTENT), (self.folder.join("sshd_config.d"), parts)]
    }

    fn stamp(&self) -> Stamp {
        let parts = listed(&self.folder.join("sshd_config.d"));
        let settings = self.settings().map(|(path, _)| path);
        stamp_of_all(settings.iter().chain(&parts).map(PathBuf::as_path))
    }

    /// The pattern of the file that sshd reads for a user. What its settings say for everybody where it does not answer,
    /// as before its first start; the usual one where they say nothing.
    pub async fn pattern(&self, user: &str, processes: &dyn Processes, cancel: &Cancel) -> Box<str> {
        if !self.folder.join("sshd_config").exists() {
            return DEFAULT.into();
        }
        let stamp = self.stamp();
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(user).cloned();
        if let Some((_, pattern)) = known.filter(|(at, _)| *at == stamp) {
            return pattern;
        }
        let whom = format!("user={user},host=localhost,addr=127.0.0.1");
        match tool::run(processes, &["sshd", "-T", "-C", &whom], None, cancel).await {
            Ok(outcome) => {
                let pattern: Box<str> = of_settings(&outcome.stdout.text()).unwrap_or(DEFAULT).into();
                let fact = (stamp, pattern.clone());
                self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(user.into(), fact);
                pattern
            }
            Err(error) => {
                tracing::debug!(%error, "sshd does not say where keys are; its settings are read");
                self.read().unwrap_or_else(|| DEFAULT.into())
            }
        }
    }

    /// What is written in the settings.
    fn read(&self) -> Option<Box<str>> {
        let text = std::fs::read_to_string(self.folder.join("sshd_config")).ok()?;
        let texts = |pattern: &str| -> Vec<String> {
            let paths = matching(&self.folder.join(pattern));
            paths.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect()
        };
        keys_file(&text, &texts)
    }
}

/// What is in a folder, in order.
fn listed(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

/// The paths that a pattern means whose last part may hold one star.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let last = name(pattern);
    let (Some((head, tail)), Some(folder)) = (last.split_once('*'), pattern.parent()) else {
        return vec![pattern.to_owned()];
    };
    let fits = |name: &str| {
        let hidden = name.starts_with('.') && head.is_empty();
        name.len() >= last.len() - 1 && name.starts_with(head) && name.ends_with(tail) && !hidden
    };
    listed(folder).into_iter().filter(|path| fits(&name(path))).collect()
}
