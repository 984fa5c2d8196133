//! How this host's connections are protected.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::identity::{HOST_VALIDITY, JoinToken};

/// How this host's connections are protected.
#[derive(Clone)]
pub enum Security {
    /// Not at all: `--insecure`.
    Plain {
        /// Where keys would lie, had this host any.
        prefix: PathBuf,
    },
    /// With TLS, and certificates of the mesh.
    Tls {
        /// Above the folder of this host's keys.
        prefix: PathBuf,
        /// With what it joins, should it not have joined.
        token: Option<Arc<JoinToken>>,
        /// How long certificates are good that this host issues.
        validity: Duration,
    },
}

impl Security {
    /// Whether it is no protection.
    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Plain { .. })
    }
}

impl Security {
    /// Above the folder of this host's keys.
    pub fn prefix(&self) -> &Path {
        match self {
            Self::Plain { prefix } | Self::Tls { prefix, .. } => prefix,
        }
    }

    /// How long certificates are good that this host issues.
    pub fn validity(&self) -> Duration {
        match self {
            Self::Plain { .. } => HOST_VALIDITY,
            Self::Tls { validity, .. } => *validity,
        }
    }

    /// Whether this host was given something to join with.
    pub fn has_token(&self) -> bool {
        matches!(self, Self::Tls { token: Some(_), .. })
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain { .. } => f.write_str("Plain"),
            Self::Tls { prefix, .. } => write!(f, "Tls({})", prefix.display()),
        }
    }
}
