//! Why there is no TLS.

use std::io;
use std::time::Duration;

use crate::cluster::identity::{AdministratorName, IdentityError, UnixSeconds};

/// Why there is no TLS with somebody.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum TlsError {
    #[error("the keys of this host cannot be used")]
    Keys(#[source] rustls::Error),
    #[error(transparent)]
    Identity(#[from] IdentityError),
    #[error("{0}")]
    Handshake(#[source] io::Error),
    #[error("what it shows is no certificate of this mesh: {0}")]
    Stranger(#[source] IdentityError),
    #[error("it shows no certificate")]
    Nobody,
    #[error("it has not agreed on keys within {} s", after.as_secs())]
    Late { after: Duration },
    #[error("it was evicted at {at}")]
    Evicted { at: UnixSeconds },
    #[error("{name} administers this mesh no more")]
    Dismissed { name: AdministratorName },
    #[error("its certificate is of an authority that the mesh has no more")]
    OldAuthority,
    #[error("its certificate is over since {since}")]
    Expired { since: UnixSeconds },
}

impl From<io::Error> for TlsError {
    fn from(error: io::Error) -> Self {
        Self::Handshake(error)
    }
}
