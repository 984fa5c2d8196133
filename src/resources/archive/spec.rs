//! What a declaration of unpacked files says.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::Url;

use super::ArchiveParams;
use crate::engine::entry::Entry as _;
use crate::engine::{Declaration, ParamError};
use crate::resources::error::HostError;
use crate::resources::file::target::{Target, normalize};
use crate::resources::host::Host;
use crate::resources::host::managed::Claim;

/// Where an archive is.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file of this host.
    Local(PathBuf),
    /// A file of a web server.
    Remote(Box<Url>),
}

/// An archive, and where its files should lie.
#[derive(Debug)]
pub struct Spec {
    /// The machine.
    pub host: Arc<Host>,
    /// Where its files lie.
    pub claim: Claim,
    /// The archive.
    pub source: Source,
    /// The same for messages, without a password.
    pub shown: Arc<str>,
    /// The SHA-256 that it must have, in lower-case hexadecimal digits.
    pub checksum: Option<Arc<str>>,
    /// So many names are taken off the front of each path.
    pub strip: u32,
    /// `user`, `user:group` or `:group`.
    pub owner: Arc<str>,
    /// What makes all else right, if it is there.
    pub creates: Option<PathBuf>,
    /// Whether what is not of the archive is removed.
    pub clean: bool,
    /// Whether setuid bits are kept.
    pub setuid: bool,
    /// The most that is fetched, and unpacked, in bytes.
    pub limit: u64,
}

impl Spec {
    /// Reads a declaration.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn new(host: &Arc<Host>, declaration: &Declaration) -> Result<Self, Vec<ParamError>> {
        let params = ArchiveParams::decode(&declaration.params)?;
        let mut errors = Vec::new();
        let target = Target::of(declaration).map_err(|error| errors.push(error)).ok();
        if target.as_ref().is_some_and(|target| target.path.is_empty() || &*target.path == "/") {
            errors.push(ParamError::at("path", "the root directory cannot be replaced"));
        }
        let source = source(&params.source).map_err(|error| errors.push(error)).ok();
        let checksum = checksum(&params.checksum).map_err(|error| errors.push(error)).ok().flatten();
        if params.checksum.is_empty() && matches!(source, Some((Source::Remote(_), _))) {
            let error = ParamError::at("checksum", "what comes over a network needs a checksum");
            errors.push(error.hint("add `checksum:` with what sha256sum says of the right archive"));
        }
        let parts = params.owner.split(':').count();
        if parts > 2 || &*params.owner == ":" {
            let error = ParamError::at("owner", format!("{:?} is no owner", params.owner));
            errors.push(error.hint("write it as user, user:group or :group"));
        }
        if params.max_mib == 0 {
            errors.push(ParamError::at("max_mib", "no archive is so small"));
        }
        let creates = match (&*params.creates, &target) {
            ("", _) | (_, None) => None,
            (given, Some(target)) => {
                let whole = Path::new(&*target.path).join(given);
                let whole = normalize(&whole.to_string_lossy(), Some("creates"));
                whole.map_err(|error| errors.push(error)).ok().map(|it| PathBuf::from(&*it.path))
            }
        };
        let (Some(target), Some((source, shown)), true) = (target, source, errors.is_empty()) else {
            return Err(errors);
        };
        Ok(Self {
            host: host.clone(),
            claim: host.managed.claim_whole(target.path),
            source,
            shown,
            checksum,
            strip: params.strip,
            owner: params.owner,
            creates,
            clean: params.clean,
            setuid: params.setuid,
            limit: u64::from(params.max_mib) << 20,
        })
    }

    /// Where its files lie.
    pub fn path(&self) -> &Path {
        Path::new(&**self.claim.path())
    }

    /// Whether another resource looks after a path below it, by itself or with a directory that it is in.
    pub fn spares(&self, path: &Path) -> bool {
        self.host.managed.spares(self.claim.path(), &self.path().join(path).to_string_lossy())
    }

    /// What else decides what is unpacked.
    pub fn settings(&self) -> String {
        format!("strip {}, owner {:?}, setuid {}", self.strip, self.owner, self.setuid)
    }

    /// The numbers of the owner.
    ///
    /// # Errors
    /// When there is no such account.
    pub fn owner(&self) -> Result<(Option<u32>, Option<u32>), HostError> {
        let (user, group) = self.owner.split_once(':').unwrap_or((&self.owner, ""));
        let some = |name: &str| (!name.is_empty()).then(|| name.to_owned());
        let user = some(user).map(|name| self.host.accounts.user(&name)).transpose()?;
        let group = some(group).map(|name| self.host.accounts.group(&name)).transpose()?;
        Ok((user, group))
    }
}

fn source(given: &str) -> Result<(Source, Arc<str>), ParamError> {
    let hint = "give the absolute path of an archive, or an http or https address";
    if given.is_empty() {
        return Err(ParamError::at("source", "there is nothing to unpack").hint(hint));
    }
    if let Some(path) = local(given) {
        let path = normalize(path, Some("source"))?.path;
        return Ok((Source::Local(PathBuf::from(&*path)), path));
    }
    match Url::parse(given) {
        Ok(mut url) if matches!(url.scheme(), "http" | "https") => {
            let remote = Source::Remote(Box::new(url.clone()));
            url.set_query(None);
            // Only addresses without a host have no room for these.
            let _ = url.set_password(None).and_then(|()| url.set_username(""));
            Ok((remote, url.as_str().into()))
        }
        _ => Err(ParamError::at("source", "it is neither a path nor an http address").hint(hint)),
    }
}

/// The path of an archive on this host.
pub fn local(given: &str) -> Option<&str> {
    let path = given.strip_prefix("file://").unwrap_or(given);
    path.starts_with('/').then_some(path)
}

fn checksum(given: &str) -> Result<Option<Arc<str>>, ParamError> {
    let digits = given.strip_prefix("sha256:").unwrap_or(given);
    if digits.is_empty() && given.is_empty() {
        return Ok(None);
    }
    if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Some(digits.to_lowercase().into()));
    }
    let error = ParamError::at("checksum", "it is no SHA-256: that has 64 hexadecimal digits");
    Err(error.hint("it is what sha256sum says of the archive"))
}
