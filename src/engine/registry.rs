//! Kinds by name, with did-you-mean.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::kind::Kind;

/// What other tools call things, and the kinds that do them.
const ELSEWHERE: [(&str, &str); 25] = [
    ("service", "svc"),
    ("systemd", "svc"),
    ("systemd_service", "svc"),
    ("package", "pkg"),
    ("apt", "pkg"),
    ("dnf", "pkg"),
    ("yum", "pkg"),
    ("pacman", "pkg"),
    ("copy", "file"),
    ("template", "file"),
    ("directory", "file"),
    ("symlink", "file"),
    ("lineinfile", "line"),
    ("file_line", "line"),
    ("command", "exec"),
    ("shell", "exec"),
    ("cmd", "exec"),
    ("cronjob", "cron"),
    ("authorized_key", "ssh:authorized_key"),
    ("ssh_authorized_key", "ssh:authorized_key"),
    ("uri", "http:check"),
    ("wait_for", "tcp:check"),
    ("unarchive", "archive"),
    ("interface", "net"),
    ("vcsrepo", "git"),
];

/// All kinds that a graph may use, by name.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    kinds: BTreeMap<&'static str, (Arc<str>, Arc<dyn Kind>)>,
}

impl Registry {
    /// A registry of `kinds`; a later kind replaces an earlier one of the same name.
    pub fn new(kinds: impl IntoIterator<Item = Arc<dyn Kind>>) -> Self {
        let kinds = kinds.into_iter().map(|kind| {
            let name = kind.describe().name;
            (name, (Arc::from(name), kind))
        });
        Self { kinds: kinds.collect() }
    }

    /// The kind of this name.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Kind>> {
        self.kinds.get(name).map(|(_, kind)| kind)
    }

    /// The kind of this name, with the shared text of it for labels.
    pub fn entry(&self, name: &str) -> Option<(&Arc<str>, &Arc<dyn Kind>)> {
        self.kinds.get(name).map(|(name, kind)| (name, kind))
    }

    /// All kinds in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Kind>> {
        self.kinds.values().map(|(_, kind)| kind)
    }

    /// The kind that does what another tool calls by this name.
    pub fn called_elsewhere(&self, name: &str) -> Option<&'static str> {
        let (_, ours) = ELSEWHERE.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(name))?;
        self.kinds.get_key_value(ours).map(|(name, _)| *name)
    }

    /// The names of all kinds, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.kinds.keys().copied()
    }
}

/// The candidate that a misspelt word most likely meant, if any is close.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
