//! What a declaration of a working tree says.

use std::path::Path;
use std::sync::Arc;

use super::GitParams;
use super::revision::Revision;
use crate::engine::entry::Entry as _;
use crate::engine::{Declaration, ParamError};
use crate::resources::file::target::{Target, normalize};
use crate::resources::host::Host;
use crate::resources::host::managed::Claim;

/// One working tree.
#[derive(Debug)]
pub struct Spec {
    /// The machine.
    pub host: Arc<Host>,
    /// Where it lies.
    pub claim: Claim,
    /// The repository: an address or a path.
    pub source: Arc<str>,
    /// Which commit.
    pub revision: Revision,
    /// So many commits of the past; `None`: all.
    pub depth: Option<u32>,
    /// Whether repositories within are brought along.
    pub submodules: bool,
    /// Whether each commit has a tree of its own, and the path is a link.
    pub releases: bool,
    /// Whether edits are discarded.
    pub force: bool,
    /// Whether what git does not know is removed.
    pub clean: bool,
    /// Whether a branch is followed.
    pub update: bool,
    /// The key for ssh, or the path of one.
    pub identity: Option<Secret>,
    /// Who runs git.
    pub user: Option<Arc<str>>,
    /// Whether the repository is asked at each check.
    pub polled: bool,
}

/// A text that is never shown.
#[derive(Clone)]
pub struct Secret(pub Arc<str>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}

impl Spec {
    /// Reads a declaration.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(host: &Arc<Host>, declaration: &Declaration) -> Result<Self, Vec<ParamError>> {
        let params = GitParams::decode(&declaration.params)?;
        let mut errors = Vec::new();
        let target = Target::of(declaration).map_err(|error| errors.push(error)).ok();
        if let Err(error) = source(&params.source) {
            errors.push(error);
        }
        let revision = Revision::parse(&params.revision).unwrap_or_else(|| {
            let error = ParamError::at("revision", format!("{:?} is no revision", params.revision));
            errors.push(error.hint("a revision is a branch, a tag or the 40 digits of a commit"));
            Revision::Default
        });
        if params.identity.starts_with('/')
            && let Err(error) = normalize(&params.identity, Some("identity"))
        {
            errors.push(error);
        } else if !params.identity.is_empty() && !params.identity.starts_with(['/', '-']) {
            let error = ParamError::at("identity", "it is neither a private key nor the path of one");
            errors.push(error.hint("a key begins with -----BEGIN, a path with a slash"));
        }
        let (Some(target), true) = (target, errors.is_empty()) else { return Err(errors) };
        let some = |text: Arc<str>| Some(text).filter(|text| !text.is_empty());
        Ok(Self {
            host: host.clone(),
            claim: host.managed.claim_whole(target.path),
            source: params.source,
            revision,
            depth: Some(params.depth).filter(|depth| *depth > 0),
            submodules: params.submodules,
            releases: params.releases,
            force: params.force,
            clean: params.clean,
            update: params.update,
            identity: some(params.identity).map(Secret),
            user: some(params.user),
            polled: declaration.meta.poll > 0,
        })
    }

    /// Whether another resource looks after a path below it, by itself or with a directory that it is in.
    pub fn spares(&self, path: &str) -> bool {
        self.host.managed.spares(self.claim.path(), &format!("{}/{path}", self.claim.path()))
    }

    /// The paths below it that other resources look after, as patterns of gitignore(5).
    pub fn spared(&self) -> Vec<String> {
        let managed = self.host.managed.below(self.claim.path());
        managed.iter().map(|path| pattern(&path[self.claim.path().len()..])).collect()
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        Path::new(&**self.claim.path())
    }
}

fn source(given: &str) -> Result<(), ParamError> {
    let wrong = |message: &str| Err(ParamError::at("source", message));
    if given.is_empty() {
        let error = ParamError::at("source", "there is nothing to clone");
        return Err(error.hint("add `source:` with the address of a repository"));
    }
    if given.starts_with('-') || given.contains(char::is_control) {
        return wrong("it is no address of a repository");
    }
    // `ext::` and the like run commands.
    if given.split_once("::").is_some_and(|(name, _)| name.bytes().all(|b| b.is_ascii_alphanumeric())) {
        return wrong("addresses that run a program of their own are not cloned");
    }
    let userinfo = given.split_once("://").and_then(|(_, rest)| rest.split('/').next()?.rsplit_once('@'));
    if userinfo.is_some_and(|(userinfo, _)| userinfo.contains(':')) {
        let error = ParamError::at("source", "all users of the host could read the password in it");
        return Err(error.hint("use ssh with `identity`, or a credential helper of git"));
    }
    Ok(())
}

/// A pattern that only this path matches.
fn pattern(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for c in path.chars() {
        if "\\*?[ ".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// The path of a repository on this host.
pub fn local_source(source: &str) -> Option<Arc<str>> {
    let path = source.strip_prefix("file://").unwrap_or(source);
    path.starts_with('/').then(|| normalize(path, None).ok()).flatten().map(|target| target.path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_programs_or_shows_passwords_is_refused() {
        for good in [
            "https://example.org/a.git",
            "https://anna@example.org/a.git",
            "git@example.org:a/b.git",
            "ssh://git@example.org:22/a",
            "/srv/a.git",
            "file:///srv/a.git",
        ] {
            assert_eq!(source(good), Ok(()), "{good}");
        }
        for wrong in ["", "-x", "ext::sh -c true", "https://anna:pw@example.org/a.git", "a\nb"] {
            let error = source(wrong).unwrap_err();
            assert!(!error.message.contains("pw"), "{wrong}");
        }
        assert_eq!(local_source("file:///srv//a.git/").as_deref(), Some("/srv/a.git"));
        assert_eq!(local_source("https://example.org/a"), None);
    }
}
