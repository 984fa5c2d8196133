//! Why packages are not as wanted.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::{Class, ResourceError};
use crate::resources::host::packages::{PackageName, PackagesError};

/// How many versions a message names.
const NAMED: usize = 6;

/// Why one package cannot be as wanted.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// No repository knows the name.
    #[error("no repository of this host has a package of this name")]
    Unknown,
    /// The lists may have it, and cannot be fetched.
    #[error("{refusal}, and the lists of packages cannot be fetched: {cause}")]
    NotFetched {
        /// By the lists that are here.
        refusal: Box<Refusal>,
        /// Why.
        cause: Arc<str>,
    },
    /// It cannot be held, or let go.
    #[error("{}: {source}", if *.wanted { "hold it" } else { "let it go" })]
    Hold {
        /// Whether it is to be held.
        wanted: bool,
        /// Why.
        source: Arc<PackagesError>,
    },
    /// It is known, but its repositories are ruled out.
    #[error("this host's preferences rule out every version of it")]
    NoCandidate,
    /// Not that version.
    #[error("no repository has version {wanted}; {}", have(.offered))]
    NoVersion {
        /// What is wanted.
        wanted: String,
        /// What there is, newest first.
        offered: Vec<Arc<str>>,
    },
    /// Several packages provide it.
    #[error("it is a name that several packages provide: {}", providers.join(", "))]
    Virtual {
        /// These.
        providers: Vec<Arc<str>>,
    },
    /// The wanted version is lower than the present one.
    #[error("version {to} would replace the newer {from}")]
    Downgrade {
        /// The present one.
        from: Arc<str>,
        /// The wanted one.
        to: Arc<str>,
    },
    /// Someone holds it.
    #[error("it is held at version {version}")]
    Held {
        /// The present one.
        version: Arc<str>,
    },
    /// It is there, but not wholly, and could not be finished.
    #[error("it is broken: {how}")]
    Broken {
        /// What is the matter.
        how: &'static str,
    },
    /// Another package is in the file.
    #[error("{} holds the package {found}", path.display())]
    WrongPackage {
        /// The file.
        path: PathBuf,
        /// What is in it.
        found: Arc<str>,
    },
    /// The file cannot be read.
    #[error("read {}: {source}", path.display())]
    Source {
        /// The file.
        path: PathBuf,
        /// Why.
        source: PackagesError,
    },
    /// The transaction did not bring it about.
    #[error("{what} is {found}, not {wanted}{}", because(.cause))]
    Undone {
        /// What still differs.
        what: &'static str,
        /// How it is.
        found: String,
        /// How it should be.
        wanted: String,
        /// What the tool said, if it failed.
        cause: Option<String>,
    },
}

fn have(versions: &[Arc<str>]) -> String {
    match versions {
        [] => "there is none at all".to_owned(),
        versions => format!("there is {}", some(versions.iter().map(ToString::to_string))),
    }
}

/// The first few of many.
fn some(texts: impl ExactSizeIterator<Item = String>) -> String {
    let count = texts.len();
    let mut list = texts.take(NAMED).collect::<Vec<_>>().join(", ");
    if count > NAMED {
        let _ = write!(list, " and {} more", count - NAMED);
    }
    list
}

fn because(cause: &Option<String>) -> String {
    cause.as_ref().map(|cause| format!(" ({cause})")).unwrap_or_default()
}

impl Refusal {
    /// Whether newer lists of packages may make it good.
    pub fn is_of_lists(&self) -> bool {
        matches!(self, Self::Unknown | Self::NoVersion { .. } | Self::NoCandidate | Self::NotFetched { .. })
    }

    fn class(&self) -> Class {
        match self {
            // A broken package may be mended by its next version, a transaction by another try.
            Self::Undone { .. } | Self::Broken { .. } | Self::Source { .. } | Self::NotFetched { .. } => {
                Class::Transient
            }
            Self::Hold { source, .. } => source.class(),
            _ => Class::User,
        }
    }

    fn hint(&self) -> Option<String> {
        let fixed = match self {
            Self::Unknown => {
                "is the name right? `update_cache: 3600` fetches the lists of the repositories when they are older"
            }
            Self::NoCandidate => "see the preferences of the host's tool, such as /etc/apt/preferences.d",
            Self::NoVersion { wanted, offered } => return Some(of_versions(wanted, offered)),
            Self::Virtual { .. } => "declare the one that is wanted",
            Self::Downgrade { .. } => "add `allow_downgrade: true` to permit it",
            Self::Held { .. } => {
                "add `hold: true` to change it and keep it held, or `hold: false` to let it go"
            }
            Self::Broken { .. } => "add `reinstall_broken: true` to have it installed again",
            Self::WrongPackage { .. } => "the name of the resource is that of the package",
            Self::Hold { source, .. } => return source.hint(),
            Self::Source { .. } | Self::Undone { .. } | Self::NotFetched { .. } => return None,
        };
        Some(fixed.to_owned())
    }
}

/// The version that was probably meant: with the epoch in front, or with what the distribution adds at the end.
fn of_versions(wanted: &str, offered: &[Arc<str>]) -> String {
    let begin = wanted.trim_end_matches('*');
    let without_epoch = |version: &str| version.split_once(':').map(|(_, rest)| rest.to_owned());
    let is_meant = |version: &&Arc<str>| {
        let bare = without_epoch(version);
        version.starts_with(begin) || bare.is_some_and(|bare| bare.starts_with(begin))
    };
    match offered.iter().find(is_meant) {
        Some(version) => format!(
            "the whole version, epoch and revision included, is `{version}`; `1.2*` accepts all that begin so"
        ),
        None => "`1.2*` accepts all that begin so".to_owned(),
    }
}

/// Why a package was left as it is.
#[derive(Debug, thiserror::Error)]
#[error("{name}: {refusal}")]
pub struct PkgError {
    /// Which.
    pub name: PackageName,
    /// Why.
    pub refusal: Refusal,
}

impl From<PkgError> for ResourceError {
    fn from(error: PkgError) -> Self {
        Self::of(error.refusal.class(), error.refusal.hint(), error)
    }
}
